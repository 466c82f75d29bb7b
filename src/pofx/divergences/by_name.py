"""`divergence(p, q, "js")`: every measure by its name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from pofx.divergences import distances, entropies, information
from pofx.divergences.estimate import Estimate
from pofx.errors import PofxError

MEASURES: dict[str, Callable[..., Estimate]] = {
    "kl": information.kl,
    "js": information.js,
    "tv": information.total_variation,
    "hellinger": information.hellinger,
    "chi2": information.chi2,
    "renyi": information.renyi,
    "alpha": information.alpha_divergence,
    "cross_entropy": entropies.cross_entropy,
    "wasserstein": distances.wasserstein,
    "sliced_wasserstein": distances.sliced_wasserstein,
    "sinkhorn": distances.sinkhorn,
    "energy": distances.energy_distance,
    "mmd": distances.mmd_squared,
}


def divergence(p: Any, q: Any, measure: str = "kl", **options: Any) -> Estimate:
    """How far Q is from P by a named measure; the options are those of the measure's own function.

    Args:
        p, q: models, samples, files, run folders, SciPy's or torch's distributions, `probabilities` or `counts`.
        measure: one of `MEASURES`.

    >>> import scipy.stats
    >>> round(divergence(scipy.stats.norm(0, 1), scipy.stats.norm(1, 1), "js").value, 8)
    0.11142148
    """
    if measure not in MEASURES:
        near = get_close_matches(measure, MEASURES, 1)
        raise PofxError(
            f"there is no measure '{measure}'",
            expected=", ".join(MEASURES),
            remedy=f"did you mean '{near[0]}'?" if near else "",
        )
    return MEASURES[measure](p, q, **options)

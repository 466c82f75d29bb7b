"""Information divergences of whatever the user has: `kl(p, q)`, `js(p, q)` and their like.

P and Q may be fitted models, samples (frames, arrays, files), run folders, SciPy or torch distributions, or
probabilities and counts (`probabilities`, `counts`). Every function returns an `Estimate` that says which path it took;
`method` forces one (`pofx.divergences.engine.dispatcher.WAYS`).

Conventions: nats; Hellinger is sqrt(1 - integral of sqrt(p q)); chi-square is the integral of (p - q)^2 / q; Renyi of
order a is log(integral of p^a q^(1-a)) / (a - 1); the alpha divergence is (that integral - 1) / (a (a - 1)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pofx.core.named import Named
from pofx.divergences.engine import mixture_bounds, plug_in, pointwise
from pofx.divergences.engine.cells import Cells, counted, exact
from pofx.divergences.engine.closed_forms import closed_kl, closed_log_power, closed_total_variation
from pofx.divergences.engine.dispatcher import answer
from pofx.divergences.engine.nearest import divergence as nearest_kl
from pofx.divergences.engine.nearest import ratio
from pofx.divergences.engine.question import Measure, Question
from pofx.divergences.estimate import Estimate
from pofx.divergences.sides import two
from pofx.divergences.two_sample import classified
from pofx.errors import PofxError


def probabilities(values: Sequence[float] | np.ndarray, labels: Sequence[object] = ()) -> Cells:
    """A discrete distribution from its probabilities `[K]`; they must sum to one and are never renormalised.

    >>> kl(probabilities([0.5, 0.5]), probabilities([0.9, 0.1])).value
    0.5108
    """
    return exact(values, labels)


def counts(values: Sequence[float] | np.ndarray, labels: Sequence[object] = ()) -> Cells:
    """A histogram or a table of frequencies `[K]`: a sample of a discrete distribution."""
    return counted(values, labels)


def kl(p: Any, q: Any, *, method: str = "auto", **options: Any) -> Estimate:
    """Kullback-Leibler divergence KL(P || Q) = H(P, Q) - H(P), nats (Kullback & Leibler 1951).

    Args:
        p, q: models, samples, files, run folders, SciPy's or torch's distributions, `probabilities` or `counts`.
        method: `auto`, or one of `closed form`, `quadrature`, `monte carlo` (draws of P), `importance` (draws of the
            even mixture), `bound`, `plug in`, `nearest`, `classifier`, `lower bound` and `upper bound` (mixtures).
        options: `draws` (int), `seed` (int, 0), `null` (bool, True: also between two halves of P's sample),
            `p_weights` and `q_weights` of the rows of plain samples.

    Raises:
        PofxError: different columns, an empty sample, two bounds, a method that does not apply: in one line.

    >>> import scipy.stats
    >>> print(kl(scipy.stats.norm(0, 1), scipy.stats.norm(1, 1)))
    KL(P || Q) = 0.5 nats  [closed form, normal]
    """
    return _between(KL, p, q, method, **options)


def js(p: Any, q: Any, *, method: str = "auto", **options: Any) -> Estimate:
    """Jensen-Shannon divergence, nats, from 0 to log 2 (Lin 1991). Arguments as for `kl`."""
    return _between(JENSEN_SHANNON, p, q, method, **options)


def total_variation(p: Any, q: Any, *, method: str = "auto", **options: Any) -> Estimate:
    """Half the integral of |p - q|, from 0 to 1. Arguments as for `kl`."""
    return _between(TOTAL_VARIATION, p, q, method, **options)


def hellinger(p: Any, q: Any, *, squared: bool = False, method: str = "auto", **options: Any) -> Estimate:
    """Hellinger distance sqrt(1 - integral of sqrt(p q)), from 0 to 1, or its square. Arguments as for `kl`."""
    return _between(SQUARED_HELLINGER if squared else HELLINGER, p, q, method, **options)


def chi2(p: Any, q: Any, *, method: str = "auto", **options: Any) -> Estimate:
    """Chi-square divergence, the integral of (p - q)^2 / q (Pearson). Arguments as for `kl`."""
    return _between(CHI_SQUARE, p, q, method, **options)


def renyi(p: Any, q: Any, order: float, *, method: str = "auto", **options: Any) -> Estimate:
    """Renyi divergence of `order` > 0, nats; order 1 is KL (van Erven & Harremoes 2014). Arguments as for `kl`."""
    if not (order > 0 and math.isfinite(order)):
        raise PofxError("Renyi's order must be a positive number", got=f"{order}", expected="0 < order < inf")
    return kl(p, q, method=method, **options) if order == 1 else _between(_renyi(order), p, q, method, **options)


def alpha_divergence(p: Any, q: Any, order: float, *, method: str = "auto", **options: Any) -> Estimate:
    """The alpha divergence of `order`; 1 is KL(P || Q), 0 is KL(Q || P) (Amari 1985). Arguments as for `kl`."""
    if not math.isfinite(order):
        raise PofxError("the order must be a finite number", got=f"{order}")
    if order == 1:
        return kl(p, q, method=method, **options)
    if order == 0:
        return replace(kl(q, p, method=method, **options), direction="Q || P")
    return _between(_alpha(order), p, q, method, **options)


def _between(
    measure: Measure,
    p: Any,
    q: Any,
    method: str,
    *,
    draws: int | None = None,
    seed: int = 0,
    null: bool = True,
    p_weights: Any = None,
    q_weights: Any = None,
) -> Estimate:
    if isinstance(p, Cells) or isinstance(q, Cells):
        return _cells(measure, p, q)
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    return answer(Question(measure, a, b, draws, seed, null), method)


def _cells(measure: Measure, p: Any, q: Any) -> Estimate:
    if not (isinstance(p, Cells) and isinstance(q, Cells)):
        raise PofxError(
            "probabilities can only be compared with probabilities or counts",
            got=f"{type(p).__name__} and {type(q).__name__}",
            remedy="wrap both: pofx.probabilities(...) or pofx.counts(...)",
        )
    return measure.cells(p, q)


# The table of measures -----------------------------------------------------------------------------------------------


def _closed_js(p: Named, q: Named) -> float | None:
    return None  # no family has one; categories are summed


def _from_power(order: float, final: Any) -> Any:
    def closed(p: Named, q: Named) -> float | None:
        found = closed_log_power(p, q, order)
        return None if found is None else final(found)

    return closed


def _points_hellinger(x: Any, y: Any, **options: Any) -> Estimate:
    return _root(ratio.hellinger_squared(x, y, **options))


def _root(found: Estimate) -> Estimate:
    value = math.sqrt(max(found.value, 0.0))
    null = None if found.null is None else math.sqrt(max(found.null, 0.0))
    return found.mapped(value, 0.5 / value if value > 0 else 0.0, null=null, name="Hellinger")


KL = Measure(
    pointwise.KL, closed_kl, plug_in.kl, nearest_kl.kl, classified.kl, bounded=True,
    bounds=(mixture_bounds.lower_bound, mixture_bounds.upper_bound),
)  # fmt: skip
JENSEN_SHANNON = Measure(
    pointwise.JENSEN_SHANNON, _closed_js, plug_in.jensen_shannon, ratio.jensen_shannon, classified.js
)
TOTAL_VARIATION = Measure(
    pointwise.TOTAL_VARIATION, closed_total_variation, plug_in.total_variation, ratio.total_variation,
    classified.total_variation,
)  # fmt: skip
SQUARED_HELLINGER = Measure(
    pointwise.SQUARED_HELLINGER, _from_power(0.5, lambda v: -math.expm1(v)), plug_in.hellinger_squared,
    ratio.hellinger_squared,
)  # fmt: skip
HELLINGER = Measure(
    pointwise.HELLINGER, _from_power(0.5, lambda v: math.sqrt(-math.expm1(v))),
    lambda p, q: _root(plug_in.hellinger_squared(p, q)), _points_hellinger,
)  # fmt: skip
CHI_SQUARE = Measure(pointwise.CHI_SQUARE, _from_power(2.0, math.expm1), plug_in.chi_square, ratio.chi_square)


def _renyi(order: float) -> Measure:
    return Measure(
        pointwise.renyi(order),
        _from_power(order, lambda v: v / (order - 1)),
        lambda p, q: plug_in.renyi(p, q, order),
        lambda x, y, **options: ratio.renyi(x, y, order, **options),
    )


def _alpha(order: float) -> Measure:
    return Measure(
        pointwise.alpha(order),
        _from_power(order, lambda v: math.expm1(v) / (order * (order - 1))),
        lambda p, q: plug_in.alpha_divergence(p, q, order),
        lambda x, y, **options: ratio.alpha_divergence(x, y, order, **options),
    )

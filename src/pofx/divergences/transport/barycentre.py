"""Barycentres of histograms: the law with the least weighted sum of squared transport distances to several.

On a line the quantile function of the barycentre is the mean of the quantile functions (Agueh & Carlier 2011), exact
and free of bins. On any grid the entropic barycentre (Benamou et al. 2015) by POT in the log domain: blurred by about
sqrt(epsilon), and believed only where it converged. Cost: O(K n log n); O(iterations K n^2).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pofx.divergences.transport.exact import load_pot
from pofx.divergences.transport.masses import Array, column, masses, same_total, shares
from pofx.divergences.transport.plan import BUDGET, check_budget
from pofx.errors import PofxError


@dataclass(frozen=True, eq=False)
class Barycentre:
    """Masses at places, and what is known of the solution."""

    places: Array  # [k] or [k, d]
    masses: Array  # [k]
    iterations: int
    converged: bool
    marginal_error: float  # relative; zero on a line
    method: str
    regularisation: float = 0.0


def barycentre_line(
    places: Sequence[ArrayLike], histograms: Sequence[ArrayLike], shares_of: ArrayLike | None = None
) -> Barycentre:
    """The exact barycentre of K histograms on a line: masses `histograms[k]` at `places[k]`, all of one total."""
    where = [column(p, f"places {k + 1}") for k, p in enumerate(places)]
    mass, total = _equal_masses(histograms, [len(w) for w in where])
    weights = _weights(shares_of, len(mass))
    sorted_ones = [_levels(w, h / h.sum()) for w, h in zip(where, mass, strict=True)]
    ends = np.unique(np.concatenate([levels for _, levels in sorted_ones]))
    starts = np.concatenate([[0.0], ends[:-1]])
    kept = ends - starts > 1e-15
    middle = (starts[kept] + ends[kept]) / 2
    quantiles = [w[np.minimum(np.searchsorted(levels, middle), len(w) - 1)] for w, levels in sorted_ones]
    moved = np.sum([s * q for s, q in zip(weights, quantiles, strict=True)], axis=0)
    lengths = (ends - starts)[kept]
    return Barycentre(moved, total * lengths / lengths.sum(), 0, True, 0.0, "mean of the quantile functions")


def barycentre_grid(
    places: ArrayLike,
    histograms: Sequence[ArrayLike],
    *,
    epsilon: float,
    shares_of: ArrayLike | None = None,
    tolerance: float = 1e-6,
    iterations: int = 10_000,
    budget: int = BUDGET,
) -> Barycentre:
    """The entropic barycentre of K histograms `[n]` on common places `[n, d]`, cost |x - y|^2.

    Raises:
        PofxError: it did not converge, the totals differ, or the costs do not fit `budget`.
    """
    grid = np.asarray(places, dtype=np.float64)
    grid = grid[:, None] if grid.ndim == 1 else grid
    mass, total = _equal_masses(histograms, [len(grid)] * len(histograms))
    weights = _weights(shares_of, len(mass))
    if not epsilon > 0:
        raise PofxError("epsilon must be positive", got=f"epsilon={epsilon}")
    check_budget(len(grid), len(grid), budget, matrices=2 + len(mass))
    pot = load_pot()
    costs = pot.dist(grid, grid)
    columns = np.stack([np.maximum(h / h.sum(), 1e-300) for h in mass], 1)  # [n, K]; the logarithm of zero is no number
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # not converged: said below, as an error
        centre, log = pot.bregman.barycenter(
            columns, costs, epsilon, weights=weights, method="sinkhorn_log", numItermax=iterations,
            stopThr=tolerance, log=True,
        )  # fmt: skip
    error = float(log["err"][-1])
    if not error <= tolerance or not bool(np.isfinite(centre).all()) or abs(centre.sum() - 1) > 1e-3:
        raise PofxError(
            "the entropic barycentre did not converge", got=f"error {error:.3g}, mass {centre.sum():.6g}",
            expected=f"error at most {tolerance:g}", remedy="a larger epsilon or more iterations",
        )  # fmt: skip
    return Barycentre(grid, total * centre / centre.sum(), len(log["err"]) * 10, True, error,
                      "log-domain Sinkhorn barycentre (POT)", epsilon)  # fmt: skip


def _equal_masses(histograms: Sequence[ArrayLike], sizes: list[int]) -> tuple[list[Array], float]:
    if not len(histograms) or len(histograms) != len(sizes):
        raise PofxError("a barycentre needs histograms, one for each list of places", got=f"{len(histograms)}")
    mass = [masses(h, f"histogram {k + 1}") for k, h in enumerate(histograms)]
    for h, n in zip(mass, sizes, strict=True):
        if len(h) != n:
            raise PofxError("a histogram needs one mass a place", got=f"{len(h)} masses", expected=f"{n}")
    totals = [same_total(mass[0], h) for h in mass]
    return mass, totals[0]


def _weights(given: ArrayLike | None, count: int) -> Array:
    weights = shares(given, count, "the histograms")
    return np.full(count, 1 / count) if weights is None else weights


def _levels(places: Array, mass: Array) -> tuple[Array, Array]:
    ranks = np.argsort(places, kind="stable")
    levels = np.cumsum(mass[ranks])
    levels /= levels[-1]
    return places[ranks], levels

"""Energy distance: 2 E|X - Y| - E|X - X'| - E|Y - Y'|, zero only for equal laws (Szekely & Rizzo 2013, JSPI 143).

In one dimension it is 2 integral (F - G)^2, exact in O(n log n) by sorting. In more it is the maximum mean discrepancy
of the kernel -|x - y| (Sejdinovic et al. 2013, Annals of Statistics 41): exact blocked sums in bounded memory up to
`mmd.PAIRS` pairs, above that the mean over blocks of rows, and `method` says which. The default U-statistic leaves each
row's distance to itself out: unbiased, and slightly negative about every other time where the laws are the same; the
V-statistic is never negative and biased upward. Units: those of the coordinates. Needs finite first moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.two_sample.mmd import BLOCK, PAIRS, Sample, discrepancy, first_order_variance, read_samples


@dataclass(frozen=True)
class NegativeDistance:
    """-r: conditionally positive definite, which is all a difference of two laws needs."""

    @property
    def title(self) -> str:
        return "distance"

    def of(self, distance: Tensor) -> Tensor:
        return distance.neg_()


def energy_distance(
    x: np.ndarray, y: np.ndarray, *, unbiased: bool = True,
    x_weights: np.ndarray | None = None, y_weights: np.ndarray | None = None,
    units: str = "", pairs: int = PAIRS, block: int = BLOCK, seed: int = 0,
) -> Estimate:  # fmt: skip
    """Energy distance of `x` `[n, d]` (or `[n]`) and `y` `[m, d]`, in comparable coordinates.

    Args:
        x, y: finite rows.
        unbiased: the U-statistic (may be slightly negative); False is the V-statistic, biased upward.
        x_weights, y_weights: `[n]`, `[m]`, >= 0; they need not sum to one.
        units: of the coordinates, for printing.
        pairs: above so many distances, the mean over blocks of rows (d > 1 only).
        block: rows a side of a block of distances; changes the memory, not the value.
        seed: which rows share a block.
    """
    a, b = read_samples(x, y, x_weights, y_weights)
    if a.rows.shape[1] == 1:
        value, error, method = _on_a_line(a, b, unbiased)
    else:
        value, error, method = discrepancy(a, b, NegativeDistance(), unbiased, pairs, block, seed)
    return Estimate(
        value, error, Nature.ASYMPTOTICALLY_UNBIASED, method, units=units,
        direction="P, Q", draws=len(a.rows) + len(b.rows), name="energy distance",
    )  # fmt: skip


def _on_a_line(a: Sample, b: Sample, unbiased: bool) -> tuple[float, float, str]:
    centre = float(a.weights @ a.rows[:, 0])  # sums of centred values do not cancel
    x, y = a.rows[:, 0] - centre, b.rows[:, 0] - centre
    z = np.concatenate([x, y])
    order = z.argsort(kind="stable")
    gaps = np.diff(z[order])
    f = np.cumsum(np.r_[a.weights, 0 * b.weights][order])[:-1]  # [n + m - 1], the CDFs on each gap
    g = np.cumsum(np.r_[0 * a.weights, b.weights][order])[:-1]
    value = float(2 * ((f - g) ** 2 @ gaps))
    if unbiased:
        within = ((float(2 * (p * (1 - p) @ gaps)), s.concentration) for p, s in ((f, a), (g, b)))
        value -= sum(mean * c / (1 - c) for mean, c in within)
    to_x, to_y = _mean_distance(z, x, a.weights), _mean_distance(z, y, b.weights)
    n = len(x)
    ours = to_y[:n] - to_x[:n] / (1 - a.weights)  # a row's distance to itself is zero
    theirs = to_x[n:] - to_y[n:] / (1 - b.weights)
    error = math.sqrt(first_order_variance(a, ours) + first_order_variance(b, theirs))
    form = "unbiased U-statistic" if unbiased else "V-statistic, biased upward"
    return value, error, f"{form}, exact by sorting"


def _mean_distance(z: np.ndarray, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of |z - x| over x, for each z, by prefix sums."""
    order = x.argsort(kind="stable")
    ordered, w = x[order], weights[order]
    mass, moment = np.r_[0.0, np.cumsum(w)], np.r_[0.0, np.cumsum(w * ordered)]
    k = np.searchsorted(ordered, z, side="right")
    return z * (2 * mass[k] - 1) + moment[-1] - 2 * moment[k]  # type: ignore[no-any-return]

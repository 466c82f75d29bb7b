"""The monotone coupling of two sorted samples as a staircase: which rank goes to which, and how much mass.

In one dimension the coupling that moves ranks to ranks is optimal for every convex cost (Hoeffding 1940; Villani 2003,
theorem 2.18). Its support is a path (0, 0), ..., (n-1, m-1) that steps right or up, found by merging the two cumulative
weights once: O(n + m), and for equal weights in whole numbers, without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pofx.divergences.transport.masses import Array, Ranks


@dataclass(frozen=True, eq=False)
class Staircase:
    """`left[k]` of the sorted x goes to `right[k]` of the sorted y with mass `mass[k]`, zero at some corners."""

    left: Ranks  # [n + m]
    right: Ranks  # [n + m]
    mass: Array  # [n + m]


def even_staircase(n: int, m: int) -> Staircase:
    """Equal weights: levels (i+1)/n and (j+1)/m, compared as the whole numbers (i+1) m and (j+1) n."""
    ends = np.arange(1, n + 1, dtype=np.int64) * m
    is_x = _marked(n, m, (ends - 1) // n)
    left, right = _ranks(is_x, n, m)
    merged = np.where(is_x, (left + 1) * m, (right + 1) * n)
    return Staircase(left, right, np.diff(merged, prepend=0) / (float(n) * m))


def staircase(x_shares: Array, y_shares: Array) -> Staircase:
    """Any weights, in the order of the sorted points; each sums to one."""
    n, m = len(x_shares), len(y_shares)
    u, v = levels(x_shares), levels(y_shares)
    is_x = _marked(n, m, np.searchsorted(v, u))
    left, right = _ranks(is_x, n, m)
    merged = np.where(is_x, u[left], v[right])
    return Staircase(left, right, np.diff(merged, prepend=0.0))


def levels(shares: Array) -> Array:
    """Cumulative shares, the last of them one."""
    summed = np.cumsum(shares)
    summed /= summed[-1]
    return np.asarray(summed)


def _marked(n: int, m: int, before: Ranks) -> NDArray[np.bool_]:
    """Which of the merged levels are x's, given how many of y's come before each of x's."""
    is_x = np.zeros(n + m, dtype=bool)
    is_x[np.arange(n) + before] = True
    return is_x


def _ranks(is_x: NDArray[np.bool_], n: int, m: int) -> tuple[Ranks, Ranks]:
    passed: Ranks = np.cumsum(is_x) - is_x
    right = np.arange(n + m) - passed
    return np.minimum(passed, n - 1), np.minimum(right, m - 1)

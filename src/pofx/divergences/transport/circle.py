"""Wasserstein distances between two samples on a circle, where the way round may be the shorter one.

Order one: the least of the integrals of |F - G - a| over a, met at the median of F - G (Rabin, Delon & Gousseau 2011).
Order p > 1: the least over rotations a of the ranks, a convex problem in one number (Delon, Salomon & Sobolevski 2010),
solved by golden sections. Cost: O(n log n), about sixty merges for p > 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.transport.line import order_name
from pofx.divergences.transport.masses import Array, check_order, column, shares, uniform_or
from pofx.errors import PofxError

SECTIONS = 60  # golden sections: the rotation to 2^-41


def wasserstein_circle(
    x: ArrayLike,
    y: ArrayLike,
    period: float,
    *,
    order: float = 1.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
) -> Estimate:
    """W_p between two samples `[n]`, `[m]` of a column that wraps round after `period`."""
    p = check_order(order, finite=True)
    if not (period > 0 and math.isfinite(period)):
        raise PofxError("a circle needs a positive period", got=f"period={period}")
    a, b = column(x, "x"), column(y, "y")
    u = uniform_or(shares(x_weights, len(a), "x"), len(a))
    v = uniform_or(shares(y_weights, len(b), "y"), len(b))
    one, two = _wrapped(a, u, period), _wrapped(b, v, period)
    value = _first_order(*one, *two) if p == 1 else _rotated(*one, *two, p)
    return Estimate(
        value * period,
        nature=Nature.ASYMPTOTICALLY_UNBIASED,
        method="median of F - G on the circle" if p == 1 else "ranks rotated round the circle",
        direction="P, Q",
        draws=len(a) + len(b),
        name=order_name(p),
    )


def _wrapped(x: Array, weights: Array, period: float) -> tuple[Array, Array]:
    turns = np.mod(x, period) / period
    ranks = np.argsort(turns, kind="stable")
    return turns[ranks], weights[ranks]


def _first_order(x: Array, u: Array, y: Array, v: Array) -> float:
    places = np.concatenate([x, y])
    ranks = np.argsort(places, kind="stable")
    places = places[ranks]
    gaps = np.cumsum(np.concatenate([u, -v])[ranks])  # F - G after each place
    lengths = np.diff(places, append=places[0] + 1)
    by_gap = np.argsort(gaps, kind="stable")
    half = np.searchsorted(np.cumsum(lengths[by_gap]), lengths.sum() / 2)
    median = gaps[by_gap[min(half, len(gaps) - 1)]]
    return float(lengths @ np.abs(gaps - median))


def _rotated(x: Array, u: Array, y: Array, v: Array, p: float) -> float:
    levels_x, levels_y = np.cumsum(u), np.cumsum(v)
    levels_x[-1] = levels_y[-1] = 1.0
    far = np.concatenate([y - 2, y - 1, y, y + 1, y + 2])
    levels = np.concatenate([levels_y + k for k in (-2, -1, 0, 1, 2)])

    def cost(turn: float) -> float:
        moved = levels - turn
        inside = moved[(moved > 0) & (moved < 1)]
        ends = np.sort(np.concatenate([levels_x, inside]), kind="stable")
        starts = np.concatenate([[0.0], ends[:-1]])
        middle = (starts + ends) / 2
        here = x[np.minimum(np.searchsorted(levels_x, middle), len(x) - 1)]
        there = far[np.minimum(np.searchsorted(moved, middle), len(far) - 1)]
        return float((ends - starts) @ np.abs(here - there) ** p)

    return float(_golden_least(cost, -1.0, 1.0) ** (1 / p))


def _golden_least(cost: Callable[[float], float], low: float, high: float) -> float:
    """The least value of a convex function."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = cost(a), cost(b)
    for _ in range(SECTIONS):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = cost(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = cost(b)
    return min(at_a, at_b)

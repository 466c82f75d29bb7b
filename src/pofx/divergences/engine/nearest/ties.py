"""What to do where the k-th neighbour lies at distance zero: count what lies there, and reach past it.

A density at a repeated value is infinite and log 0 is no answer. Where the rounding step is known, `sample.spread` has
moved ties apart. Where it is not, a ball grows to the nearest different point and counts all it then holds, which is
the same estimator with a larger k at that row. O(n log n) over the distinct points, only when there are ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pofx.divergences.engine.nearest.sample import Array
from pofx.divergences.engine.nearest.search import Balls, Tree
from pofx.errors import PofxError


@dataclass(frozen=True)
class Piles:
    """What a sample has at and around some rows, each `[t]`.

    Args:
        here: points equal to the row.
        here_mass: their weight.
        radius: distance to the nearest different point.
        count: points at the row and at that nearest different place.
        mass: their weight.
    """

    here: Array
    here_mass: Array
    radius: Array
    count: Array
    mass: Array


def piles(points: Array, weights: Array, rows: Array, name: str) -> Piles:
    """Points `[m, d]` at and around `rows` `[t, d]`."""
    places, inverse, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    if len(places) < 2:
        raise PofxError(
            f"all rows of {name} are the same, so there are no distances to measure", got=f"{len(points)} equal rows",
            remedy="compare repeated values with the plug-in estimators, or give the step they were rounded to",
        )  # fmt: skip
    held = np.bincount(inverse.reshape(-1), weights, minlength=len(places))
    radius, count, mass, here, here_mass = (np.empty(len(rows)) for _ in range(5))
    for block, distances, indices in Tree(places).nearest(rows, 2, np.arange(len(rows))):
        equal = distances[:, 0] == 0
        radius[block] = np.where(equal, distances[:, 1], distances[:, 0])
        there, there_mass = counts[indices] * 1.0, held[indices]
        there[~equal, 1] = there_mass[~equal, 1] = 0.0
        count[block], mass[block] = there.sum(1), there_mass.sum(1)
        here[block], here_mass[block] = np.where(equal, there[:, 0], 0.0), np.where(equal, there_mass[:, 0], 0.0)
    return Piles(here, here_mass, radius, count, mass)


def reach_past(balls: Balls, points: Array, weights: Array, queries: Array, name: str, *, own: bool) -> int:
    """Grow the balls of radius zero, in place; how many there were. `own`: the queries are the points themselves."""
    tied = np.flatnonzero(balls.radius == 0)
    if len(tied):
        found = piles(points, weights, queries[tied], name)
        self_mass = weights[tied] if own else 0.0
        balls.radius[tied] = found.radius
        balls.count[tied] = found.count - own
        balls.mass[tied] = (found.mass - self_mass) / (1.0 - self_mass)
    return len(tied)

"""Balls that reach to the k-th neighbour, exactly, in blocks of bounded memory, on all cores.

A k-d tree (Friedman, Bentley and Finkel, "An algorithm for finding best matches in logarithmic expected time", 1977),
SciPy's. What is added: queries walk through the tree in the order of their own leaves, so that what one query has
brought into the cache serves the next; a row is left out of its own neighbours by its position, not by its distance,
for a distance of zero may be a tie. O(n log n) in few columns; from about 15 columns on a tree looks at most rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pofx.divergences.engine.nearest.sample import Array

LEAF = 32
BUDGET = 1 << 22  # distances held at once: 64 MiB with their indices
Indices = NDArray[np.int64]


class Tree:
    """Neighbours among some points `[m, d]`, by the norm `p` (2 Euclid's, inf the largest difference)."""

    def __init__(self, points: Array, p: float = 2.0) -> None:
        self.points, self.p = points, p
        self._tree = cKDTree(points, leafsize=LEAF, compact_nodes=True, balanced_tree=False)

    @property
    def order(self) -> Indices:
        """The points by leaf: neighbours in this order are near each other in space."""
        return np.asarray(self._tree.indices)

    def nearest(self, queries: Array, k: int, order: Indices) -> Iterator[tuple[Indices, Array, Indices]]:
        """Blocks of (rows `[b]`, distances `[b, k]`, indices `[b, k]`), all queries in the given order."""
        for rows in np.array_split(order, -(-len(order) * k // BUDGET)):
            distances, indices = self._tree.query(queries[rows], np.arange(1, k + 1), p=self.p, workers=-1)
            yield rows, distances, indices

    def others(self, k: int) -> Iterator[tuple[Indices, Array, Indices]]:
        """The same for the points themselves, each left out of its own neighbours."""
        for rows, distances, indices in self.nearest(self.points, k + 1, self.order):
            keep = indices != rows[:, None]
            keep[keep.all(1), -1] = False  # more than k ties hid the row itself: then any one of them goes
            yield rows, distances[keep].reshape(-1, k), indices[keep].reshape(-1, k)

    def within(self, queries: Array, radius: Array) -> Indices:
        """How many points lie in each query's closed ball `[n]`."""
        counts = [
            self._tree.query_ball_point(q, r, p=self.p, workers=-1, return_length=True)
            for q, r in zip(_pieces(queries), _pieces(radius), strict=True)
        ]
        return np.concatenate(counts).astype(np.int64)


@dataclass
class Balls:
    """One ball around each query.

    Args:
        radius: distance to the k-th neighbour `[n]`.
        count: points inside, the one on the rim included `[n]`.
        mass: their share of the sample's weight `[n]`.
        use: how much of the queries' weight leans on each point, k times in all `[m]`.
    """

    radius: Array
    count: Array
    mass: Array
    use: Array


def balls_among_others(tree: Tree, k: int, weights: Array) -> Balls:
    """Around each point of the tree, to its k-th other point; weights `[m]` sum to one."""
    balls = _gathered(tree.others(k), k, weights, weights)
    balls.mass /= 1.0 - weights
    return balls


def balls_elsewhere(tree: Tree, k: int, weights: Array, queries: Array, asked: Array, order: Indices) -> Balls:
    """Around each query, to its k-th point of the tree; `asked` are the queries' weights `[n]`."""
    return _gathered(tree.nearest(queries, k, order), k, weights, asked)


def _gathered(blocks: Iterator[tuple[Indices, Array, Indices]], k: int, weights: Array, asked: Array) -> Balls:
    n = len(asked)
    balls = Balls(np.empty(n), np.full(n, float(k)), np.empty(n), np.zeros(len(weights)))
    for rows, distances, indices in blocks:
        balls.radius[rows] = distances[:, -1]
        balls.mass[rows] = weights[indices].sum(1)
        balls.use += np.bincount(indices.ravel(), np.repeat(asked[rows], k), minlength=len(weights))
    return balls


def _pieces(values: Array) -> list[Array]:
    return np.array_split(values, -(-len(values) // (BUDGET // 8)))

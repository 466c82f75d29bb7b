"""A transport plan: who goes where, with what mass, under which potentials, and how well its marginals were met.

The plan between two samples is the object, the distance one of its numbers. From it come the displacement
interpolation (McCann 1997), in which every piece of mass walks its straight line at constant speed, and the barycentric
map, which sends each point to the mean of where its mass goes. Memory: the entries of the coupling that are not zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pofx.divergences.transport.masses import Array
from pofx.errors import PofxError

BUDGET = 1 << 30  # bytes that matrices of n x m numbers may take together


@dataclass(frozen=True, eq=False)
class Plan:
    """A coupling of `x` and `y` as triplets (row, column, mass).

    Args:
        rows, columns, mass: `[k]`, the entries that are not zero.
        x, y: the points, `[n, d]` and `[m, d]`.
        cost: sum of mass times cost.
        value: the distance it stands for, cost^(1/order); regularised: the regularised cost.
        f, g: dual potentials, `[n]` and `[m]`.
        iterations: of the solver; zero where there were none.
        converged: whether the solver met its own stopping rule.
        marginal_error: sum of |row sums - a| + |column sums - b|, measured on the triplets.
        method: how it was got.
        regularisation: epsilon; zero for an unregularised plan.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    mass: Array
    x: Array
    y: Array
    cost: float
    value: float
    f: Array
    g: Array
    iterations: int
    converged: bool
    marginal_error: float
    method: str
    regularisation: float = 0.0

    def dense(self, budget: int = BUDGET) -> Array:
        """The coupling as a matrix `[n, m]`, where that fits the budget (bytes)."""
        check_budget(len(self.x), len(self.y), budget, matrices=1)
        matrix = np.zeros((len(self.x), len(self.y)))
        np.add.at(matrix, (self.rows, self.columns), self.mass)
        return matrix

    def arrows(self, k: int = 200) -> tuple[Array, Array, Array]:
        """The `k` heaviest moves: starts `[k, d]`, ends `[k, d]`, masses `[k]`; ties by the longer move."""
        if k < 1:
            raise PofxError("at least one arrow must be asked for", got=f"k={k}", expected="k >= 1")
        length = np.linalg.norm(self.x[self.rows] - self.y[self.columns], axis=1)
        kept = np.lexsort((-length, -self.mass))[:k]
        return self.x[self.rows[kept]], self.y[self.columns[kept]], self.mass[kept]

    def interpolate(self, t: float) -> tuple[Array, Array]:
        """Points `[k, d]` and weights `[k]` at time `t` on the way from x (0) to y (1)."""
        if not 0 <= t <= 1:
            raise PofxError("a time on the way lies between 0 and 1", got=f"t={t}", expected="0 <= t <= 1")
        return (1 - t) * self.x[self.rows] + t * self.y[self.columns], self.mass.copy()

    def project(self) -> Array:
        """The barycentric map, `[n, d]`: the mean of where each x goes; x itself where it has no mass."""
        sent = np.bincount(self.rows, self.mass, len(self.x))
        moved = self.x.copy()
        for column in range(self.y.shape[1]):
            summed = np.bincount(self.rows, self.mass * self.y[self.columns, column], len(self.x))
            moved[:, column] = np.where(sent > 0, summed / np.where(sent > 0, sent, 1.0), self.x[:, column])
        return moved


def check_budget(n: int, m: int, budget: int, *, matrices: int) -> None:
    """Refuse `matrices` float64 matrices of n x m numbers that do not fit."""
    needed = 8 * n * m * matrices
    if needed > budget:
        raise PofxError(
            f"{matrices} matrix(es) of {n:,} x {m:,} numbers do not fit the memory budget",
            got=f"{needed / 2**20:,.0f} MiB",
            expected=f"at most {budget / 2**20:,.0f} MiB",
            remedy="use sliced_wasserstein, sinkhorn_divergence (which can work in blocks), or fewer rows",
        )


def marginal_error(rows: NDArray[np.int64], columns: NDArray[np.int64], mass: Array, a: Array, b: Array) -> float:
    """L1 distance of both marginals of the triplets from `a` `[n]` and `b` `[m]`."""
    left, right = np.bincount(rows, mass, len(a)), np.bincount(columns, mass, len(b))
    return float(np.abs(left - a).sum() + np.abs(right - b).sum())

"""Adaptive integration of a function over boxes in any small number of dimensions, all boxes of a level at once.

A box is measured by a Gauss-Lobatto rule and again by the same rule on its two halves, in each direction; where the two
disagree it is cut in the direction in which they disagree most, and so on. Steps and kinks therefore cost only the
boxes that they cross. The rule looks at the ends of a box too: a step close to an end, which Gauss-Legendre nodes would
all lie on one side of, is seen. Cost: O(evaluations), at most about `most`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

POINTS = {0: 1, 1: 8, 2: 5}  # nodes in each direction, by dimension
INSIDE = 1 - 1e-9  # where the outermost nodes stand: an end may be an atom of its own


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes `[m, d]`, each a part of a cell; a direction whose ends are equal is a point, not an interval."""

    low: Tensor  # [m, d]
    high: Tensor  # [m, d]
    cell: Tensor  # [m]

    def __len__(self) -> int:
        return len(self.low)

    def take(self, index: Tensor) -> Boxes:
        return Boxes(self.low[index], self.high[index], self.cell[index])

    def halves(self, j: int) -> Boxes:
        """Every box cut in two in direction j: the two halves next to each other."""
        middle = (self.low[:, j] + self.high[:, j]) / 2
        left_high, right_low = self.high.clone(), self.low.clone()
        left_high[:, j], right_low[:, j] = middle, middle
        low = torch.stack([self.low, right_low], 1).flatten(0, 1)
        high = torch.stack([left_high, self.high], 1).flatten(0, 1)
        return Boxes(low, high, self.cell.repeat_interleave(2))

    def joined(self, other: Boxes) -> Boxes:
        return Boxes(*(torch.cat([getattr(self, name), getattr(other, name)]) for name in ("low", "high", "cell")))


def integrate(
    density: Callable[[Tensor], Tensor], boxes: Boxes, cells: int, *, tolerance: float, most: int = 1_000_000
) -> tuple[Tensor, float]:
    """The integral over each cell `[cells]`, and the sum of the disagreements that were left.

    Args:
        density: points `[N, d]` to values `[N]`, against Lebesgue measure in the directions that are intervals.
        boxes: what to integrate over; the same directions must be intervals in all of them.
        cells: how many cells there are.
        tolerance: wanted absolute error of the whole.
        most: evaluations after which the estimates are taken as they are.
    """
    masses, left, used = torch.zeros(cells, dtype=torch.float64), 0.0, 0
    if not len(boxes):
        return masses, left
    directions = (boxes.low < boxes.high).any(0).nonzero()[:, 0].tolist()
    coarse = _rule(density, boxes, directions)
    if not directions:
        return masses.index_add_(0, boxes.cell, coarse), left
    while len(boxes):
        halves = [boxes.halves(j) for j in directions]
        fine = torch.stack([_rule(density, half, directions).reshape(-1, 2) for half in halves])  # [k, m, 2]
        better = fine.sum(2)  # [k, m]
        error, worst = (better - coarse).abs().max(0)
        done = (error <= 0.1 * tolerance / len(boxes)) | torch.tensor(used > most)
        masses.index_add_(0, boxes.cell[done], better.gather(0, worst[None])[0][done])
        left += float(error[done].sum())
        used += 2 * len(directions) * len(boxes) * POINTS.get(len(directions), 4) ** len(directions)
        boxes, coarse = _chosen(halves, fine, worst, ~done)
    return masses, left


def _chosen(halves: list[Boxes], fine: Tensor, worst: Tensor, open_: Tensor) -> tuple[Boxes, Tensor]:
    """The halves of the boxes that go on, each cut in the direction that mattered most, and their estimates."""
    parts, estimates = [], []
    for k, half in enumerate(halves):
        mine = open_ & (worst == k)
        parts.append(half.take(mine.repeat_interleave(2).nonzero()[:, 0]))
        estimates.append(fine[k][mine].reshape(-1))
    boxes = parts[0]
    for part in parts[1:]:
        boxes = boxes.joined(part)
    return boxes, torch.cat(estimates)


def _rule(density: Callable[[Tensor], Tensor], boxes: Boxes, directions: list[int]) -> Tensor:
    """The tensor-product estimate of each box, `[m]`."""
    nodes, weights = _lobatto(POINTS.get(len(directions), 4))
    grid, share = (
        _product(nodes, len(directions)),
        _product(weights, len(directions)).prod(1),
    )
    middle, half = (boxes.low + boxes.high) / 2, (boxes.high - boxes.low) / 2
    points = middle[:, None, :].repeat(1, len(grid), 1)  # [m, q, d]
    points[:, :, directions] += half[:, None, directions] * grid
    values = density(points.flatten(0, 1)).reshape(len(boxes), -1)
    return (values * share).sum(1) * half[:, directions].prod(1)


def _product(values: Tensor, k: int) -> Tensor:
    """All k-tuples of the values, `[len(values) ** k, k]`."""
    return torch.cartesian_prod(*[values] * k).reshape(-1, k) if k else values.new_zeros(1, 0)


@cache
def _lobatto(n: int) -> tuple[Tensor, Tensor]:
    """Nodes in [-1, 1], both ends among them, and weights; exact for polynomials of degree 2n - 3."""
    if n == 1:
        return torch.zeros(1, dtype=torch.float64), torch.full((1,), 2.0, dtype=torch.float64)
    last = np.polynomial.Legendre.basis(n - 1)
    nodes = np.concatenate([[-1.0], np.sort(last.deriv().roots().real), [1.0]])
    weights = 2.0 / (n * (n - 1) * last(nodes) ** 2)
    return torch.tensor(nodes).clamp(-INSIDE, INSIDE), torch.tensor(weights)

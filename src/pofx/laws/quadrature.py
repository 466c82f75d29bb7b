"""Adaptive integration of a density over boxes in any small number of dimensions, all boxes of a level at once.

A box is measured by a Gauss-Legendre rule and again by the same rule on its 2^d halves; where the two disagree the
halves are divided further. Steps and kinks therefore cost only the boxes that they cross. Cost: O(evaluations), at most
about `most`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

POINTS = {0: 1, 1: 8, 2: 5}  # Gauss-Legendre nodes in each direction, by dimension


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

    def halves(self, directions: list[int]) -> Boxes:
        """Every box cut in two in each of the directions: 2^k children, next to each other."""
        boxes = self
        for j in directions:
            middle = (boxes.low[:, j] + boxes.high[:, j]) / 2
            left_high, right_low = boxes.high.clone(), boxes.low.clone()
            left_high[:, j], right_low[:, j] = middle, middle
            low = torch.stack([boxes.low, right_low], 1).flatten(0, 1)
            high = torch.stack([left_high, boxes.high], 1).flatten(0, 1)
            boxes = Boxes(low, high, boxes.cell.repeat_interleave(2))
        return boxes


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
    masses, left = torch.zeros(cells, dtype=torch.float64), 0.0
    if not len(boxes):
        return masses, left
    directions = (boxes.low < boxes.high).any(0).nonzero()[:, 0].tolist()
    coarse, used = _rule(density, boxes, directions), 0
    while len(boxes):
        children = boxes.halves(directions)
        fine = _rule(density, children, directions)
        used += len(children) * POINTS.get(len(directions), 4) ** len(directions)
        better = fine.reshape(len(boxes), -1).sum(1)
        error = (better - coarse).abs()
        done = (error <= 0.1 * tolerance / len(boxes)) | (torch.tensor(not directions or used > most))
        masses.index_add_(0, boxes.cell[done], better[done])
        left += float(error[done].sum())
        open_children = (~done).repeat_interleave(len(children) // len(boxes)).nonzero()[:, 0]
        boxes, coarse = children.take(open_children), fine[open_children]
    return masses, left


def _rule(density: Callable[[Tensor], Tensor], boxes: Boxes, directions: list[int]) -> Tensor:
    """The tensor-product Gauss-Legendre estimate of each box, `[m]`."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS.get(len(directions), 4))
    grid, share = (
        _product(torch.tensor(nodes), len(directions)),
        _product(torch.tensor(weights), len(directions)).prod(1),
    )
    middle, half = (boxes.low + boxes.high) / 2, (boxes.high - boxes.low) / 2
    points = middle[:, None, :].repeat(1, len(grid), 1)  # [m, q, d]
    points[:, :, directions] += half[:, None, directions] * grid
    values = density(points.flatten(0, 1)).reshape(len(boxes), -1)
    return (values * share).sum(1) * half[:, directions].prod(1)


def _product(values: Tensor, k: int) -> Tensor:
    """All k-tuples of the values, `[len(values) ** k, k]`."""
    return torch.cartesian_prod(*[values] * k).reshape(-1, k) if k else values.new_zeros(1, 0)

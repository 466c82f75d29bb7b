"""A table's rows as points, so that distances between rows mean something.

Numbers are divided by one pooled scale a column (the mean of both samples' variances, so that swapping the samples
changes nothing), or kept in their own units; angles become points on a circle; labels become corners that are one
apart; a missing value stands at the middle, with a coordinate of its own that says so. Dates are days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Circle
from pofx.spaces.symbolic import Category, Constant, Maybe, inner_space
from pofx.spaces.table import Table

Scale = Literal["pooled", "none"]
MOST_LABELS = 64  # of a column that get a corner each; the rest share one
CORNER = 2.0**-0.5


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The map from rows `[n, d]` to points `[n, k]`.

    Args:
        table: the rows' table.
        centre, scale: of each column `[d]`; of use for those that are numbers.
        labels: for each column of labels the codes that have a corner.
    """

    table: Table
    centre: Tensor
    scale: Tensor
    labels: tuple[Tensor, ...]

    @classmethod
    def of(cls, table: Table, p: Tensor, q: Tensor, scale: Scale = "pooled") -> Coordinates:
        """The map for two samples, the same if they are exchanged."""
        middle = 0.5 * (_mean(p) + _mean(q))
        spread = (0.5 * (_variance(p) + _variance(q)) + 0.25 * (_mean(p) - _mean(q)).square()).sqrt()
        spread = torch.where((spread > 0) & torch.isfinite(spread), spread, torch.ones_like(spread))
        if scale == "none":
            middle, spread = torch.zeros_like(middle), torch.ones_like(spread)
        labels = tuple(_common(torch.cat([p[:, j], q[:, j]])) for j in range(len(table.names)))
        return cls(table, torch.nan_to_num(middle), spread, labels)

    def __call__(self, rows: Tensor) -> np.ndarray:
        columns: list[Tensor] = []
        for j, space in enumerate(self.table.spaces):
            columns += self._column(space, rows[:, j], j)
        return torch.stack(columns, 1).numpy() if columns else np.zeros((len(rows), 1))  # all one point

    def _column(self, space: Scalar, x: Tensor, j: int) -> list[Tensor]:
        inner = inner_space(space)
        gone = [torch.isnan(x).to(x.dtype)] if isinstance(space, Maybe) and space.missing else []
        if isinstance(inner, Constant):
            return gone
        if isinstance(inner, Category):
            return [CORNER * (x == code).to(x.dtype) for code in self.labels[j]] + gone
        if isinstance(inner, Circle):
            angle = 2 * torch.pi * (x - inner.origin) / inner.period
            return [torch.nan_to_num(torch.cos(angle)), torch.nan_to_num(torch.sin(angle)), *gone]
        return [torch.nan_to_num((x - self.centre[j]) / self.scale[j]), *gone]


def half_steps(table: Table) -> np.ndarray | None:
    """Half the step that each column was rounded to, 0 where there is none or it is not known, `[d]`."""
    steps = [0.5 * (getattr(inner_space(space), "resolution", None) or 0.0) for space in table.spaces]
    return np.array(steps) if any(steps) else None


def is_plain(table: Table) -> bool:
    """Whether every column is a number on a line, always there."""
    return all(space.measure is Measure.LEBESGUE and not isinstance(space, Maybe | Circle) for space in table.spaces)


def _mean(x: Tensor) -> Tensor:
    return torch.nan_to_num(torch.nanmean(x, 0)) if len(x) else x.new_zeros(x.shape[1])


def _variance(x: Tensor) -> Tensor:
    return torch.nan_to_num(torch.nanmean((x - _mean(x)).square(), 0)) if len(x) else x.new_zeros(x.shape[1])


def _common(codes: Tensor) -> Tensor:
    values, counts = torch.unique(codes[~torch.isnan(codes)], return_counts=True)
    kept: Tensor = values[counts.argsort(descending=True, stable=True)][:MOST_LABELS]
    return kept.sort().values

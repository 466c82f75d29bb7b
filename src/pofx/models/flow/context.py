"""What a flow is told beside the real columns: labels, flags, counts, angles and conditions as a vector a row.

A label is a row of a table: one-hot where there are few, learned where there are many. A label that was not met in
training has a row of zeros, so that the flow falls back on what holds for all labels. Counts are standardised and kept
near, angles are a sine and a cosine. Real numbers, which only conditions are, are in robust units, far ones near. Where
there is no value the features are zero; the flag that says so is a label itself. Labels are taken in the order of their
names, since their codes mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pofx.models.flow.margins import Margins
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Real
from pofx.spaces.symbolic import Category

FEW_LABELS = 24  # up to which labels are one-hot
LEARNED = 8  # numbers that stand for a label where there are more


class Context(nn.Module):
    """Features of rows `[n, o]` of columns in these spaces, `[n, width]`."""

    def __init__(self, spaces: Sequence[Scalar]) -> None:
        super().__init__()
        self.columns = nn.ModuleList(_column(space) for space in spaces)

    @property
    def _features(self) -> list[_Feature]:
        return [column for column in self.columns if isinstance(column, _Feature)]

    @property
    def width(self) -> int:
        return sum(column.width for column in self._features)

    def set(self, x: Tensor, weights: Tensor) -> None:
        """Take units, and which labels there are, from training rows."""
        for j, column in enumerate(self._features):
            column.set(x[:, j], weights)

    def forward(self, x: Tensor) -> Tensor | None:
        features = [column(x[:, j]) for j, column in enumerate(self.columns)]
        return torch.cat(features, 1) if features else None


class _Feature(nn.Module):
    """One column `[n]` as `[n, width]`."""

    width: int

    def set(self, x: Tensor, weights: Tensor) -> None:
        """Take what is needed from training values; nothing by default."""


def _column(space: Scalar) -> _Feature:
    if isinstance(space, Category):
        return _Labels(space)
    if isinstance(space, Real):
        return _Number()
    return _Angle(space) if isinstance(space, Circle) else _Count()


class _Labels(_Feature):
    order: Tensor
    known: Tensor
    table: Tensor

    def __init__(self, space: Category) -> None:
        super().__init__()
        size = space.size
        self.width = size if size <= FEW_LABELS else LEARNED
        names = sorted(range(len(space.labels)), key=lambda code: str(space.labels[code]))
        rank = torch.arange(size)
        rank[torch.tensor(names, dtype=torch.long)] = torch.arange(len(names))
        self.register_buffer("order", rank)  # [size], code -> place among the sorted labels
        self.register_buffer("known", torch.ones(size, dtype=torch.float64))  # [size], by code
        if size <= FEW_LABELS:
            self.register_buffer("table", torch.eye(size, dtype=torch.float64))
        else:
            self.table = nn.Parameter(0.1 * torch.randn(size, self.width))

    def set(self, code: Tensor, weights: Tensor) -> None:
        met = ~torch.isnan(code)
        self.known.zero_().index_fill_(0, code[met].long().unique(), 1.0)

    def forward(self, code: Tensor) -> Tensor:
        there = ~torch.isnan(code)
        index = torch.where(there, code, torch.zeros_like(code)).long()
        return self.table[self.order[index]] * (self.known[index] * there)[:, None]


class _Count(_Feature):
    shift: Tensor
    scale: Tensor
    width = 1

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def set(self, x: Tensor, weights: Tensor) -> None:
        known = ~torch.isnan(x)
        if not bool(known.any()):
            return
        x, share = x[known], weights[known] / weights[known].sum()
        mean = share @ x
        self.shift.fill_(float(mean))
        self.scale.fill_(float((share @ (x - mean).square()).sqrt()) or 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return torch.asinh(torch.nan_to_num((x - self.shift) / self.scale, nan=0.0))[:, None]


class _Number(_Feature):
    width = 1

    def __init__(self) -> None:
        super().__init__()
        self.map = Margins(1)

    def set(self, x: Tensor, weights: Tensor) -> None:
        self.map.set(x[:, None], weights, torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        near = self.map(torch.where(torch.isnan(x), self.map.shift, x)[:, None])[0]
        return torch.where(torch.isnan(x)[:, None], 0.0, near)


class _Angle(_Feature):
    width = 2

    def __init__(self, space: Circle) -> None:
        super().__init__()
        self.space = space

    def forward(self, x: Tensor) -> Tensor:
        angle = (x - self.space.origin) * (2 * math.pi / self.space.period)
        return torch.nan_to_num(torch.stack([torch.cos(angle), torch.sin(angle)], 1), nan=0.0)

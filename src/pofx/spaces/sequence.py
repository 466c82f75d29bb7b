"""Outcomes of different lengths: strings, symbols, waves. In a tensor the shorter rows are filled up with `PAD`.

One outcome is a row of whole numbers, of any integer type. Rows of very different lengths are kept one after the other,
without filling (`Data.ends`); only the rows at work are filled up.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence as Rows

import torch
from torch import Tensor

from pofx.spaces.base import Measure, Space

PAD = -(1 << 30)  # outside of every space of sequences; rows in compact types are filled up when they are taken out


class Sequence(Space):
    """Rows of whole numbers, under counting measure. `length` is that of a drawn row, where none ends itself."""

    length: int

    @property
    def measure(self) -> Measure:
        return Measure.COUNTING

    @property
    def event_shape(self) -> tuple[int, ...]:
        """`(-1,)`: as long as the longest row at hand."""
        return (-1,)

    @property
    def closing(self) -> int | None:
        """The code that closes each row and stands nowhere else; None where ends are not modelled."""
        return None

    @abstractmethod
    def allowed(self, x: Tensor) -> Tensor:
        """Which values may stand in a row, the closing one not counted; elementwise."""

    def contains(self, x: Tensor) -> Tensor:
        there = x != PAD
        if self.closing is None:
            return (self.allowed(x) | ~there).all(1) & well_filled(x)
        last = torch.zeros_like(there).scatter(1, (there.sum(1, keepdim=True) - 1).clamp(min=0), True)
        right = torch.where(last, x == self.closing, self.allowed(x) | ~there)
        return right.all(1) & well_filled(x) & there.any(1)

    def contains_rows(self, values: Tensor, ends: Tensor) -> Tensor:
        """Which of the rows that stand one after the other in `values` are outcomes, `[total]` and `[n]` to `[n]`."""
        wrong = ~self.allowed(values)
        starts = torch.cat([ends.new_zeros(1), ends[:-1]])
        full = torch.ones_like(ends, dtype=torch.bool)
        if self.closing is not None:
            full = ends > starts
            last = (ends - 1)[full]
            wrong[last] = values[last] != self.closing
        sums = torch.cat([ends.new_zeros(1), wrong.cumsum(0)])
        return full & (sums[ends] == sums[starts])

    def check(self, x: Tensor) -> None:
        """Whole numbers are never missing."""


def wide(x: Tensor) -> Tensor:
    """Rows in a type that `PAD` fits into."""
    return x if x.dtype in (torch.int32, torch.int64, torch.float64) else x.int()


def lengths(x: Tensor) -> Tensor:
    """How many values each row has, `[n, L] -> [n]`."""
    return (x != PAD).sum(1)


def filled(rows: Rows[Tensor]) -> Tensor:
    """Rows as one tensor, int32 `[n, longest]`, filled up with `PAD`."""
    longest = max((len(row) for row in rows), default=0)
    x = torch.full((len(rows), longest), PAD, dtype=torch.int32)
    for place, row in enumerate(rows):
        x[place, : len(row)] = row
    return x


def well_filled(x: Tensor) -> Tensor:
    """Whether what is filled up stands behind the values of each row, `[n, L] -> [n]`."""
    there = x != PAD
    return ~(there[:, 1:] & ~there[:, :-1]).any(1)

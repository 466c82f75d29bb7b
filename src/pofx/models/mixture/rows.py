"""Training rows made ready for EM: one order for the same rows however they came, gaps grouped, features at hand.

Rows are sorted by their pattern of missing values, then along a fixed random direction, so that a fit depends neither
on the order of rows nor on whether a row is repeated or weighted. Features are kept where they fit into 64 MB, and made
anew block by block where they do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.models.mixture.columns import Column, column
from pofx.models.mixture.components import split_columns
from pofx.models.mixture.moments import features, second_width
from pofx.rng import split
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

ROWS = 2048  # at once: with their features, about what a core's cache holds
BLOCK = 1 << 22  # numbers at once: 32 MB
REPEATED = 10  # the mean weight up to which rows are repeated, so that copies may fall in different folds
KEPT = 1 << 23  # numbers: 64 MB


@dataclass(frozen=True)
class Segment:
    """Rows `start` to `stop` (exclusive), of which the real columns `known` have values."""

    start: int
    stop: int
    known: list[int]

    def blocks(self, width: int) -> Iterator[slice]:
        """Its rows, a block of at most `BLOCK` numbers in `width` features at a time."""
        step = max(16, min(ROWS, BLOCK // max(width, 1)))
        for at in range(self.start, self.stop, step):
            yield slice(at, min(at + step, self.stop))


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table, in canonical order.

    Args:
        table: the coded space.
        values: `[n, d]`.
        weights: positive counts `[n]`.
    """

    table: Table
    values: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def total(self) -> float:
        """The number of rows, counting weights."""
        return float(self.weights.sum())

    @cached_property
    def places(self) -> tuple[list[int], list[int]]:
        """Where the real columns stand, and where the others do."""
        return split_columns(self.table)

    @cached_property
    def other_spaces(self) -> list[Scalar]:
        """The spaces of the columns that are not real."""
        return [self.table.spaces[j] for j in self.places[1]]

    @cached_property
    def real(self) -> Tensor:
        """The real columns, `[r, n]`."""
        return self.values[:, self.places[0]].mT.contiguous()

    @property
    def width(self) -> int:
        """The number of real columns r."""
        return len(self.places[0])

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The other columns."""
        spaces = self.table.spaces
        return tuple(column(spaces[j], self.values[:, j], self.weights) for j in self.places[1])

    @cached_property
    def segments(self) -> list[Segment]:
        """Runs of rows that miss the same real columns."""
        missing = torch.isnan(self.real).mT
        if not bool(missing.any()):
            return [Segment(0, len(self), list(range(self.width)))]
        change = (missing[1:] != missing[:-1]).any(1).nonzero()[:, 0] + 1
        cuts = [0, *change.tolist(), len(self)]
        return [Segment(a, b, (~missing[a]).nonzero()[:, 0].tolist()) for a, b in pairwise(cuts)]

    def features(self, segment: Segment, part: slice, *, square: bool) -> Tensor:
        """Of some rows of a segment: of the known real columns, then of the linear other ones, `[f, b]`."""
        if not self._fits(square=square):
            return self._features(segment.known, part, square=square)
        kept = self._kept.get((segment.start, square))
        if kept is None:
            kept = self._features(segment.known, slice(segment.start, segment.stop), square=square)
            self._kept[segment.start, square] = kept
        return kept[:, part.start - segment.start : part.stop - segment.start]

    def _features(self, known: list[int], part: slice, *, square: bool) -> Tensor:
        real = features(self.real[known, part], square=square)
        others = [column.features(part) for column in self.columns if column.linear]
        return torch.cat([real, *others]) if others else real

    def _fits(self, *, square: bool) -> bool:
        others = sum(column.moments(1).shape[1] for column in self.columns if column.linear)
        return (self.width + second_width(self.width, square=square) + others) * len(self) <= KEPT

    @cached_property
    def _kept(self) -> dict[tuple[int, bool], Tensor]:
        return {}

    def part(self, index: Tensor) -> Rows:
        """Some rows; `index` ascending keeps the order."""
        return Rows(self.table, self.values[index], self.weights[index])

    def repeated(self) -> Rows:
        """Rows of whole-number weight as so many rows; others as they are."""
        if bool((self.weights != self.weights.round()).any()):
            return self
        index = torch.repeat_interleave(torch.arange(len(self)), self.weights.long())
        return Rows(self.table, self.values[index], torch.ones(len(index), dtype=torch.float64))

    def thinned(self, most: int) -> Rows:
        """At most that many rows: evenly spaced in cumulative weight, each then of equal weight."""
        if len(self) <= most:
            return self
        cumulative = torch.cumsum(self.weights, 0)
        at = (torch.arange(most, dtype=torch.float64) + 0.5) * (self.total / most)
        index = torch.searchsorted(cumulative, at).clamp(max=len(self) - 1)
        chosen = replace(self, values=self.values[index], weights=torch.ones(most, dtype=torch.float64))
        return chosen.sorted()

    def sorted(self) -> Rows:
        """In canonical order."""
        order = torch.argsort(self.position, stable=True)
        missing = torch.isnan(self.values[:, self.places[0]])
        if bool(missing.any()):
            pattern = torch.unique(missing[order], dim=0, return_inverse=True)[1]
            order = order[torch.argsort(pattern, stable=True)]
        return self.part(order)

    @cached_property
    def position(self) -> Tensor:
        """Each row's place along a fixed direction `[n]`: the same for the same rows, whatever the order of rows and
        columns, the units of a column and the codes of its labels."""
        names = self.table.names
        place = torch.zeros(len(self), dtype=torch.float64)
        for j in sorted(range(len(names)), key=lambda j: names[j]):
            place = place + _uniform(names[j]) * torch.nan_to_num(self._place(j), nan=0.1234)
        labels = [j for j, space in enumerate(self.table.spaces) if isinstance(space, Category)]
        first = place
        for j in sorted(labels, key=lambda j: names[j]):
            place = place + _uniform(names[j], "again") * self._mean_by_label(j, first)
        return place

    def _place(self, j: int) -> Tensor:
        """Column j in numbers that know neither units nor codes, `[n]`."""
        space, x = self.table.spaces[j], self.values[:, j]
        if isinstance(space, Category):
            return self._mean_by_label(j, None)
        if isinstance(space, Circle):
            angle = (x - space.origin) * (2 * math.pi / space.period)
            return torch.cos(angle) + 0.7 * torch.sin(angle)
        return standardised(x, self.weights)

    def _mean_by_label(self, j: int, place: Tensor | None) -> Tensor:
        """For each row, the mean place of the rows with its label in column j, or their share of all: what a label does
        tells it from others, since its code means nothing."""
        space = self.table.spaces[j]
        assert isinstance(space, Category)
        codes = torch.nan_to_num(self.values[:, j], nan=float(space.size)).long()
        count = torch.bincount(codes, self.weights, space.size + 1).clamp(min=1e-300)
        if place is None:
            return (count / self.total)[codes]
        return (torch.bincount(codes, self.weights * place, space.size + 1) / count)[codes]

    def folds(self, count: int, random: torch.Generator) -> Tensor:
        """A fold for each row, `[n]` in 0..count-1.

        Equal rows share one, or a spike on a repeated row would look like a discovery; but rows of labels and counts
        alone repeat as a matter of course, and are spread.
        """
        groups, member = torch.unique(self.position, return_inverse=True)
        order = torch.argsort(member, stable=True)
        first = torch.searchsorted(member[order], member[order])
        rank = torch.empty_like(member)
        rank[order] = torch.arange(len(member)) - first
        lines = [j for j, space in enumerate(self.table.spaces) if isinstance(space, Real | Circle)]
        on_a_line = (~torch.isnan(self.values[:, lines])).any(1)
        rank[on_a_line] = 0
        return (torch.randperm(len(groups), generator=random)[member] + rank) % count


def _uniform(*key: str | int) -> float:
    """A number in [-1, 1] that belongs to a name."""
    return split(20, *key) / 2**55 - 1


def standardised(x: Tensor, weights: Tensor) -> Tensor:
    """A column with weighted mean 0 and standard deviation 1, NaN where there is no value, `[n]`."""
    known = (~torch.isnan(x)).double() * weights
    share = known / known.sum().clamp(min=1e-300)
    off = x - share @ torch.nan_to_num(x)
    return off / (share @ torch.nan_to_num(off).square()).sqrt().clamp(min=1e-300)


def ready(data: Data) -> Rows:
    """Rows with positive weight, sorted. Whole-number weights count repetitions; others are relative, with mean one."""
    assert isinstance(data.space, Table)
    weights = torch.ones(len(data), dtype=torch.float64) if data.weights is None else data.weights.double()
    kept = weights > 0
    weights = weights[kept]
    if bool((weights != weights.round()).any()):
        weights = weights / weights.mean()
    rows = Rows(data.space, data.values[kept].detach(), weights)
    return (rows.repeated() if float(weights.sum()) <= REPEATED * len(rows) else rows).sorted()

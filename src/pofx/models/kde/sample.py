"""What the choice of bandwidths sees of the rows: distinct ones, their counts, spreads, and least widths allowed.

Rows that are equal in every column are merged and their weights added, so that a weight of three and a row given three
times are the same thing. Whole-number weights are counts; of others only the ratios matter, and they are scaled to
Kish's effective number of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

LEAST = 1e-3  # of a column's spread: no width goes below
LEAST_WHOLE = 0.2  # nor, for whole numbers, below this
FEW_TIES = 2.0  # ties a row, from which on rounding explains them


@dataclass(frozen=True, eq=False)
class Sample:
    """Distinct rows of a coded table.

    Args:
        space: the table.
        rows: `[m, d]`, NaN where there is no value.
        counts: how often each occurs `[m]`.
        left: how much of its count a row is left out with when it is scored, `[m]`.
        centres: a typical value of each column `[d]`.
        spreads: a typical deviation from it `[d]`; 1 for categories.
        floors: the least width of each column `[d]`.
    """

    space: Table
    rows: Tensor
    counts: Tensor
    left: Tensor
    centres: Tensor
    spreads: Tensor
    floors: Tensor

    @property
    def smooth(self) -> list[int]:
        """Numeric columns."""
        return [k for k, space in enumerate(self.space.spaces) if not isinstance(space, Category)]

    @property
    def total(self) -> float:
        return float(self.counts.sum())

    def column(self, k: int) -> tuple[Tensor, Tensor]:
        """A column's values, unrolled around its centre if it is a circle, and their counts, where there are any."""
        there = ~torch.isnan(self.rows[:, k])
        return unrolled(self.space.spaces[k], self.rows[there, k]), self.counts[there]


def counts_of(data: Data) -> Tensor:
    """Weights as counts `[n]`."""
    if data.weights is None:
        return torch.ones(len(data), dtype=torch.float64)
    weights = data.weights.to(torch.float64)
    if bool((weights == weights.round()).all()):
        return weights
    weights = weights / weights.max()
    return weights * (weights.sum() / weights.square().sum())


def sample_of(space: Table, rows: Tensor, counts: Tensor) -> Sample:
    """Merge equal rows, and look at each column."""
    distinct, merged = _merge(rows, counts)
    measures = [_measure(s, distinct[:, k], merged) for k, s in enumerate(space.spaces)]
    centres, spreads, floors = (torch.tensor(column, dtype=torch.float64) for column in zip(*measures, strict=True))
    return Sample(space, distinct, merged, _left_out(space, distinct, merged, spreads), centres, spreads, floors)


def unrolled(space: Scalar, x: Tensor) -> Tensor:
    """A circle cut open opposite to its mean direction, a line around 0; other columns as they are."""
    if not isinstance(space, Circle) or not len(x):
        return x
    angle = (x - space.origin) * (2 * math.pi / space.period)
    mean = torch.atan2(torch.sin(angle).mean(), torch.cos(angle).mean())
    return torch.remainder(angle - mean + math.pi, 2 * math.pi).sub(math.pi) * (space.period / (2 * math.pi))


def quantile(x: Tensor, counts: Tensor, level: float) -> float:
    """The quantile of the values repeated as often as they count, linear between order statistics (R's type 7)."""
    order = torch.argsort(x)
    reached = torch.cumsum(counts[order], 0)
    place = max(float(reached[-1]) - 1, 0.0) * level
    below, above = (
        int(torch.searchsorted(reached, at + 1e-9 * at, right=True).clamp_max(len(x) - 1))
        for at in torch.tensor([math.floor(place), math.ceil(place)], dtype=torch.float64)
    )
    share = place - math.floor(place)
    return float(x[order[below]]) * (1 - share) + float(x[order[above]]) * share


def deviation(x: Tensor, counts: Tensor) -> float:
    """Standard deviation with divisor `n - 1`, without overflow."""
    size = float(x.abs().max()) or 1.0
    z = x / size
    shares = counts / counts.sum()
    mean = (shares * z).sum()
    n = max(float(counts.sum()), 1.0 + 1e-9)
    return size * math.sqrt(float((shares * (z - mean).square()).sum()) * n / max(n - 1, 1e-9))


def spread_of(x: Tensor, counts: Tensor) -> float:
    """The smaller of the standard deviation and the interquartile range over 1.349; 0 only for equal values."""
    if len(x) < 2:
        return 0.0
    centre = quantile(x, counts, 0.5)
    sd = deviation(x - centre, counts)
    middle = (quantile(x, counts, 0.75) - quantile(x, counts, 0.25)) / 1.349
    return min(sd, middle) if middle > 0 else sd


def _merge(rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    marked = torch.where(torch.isnan(rows), torch.inf, rows)  # NaN equals nothing, not even NaN
    distinct, of_row = torch.unique(marked, dim=0, return_inverse=True)
    merged = torch.zeros(len(distinct), dtype=torch.float64).index_add(0, of_row, counts)
    return torch.where(torch.isinf(distinct), torch.nan, distinct), merged


def _measure(space: Scalar, x: Tensor, counts: Tensor) -> tuple[float, float, float]:
    """Centre, spread and least width of a column."""
    there = ~torch.isnan(x)
    x, counts = x[there], counts[there]
    if isinstance(space, Category) or not len(x):
        return 0.0, 1.0, LEAST
    flat = unrolled(space, x)
    resolution = _resolution(space, flat, counts)
    spread = spread_of(flat, counts) or _stand_in(space, x, resolution)
    floor = max(LEAST * spread, resolution / 2)
    if isinstance(space, Integer):
        return quantile(x, counts, 0.5), max(spread, 2 * LEAST_WHOLE), LEAST_WHOLE
    return quantile(x, counts, 0.5), max(spread, floor), floor


def _stand_in(space: Scalar, x: Tensor, resolution: float) -> float:
    """A spread for a column whose values are all equal: its step, or a millionth of its size."""
    if isinstance(space, Interval):
        return (space.high - space.low) / 4
    if isinstance(space, Circle):
        return space.period / 16
    return resolution or 1e-6 * (float(x.abs().max()) or 1.0)


def _resolution(space: Scalar, x: Tensor, counts: Tensor) -> float:
    """The known step, or, where most distinct rows share their value, the typical gap between values."""
    known = getattr(space, "resolution", None)
    if known is not None:
        return float(known)
    values, index = torch.unique(x, return_inverse=True)
    together = torch.zeros(len(values), dtype=torch.float64).index_add(0, index, torch.ones_like(x))
    tied = float(counts[together[index] > 1].sum()) > 0.5 * float(counts.sum())
    return float(torch.diff(values).median()) if tied and len(values) > 1 else 0.0


def _left_out(space: Table, rows: Tensor, counts: Tensor, spreads: Tensor) -> Tensor:
    """How much of its count a row leaves with, so that ties cannot make its likelihood grow without end, `[m]`.

    One unit where ties are to be expected: for labels and whole numbers, whose probabilities cannot exceed one, and
    where the steps of the real columns explain them, as these bound the widths from below. Elsewhere as much as a
    typical row has, so that the ties of a few are information; but where ties hold most of the weight (repeated or
    resampled rows) all of it: tied rows do not count for one another.
    """
    continuous = [k for k, s in enumerate(space.spaces) if not isinstance(s, Category | Integer)]
    has_value = (~torch.isnan(rows[:, continuous])).any(1)
    one = counts.clamp_max(1.0)
    if not bool(has_value.any()) or _ties_expected(space, continuous, spreads, float(counts.sum())):
        return one
    typical = float(counts[has_value].median())
    tied = float(counts[has_value & (counts > typical)].sum()) > 0.5 * float(counts[has_value].sum())
    return torch.where(has_value, counts if tied else counts.clamp_max(typical), one)


def _ties_expected(space: Table, continuous: list[int], spreads: Tensor, n: float) -> bool:
    """Whether a row of normal columns rounded to these steps has a few ties: n times the product of steps / 3.54 sd."""
    share = 1.0
    for k in continuous:
        share *= (getattr(space.spaces[k], "resolution", None) or 0.0) / (2 * math.sqrt(math.pi) * float(spreads[k]))
    return n * share > FEW_TIES

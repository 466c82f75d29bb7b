"""Distribution functions over counted outcomes: probabilities summed, or a closed form inverted by halving."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.core.closed_form import with_ends
from pofx.core.tabulate import LogDensity
from pofx.errors import LikelihoodError, SpaceError
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Grid, Integer
from pofx.spaces.symbolic import Category, Constant

MOST_CELLS = 1 << 22  # of an unbounded counting space
WRONG_MASS = 1e-6  # a table whose mass differs from one by more than this has missed something
FAR = 2.0**53  # whole numbers beyond are not all representable


@dataclass(frozen=True, eq=False)
class Cells:
    """Probabilities of sorted values, summed."""

    values: Tensor  # [k]
    below: Tensor  # [k], P(X <= value)

    def cdf(self, x: Tensor) -> Tensor:
        k = torch.searchsorted(self.values, torch.nan_to_num(x).contiguous(), right=True)
        summed = torch.cat([self.below.new_zeros(1), self.below])
        return torch.where(torch.isnan(x), x, summed[k])

    def ppf(self, u: Tensor) -> Tensor:
        return self.values[torch.searchsorted(self.below, u.contiguous()).clamp(max=len(self.values) - 1)]


def summed_cells(who: str, score: LogDensity, space: Scalar, inner: Scalar, draws: Tensor) -> Cells:
    """The probabilities of all outcomes of `inner`, or of so many that nothing is left.

    Args:
        who: the model's name, for errors.
        score: its log-probability.
        space: its space; where a value may be missing, the answer is for rows where it is not.
        inner: the same without missing values and atoms.
        draws: of the model, to find where its mass is.
    """
    missing = missing_mass(score, space)
    draws = draws[~torch.isnan(draws)]
    values = _values(inner, draws, 1)
    total = torch.exp(score(values)).sum()
    doublings = 1
    while float(total) < 1 - missing - 1e-13 and _can_grow(inner) and len(values) < MOST_CELLS:
        doublings *= 2
        wider = _values(inner, draws, doublings)
        more = torch.exp(score(wider)).sum()
        gain, values, total = float(more - total), wider, more
        if gain <= 1e-14 and doublings >= 8:  # what is missing from one is rounding
            break
    check_mass(who, float(total) + missing)
    below = torch.cumsum(torch.exp(score(values)), 0)
    return Cells(values, below / below[-1])


def _can_grow(inner: Scalar) -> bool:
    return isinstance(inner, Integer | Grid) and (inner.low is None or inner.high is None)


def _values(inner: Scalar, draws: Tensor, doublings: int) -> Tensor:
    """The outcomes from end to end; where there is no end, those within so many ranges of the draws."""
    if isinstance(inner, Constant):
        return torch.zeros(1, dtype=torch.float64)
    index_of, value_of, low, high = indexed(inner)
    k = index_of(draws) if len(draws) else torch.zeros(1, dtype=torch.float64)
    width = float(k.max() - k.min()) + 8
    first = low if math.isfinite(low) else float(k.min()) - doublings * width
    last = high if math.isfinite(high) else float(k.max()) + doublings * width
    if last - first >= 2 * MOST_CELLS:
        raise LikelihoodError(
            "there are too many outcomes to sum over",
            got=f"{last - first + 1:.3g}",
            expected=f"{2 * MOST_CELLS} or fewer",
        )
    return value_of(torch.arange(first, last + 1, dtype=torch.float64))


IndexMap = Callable[[Tensor], Tensor]


def indexed(inner: Scalar) -> tuple[IndexMap, IndexMap, float, float]:
    """Outcomes as whole numbers: the last one at or under x, the value of one, the first and the last."""
    if isinstance(inner, Category):
        return torch.floor, _same, 0.0, float(inner.size - 1)
    if isinstance(inner, Integer | Grid):
        low = -math.inf if inner.low is None else float(inner.low)
        high = math.inf if inner.high is None else float(inner.high)
        if isinstance(inner, Integer):
            return torch.floor, _same, low, high
        grid = inner
        return (lambda x: torch.floor((x - grid.origin) / grid.step + 1e-6)), grid.value, low, high
    raise SpaceError("this kind of column has no order", got=inner.describe())


def _same(k: Tensor) -> Tensor:
    return k


@dataclass(frozen=True, eq=False)
class ClosedCounts:
    """A closed form on whole numbers, inverted by halving."""

    closed: Callable[[Tensor], Tensor]
    index_of: IndexMap
    value_of: IndexMap
    low: float
    high: float

    def cdf(self, x: Tensor) -> Tensor:
        return self._at(self.index_of(x))

    def _at(self, k: Tensor) -> Tensor:
        value = self.closed(self.value_of(k.clamp(self.low, self.high))).clamp(0.0, 1.0)
        value = torch.where(k < self.low, torch.zeros_like(value), value)
        return torch.where(k >= self.high, torch.ones_like(value), value)

    def ppf(self, u: Tensor) -> Tensor:
        below = torch.full_like(u, max(self.low - 1, -FAR))
        at = torch.full_like(u, min(self.high, FAR))
        for reach in [2.0**k for k in range(1, 54, 4)]:  # most answers are small numbers
            below = torch.where((below < -reach) & (self._at(torch.full_like(u, -reach)) < u), -reach, below)
            at = torch.where((at > reach) & (self._at(torch.full_like(u, reach)) >= u), reach, at)
        while bool((at - below > 1).any()):
            middle = torch.floor(0.5 * (below + at))
            under = self._at(middle) < u
            below, at = torch.where(under, middle, below), torch.where(under, at, middle)
        return with_ends(self.value_of(at), u, self._value_ends())

    def _value_ends(self) -> tuple[float, float]:
        first, last = (float(self.value_of(torch.tensor(k, dtype=torch.float64))) for k in (self.low, self.high))
        return first, last


def missing_mass(score: LogDensity, space: Scalar) -> float:
    """The probability of no value."""
    if not space.may_be_missing:
        return 0.0
    return float(torch.exp(score(torch.tensor([torch.nan], dtype=torch.float64)))[0])


def check_mass(who: str, mass: float) -> None:
    if not abs(mass - 1) <= WRONG_MASS:
        raise LikelihoodError(
            f"the cumulative distribution of {who} could not be computed",
            got=f"a total probability of {mass:.9g}",
            expected="1",
            remedy="use the share of model.sample(n, seed=...) that lies below instead",
        )

"""One column within each of K components: a category, a whole number, or an angle, independent of the other columns.

- Category: a probability a label.
- Integer: a Gaussian rounded to whole numbers, with its tails beyond `low` and `high` put into the end cells, mixed
  with a table of probabilities for levels seen in training. Exactly normalised over low..high.
- Circle: von Mises (Mardia and Jupp, Directional Statistics, 2000).

NaN means "there is no value here" and scores 0. Cost O(n K), special functions once a distinct whole number only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pofx.models.mixture.gaussian import groups
from pofx.rng import numpy_generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer
from pofx.spaces.symbolic import Category


class Head(Protocol):
    """What a column's distribution within K components answers."""

    def log_density(self, x: Tensor) -> Tensor:
        """`[n] -> [n, K]`, nats; 0 where `x` is NaN."""

    def draw(self, component: Tensor, generator: torch.Generator) -> Tensor:
        """One value from each of the components named, `[n] -> [n]`."""

    def pack(self) -> Tensor:
        """All numbers, `[K, p]`; `unpack` reads them."""

    @property
    def free_parameters(self) -> int:
        """How many numbers were fitted, all components together."""


@dataclass(frozen=True, eq=False)
class CategoryHead:
    """Args: log_shares: `[K, size]`, log-probabilities of the codes."""

    log_shares: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        size = self.log_shares.shape[1]
        code = torch.nan_to_num(x, nan=float(size)).long()
        return absent_zero(self.log_shares).index_select(1, code).mT

    def draw(self, component: Tensor, generator: torch.Generator) -> Tensor:
        return _draw_codes(self.log_shares, component, generator).double()

    def pack(self) -> Tensor:
        return self.log_shares

    @property
    def free_parameters(self) -> int:
        K, size = self.log_shares.shape
        return K * (size - 1)


@dataclass(frozen=True, eq=False)
class IntegerHead:
    """P(j) = mix * table(j) + (1 - mix) * P(the Gaussian rounds to j).

    Args:
        low, high: the range, inclusive; None is unbounded.
        levels: whole numbers in the table `[U]`.
        log_shares: their log-probabilities within the table `[K, U]`.
        location, scale, mix: `[K]` each.
    """

    low: int | None
    high: int | None
    levels: Tensor
    log_shares: Tensor
    location: Tensor
    scale: Tensor
    mix: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        distinct, code = torch.unique(torch.nan_to_num(x, nan=torch.inf), return_inverse=True)
        known = torch.isfinite(distinct)
        scores = x.new_zeros(len(distinct), len(self.location))
        scores[known] = torch.logaddexp(*self.parts(distinct[known]))
        return scores.index_select(0, code)

    def parts(self, distinct: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities by way of the table and of the Gaussian, `[U] -> [U, K]` each, with their mixing shares."""
        place = torch.searchsorted(self.levels, distinct).clamp(max=len(self.levels) - 1)
        there = self.levels[place] == distinct
        table = torch.where(there[:, None], self.log_shares.mT[place], -torch.inf)
        low, high = self.cells(distinct)
        return table + torch.log(self.mix), log_interval(low, high) + torch.log1p(-self.mix)

    def cells(self, distinct: Tensor) -> tuple[Tensor, Tensor]:
        """The ends of the cells in standard units, `[U, K]`, infinite at the ends of the range."""
        low, high = distinct - 0.5, distinct + 0.5
        if self.low is not None:
            low = torch.where(distinct <= self.low, -torch.inf, low)
        if self.high is not None:
            high = torch.where(distinct >= self.high, torch.inf, high)
        return (low[:, None] - self.location) / self.scale, (high[:, None] - self.location) / self.scale

    def draw(self, component: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(component), generator=generator, dtype=torch.float64)
        rounded = torch.floor(self.location[component] + self.scale[component] * noise + 0.5)
        rounded = rounded.clamp(self.low, self.high) if (self.low, self.high) != (None, None) else rounded
        listed = self.levels[_draw_codes(self.log_shares, component, generator)]
        use = torch.rand(len(component), generator=generator, dtype=torch.float64) < self.mix[component]
        return torch.where(use, listed, rounded)

    def pack(self) -> Tensor:
        K = len(self.location)
        shape = torch.stack([self.location, self.scale, self.mix], 1)
        return torch.cat([shape, self.levels.expand(K, -1), self.log_shares], 1)

    @property
    def free_parameters(self) -> int:
        K, U = self.log_shares.shape
        own_tables = K > 1 and not bool((self.log_shares[0] == self.log_shares).all())
        return K * (U - 1) if own_tables else 3 * K


@dataclass(frozen=True, eq=False)
class CircleHead:
    """Args: period, origin: the circle; direction (radians from the origin), concentration: `[K]` each."""

    period: float
    origin: float
    direction: Tensor
    concentration: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        angle = (torch.nan_to_num(x) - self.origin) * (2 * math.pi / self.period)
        # cos(a) - 1 = -2 sin^2(a / 2), which keeps its digits where the concentration is large
        below_peak = -2 * torch.sin(0.5 * (angle[:, None] - self.direction)).square()
        peak = -torch.log(torch.special.i0e(self.concentration)) - math.log(self.period)
        return torch.where(torch.isnan(x)[:, None], 0.0, self.concentration * below_peak + peak)

    def draw(self, component: Tensor, generator: torch.Generator) -> Tensor:
        source = numpy_generator(int(torch.randint(0, 1 << 62, (1,), generator=generator)))
        direction, concentration = self.direction[component], self.concentration[component]
        angle = torch.as_tensor(source.vonmises(np.asarray(direction.cpu()), np.asarray(concentration.cpu())))
        return self.origin + torch.remainder(angle.double() * (self.period / (2 * math.pi)), self.period)

    def pack(self) -> Tensor:
        return torch.stack([self.direction, self.concentration], 1)

    @property
    def free_parameters(self) -> int:
        return 2 * len(self.direction)


def unpack(space: Scalar, packed: Tensor) -> Head:
    """The head of a column of `space` from its numbers `[K, p]`."""
    if isinstance(space, Category):
        return CategoryHead(packed)
    if isinstance(space, Circle):
        return CircleHead(space.period, space.origin, packed[:, 0], packed[:, 1])
    assert isinstance(space, Integer)
    levels, log_shares = packed[:, 3:].chunk(2, 1)
    return IntegerHead(space.low, space.high, levels[0].contiguous(), log_shares, *packed[:, :3].unbind(1))


def absent_zero(table: Tensor) -> Tensor:
    """A table of log-probabilities `[K, U]` with one more column, of zeros, for "no value"."""
    return torch.cat([table, table.new_zeros(len(table), 1)], 1)


def log_interval(low: Tensor, high: Tensor) -> Tensor:
    """log P(low < z < high) of a standard normal z, exact in both tails."""
    flip = low + high > 0  # work in the left tail, where nothing cancels
    a, b = torch.where(flip, -high, low), torch.where(flip, -low, high)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    inside: Tensor = log_b + torch.log(-torch.expm1(log_a - log_b))
    return inside


def _draw_codes(log_shares: Tensor, component: Tensor, generator: torch.Generator) -> Tensor:
    """Codes `[n]` by inversion of each component's cumulative shares."""
    cumulative = torch.cumsum(torch.exp(log_shares), 1)
    u = torch.rand(len(component), generator=generator, dtype=torch.float64)
    code = torch.empty(len(component), dtype=torch.long)
    for k, rows in groups(component):
        code[rows] = torch.searchsorted(cumulative[k].contiguous(), u[rows] * cumulative[k, -1], right=True)
    return code.clamp(max=log_shares.shape[1] - 1)

"""Expectation-maximisation for the columns that are not real: what each stores of its data, and its M-step.

Every component begins with `strength` pseudo-rows drawn like the whole column (the conjugate prior centred on the
overall frequencies), so that no probability is ever 0 and small components lean on the whole. Rounded Gaussians are
fitted by the exact EM for grouped data (Dempster, Laird and Rubin 1977, section 4.2). Responsibilities are `[K, b]`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, cast

import torch
from torch import Tensor

from pofx.models.mixture.heads import CategoryHead, CircleHead, Head, IntegerHead, absent_zero, log_interval, unpack
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer
from pofx.spaces.symbolic import Category

NARROWEST = 0.25  # the smallest standard deviation of a rounded Gaussian, in steps
SPOTTED = 32  # up to so many levels, a column is worked on by matrix products
LISTED = 256  # levels a table of whole numbers may have at most
SHARPEST = 1e6  # the largest concentration: a standard deviation of 0.001 radians


class Column(Protocol):
    """A column's training values, ready for EM.

    A `linear` column has features `[p, b]` whose matrix product with coefficients gives the log-probabilities, as for
    the real columns; those of another one are looked up.
    """

    @property
    def linear(self) -> bool:
        """Whether there are features."""

    def features(self, rows: slice) -> Tensor:
        """Of some rows, `[p, b]`."""

    def prepare(self, head: Head) -> Tensor:
        """Coefficients of the features, or the table to look up, `[K, p]`; once a pass."""

    def scores(self, prepared: Tensor, rows: slice) -> Tensor:
        """Log-probabilities `[K, b]`."""

    def moments(self, K: int) -> Tensor:
        """Sums of responsibilities times features, still zero, `[K, p]`."""

    def add(self, moments: Tensor, shares: Tensor, rows: slice) -> None:
        """Add responsibilities `[K, b]` to the sums."""

    def update(self, head: Head | None, moments: Tensor, strength: float) -> Head:
        """The head that maximises the expected penalised log-likelihood; `head` is the present one."""

    def overall(self) -> Head:
        """One component like the whole column, only wider."""

    def log_prior(self, head: Head, strength: float) -> float:
        """What is added to the log-likelihood, up to a constant; the first K components of the head."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """A column with few different values: `codes` `[n]` point into a table; one past the end is "no value"."""

    space: Scalar
    codes: Tensor
    counts: Tensor  # [U], weights of the levels

    @property
    def linear(self) -> bool:
        return len(self.counts) < SPOTTED

    def features(self, rows: slice) -> Tensor:
        return (self.codes[rows] == torch.arange(len(self.counts) + 1)[:, None]).double()

    def scores(self, prepared: Tensor, rows: slice) -> Tensor:
        return prepared.index_select(1, self.codes[rows])

    def moments(self, K: int) -> Tensor:
        return torch.zeros(K, len(self.counts) + 1, dtype=torch.float64)

    def add(self, moments: Tensor, shares: Tensor, rows: slice) -> None:
        moments.index_add_(1, self.codes[rows], shares)


@dataclass(frozen=True, eq=False)
class CategoryColumn(_Listed):
    """Codes of a category."""

    @cached_property
    def frequencies(self) -> Tensor:
        return overall_frequencies(self.counts)

    def prepare(self, head: Head) -> Tensor:
        return absent_zero(cast(CategoryHead, head).log_shares)

    def update(self, head: Head | None, moments: Tensor, strength: float) -> Head:
        return CategoryHead(_smoothed(moments[:, :-1], self.frequencies, strength))

    def overall(self) -> Head:
        return CategoryHead(torch.log(self.frequencies)[None])

    def log_prior(self, head: Head, strength: float) -> float:
        return strength * float((cast(CategoryHead, head).log_shares @ self.frequencies).sum())


@dataclass(frozen=True, eq=False)
class IntegerColumn(_Listed):
    """Whole numbers. `own_tables`: components differ by their tables of levels, else by location, scale and mix."""

    levels: Tensor  # [U], sorted
    own_tables: bool

    @cached_property
    def listed(self) -> Tensor:
        """Which levels the table has: the most frequent ones, in order."""
        return torch.argsort(self.counts, descending=True, stable=True)[:LISTED].sort().values

    @cached_property
    def frequencies(self) -> Tensor:
        kept = self.counts[self.listed]
        return kept / kept.sum()

    @cached_property
    def spread(self) -> tuple[float, float]:
        """Mean and standard deviation of the column, the latter at least half a step."""
        share = self.counts / self.counts.sum()
        mean = float((share * self.levels).sum())
        return mean, max(float((share * (self.levels - mean).square()).sum()) ** 0.5, 0.5)

    def prepare(self, head: Head) -> Tensor:
        return absent_zero(torch.logaddexp(*cast(IntegerHead, head).parts(self.levels)).mT)

    def update(self, head: Head | None, moments: Tensor, strength: float) -> Head:
        counts = moments[:, :-1].mT  # [U, K]
        present = cast(IntegerHead, head) if head is not None else self._start(counts, strength)
        table, rounded = present.parts(self.levels)
        by_table = counts * torch.exp(table - torch.logaddexp(table, rounded))
        if self.own_tables:
            shares = _smoothed(by_table[self.listed].mT, self.frequencies, strength)
            return replace(present, log_shares=shares)
        listed, total = by_table.sum(0), counts.sum(0)
        location, scale = self._rounded(present, counts - by_table, strength)
        return replace(present, location=location, scale=scale, mix=(listed + 0.5) / (total + 1.0))

    def _start(self, counts: Tensor, strength: float) -> IntegerHead:
        """From plain moments, before there is a head."""
        wide = cast(IntegerHead, self.overall())
        K, mean, sd = counts.shape[1], *self.spread
        tables = wide.log_shares.expand(K, -1)
        if self.own_tables:
            return replace(
                wide, log_shares=tables, location=wide.location.expand(K), scale=wide.scale.expand(K),
                mix=wide.mix.expand(K),
            )  # fmt: skip
        total = counts.sum(0)
        location = (self.levels @ counts + 1e-6 * mean) / (total + 1e-6)
        squares = ((self.levels[:, None] - location).square() * counts).sum(0)
        scale = ((squares + strength * sd * sd) / (total + strength)).sqrt().clamp(min=0.5)
        return replace(wide, log_shares=tables, location=location, scale=scale, mix=torch.full_like(location, 0.5))

    def _rounded(self, head: IntegerHead, counts: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """One exact EM step for location and scale from the counts of the cells `[U, K]`."""
        first, second = interval_moments(*head.cells(self.levels))
        total = counts.sum(0)
        shift = head.scale * (counts * first).sum(0) / total.clamp(min=1e-12)
        squares = head.scale.square() * (counts * second).sum(0) - total * shift.square()
        variance = (squares + strength * self.spread[1] ** 2) / (total + strength)
        return head.location + shift, variance.clamp(min=NARROWEST**2).sqrt()

    def overall(self) -> Head:
        space = cast(Integer, self.space)
        mean, sd = (torch.tensor([value], dtype=torch.float64) for value in self.spread)
        if self.own_tables:  # as much for levels never seen as Good and Turing say
            mix = 1.0 - unseen_share(self.counts)
        else:
            mix = 0.5
        levels, shares = self.levels[self.listed], torch.log(self.frequencies)[None]
        return IntegerHead(space.low, space.high, levels, shares, mean, 2 * sd, torch.full_like(mean, mix))

    def log_prior(self, head: Head, strength: float) -> float:
        rounded = cast(IntegerHead, head)
        if self.own_tables:
            return strength * float((rounded.log_shares @ self.frequencies).sum())
        variance, mix = rounded.scale.square(), rounded.mix
        shape = -0.5 * strength * (torch.log(variance) + self.spread[1] ** 2 / variance)
        return float((shape + 0.5 * (torch.log(mix) + torch.log1p(-mix))).sum())


@dataclass(frozen=True, eq=False)
class CircleColumn:
    """Cosine, sine and presence of an angle, `waves` `[3, n]`."""

    space: Circle
    waves: Tensor

    @property
    def linear(self) -> bool:
        return True

    def features(self, rows: slice) -> Tensor:
        return self.waves[:, rows]

    def prepare(self, head: Head) -> Tensor:
        circle = cast(CircleHead, head)
        direction, sharp = circle.direction, circle.concentration
        peak = -sharp - torch.log(torch.special.i0e(sharp)) - math.log(circle.period)
        return torch.stack([sharp * torch.cos(direction), sharp * torch.sin(direction), peak], 1)

    def scores(self, prepared: Tensor, rows: slice) -> Tensor:
        return prepared @ self.waves[:, rows]

    def moments(self, K: int) -> Tensor:
        return torch.zeros(K, 3, dtype=torch.float64)

    def add(self, moments: Tensor, shares: Tensor, rows: slice) -> None:
        moments.addmm_(shares, self.waves[:, rows].mT)

    def update(self, head: Head | None, moments: Tensor, strength: float) -> Head:
        cosine, sine, count = moments.unbind(1)
        length = torch.hypot(cosine, sine) / (count + strength)
        sharp = concentration(length).clamp(max=self._sharpest)
        return CircleHead(self.space.period, self.space.origin, torch.atan2(sine, cosine), sharp)

    @property
    def _sharpest(self) -> float:
        half_step = (self.space.resolution or 0.0) * math.pi / self.space.period
        return min(SHARPEST, 1 / half_step**2) if half_step > 0 else SHARPEST

    def overall(self) -> Head:
        zero = torch.zeros(1, dtype=torch.float64)
        return CircleHead(self.space.period, self.space.origin, zero, zero)

    def log_prior(self, head: Head, strength: float) -> float:
        sharp = cast(CircleHead, head).concentration
        return -strength * float((torch.log(torch.special.i0e(sharp)) + sharp).sum())


def column(space: Scalar, x: Tensor, weights: Tensor) -> Column:
    """A column's training values `[n]`, NaN where there is no value, with the rows' weights `[n]`."""
    if isinstance(space, Circle):
        angle = (torch.nan_to_num(x) - space.origin) * (2 * math.pi / space.period)
        there = (~torch.isnan(x)).double()
        return CircleColumn(space, torch.stack([torch.cos(angle) * there, torch.sin(angle) * there, there]))
    if isinstance(space, Category):
        codes = torch.nan_to_num(x, nan=float(space.size)).long()
        return CategoryColumn(space, codes, torch.bincount(codes, weights, space.size + 1)[:-1])
    assert isinstance(space, Integer)
    return _integer_column(space, x, weights)


def _integer_column(space: Integer, x: Tensor, weights: Tensor) -> Column:
    known = ~torch.isnan(x)
    levels, inverse = torch.unique(x[known], return_inverse=True)
    if not len(levels):
        levels = torch.tensor([float(space.low or space.high or 0)], dtype=torch.float64)
    codes = torch.full((len(x),), len(levels), dtype=torch.long)
    codes[known] = inverse
    counts = torch.bincount(codes, weights, len(levels) + 1)[:-1]
    counts = counts if float(counts.sum()) > 0 else torch.ones_like(counts)
    rounded = IntegerColumn(space, codes, counts, levels, own_tables=False)
    return replace(rounded, own_tables=_tables_pay(rounded))


def _tables_pay(data: IntegerColumn) -> bool:
    """Whether the column by itself is better described, by BIC, by a table than by a rounded Gaussian."""
    counts, n, U = data.counts, float(data.counts.sum()), len(data.levels)
    if U > 64 or n < 2:
        return False
    head = replace(data._start(counts[:, None], 1.0), mix=torch.zeros(1, dtype=torch.float64))
    for _ in range(50):
        location, scale = data._rounded(head, counts[:, None], 1.0)
        head = replace(head, location=location, scale=scale)
    by_gaussian = float(counts @ head.parts(data.levels)[1][:, 0])
    by_table = float(torch.special.xlogy(counts, counts / n).sum())
    return by_table - 0.5 * (U - 1) * math.log(n) > by_gaussian - math.log(n)


def unseen_share(counts: Tensor) -> float:
    """The probability of a level never seen: the share of those seen once (Good 1953), and never quite 0."""
    once = float(((counts > 0) & (counts <= 1)).sum())
    return min((once + 0.5) / (float(counts.sum()) + 1.0), 0.5)


def overall_frequencies(counts: Tensor) -> Tensor:
    """Shares of the levels `[U]`, all positive: levels without a count divide the unseen share among them."""
    empty = counts <= 0
    if not bool(empty.any()):
        return counts / counts.sum()
    unseen = 1.0 if bool(empty.all()) else unseen_share(counts)
    return torch.where(empty, unseen / empty.sum(), (1 - unseen) * counts / counts.sum().clamp(min=1e-300))


def _smoothed(counts: Tensor, frequencies: Tensor, strength: float) -> Tensor:
    """log of (counts + strength * frequencies), normalised, `[K, U]`."""
    return torch.log((counts + strength * frequencies) / (counts.sum(1, keepdim=True) + strength))


def interval_moments(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """E z and E z^2 of a standard normal z known to lie in (low, high)."""
    log_mass = log_interval(low, high)
    at_low, at_high = (torch.exp(-0.5 * z.square() - 0.5 * math.log(2 * math.pi) - log_mass) for z in (low, high))
    edge = torch.nan_to_num(low * at_low, nan=0.0) - torch.nan_to_num(high * at_high, nan=0.0)
    return at_low - at_high, 1 + edge


def concentration(length: Tensor) -> Tensor:
    """The von Mises concentration whose mean resultant length is `length` in [0, 1): I1(k) / I0(k) = length."""
    r = length.clamp(0.0, 1.0 - 1e-9)
    kappa = r * (2 - r.square()) / (1 - r.square())  # Banerjee et al. 2005
    for _ in range(12):
        ratio = torch.special.i1e(kappa) / torch.special.i0e(kappa)
        slope = 1 - ratio.square() - ratio / kappa.clamp(min=1e-12)
        slope = torch.where(kappa < 1e-6, 0.5, slope.clamp(min=1e-18))
        kappa = (kappa - (ratio - r) / slope).clamp(min=0.0, max=1e9)
    return kappa


def with_last(space: Scalar, main: Head, last: Head) -> Head:
    """One head over the components of both."""
    return unpack(space, torch.cat([main.pack(), last.pack()]))


def first_of(space: Scalar, head: Head, K: int) -> Head:
    """The head of the first K components."""
    return unpack(space, head.pack()[:K])

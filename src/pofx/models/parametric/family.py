"""What a univariate family is: its parameters, its log-density, a place to start, and SciPy's counterpart.

A family lives in a *frame*: the real line, the half-line above zero, the unit interval, the angles 0 to 2 pi, or the
counts 0, 1, 2, ... The frame is laid over a column's space by `u = (x - origin) / width`, so that one table of families
serves every interval, every period and every lowest count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pofx.rng import numpy_generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real

Theta = tuple[float, ...]
EDGE = 2.0**-53  # how close to an end of the unit interval a density is looked at


class Frame(Enum):
    """Where a family lives."""

    LINE = "the real line"
    POSITIVE = "numbers above zero"
    UNIT = "a bounded interval"
    CIRCLE = "a circle"
    COUNT = "whole numbers"


FRAMES: dict[type[Scalar], tuple[Frame, ...]] = {
    Real: (Frame.LINE, Frame.POSITIVE, Frame.UNIT),
    Positive: (Frame.POSITIVE, Frame.UNIT),
    Interval: (Frame.UNIT,),
    Circle: (Frame.CIRCLE,),
    Integer: (Frame.COUNT,),
}


class Role(Enum):
    """How a parameter follows a change of units `x -> scale x + shift`, and what values it may have."""

    LOCATION = "location"  # real; scale * value + shift
    SCALE = "scale"  # positive; scale * value
    LOG_LOCATION = "log location"  # real; value + log scale
    SHAPE = "shape"  # positive; unchanged
    SKEW = "skew"  # real; unchanged
    SHARE = "share"  # between 0 and 1; unchanged
    KNOWN = "known"  # not fitted: stated by the space


_LIMITS: dict[Role, Callable[[float], tuple[float, float]]] = {
    Role.LOCATION: lambda floor: (-math.inf, math.inf),
    Role.SCALE: lambda floor: (floor, math.inf),
    Role.LOG_LOCATION: lambda floor: (-math.inf, math.inf),
    Role.SHAPE: lambda floor: (1e-4, 1e8),
    Role.SKEW: lambda floor: (-30.0, 30.0),
    Role.SHARE: lambda floor: (1e-12, 1 - 1e-12),
    Role.KNOWN: lambda floor: (-math.inf, math.inf),
}


@dataclass(frozen=True)
class Parameter:
    """One parameter. `limits` gives its bounds from the smallest scale allowed, where the rows are of order one."""

    name: str
    role: Role
    limits: Callable[[float], tuple[float, float]] | None = None

    def within(self, floor: float) -> tuple[float, float]:
        """The lowest and the highest value allowed."""
        return (self.limits or _LIMITS[self.role])(floor)


class Law(Protocol):
    """A frozen distribution as SciPy has them."""

    def cdf(self, x: Any) -> Any: ...

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any: ...


@dataclass(frozen=True)
class Family:
    """A univariate family.

    Args:
        name: what the user calls it.
        frame: where it lives.
        parameters: in the order in which the functions below take them.
        log_prob: `(u [n], *theta) -> [n]`, torch, differentiable in everything; asked for outcomes only.
        law: `(*theta) -> ` a SciPy distribution with these parameters, for cdf and sampling.
        start: `(sample) -> theta`: the maximum itself if `closed`, else a place to climb from.
        closed: whether `start` is the maximum of the likelihood.
        regular: whether its support is the whole frame, whatever the parameters; only such families are candidates for
            `best`, because the others give probability zero to the first row outside the training range.
        errors: `(theta, n) -> ` standard errors where the likelihood has no second derivatives.
        domain: `(u, *theta) -> bool [n]`, which outcomes of the frame have any density; None for all.
    """

    name: str
    frame: Frame
    parameters: tuple[Parameter, ...]
    log_prob: Callable[..., Tensor]
    law: Callable[..., Law]
    start: Callable[[Sample], Theta]
    closed: bool = False
    regular: bool = True
    errors: Callable[[Theta, float], tuple[float | None, ...]] | None = None
    domain: Callable[..., Tensor] | None = None

    @property
    def free(self) -> tuple[int, ...]:
        """Which parameters are fitted."""
        return tuple(k for k, p in enumerate(self.parameters) if p.role is not Role.KNOWN)

    def clipped(self, theta: Theta, floor: float) -> Theta:
        """The parameters moved to the nearest values allowed."""
        limits = [p.within(floor) for p in self.parameters]
        return tuple(min(max(value, low), high) for value, (low, high) in zip(theta, limits, strict=True))

    def rescaled(self, theta: Theta, shift: float, scale: float) -> Theta:
        """The parameters of `scale x + shift` from those of `x`."""
        moved: dict[Role, Callable[[float], float]] = {
            Role.LOCATION: lambda value: scale * value + shift,
            Role.SCALE: lambda value: scale * value,
            Role.LOG_LOCATION: lambda value: value + math.log(scale),
        }
        return tuple(
            moved[p.role](value) if p.role in moved else value for value, p in zip(theta, self.parameters, strict=True)
        )

    def stretched(self, errors: tuple[float | None, ...], scale: float) -> tuple[float | None, ...]:
        """Standard errors in units of `scale`."""
        return tuple(
            error * scale if error is not None and p.role in (Role.LOCATION, Role.SCALE) else error
            for error, p in zip(errors, self.parameters, strict=True)
        )


def placement(space: Scalar, frame: Frame) -> tuple[float, float]:
    """Origin and width of a frame on a column's space."""
    if isinstance(space, Interval):
        return space.low, space.high - space.low
    if isinstance(space, Circle):
        return space.origin, space.period / (2 * math.pi)
    if isinstance(space, Integer):
        return float(space.low or 0), 1.0
    return 0.0, 1.0


def inside(u: Tensor, frame: Frame) -> Tensor:
    """Which numbers are outcomes of the frame, `[n]`."""
    if frame is Frame.POSITIVE:
        return u > 0
    if frame is Frame.UNIT:
        return (u >= 0) & (u <= 1)
    return torch.isfinite(u)


@dataclass(frozen=True, eq=False)
class Sample:
    """Distinct values with their counts, so that a weight of three is the same as three rows.

    Args:
        x: increasing, `[m]`.
        w: how often each occurs, `[m]`; the sum is the number of rows.
        resolution: the step of the values, where known.
        low, high: the ends of the frame: of interest where the space bounds counts.
        least: no scale may be under this, whatever the resolution.
    """

    x: Tensor
    w: Tensor
    resolution: float | None = None
    low: float = -math.inf
    high: float = math.inf
    least: float = 0.0

    @cached_property
    def n(self) -> float:
        """The number of rows."""
        return float(self.w.sum())

    def mean(self, values: Tensor | None = None) -> float:
        """The average of some function of the rows, given at the distinct values `[m]`."""
        return float((self.w * (self.x if values is None else values)).sum() / self.n)

    def sd(self, values: Tensor | None = None) -> float:
        """The standard deviation (divisor n) of the same."""
        of = self.x if values is None else values
        return math.sqrt(self.mean((of - self.mean(of)).square()))

    def quantile(self, level: float) -> float:
        """The smallest value with at least this share of the rows at or below it."""
        below = torch.cumsum(self.w, 0)
        return float(self.x[min(int((below < level * self.n - 1e-9).sum()), len(self.x) - 1)])

    @cached_property
    def spread(self) -> float:
        """The width of the middle half of the rows, or of the narrowest wider part that is not a single value."""
        for tail in (0.25, 0.1, 0.025, 0.0):
            width = self.quantile(1 - tail) - self.quantile(tail)
            if width > 0:
                return width
        return 0.0

    @property
    def floor(self) -> float:
        """The smallest scale allowed: `least`, or half the resolution."""
        return max(self.least, 0.5 * (self.resolution or 0.0))

    def moved(self, shift: float, scale: float) -> Sample:
        """The sample of `(x - shift) / scale`."""
        step = None if self.resolution is None else self.resolution / scale
        ends = ((self.low - shift) / scale, (self.high - shift) / scale)
        moved = (self.x - shift) / scale
        return replace(self, x=moved, resolution=step, low=ends[0], high=ends[1], least=self.least / scale)

    def thinned(self, most: int) -> Sample:
        """About `most` of the distinct values, every k-th, for a first climb."""
        stride = max(1, len(self.x) // most)
        return replace(self, x=self.x[::stride], w=self.w[::stride])


def counts(weights: Tensor | None, n: int) -> Tensor:
    """Weights as numbers of rows `[n]`: whole numbers as they are, others scaled to Kish's effective sample size."""
    if weights is None:
        return torch.ones(n, dtype=torch.float64)
    if bool((weights == weights.round()).all()):
        return weights
    return weights * (weights.sum() / weights.square().sum())


def numpy_random(generator: torch.Generator) -> np.random.Generator:
    """A NumPy generator seeded by one draw from a torch generator."""
    return numpy_generator(int(torch.randint(0, 1 << 62, (1,), generator=generator)))


def sample_of(x: Tensor, weights: Tensor | None, resolution: float | None = None) -> Sample:
    """The sample of a column `[n]`; missing values and rows of weight zero are left out."""
    w = counts(weights, len(x))
    kept = ~torch.isnan(x) & (w > 0)
    distinct, place = torch.unique(x[kept], return_inverse=True)
    total = torch.zeros_like(distinct).index_add_(0, place, w[kept])
    return Sample(distinct, total, resolution)

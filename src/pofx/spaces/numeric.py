"""Spaces of one number: real, positive, interval, circle (Lebesgue); integer and grid (counting)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.base import Measure, Scalar, as_series, numbers


def _series(x: Tensor) -> pl.Series:
    return pl.Series(x.detach().cpu().numpy()).fill_nan(None)


def _round_text(resolution: float | None) -> str:
    return "" if resolution is None else f", resolution {resolution:.6g}"


@dataclass(frozen=True)
class Real(Scalar):
    """The real line under Lebesgue measure.

    Args:
        resolution: the step the values were rounded to, where that is known; no model may use a scale under half of
            it, or a density on ties would grow without end.
    """

    resolution: float | None = None

    @property
    def measure(self) -> Measure:
        return Measure.LEBESGUE

    def contains(self, x: Tensor) -> Tensor:
        return torch.isfinite(x)

    def show_series(self, x: Tensor) -> pl.Series:
        return _series(x)

    def describe(self) -> str:
        return "real" + _round_text(self.resolution)


@dataclass(frozen=True)
class Positive(Scalar):
    """The open half-line (0, inf) under Lebesgue measure."""

    resolution: float | None = None

    @property
    def measure(self) -> Measure:
        return Measure.LEBESGUE

    def contains(self, x: Tensor) -> Tensor:
        return torch.isfinite(x) & (x > 0)

    def show_series(self, x: Tensor) -> pl.Series:
        return _series(x)

    def describe(self) -> str:
        return "positive" + _round_text(self.resolution)


@dataclass(frozen=True)
class Interval(Scalar):
    """The closed interval [low, high] under Lebesgue measure."""

    low: float
    high: float
    resolution: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SpaceError(
                "an interval needs two finite ends", got=f"[{self.low}, {self.high}]", expected="low < high"
            )

    @property
    def measure(self) -> Measure:
        return Measure.LEBESGUE

    def contains(self, x: Tensor) -> Tensor:
        return (x >= self.low) & (x <= self.high)

    def show_series(self, x: Tensor) -> pl.Series:
        return _series(x)

    def describe(self) -> str:
        return f"interval [{self.low:.6g}, {self.high:.6g}]" + _round_text(self.resolution)


@dataclass(frozen=True)
class Circle(Scalar):
    """Numbers that wrap: [origin, origin + period) under Lebesgue measure. `shown="clock"` gives times of day.

    Every finite number is an outcome: 370 degrees is 10 degrees.
    """

    period: float
    origin: float = 0.0
    shown: Literal["number", "clock"] = "number"
    resolution: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.period) and self.period > 0):
            raise SpaceError("a circle needs a positive period", got=str(self.period), expected="e.g. 360, 24, 6.28")

    @property
    def measure(self) -> Measure:
        return Measure.LEBESGUE

    def read(self, values: Any) -> Tensor:
        series = as_series(values)
        if series.dtype == pl.Time:
            series = series.cast(pl.Int64).cast(pl.Float64) / 3.6e12  # nanoseconds to hours
        x = numbers(series, self.describe())
        return self.origin + torch.remainder(x - self.origin, self.period)

    def contains(self, x: Tensor) -> Tensor:
        return torch.isfinite(x)

    def show_series(self, x: Tensor) -> pl.Series:
        series = _series(self.origin + torch.remainder(x - self.origin, self.period))
        if self.shown == "number":
            return series
        nanoseconds = (series * 3.6e12).round().cast(pl.Int64) % 86_400_000_000_000
        return nanoseconds.cast(pl.Time)

    def describe(self) -> str:
        return f"circle of period {self.period:.6g}" + _round_text(self.resolution)


@dataclass(frozen=True)
class Integer(Scalar):
    """Whole numbers under counting measure, from `low` to `high` inclusive; None is unbounded."""

    low: int | None = None
    high: int | None = None

    @property
    def measure(self) -> Measure:
        return Measure.COUNTING

    def contains(self, x: Tensor) -> Tensor:
        inside = torch.isfinite(x) & (x == torch.round(x))
        if self.low is not None:
            inside &= x >= self.low
        if self.high is not None:
            inside &= x <= self.high
        return inside

    def show_series(self, x: Tensor) -> pl.Series:
        return _series(x).cast(pl.Int64, strict=False)

    def describe(self) -> str:
        low = "-inf" if self.low is None else str(self.low)
        high = "inf" if self.high is None else str(self.high)
        return f"integer, {low} to {high}"


@dataclass(frozen=True)
class Grid(Scalar):
    """Coarsely rounded numbers, `origin + k step`, under counting measure: a probability for each cell.

    Args:
        step: the distance of neighbouring values, > 0.
        origin: any one of the values.
        low, high: the first and last index k, inclusive; None is unbounded.
    """

    step: float
    origin: float = 0.0
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise SpaceError("a grid needs a positive step", got=str(self.step), expected="e.g. grid(0.5)")

    @property
    def measure(self) -> Measure:
        return Measure.COUNTING

    def index(self, x: Tensor) -> Tensor:
        """Which cell, as a whole number k, `[n]`."""
        return torch.round((x - self.origin) / self.step)

    def value(self, k: Tensor) -> Tensor:
        """The number at the centre of cell k, `[n]`."""
        return self.origin + self.step * k

    def contains(self, x: Tensor) -> Tensor:
        k = self.index(x)
        on_grid = (self.value(k) - x).abs() <= 1e-6 * self.step + 1e-12 * x.abs()
        return torch.isfinite(x) & on_grid & Integer(self.low, self.high).contains(k)

    def show_series(self, x: Tensor) -> pl.Series:
        return _series(x)

    def describe(self) -> str:
        return f"grid of step {self.step:.6g}"

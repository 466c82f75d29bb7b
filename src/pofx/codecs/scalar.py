"""Column codecs: affine, log, logit, grid index, and what splits a value that may be missing off its flag."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.codecs.base import ColumnCodec
from pofx.spaces.base import MISSING, Scalar
from pofx.spaces.numeric import Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Constant, Maybe

SAFE = 1e-12  # how close to the end of an interval a value may come before it is moved inside


def _scaled(resolution: float | None, scale: float) -> float | None:
    return None if resolution is None else resolution / scale


@dataclass(frozen=True)
class Same(ColumnCodec):
    """No change: log_volume 0."""

    space: Scalar

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        return (("", self.space),)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, None], torch.zeros_like(x)

    def decode(self, z: Tensor) -> Tensor:
        return z[:, 0]


@dataclass(frozen=True)
class Affine(ColumnCodec):
    """`z = (x - shift) / scale`; log_volume `-log scale`. The source is a line: real numbers or dates."""

    space: Scalar
    shift: float
    scale: float

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        return (("", Real(_scaled(getattr(self.space, "resolution", None), self.scale))),)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return ((x - self.shift) / self.scale)[:, None], torch.full_like(x, -math.log(self.scale))

    def decode(self, z: Tensor) -> Tensor:
        return z[:, 0] * self.scale + self.shift


@dataclass(frozen=True)
class Log(ColumnCodec):
    """`z = (log x - shift) / scale`; log_volume `-log x - log scale`."""

    space: Positive
    shift: float = 0.0
    scale: float = 1.0

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        # A step r at x is r / x on the log scale; at the column's geometric mean that is the typical one.
        resolution = _scaled(self.space.resolution, math.exp(self.shift) * self.scale)
        return (("", Real(resolution)),)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_x = torch.log(x)
        return ((log_x - self.shift) / self.scale)[:, None], -log_x - math.log(self.scale)

    def decode(self, z: Tensor) -> Tensor:
        smallest = torch.finfo(torch.float64).tiny
        return torch.exp(z[:, 0] * self.scale + self.shift).clamp(smallest, torch.finfo(torch.float64).max)


@dataclass(frozen=True)
class Logit(ColumnCodec):
    """`z = (logit u - shift) / scale` with `u = (x - low) / (high - low)`.

    log_volume `-log u - log(1 - u) - log(high - low) - log scale`. The ends themselves, a set of measure zero, are
    moved inside by 1e-12 of the width.
    """

    space: Interval
    shift: float = 0.0
    scale: float = 1.0

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        width = self.space.high - self.space.low
        middle = torch.sigmoid(torch.tensor(self.shift, dtype=torch.float64)).item()
        slope = max(middle * (1 - middle), 1e-6) * width * self.scale
        return (("", Real(_scaled(self.space.resolution, slope))),)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        width = self.space.high - self.space.low
        u = ((x - self.space.low) / width).clamp(SAFE, 1 - SAFE)
        log_u, log_v = torch.log(u), torch.log1p(-u)
        z = (log_u - log_v - self.shift) / self.scale
        return z[:, None], -log_u - log_v - math.log(width) - math.log(self.scale)

    def decode(self, z: Tensor) -> Tensor:
        u = torch.sigmoid(z[:, 0] * self.scale + self.shift)
        return self.space.low + (self.space.high - self.space.low) * u


@dataclass(frozen=True)
class Index(ColumnCodec):
    """A grid's values to the whole numbers of its cells; both are counted, so log_volume is 0."""

    space: Grid

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        return (("", Integer(self.space.low, self.space.high)),)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.space.index(x)[:, None], torch.zeros_like(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.space.value(z[:, 0])


@dataclass(frozen=True)
class Certain(ColumnCodec):
    """A constant column to no column at all: its probability is one."""

    space: Constant

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        return ()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.new_zeros(len(x), 0), torch.zeros_like(x)

    def decode(self, z: Tensor) -> Tensor:
        return z.new_zeros(len(z))


@dataclass(frozen=True)
class MissingLabel(ColumnCodec):
    """A category that may be missing to a category with one more label: missing is the last code."""

    space: Maybe

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def _inner(self) -> Category:
        assert isinstance(self.space.inner, Category)
        return self.space.inner

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        inner = self._inner
        other = ("other",) if inner.open else ()
        labels = (*(f"is {label}" for label in inner.labels), *other, "missing")
        return (("", Category(labels, open=False)),)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = torch.where(torch.isnan(x), torch.full_like(x, float(self._inner.size)), x)
        return code[:, None], torch.zeros_like(x)

    def decode(self, z: Tensor) -> Tensor:
        return torch.where(z[:, 0] == self._inner.size, torch.full_like(z[:, 0], MISSING), z[:, 0])


@dataclass(frozen=True)
class Split(ColumnCodec):
    """A value that may be missing or an atom, to a flag (a category) and the inner codec's columns.

    Where the flag is not 0 the inner columns are NaN, "there is no value here"; a model leaves a NaN out of its
    product, so that total mass stays one: sum over flags of P(flag) times the mass of what exists under it.
    """

    space: Maybe
    inner: ColumnCodec

    @property
    def source(self) -> Scalar:
        return self.space

    @property
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        flags = tuple(flag for flag in range(2 + len(self.space.atoms)) if flag != 1 or self.space.missing)
        return ((" is", Category(flags, open=False)), *self.inner.parts)

    @property
    def _skipped(self) -> int:
        """A column that is never missing has no flag 1: no model may give probability to what cannot be."""
        return 0 if self.space.missing else 1

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        flag = self.space.flag(x)
        regular = flag == 0
        z = torch.full((len(x), 1 + len(self.inner.parts)), MISSING, dtype=torch.float64, device=x.device)
        volume = torch.zeros_like(x)
        z[:, 0] = torch.where(flag > 1, flag - self._skipped, flag)
        if bool(regular.any()):
            inner, inner_volume = self.inner.encode(x[regular])
            z[regular, 1:] = inner
            volume[regular] = inner_volume
        return z, volume

    def decode(self, z: Tensor) -> Tensor:
        flag = torch.where(z[:, 0] > 0, z[:, 0] + self._skipped, z[:, 0])
        x = self.inner.decode(torch.nan_to_num(z[:, 1:]))
        x = torch.where(flag == 1, torch.full_like(x, MISSING), x)
        for k, atom in enumerate(self.space.atoms):
            x = torch.where(flag == 2 + k, torch.full_like(x, atom), x)
        return x

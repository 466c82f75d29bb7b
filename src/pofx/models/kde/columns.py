"""One kernel for each kind of numeric column; a row's kernel is their product, and each has mass exactly one.

Real: any kernel of `kernels.py`. Interval: the same, reflected at both ends (Schuster 1985). Circle: von Mises, with
concentration `(period / (2 pi width))^2`. Integer: the discrete Gaussian within the bounds. Categories: `labels.py`.

`x` is `[q, 1]`, `rows` and `widths` are `[1, m]`, kernels are `[q, m]`; for draws all are `[n]`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.models.kde import lattice
from pofx.models.kde.kernels import KERNELS, Gaussian, Kernel
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval


class Smooth(ABC):
    """The kernel of a numeric column, as wide as `widths`."""

    @property
    def is_quadratic(self) -> bool:
        """Whether `log_kernel = log_peak - |difference of coordinates|^2 / (2 widths^2)`."""
        return True

    def coordinates(self, x: Tensor) -> Tensor:
        """`[n]` to `[n, c]`, for quadratic kernels and for nearest neighbours."""
        return x[:, None]

    @abstractmethod
    def log_peak(self, rows: Tensor, widths: Tensor) -> Tensor:
        """The log-kernel at its own row, for quadratic kernels."""

    @abstractmethod
    def log_kernel(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor: ...

    @abstractmethod
    def draw(self, rows: Tensor, widths: Tensor, generator: torch.Generator) -> Tensor: ...

    @property
    def has_cdf(self) -> bool:
        return True

    @abstractmethod
    def cdf(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Line(Smooth):
    """A real column."""

    kernel: Kernel

    @property
    def is_quadratic(self) -> bool:
        return isinstance(self.kernel, Gaussian)

    def log_peak(self, rows: Tensor, widths: Tensor) -> Tensor:
        return -torch.log(widths) - 0.5 * math.log(2 * math.pi)

    def log_kernel(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        return self.kernel.log_density((x - rows) / widths) - torch.log(widths)

    def draw(self, rows: Tensor, widths: Tensor, generator: torch.Generator) -> Tensor:
        return rows + widths * self.kernel.draw(len(rows), generator)

    def cdf(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        return self.kernel.cdf((x - rows) / widths)


@dataclass(frozen=True)
class Reflected(Smooth):
    """An interval: what a kernel would put outside is mirrored back, so a flat density stays flat up to the ends.

    Widths over twice the interval's count as twice: the kernel is flat by then.
    """

    kernel: Kernel
    low: float
    high: float

    @property
    def is_quadratic(self) -> bool:
        return False

    def log_peak(self, rows: Tensor, widths: Tensor) -> Tensor:
        return self.log_kernel(rows, rows, widths)

    def log_kernel(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        widths = self._capped(widths)
        pieces = [self.kernel.log_density((x - image) / widths) for image in self._images(rows, widths)]
        total = pieces[0]
        for piece in pieces[1:]:
            total = _log_add(total, piece)
        return total - torch.log(widths)

    def draw(self, rows: Tensor, widths: Tensor, generator: torch.Generator) -> Tensor:
        size = self.high - self.low
        moved = rows + self._capped(widths) * self.kernel.draw(len(rows), generator)
        folded = torch.remainder(moved - self.low, 2 * size)
        return (self.low + torch.minimum(folded, 2 * size - folded)).clamp(self.low, self.high)

    def cdf(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        widths = self._capped(widths)
        cdf = self.kernel.cdf
        images = self._images(rows, widths)
        return torch.stack([cdf((x - i) / widths) - cdf((self.low - i) / widths) for i in images]).sum(0).clamp(0, 1)

    def _capped(self, widths: Tensor) -> Tensor:
        return widths.clamp_max(2 * (self.high - self.low))

    def _images(self, rows: Tensor, widths: Tensor) -> list[Tensor]:
        """The row and its mirror images as far as any of them reaches the interval."""
        size = self.high - self.low
        far = self.kernel.reach * float(widths.detach().max()) / size if widths.numel() else 0.0
        turns = math.ceil((1 + far) / 2)  # an image `turns` periods off is at least 2 turns - 1 sizes away
        shifts = [0.0, *(sign * 2 * size * k for k in range(1, turns) for sign in (-1, 1))]
        mirrored = [2 * self.low - rows, 2 * self.high - rows]
        mirrored += [2 * self.low - rows - 2 * size * k for k in range(1, turns)]
        mirrored += [2 * self.high - rows + 2 * size * k for k in range(1, turns)]
        return [rows + shift for shift in shifts] + mirrored


@dataclass(frozen=True)
class Ring(Smooth):
    """A circle, cut nowhere."""

    period: float
    origin: float

    @property
    def _radius(self) -> float:
        return self.period / (2 * math.pi)

    def coordinates(self, x: Tensor) -> Tensor:
        angle = (x - self.origin) / self._radius
        return self._radius * torch.stack([torch.cos(angle), torch.sin(angle)], 1)

    def log_peak(self, rows: Tensor, widths: Tensor) -> Tensor:
        return -math.log(self.period) - torch.log(torch.special.i0e((self._radius / widths).square()))

    def log_kernel(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        chord = 2 * self._radius * torch.sin((x - rows) / (2 * self._radius))
        return self.log_peak(rows, widths) - 0.5 * (chord / widths).square()

    def draw(self, rows: Tensor, widths: Tensor, generator: torch.Generator) -> Tensor:
        turned = rows + self._radius * _von_mises((self._radius / widths).square(), generator)
        return self.origin + torch.remainder(turned - self.origin, self.period)

    @property
    def has_cdf(self) -> bool:
        return False

    def cdf(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        return torch.full_like(x + rows, torch.nan)


@dataclass(frozen=True)
class Lattice(Smooth):
    """Whole numbers from `low` to `high`."""

    low: float
    high: float

    def log_peak(self, rows: Tensor, widths: Tensor) -> Tensor:
        return -lattice.log_total(self.low - rows, self.high - rows, widths)

    def log_kernel(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        return self.log_peak(rows, widths) - 0.5 * ((x - rows) / widths).square()

    def draw(self, rows: Tensor, widths: Tensor, generator: torch.Generator) -> Tensor:
        return rows + lattice.draw(self.low - rows, self.high - rows, widths, generator)

    def cdf(self, x: Tensor, rows: Tensor, widths: Tensor) -> Tensor:
        below = lattice.sums(self.low - 1 - rows, widths)
        reached = lattice.sums(torch.floor(x).clamp(self.low - 1, self.high) - rows, widths)
        return (reached - below) / (lattice.sums(self.high - rows, widths) - below)


def smooth_column(space: Scalar, kernel: str) -> Smooth:
    """The kernel of a numeric column of a coded table."""
    if isinstance(space, Circle):
        return Ring(space.period, space.origin)
    if isinstance(space, Integer):
        low = -math.inf if space.low is None else float(space.low)
        high = math.inf if space.high is None else float(space.high)
        return Lattice(low, high)
    if isinstance(space, Interval):
        return Reflected(KERNELS[kernel], space.low, space.high)
    return Line(KERNELS[kernel])


def _log_add(a: Tensor, b: Tensor) -> Tensor:
    """`logaddexp` whose gradient stays finite where both are `-inf`."""
    dead = torch.isinf(a) & torch.isinf(b)
    return torch.where(dead, -torch.inf, torch.logaddexp(torch.where(dead, 0.0, a), torch.where(dead, 0.0, b)))


def _von_mises(concentration: Tensor, generator: torch.Generator) -> Tensor:
    """Angles around 0, `[n]` (Best and Fisher 1979); normal ones where the two laws agree to 1e-7."""
    kappa = concentration.clamp(1e-6, 1e7)
    tau = 1 + torch.sqrt(1 + 4 * kappa.square())
    rho = (tau - torch.sqrt(2 * tau)) / (2 * kappa)
    r = (1 + rho.square()) / (2 * rho)
    angle = torch.randn(len(kappa), generator=generator, dtype=torch.float64) / torch.sqrt(concentration)
    waiting = (concentration < 1e7).nonzero()[:, 0]
    while len(waiting):
        u = torch.rand(3, len(waiting), generator=generator, dtype=torch.float64).clamp_min(1e-300)
        z = torch.cos(math.pi * u[0])
        f = ((1 + r[waiting] * z) / (r[waiting] + z)).clamp(-1, 1)
        c = kappa[waiting] * (r[waiting] - f)
        accepted = (c * (2 - c) > u[1]) | (torch.log(c / u[1]) + 1 >= c)
        angle[waiting[accepted]] = (torch.sign(u[2] - 0.5) * torch.arccos(f))[accepted]
        waiting = waiting[~accepted]
    return angle

"""The eight kernels of a density on the line: log-density, cumulative distribution, exact draws.

A bandwidth is always the standard deviation of the kernel (R's convention), so the same number smooths about as much
whichever the kernel, and every selector serves all of them. scikit-learn's `h` is half of a compact kernel's support:
`bandwidth = h * KERNELS[name].deviation`. For the Gaussian the two agree.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

KernelName = Literal["gaussian", "epanechnikov", "box", "triangular", "biweight", "triweight", "cosine", "exponential"]


class Kernel(ABC):
    """A symmetric density. Subclasses write it in `v`, whose support is [-1, 1] or the line."""

    deviation: float
    """Standard deviation of `v`."""
    reach: float
    """Beyond this many standard deviations lies less than 1e-16 of the mass."""

    @final
    def log_density(self, u: Tensor) -> Tensor:
        """Log-density at `u` standard deviations from the centre, nats; `-inf` off the support."""
        return self._log_density(u * self.deviation) + math.log(self.deviation)

    @final
    def cdf(self, u: Tensor) -> Tensor:
        """Mass below `u` standard deviations."""
        return self._cdf(u * self.deviation)

    @final
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """`n` draws with mean 0 and standard deviation 1, `[n]`."""
        return self._draw(n, generator) / self.deviation

    @abstractmethod
    def _log_density(self, v: Tensor) -> Tensor: ...

    @abstractmethod
    def _cdf(self, v: Tensor) -> Tensor: ...

    @abstractmethod
    def _draw(self, n: int, generator: torch.Generator) -> Tensor: ...


class Gaussian(Kernel):
    """`exp(-v^2 / 2)`."""

    deviation = 1.0
    reach = 8.5

    def _log_density(self, v: Tensor) -> Tensor:
        return -0.5 * v.square() - 0.5 * math.log(2 * math.pi)

    def _cdf(self, v: Tensor) -> Tensor:
        below: Tensor = torch.special.ndtr(v)
        return below

    def _draw(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, generator=generator, dtype=torch.float64)


@dataclass(frozen=True)
class Polynomial(Kernel):
    """`(1 - v^2)^p` on [-1, 1]: box, Epanechnikov, biweight, triweight for p = 0, 1, 2, 3.

    A draw is the median of 2p + 1 uniform ones: `(v + 1) / 2` has the law Beta(p + 1, p + 1).
    """

    power: int

    @property
    def deviation(self) -> float:  # type: ignore[override]  # a property is as good as an attribute
        return 1 / math.sqrt(2 * self.power + 3)

    @property
    def reach(self) -> float:  # type: ignore[override]
        return 1 / self.deviation

    @property
    def _constant(self) -> float:
        p = self.power
        return math.factorial(2 * p + 1) / math.factorial(p) ** 2 * math.pow(2, -(2 * p + 1))

    def _log_density(self, v: Tensor) -> Tensor:
        inside = (v.abs() <= 1) if self.power == 0 else (v.abs() < 1)
        w = torch.where(inside, v, 0.0)
        return torch.where(inside, math.log(self._constant) + self.power * torch.log1p(-w.square()), -torch.inf)

    def _cdf(self, v: Tensor) -> Tensor:
        v, p = v.clamp(-1, 1), self.power
        terms = [math.comb(p, k) * (-1) ** k * v ** (2 * k + 1) / (2 * k + 1) for k in range(p + 1)]
        return (0.5 + self._constant * torch.stack(terms).sum(0)).clamp(0, 1)

    def _draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, 2 * self.power + 1, generator=generator, dtype=torch.float64)
        return 2 * u.median(1).values - 1


class Triangular(Kernel):
    """`1 - |v|` on [-1, 1]."""

    deviation = 6**-0.5
    reach = 6**0.5

    def _log_density(self, v: Tensor) -> Tensor:
        inside = v.abs() < 1
        return torch.where(inside, torch.log1p(-torch.where(inside, v, 0.0).abs()), -torch.inf)

    def _cdf(self, v: Tensor) -> Tensor:
        v = v.clamp(-1, 1)
        return 0.5 + v - 0.5 * v * v.abs()

    def _draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        return u[:, 0] - u[:, 1]


class Cosine(Kernel):
    """`(pi / 4) cos(pi v / 2)` on [-1, 1]."""

    deviation = (1 - 8 / math.pi**2) ** 0.5
    reach = 1 / deviation

    def _log_density(self, v: Tensor) -> Tensor:
        inside = v.abs() < 1
        cosine = torch.cos(0.5 * math.pi * torch.where(inside, v, 0.0)).clamp_min(torch.finfo(v.dtype).tiny)
        return torch.where(inside, math.log(math.pi / 4) + torch.log(cosine), -torch.inf)

    def _cdf(self, v: Tensor) -> Tensor:
        return 0.5 + 0.5 * torch.sin(0.5 * math.pi * v.clamp(-1, 1))

    def _draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        return torch.asin(2 * u - 1) * (2 / math.pi)


class Exponential(Kernel):
    """`exp(-|v|) / 2`, the Laplace law."""

    deviation = 2**0.5
    reach = 37.0 / deviation

    def _log_density(self, v: Tensor) -> Tensor:
        return -v.abs() - math.log(2)

    def _cdf(self, v: Tensor) -> Tensor:
        tail = 0.5 * torch.exp(-v.abs())
        return torch.where(v < 0, tail, 1 - tail)

    def _draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        return torch.where(u < 0.5, torch.log(2 * u.clamp_min(1e-300)), -torch.log(2 * (1 - u)))


KERNELS: dict[str, Kernel] = {
    "gaussian": Gaussian(),
    "epanechnikov": Polynomial(1),
    "box": Polynomial(0),
    "triangular": Triangular(),
    "biweight": Polynomial(2),
    "triweight": Polynomial(3),
    "cosine": Cosine(),
    "exponential": Exponential(),
}

"""A law of the real line rounded to whole numbers: P(k) = F(k + 1/2) - F(k - 1/2), between bounds and renormalised.

Differences of distribution functions are taken on the side where both are small, in logarithms, so that far tails keep
their relative precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from pofx.models.parametric.family import Family, Frame, Parameter, Role, Sample, Theta

LogCdf = Callable[[Tensor], Tensor]


def _log_normal_cdf(z: Tensor) -> Tensor:
    result: Tensor = torch.special.log_ndtr(z)
    return result


def _log_logistic_cdf(z: Tensor) -> Tensor:
    return -torch.logaddexp(-z, torch.zeros_like(z))


def _log_laplace_cdf(z: Tensor) -> Tensor:
    right = torch.log1p(-0.5 * torch.exp(-z.clamp_min(0.0)))
    return torch.where(z < 0, z.clamp_max(0.0) - math.log(2), right)


def _log_between(log_cdf: LogCdf, low: Tensor, high: Tensor) -> Tensor:
    """`log(F(high) - F(low))` of a law symmetric about 0, for `low < high`, both finite."""
    flip = low + high > 0
    near = log_cdf(torch.where(flip, -low, high))
    far = log_cdf(torch.where(flip, -high, low))
    return near + torch.log(-torch.expm1((far - near).clamp_max(-1e-300)))


def _log_mass(log_cdf: LogCdf) -> Callable[..., Tensor]:
    def log_prob(k: Tensor, location: Tensor, scale: Tensor, low: Tensor, high: Tensor) -> Tensor:
        cell = _log_between(log_cdf, (k - 0.5 - location) / scale, (k + 0.5 - location) / scale)
        return cell - _log_kept(log_cdf, location, scale, float(low), float(high))

    return log_prob


def _log_kept(log_cdf: LogCdf, location: Tensor, scale: Tensor, low: float, high: float) -> Tensor:
    """The log-mass between the bounds."""
    if math.isinf(low) and math.isinf(high):
        return torch.zeros_like(location)
    if math.isinf(high):
        return log_cdf((location - low + 0.5) / scale)
    if math.isinf(low):
        return log_cdf((high + 0.5 - location) / scale)
    return _log_between(log_cdf, (low - 0.5 - location) / scale, (high + 0.5 - location) / scale)


@dataclass(frozen=True)
class _Rounded:
    """A rounded, cut and renormalised law in SciPy's manner."""

    base: Any  # SciPy's family, symmetric about its location
    location: float
    scale: float
    low: float
    high: float

    def _ends(self) -> tuple[float, float, float]:
        """The bounds on the standard scale, turned so that both lie where the distribution function is small."""
        low = (self.low - 0.5 - self.location) / self.scale
        high = (self.high + 0.5 - self.location) / self.scale
        side = -1.0 if low + high > 0 else 1.0
        return side, (low if side > 0 else -high), (high if side > 0 else -low)

    def cdf(self, x: Any) -> Any:
        side, low, high = self._ends()
        edge = np.clip(np.floor(x), self.low - 1, self.high) + 0.5
        at = self.base.cdf(side * (edge - self.location) / self.scale)
        share = (at - self.base.cdf(low)) / (self.base.cdf(high) - self.base.cdf(low))
        return share if side > 0 else 1 - share

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        side, low, high = self._ends()
        level = self.base.cdf(low) + random_state.random(size) * (self.base.cdf(high) - self.base.cdf(low))
        drawn = self.location + side * self.scale * self.base.ppf(np.clip(level, 1e-300, 1 - 1e-16))
        return np.clip(np.round(drawn), self.low, self.high)


def _start(divisor: float) -> Callable[[Sample], Theta]:
    def start(s: Sample) -> Theta:
        return s.mean(), max(s.sd(), 0.3) / divisor, s.low, s.high

    return start


def _rounded(name: str, log_cdf: LogCdf, base: Any, divisor: float) -> Family:
    return Family(
        f"rounded_{name}",
        Frame.COUNT,
        (
            Parameter("location", Role.LOCATION),
            Parameter("scale", Role.SCALE, lambda floor: (0.1, math.inf)),
            Parameter("low", Role.KNOWN),
            Parameter("high", Role.KNOWN),
        ),
        _log_mass(log_cdf),
        lambda location, scale, low, high: _Rounded(base, location, scale, low, high),
        _start(divisor),
    )


ROUNDED = (
    _rounded("normal", _log_normal_cdf, stats.norm, 1.0),
    _rounded("logistic", _log_logistic_cdf, stats.logistic, math.pi / math.sqrt(3)),
    _rounded("laplace", _log_laplace_cdf, stats.laplace, math.sqrt(2)),
)

"""Univariate families on a bounded interval (laid on [0, 1]) and on a circle (laid on the angles 0 to 2 pi).

Kumaraswamy (1980); Mardia & Jupp (2000), Directional Statistics. The ends of an interval are looked at from 1e-16 of
its width inside, so that no density is infinite there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special, stats
from torch import Tensor

from pofx.models.parametric.family import EDGE, Family, Frame, Parameter, Role, Sample, Theta
from pofx.models.parametric.line import LOG_2PI, SCALE

TURN = 2 * math.pi
ANGLE = Parameter("location", Role.LOCATION)
LEAST_SHAPE = 0.2  # of an end where the density grows without bound: under it, floats cannot hold the mass at the end


def _inner(u: Tensor) -> Tensor:
    return u.clamp(EDGE, 1 - EDGE)


def _end(name: str) -> Parameter:
    return Parameter(name, Role.SHAPE, lambda floor: (LEAST_SHAPE, max(min(floor**-2.0, 1e8), 1.0)))


def _flat(u: Tensor) -> Tensor:
    return torch.zeros_like(u)


def _beta(u: Tensor, a: Tensor, b: Tensor) -> Tensor:
    u = _inner(u)
    log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    return (a - 1) * torch.log(u) + (b - 1) * torch.log1p(-u) - log_beta


def _logit(u: Tensor) -> Tensor:
    u = _inner(u)
    return torch.log(u) - torch.log1p(-u)


def _logit_normal(u: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    inner = _inner(u)
    volume = torch.log(inner) + torch.log1p(-inner)
    return -0.5 * ((_logit(u) - location) / scale).square() - torch.log(scale) - 0.5 * LOG_2PI - volume


def _kumaraswamy(u: Tensor, a: Tensor, b: Tensor) -> Tensor:
    log_u = torch.log(_inner(u))
    return torch.log(a) + torch.log(b) + (a - 1) * log_u + (b - 1) * torch.log(-torch.expm1(a * log_u))


def _triangular(u: Tensor, mode: Tensor) -> Tensor:
    u = _inner(u)
    return math.log(2) + torch.where(u < mode, torch.log(u / mode), torch.log1p(-u) - torch.log1p(-mode))


def _beta_start(s: Sample) -> Theta:
    mean, variance = s.mean(), max(s.sd() ** 2, s.floor**2)
    mean = min(max(mean, 1e-6), 1 - 1e-6)
    total = max(mean * (1 - mean) / variance - 1, 0.5)
    return mean * total, (1 - mean) * total


def _triangular_fit(s: Sample) -> Theta:
    """The mode lies on one of the rows (Johnson 1997); all are tried at once through running sums."""
    u = _inner(s.x)
    rise = torch.cumsum(s.w * torch.log(u), 0)
    fall = torch.flip(torch.cumsum(torch.flip(s.w * torch.log1p(-u), [0]), 0), [0])
    below = torch.cumsum(s.w, 0)
    score = (rise - below * torch.log(u)) + (fall - (s.n - below + s.w) * torch.log1p(-u))
    return (float(u[int(torch.argmax(score))]),)


@dataclass(frozen=True)
class _Kumaraswamy:
    """Kumaraswamy's law in SciPy's manner."""

    a: float
    b: float

    def cdf(self, x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return -np.expm1(self.b * np.log1p(-(np.clip(x, 0, 1) ** self.a)))

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        return (-np.expm1(np.log1p(-random_state.random(size)) / self.b)) ** (1 / self.a)


@dataclass(frozen=True)
class _LogitNormal:
    """The law of a sigmoid of a normal variable."""

    location: float
    scale: float

    def cdf(self, x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return special.ndtr((special.logit(np.clip(x, 0, 1)) - self.location) / self.scale)

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        return special.expit(self.location + self.scale * random_state.standard_normal(size))


UNIT = (
    Family("uniform", Frame.UNIT, (), _flat, lambda: stats.uniform(), lambda s: (), closed=True),
    Family(
        "beta",
        Frame.UNIT,
        (_end("a"), _end("b")),
        _beta,
        lambda a, b: stats.beta(a, b),
        _beta_start,
    ),
    Family(
        "logit_normal",
        Frame.UNIT,
        (Parameter("logit_mean", Role.SKEW), Parameter("logit_sd", Role.SHAPE, lambda floor: (floor, math.inf))),
        _logit_normal,
        _LogitNormal,
        lambda s: (s.mean(_logit(s.x)), s.sd(_logit(s.x))),
        closed=True,
    ),
    Family("kumaraswamy", Frame.UNIT, (_end("a"), _end("b")), _kumaraswamy, _Kumaraswamy, _beta_start),
    Family(
        "triangular",
        Frame.UNIT,
        (Parameter("mode", Role.LOCATION, lambda floor: (EDGE, 1 - EDGE)),),
        _triangular,
        lambda mode: stats.triang(mode),
        _triangular_fit,
        closed=True,
        errors=lambda theta, n: (None,),
    ),
)

# Circle -------------------------------------------------------------------------------------------------------------


def _around_uniform(angle: Tensor) -> Tensor:
    return torch.full_like(angle, -LOG_2PI)


def _von_mises(angle: Tensor, location: Tensor, concentration: Tensor) -> Tensor:
    return concentration * (torch.cos(angle - location) - 1) - LOG_2PI - torch.log(torch.special.i0e(concentration))


def _wrapped_cauchy(angle: Tensor, location: Tensor, concentration: Tensor) -> Tensor:
    half = torch.sin((angle - location) / 2).square()
    ring = (1 - concentration).square() + 4 * concentration * half  # 1 + c^2 - 2 c cos, without cancellation
    return torch.log1p(-concentration.square()) - LOG_2PI - torch.log(ring)


def _wrapped_normal(angle: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    turned = torch.remainder(angle - location.detach() + math.pi, TURN) - math.pi + location.detach() - location
    if float(scale.detach()) < 2.0:  # a few windings, or a few harmonics: whichever dies out faster
        wound = [-0.5 * ((turned + TURN * k) / scale).square() for k in (-2, -1, 0, 1, 2)]
        return torch.logsumexp(torch.stack(wound), 0) - torch.log(scale) - 0.5 * LOG_2PI
    waves = [torch.exp(-0.5 * (k * scale).square()) * torch.cos(k * turned) for k in range(1, 6)]
    return torch.log1p(2 * torch.stack(waves).sum(0)) - LOG_2PI


def _resultant(s: Sample) -> tuple[float, float]:
    """The direction of the mean vector, and its length in [0, 1)."""
    c, d = s.mean(torch.cos(s.x)), s.mean(torch.sin(s.x))
    return math.atan2(d, c) % TURN, min(math.hypot(c, d), 1 - 1e-16)


def _von_mises_start(s: Sample) -> Theta:
    """The direction is the maximum; the concentration is Best & Fisher's (1981) approximation."""
    direction, length = _resultant(s)
    if length < 0.53:
        return direction, 2 * length + length**3 + 5 * length**5 / 6
    if length < 0.85:
        return direction, -0.4 + 1.39 * length + 0.43 / (1 - length)
    return direction, 1 / max(length**3 - 4 * length**2 + 3 * length, 1e-12)


def _wrapped_normal_start(s: Sample) -> Theta:
    direction, length = _resultant(s)
    return direction, math.sqrt(-2 * math.log(max(length, 1e-4)))


@dataclass(frozen=True)
class _VonMises:
    """SciPy's von Mises law, cut open at angle 0."""

    location: float
    concentration: float

    def cdf(self, x: Any) -> Any:
        law = stats.vonmises(self.concentration, self.location)
        return np.clip(law.cdf(x) - law.cdf(0.0), 0.0, 1.0)

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        return np.mod(random_state.vonmises(self.location, self.concentration, size), TURN)


@dataclass(frozen=True)
class _WrappedNormal:
    """A normal law wound round the circle, cut open at angle 0."""

    location: float
    scale: float

    def cdf(self, x: Any) -> Any:
        turns = math.ceil(1 + 9 * self.scale / TURN)
        k = TURN * np.arange(-turns, turns + 1)
        x = np.asarray(x, dtype=float)[..., None] + k - self.location
        parts = special.ndtr(x / self.scale) - special.ndtr((k - self.location) / self.scale)
        return np.clip(parts.sum(-1), 0.0, 1.0)

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        return np.mod(random_state.normal(self.location, self.scale, size), TURN)


@dataclass(frozen=True)
class _WrappedCauchy:
    """A Cauchy law wound round the circle, cut open at angle 0."""

    location: float
    concentration: float

    def _unrolled(self, angle: Any) -> Any:
        turned = np.asarray(angle, dtype=float) - self.location
        whole = np.floor((turned + math.pi) / TURN)
        slope = (1 + self.concentration) / (1 - self.concentration)
        return whole + np.arctan(slope * np.tan((turned - TURN * whole) / 2)) / math.pi

    def cdf(self, x: Any) -> Any:
        return np.clip(self._unrolled(x) - self._unrolled(0.0), 0.0, 1.0)

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        spread = -math.log(self.concentration)
        return np.mod(self.location + spread * random_state.standard_cauchy(size), TURN)


CIRCLE = (
    Family("uniform", Frame.CIRCLE, (), _around_uniform, lambda: stats.uniform(0, TURN), lambda s: (), closed=True),
    Family(
        "von_mises",
        Frame.CIRCLE,
        (ANGLE, Parameter("concentration", Role.SHAPE, lambda floor: (1e-8, min(floor**-2.0, 1e12)))),
        _von_mises,
        _VonMises,
        _von_mises_start,
    ),
    Family("wrapped_normal", Frame.CIRCLE, (ANGLE, SCALE), _wrapped_normal, _WrappedNormal, _wrapped_normal_start),
    Family(
        "wrapped_cauchy",
        Frame.CIRCLE,
        (ANGLE, Parameter("concentration", Role.SHARE, lambda floor: (1e-6, max(1 - floor, 0.5)))),
        _wrapped_cauchy,
        _WrappedCauchy,
        _resultant,
    ),
)

"""Univariate families on the real line: log-densities in torch, SciPy's counterparts, and where to start.

Johnson, Kotz & Balakrishnan (1995), Continuous Univariate Distributions; Azzalini (1985) for the skew-normal.
"""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch import Tensor

from pofx.models.parametric.family import Family, Frame, Parameter, Role, Sample, Theta

LOG_2PI = math.log(2 * math.pi)
LOCATION = Parameter("location", Role.LOCATION)
SCALE = Parameter("scale", Role.SCALE)


def _normal(x: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    return -0.5 * ((x - mean) / sd).square() - torch.log(sd) - 0.5 * LOG_2PI


def _laplace(x: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    return -((x - location) / scale).abs() - torch.log(2 * scale)


def _logistic(x: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    z = (x - location) / scale
    return -z - 2 * torch.logaddexp(-z, torch.zeros_like(z)) - torch.log(scale)


def _cauchy(x: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    z = (x - location) / scale
    return -2 * torch.log(torch.hypot(torch.ones_like(z), z)) - torch.log(math.pi * scale)


def _student_t(x: Tensor, freedom: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    z = (x - location) / scale
    constant = torch.lgamma((freedom + 1) / 2) - torch.lgamma(freedom / 2) - 0.5 * torch.log(math.pi * freedom)
    reach = torch.hypot(torch.ones_like(z), z / torch.sqrt(freedom))  # hypot: a square may overflow
    bulk = 0.5 * torch.log1p((z.clamp(-1e100, 1e100) / torch.sqrt(freedom)).square())
    return constant - torch.log(scale) - (freedom + 1) * torch.where(z.abs() < 1e50, bulk, torch.log(reach))


def _gumbel_right(x: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    z = (x - location) / scale
    return -z - torch.exp(-z) - torch.log(scale)


def _gumbel_left(x: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    return _gumbel_right(-x, -location, scale)


def _skew_normal(x: Tensor, skew: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    z = (x - location) / scale
    half: Tensor = torch.special.log_ndtr(skew * z)
    return _normal(x, location, scale) + math.log(2) + half


def _uniform(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return -torch.log(high - low) + torch.zeros_like(x)


def _middle(s: Sample) -> tuple[float, float]:
    """A robust centre, and the standard deviation that a normal law of this spread has."""
    return s.quantile(0.5), s.spread / 1.349 or s.floor


def _laplace_fit(s: Sample) -> Theta:
    centre = s.quantile(0.5)
    return centre, s.mean((s.x - centre).abs())


def _gumbel_start(s: Sample, side: float) -> Theta:
    scale = s.sd() * math.sqrt(6) / math.pi
    return s.mean() - side * 0.5772156649 * scale, scale


def _skew_start(s: Sample) -> Theta:
    """By moments; never at zero skew, where the likelihood is stationary."""
    mean, sd = s.mean(), s.sd() or s.floor
    skewness = min(max(s.mean(((s.x - mean) / sd) ** 3), -0.9), 0.9)
    power = abs(skewness) ** (2 / 3)
    delta = math.sqrt(math.pi / 2 * power / (power + ((4 - math.pi) / 2) ** (2 / 3)))
    delta = math.copysign(min(max(delta, 0.5), 0.98), skewness)
    scale = sd / math.sqrt(1 - 2 * delta**2 / math.pi)
    return delta / math.sqrt(1 - delta**2), mean - scale * delta * math.sqrt(2 / math.pi), scale


def _steepest(floor: float) -> tuple[float, float]:
    """The steep side has the scale divided by the skew, which the floor bounds, too."""
    most = min(30.0, max(1 / floor, 1.0))
    return -most, most


def _uniform_fit(s: Sample) -> Theta:
    """The extremes, each moved out by the floor: half of the resolution."""
    low, high = float(s.x[0]), float(s.x[-1])
    edge = max(0.5 * (s.resolution or 0.0), s.floor if low == high else 0.0)
    return low - edge, high + edge


LINE = (
    Family(
        "normal",
        Frame.LINE,
        (Parameter("mean", Role.LOCATION), Parameter("sd", Role.SCALE)),
        _normal,
        lambda mean, sd: stats.norm(mean, sd),
        lambda s: (s.mean(), s.sd()),
        closed=True,
    ),
    Family(
        "laplace",
        Frame.LINE,
        (LOCATION, SCALE),
        _laplace,
        lambda location, scale: stats.laplace(location, scale),
        _laplace_fit,
        closed=True,
        errors=lambda theta, n: (theta[1] / math.sqrt(n), theta[1] / math.sqrt(n)),
    ),
    Family(
        "logistic",
        Frame.LINE,
        (LOCATION, SCALE),
        _logistic,
        lambda location, scale: stats.logistic(location, scale),
        lambda s: (s.mean(), s.sd() * math.sqrt(3) / math.pi),
    ),
    Family(
        "cauchy",
        Frame.LINE,
        (LOCATION, SCALE),
        _cauchy,
        lambda location, scale: stats.cauchy(location, scale),
        lambda s: (s.quantile(0.5), 0.5 * s.spread),
    ),
    Family(
        "student_t",
        Frame.LINE,
        (Parameter("freedom", Role.SHAPE, lambda floor: (0.5, 1e6)), LOCATION, SCALE),
        _student_t,
        lambda freedom, location, scale: stats.t(freedom, location, scale),
        lambda s: (4.0, *_middle(s)),
    ),
    Family(
        "gumbel_right",
        Frame.LINE,
        (LOCATION, SCALE),
        _gumbel_right,
        lambda location, scale: stats.gumbel_r(location, scale),
        lambda s: _gumbel_start(s, 1.0),
    ),
    Family(
        "gumbel_left",
        Frame.LINE,
        (LOCATION, SCALE),
        _gumbel_left,
        lambda location, scale: stats.gumbel_l(location, scale),
        lambda s: _gumbel_start(s, -1.0),
    ),
    Family(
        "skew_normal",
        Frame.LINE,
        (Parameter("skew", Role.SKEW, _steepest), LOCATION, SCALE),
        _skew_normal,
        lambda skew, location, scale: stats.skewnorm(skew, location, scale),
        _skew_start,
    ),
    Family(
        "uniform",
        Frame.LINE,
        (Parameter("low", Role.LOCATION), Parameter("high", Role.LOCATION)),
        _uniform,
        lambda low, high: stats.uniform(low, high - low),
        _uniform_fit,
        closed=True,
        regular=False,
        errors=lambda theta, n: (None, None),
        domain=lambda x, low, high: (x - low).minimum(high - x) >= -1e-12 * (high - low),  # one rounding error wide
    ),
)

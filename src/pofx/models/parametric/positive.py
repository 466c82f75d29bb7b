"""Univariate families on the half-line above zero, their origin fixed at zero (no third, shifting parameter).

Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions. A free origin makes the likelihood of most of
these unbounded (Cheng & Traylor 1995), which is why there is none.
"""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch import Tensor

from pofx.models.parametric.family import Family, Frame, Parameter, Role, Sample, Theta
from pofx.models.parametric.line import LOG_2PI, SCALE


def _narrow(power: float) -> Parameter:
    """A shape that makes the law narrower as it grows: the standard deviation is about shape^(-1/power)."""
    return Parameter("shape", Role.SHAPE, lambda floor: (1e-3, max(min(floor**-power, 1e8), 1.0)))


def _exponential(x: Tensor, scale: Tensor) -> Tensor:
    return -x / scale - torch.log(scale)


def _gamma(x: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    z = x / scale
    return (shape - 1) * torch.log(z) - z - torch.lgamma(shape) - torch.log(scale)


def _weibull(x: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    log_z = torch.log(x) - torch.log(scale)
    return torch.log(shape) - torch.log(scale) + (shape - 1) * log_z - torch.exp(shape * log_z)


def _lognormal(x: Tensor, log_mean: Tensor, log_sd: Tensor) -> Tensor:
    log_x = torch.log(x)
    return -0.5 * ((log_x - log_mean) / log_sd).square() - log_x - torch.log(log_sd) - 0.5 * LOG_2PI


def _pareto(x: Tensor, low: Tensor, shape: Tensor) -> Tensor:
    return torch.log(shape) - torch.log(low) - (shape + 1) * (torch.log(x) - torch.log(low))


def _lomax(x: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    return torch.log(shape) - torch.log(scale) - (shape + 1) * torch.log1p(x / scale)


def _inverse_gaussian(x: Tensor, mean: Tensor, shape: Tensor) -> Tensor:
    return 0.5 * (torch.log(shape) - LOG_2PI - 3 * torch.log(x)) - 0.5 * shape * (x / mean - 1).square() / x


def _rayleigh(x: Tensor, scale: Tensor) -> Tensor:
    return torch.log(x) - 2 * torch.log(scale) - 0.5 * (x / scale).square()


def _half_normal(x: Tensor, scale: Tensor) -> Tensor:
    return 0.5 * math.log(2 / math.pi) - torch.log(scale) - 0.5 * (x / scale).square()


def _log_logistic(x: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    z = shape * (torch.log(x) - torch.log(scale))
    return torch.log(shape) - torch.log(x) + z - 2 * torch.logaddexp(z, torch.zeros_like(z))


def _inverse_gamma(x: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    z = scale / x
    return shape * torch.log(z) - torch.log(x) - torch.lgamma(shape) - z


def _gamma_start(s: Sample, values: Tensor) -> tuple[float, float]:
    """Shape and scale by Minka's (2002) first approximation."""
    mean = s.mean(values)
    gap = max(math.log(mean) - s.mean(torch.log(values)), 1e-12)
    shape = (3 - gap + math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    return shape, mean / shape


def _inverse_gamma_start(s: Sample) -> Theta:
    shape, scale = _gamma_start(s, 1 / s.x)
    return shape, 1 / scale


def _weibull_start(s: Sample) -> Theta:
    log_x = torch.log(s.x)
    shape = math.pi / math.sqrt(6) / max(s.sd(log_x), 1e-12)
    return shape, math.exp(s.mean(log_x) + 0.5772156649 / shape)


def _log_logistic_start(s: Sample) -> Theta:
    log_x = torch.log(s.x)
    return math.pi / math.sqrt(3) / max(s.sd(log_x), 1e-12), math.exp(s.mean(log_x))


def _pareto_fit(s: Sample) -> Theta:
    low = float(s.x[0])
    return low, 1 / max(s.mean(torch.log(s.x)) - math.log(low), 1e-8)


def _inverse_gaussian_fit(s: Sample) -> Theta:
    mean = s.mean()
    return mean, 1 / max(s.mean((s.x / mean - 1).square() / s.x), 1e-300)


def _root_mean_square(s: Sample) -> float:
    return math.sqrt(s.mean(s.x.square()))


POSITIVE = (
    Family(
        "exponential",
        Frame.POSITIVE,
        (SCALE,),
        _exponential,
        lambda scale: stats.expon(scale=scale),
        lambda s: (s.mean(),),
        closed=True,
    ),
    Family(
        "gamma",
        Frame.POSITIVE,
        (_narrow(2.0), Parameter("scale", Role.SCALE, lambda floor: (floor**2, math.inf))),
        _gamma,
        lambda shape, scale: stats.gamma(shape, scale=scale),
        lambda s: _gamma_start(s, s.x),
    ),
    Family(
        "weibull",
        Frame.POSITIVE,
        (_narrow(1.0), SCALE),
        _weibull,
        lambda shape, scale: stats.weibull_min(shape, scale=scale),
        _weibull_start,
    ),
    Family(
        "lognormal",
        Frame.POSITIVE,
        (Parameter("log_mean", Role.LOG_LOCATION), Parameter("log_sd", Role.SHAPE, lambda floor: (floor, math.inf))),
        _lognormal,
        lambda log_mean, log_sd: stats.lognorm(log_sd, scale=math.exp(log_mean)),
        lambda s: (s.mean(torch.log(s.x)), s.sd(torch.log(s.x))),
        closed=True,
    ),
    Family(
        "pareto",
        Frame.POSITIVE,
        (Parameter("low", Role.SCALE, lambda floor: (1e-300, math.inf)), _narrow(1.0)),
        _pareto,
        lambda low, shape: stats.pareto(shape, scale=low),
        _pareto_fit,
        closed=True,
        regular=False,
        errors=lambda theta, n: (None, theta[1] / math.sqrt(n)),
        domain=lambda x, low, shape: x >= low * (1 - 1e-12),
    ),
    Family(
        "lomax",
        Frame.POSITIVE,
        (Parameter("shape", Role.SHAPE, lambda floor: (1e-3, 1e4)), SCALE),
        _lomax,
        lambda shape, scale: stats.lomax(shape, scale=scale),
        lambda s: (2.0, s.quantile(0.5) / (math.sqrt(2) - 1)),
    ),
    Family(
        "inverse_gaussian",
        Frame.POSITIVE,
        (Parameter("mean", Role.SCALE), Parameter("shape", Role.SCALE, lambda floor: (1e-8, floor**-2.0))),
        _inverse_gaussian,
        lambda mean, shape: stats.invgauss(mean / shape, scale=shape),
        _inverse_gaussian_fit,
        closed=True,
    ),
    Family(
        "rayleigh",
        Frame.POSITIVE,
        (SCALE,),
        _rayleigh,
        lambda scale: stats.rayleigh(scale=scale),
        lambda s: (_root_mean_square(s) / math.sqrt(2),),
        closed=True,
    ),
    Family(
        "half_normal",
        Frame.POSITIVE,
        (SCALE,),
        _half_normal,
        lambda scale: stats.halfnorm(scale=scale),
        lambda s: (_root_mean_square(s),),
        closed=True,
    ),
    Family(
        "log_logistic",
        Frame.POSITIVE,
        (_narrow(1.0), SCALE),
        _log_logistic,
        lambda shape, scale: stats.fisk(shape, scale=scale),
        _log_logistic_start,
    ),
    Family(
        "inverse_gamma",
        Frame.POSITIVE,
        (_narrow(2.0), Parameter("scale", Role.SCALE, lambda floor: (1e-8, math.inf))),
        _inverse_gamma,
        lambda shape, scale: stats.invgamma(shape, scale=scale),
        _inverse_gamma_start,
    ),
)

"""Univariate families of whole numbers, counted from the lowest value of the column.

Johnson, Kemp & Kotz (2005), Univariate Discrete Distributions. SciPy fits none of these; here all are fitted. The
rounded families are a law of the real line seen through rounding to whole numbers, cut to the column's bounds and
renormalised: the only ones for columns without a lowest value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from pofx.models.parametric.family import Family, Frame, Parameter, Role, Sample, Theta
from pofx.models.parametric.rounded import ROUNDED

MEAN = Parameter("mean", Role.SHAPE, lambda floor: (floor, math.inf))  # half a count in all
PROBABILITY = Parameter("probability", Role.SHARE)
TRIALS = Parameter("trials", Role.KNOWN)


def _poisson(k: Tensor, mean: Tensor) -> Tensor:
    return k * torch.log(mean) - mean - torch.lgamma(k + 1)


def _negative_binomial(k: Tensor, mean: Tensor, size: Tensor) -> Tensor:
    """`size` is the shape of the gamma law that the Poisson mean follows; the variance is mean + mean^2 / size."""
    choose = torch.lgamma(k + size) - torch.lgamma(size) - torch.lgamma(k + 1)
    return choose - size * torch.log1p(mean / size) + k * (torch.log(mean) - torch.log(size + mean))


def _geometric(k: Tensor, probability: Tensor) -> Tensor:
    return torch.log(probability) + k * torch.log1p(-probability)


def _binomial(k: Tensor, probability: Tensor, trials: Tensor) -> Tensor:
    choose = torch.lgamma(trials + 1) - torch.lgamma(k + 1) - torch.lgamma(trials - k + 1)
    return choose + k * torch.log(probability) + (trials - k) * torch.log1p(-probability)


def _beta_binomial(k: Tensor, a: Tensor, b: Tensor, trials: Tensor) -> Tensor:
    choose = torch.lgamma(trials + 1) - torch.lgamma(k + 1) - torch.lgamma(trials - k + 1)
    return choose + _log_beta(k + a, trials - k + b) - _log_beta(a, b)


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def _uniform(k: Tensor, trials: Tensor) -> Tensor:
    return -torch.log(trials + 1) + torch.zeros_like(k)


def _log_series(k: Tensor, probability: Tensor) -> Tensor:
    return (k + 1) * torch.log(probability) - torch.log(k + 1) - torch.log(-torch.log1p(-probability))


def _zipf(k: Tensor, shape: Tensor) -> Tensor:
    """The zeta law of k + 1 with exponent 1 + shape."""
    return -(1 + shape) * torch.log(k + 1) - torch.log(_zeta(1 + shape))


def _zeta(s: Tensor) -> Tensor:
    """Riemann's zeta by Euler and Maclaurin, for s > 1; differentiable, as torch's own is not in s."""
    n = 20.0
    head = torch.exp(-s * torch.log(torch.arange(1.0, n, dtype=torch.float64))).sum()
    log_n = math.log(n)
    tail = torch.exp((1 - s) * log_n) / (s - 1) + 0.5 * torch.exp(-s * log_n)
    correction = s * torch.exp(-(s + 1) * log_n) / 12
    correction = correction - s * (s + 1) * (s + 2) * torch.exp(-(s + 3) * log_n) / 720
    rest = s * (s + 1) * (s + 2) * (s + 3) * (s + 4) * torch.exp(-(s + 5) * log_n) / 30240
    return head + tail + correction + rest


def _inflated_poisson(k: Tensor, mean: Tensor, zero: Tensor) -> Tensor:
    counted = torch.log1p(-zero) + _poisson(k, mean)
    return torch.where(k == 0, torch.logaddexp(torch.log(zero), torch.log1p(-zero) - mean), counted)


def _mean(s: Sample) -> float:
    """The mean; of nothing but zeros half a count in all, so that a one to come has a probability."""
    return max(s.mean(), s.floor)


def _negative_binomial_start(s: Sample) -> Theta:
    mean = _mean(s)
    return mean, mean**2 / max(s.sd() ** 2 - mean, mean**2 / 1e3)


def _beta_binomial_start(s: Sample) -> Theta:
    share = min(max(s.mean() / s.high, 0.5 / s.n), 1 - 0.5 / s.n)
    variance = max(s.sd() ** 2 / s.high**2, 1e-9)
    total = min(max(share * (1 - share) / variance - 1, 0.5), 100.0)
    return share * total, (1 - share) * total, s.high


def _binomial_fit(s: Sample) -> Theta:
    half = 0.5 / (s.n * s.high)
    return min(max(s.mean() / s.high, half), 1 - half), s.high


def _inflated_start(s: Sample) -> Theta:
    zeros = float(s.w[s.x == 0].sum()) / s.n
    share = min(max(zeros - math.exp(-_mean(s)), 0.05), 0.95)
    return _mean(s) / (1 - share), share


@dataclass(frozen=True)
class _InflatedPoisson:
    """Zero with probability `zero`, else a Poisson count; in SciPy's manner."""

    mean: float
    zero: float

    def cdf(self, x: Any) -> Any:
        return np.where(np.asarray(x) < 0, 0.0, self.zero + (1 - self.zero) * stats.poisson.cdf(x, self.mean))

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any:
        return random_state.poisson(self.mean, size) * (random_state.random(size) >= self.zero)


_COUNTED = (  # columns with a lowest value and no highest
    Family(
        "poisson",
        Frame.COUNT,
        (MEAN,),
        _poisson,
        lambda mean: stats.poisson(mean),
        lambda s: (_mean(s),),
        closed=True,
    ),
    Family(
        "negative_binomial",
        Frame.COUNT,
        (MEAN, Parameter("size", Role.SHAPE, lambda floor: (1e-6, 1e7))),
        _negative_binomial,
        lambda mean, size: stats.nbinom(size, size / (size + mean)),
        _negative_binomial_start,
    ),
    Family(
        "geometric",
        Frame.COUNT,
        (PROBABILITY,),
        _geometric,
        lambda probability: stats.geom(probability, loc=-1),
        lambda s: (1 / (1 + _mean(s)),),
        closed=True,
    ),
    Family(
        "logarithmic",
        Frame.COUNT,
        (PROBABILITY,),
        _log_series,
        lambda probability: stats.logser(probability, loc=-1),
        lambda s: (1 - 1 / (1 + 2 * _mean(s)),),
    ),
    Family(
        "zipf",
        Frame.COUNT,
        (Parameter("shape", Role.SHAPE, lambda floor: (0.01, 100.0)),),
        _zipf,
        lambda shape: stats.zipf(1 + shape, loc=-1),
        lambda s: (1.0,),
    ),
    Family(
        "zero_inflated_poisson",
        Frame.COUNT,
        (MEAN, Parameter("zero", Role.SHARE, lambda floor: (1e-6, 1 - 1e-6))),
        _inflated_poisson,
        _InflatedPoisson,
        _inflated_start,
    ),
)

_LIMITED = (  # columns with a lowest and a highest value
    Family(
        "binomial",
        Frame.COUNT,
        (PROBABILITY, TRIALS),
        _binomial,
        lambda probability, trials: stats.binom(int(trials), probability),
        _binomial_fit,
        closed=True,
    ),
    Family(
        "beta_binomial",
        Frame.COUNT,
        (Parameter("a", Role.SHAPE), Parameter("b", Role.SHAPE), TRIALS),
        _beta_binomial,
        lambda a, b, trials: stats.betabinom(int(trials), a, b),
        _beta_binomial_start,
    ),
    Family(
        "uniform",
        Frame.COUNT,
        (TRIALS,),
        _uniform,
        lambda trials: stats.randint(0, int(trials) + 1),
        lambda s: (s.high,),
        closed=True,
    ),
)

UNBOUNDED, BOUNDED = (
    tuple(replace(family, domain=lambda k, *theta: k >= 0) for family in group) for group in (_COUNTED, _LIMITED)
)
COUNT = (*UNBOUNDED, *BOUNDED, *ROUNDED)

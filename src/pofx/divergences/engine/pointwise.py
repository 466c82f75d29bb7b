"""What each divergence integrates: f(p, q) / m at a point, from log-densities, with m the even mixture of both.

Every one is the final map of an integral of f(p, q), and f / m is finite wherever it can be, so that one table serves
sums, quadrature and draws from the mixture. 0 log 0 is 0; p > 0 where q = 0 is infinite for what divides by q.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LOG_2 = math.log(2)


@dataclass(frozen=True)
class Functional:
    """A divergence as `final(integral of f)`.

    Args:
        name: for people and files, `KL`.
        over_m: `(log_p, log_q, log_m) [n] -> f / m [n]`.
        symmetric: whether P and Q may be exchanged.
        units: `nats`, or nothing.
        final: the map from the integral to the divergence.
        slope: its derivative, for standard errors.
        ceiling: the largest possible integral.
    """

    name: str
    over_m: Callable[[Tensor, Tensor, Tensor], Tensor]
    symmetric: bool = False
    units: str = ""
    final: Callable[[float], float] = lambda value: value
    slope: Callable[[float], float] = lambda value: 1.0
    ceiling: float = math.inf

    def at(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
        """log m and f / m, `[n]` each; where neither has density, -inf and 0."""
        log_m = torch.logaddexp(log_p, log_q) - LOG_2
        nowhere = log_m == -torch.inf
        safe = [torch.where(nowhere, torch.zeros_like(v), v) for v in (log_p, log_q, log_m)]
        return log_m, torch.where(nowhere, torch.zeros_like(log_m), self.over_m(*safe))


def _kl(log_p: Tensor, log_q: Tensor, log_m: Tensor) -> Tensor:
    share = torch.exp(log_p - log_m)
    return torch.where(log_p == -torch.inf, torch.zeros_like(share), share * (log_p - log_q))


def _js(log_p: Tensor, log_q: Tensor, log_m: Tensor) -> Tensor:
    a, b = torch.exp(log_p - log_m), torch.exp(log_q - log_m)
    return 0.5 * (torch.xlogy(a, a) + torch.xlogy(b, b))


def _tv(log_p: Tensor, log_q: Tensor, log_m: Tensor) -> Tensor:
    return 0.5 * (torch.exp(log_p - log_m) - torch.exp(log_q - log_m)).abs()


def _hellinger(log_p: Tensor, log_q: Tensor, log_m: Tensor) -> Tensor:
    return 0.5 * (torch.exp(0.5 * (log_p - log_m)) - torch.exp(0.5 * (log_q - log_m))).square()


def _chi2(log_p: Tensor, log_q: Tensor, log_m: Tensor) -> Tensor:
    a, b = torch.exp(log_p - log_m), torch.exp(log_q - log_m)
    return torch.where(a == 0, b, torch.exp(2 * log_p - log_q - log_m) - 2 * a + b)


def _power(order: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """p^a q^(1-a) / m."""

    def power(log_p: Tensor, log_q: Tensor, log_m: Tensor) -> Tensor:
        gone_p, gone_q = log_p == -torch.inf, log_q == -torch.inf
        value = torch.exp(order * log_p + (1 - order) * log_q - log_m)
        value = torch.where(gone_p, torch.full_like(value, 0.0 if order > 0 else math.inf), value)
        return torch.where(gone_q, torch.full_like(value, 0.0 if order < 1 else math.inf), value)

    return power


KL = Functional("KL", _kl, units="nats")
JENSEN_SHANNON = Functional("JS", _js, symmetric=True, units="nats", ceiling=LOG_2)
TOTAL_VARIATION = Functional("TV", _tv, symmetric=True, ceiling=1.0)
SQUARED_HELLINGER = Functional("squared Hellinger", _hellinger, symmetric=True, ceiling=1.0)
HELLINGER = Functional(
    "Hellinger",
    _hellinger,
    symmetric=True,
    final=lambda value: math.sqrt(max(value, 0.0)),
    slope=lambda value: 0.5 / math.sqrt(value) if value > 0 else math.inf,
    ceiling=1.0,
)
CHI_SQUARE = Functional("chi-square", _chi2)


def renyi(order: float) -> Functional:
    """log of the integral of p^a q^(1-a), over a - 1."""
    return Functional(
        f"Renyi of order {order:g}",
        _power(order),
        symmetric=order == 0.5,
        units="nats",
        final=lambda value: (math.log(value) if value > 0 else -math.inf) / (order - 1),
        slope=lambda value: 1 / (value * (order - 1)) if value > 0 else math.inf,
        ceiling=1.0 if order < 1 else math.inf,
    )


def alpha(order: float) -> Functional:
    """(the integral of p^a q^(1-a), less one), over a (a - 1)."""
    return Functional(
        f"alpha of order {order:g}",
        _power(order),
        symmetric=order == 0.5,
        final=lambda value: (value - 1) / (order * (order - 1)),
        slope=lambda value: 1 / (order * (order - 1)),
        ceiling=1.0 if 0 < order < 1 else math.inf,
    )

"""Real numbers and angles: Gaussian with a learned spread above a floor, von Mises.

The floor of a rounded column is half its resolution: below that a Gaussian would be a spike on ties, whose density
grows without limit while nothing is learnt. Von Mises: Mardia and Jupp, Directional Statistics (2000), section 3.5.4.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pofx.heads.base import Head, mean_and_deviation
from pofx.rng import numpy_generator

WIDEST = 20.0  # the largest log of a spread
SHARPEST = 1e4  # concentration of a von Mises, approached and never reached


class Gaussian(Head):
    """Normal with mean and spread `floor + exp(s)`.

    Args:
        floor: the smallest standard deviation of each column, `[columns]`.
    """

    floor: Tensor

    def __init__(self, floor: Tensor) -> None:
        super().__init__(len(floor), 2)
        self.register_buffer("floor", floor)

    def _spread(self, s: Tensor) -> Tensor:
        spread: Tensor = self.floor.to(s.dtype) + torch.exp(s.clamp(max=WIDEST))
        return spread

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        spread = self._spread(parameters[1])
        scaled = (x - parameters[0]) / spread
        score: Tensor = -0.5 * scaled.square() - torch.log(spread) - 0.5 * math.log(2 * math.pi)
        return score

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        mean, s = self.split(parameters.double())
        noise = torch.randn(mean.shape, generator=generator, device=generator.device, dtype=torch.float64)
        drawn: Tensor = mean + self._spread(s) * noise.to(mean.device)
        return drawn

    def middle(self, parameters: Tensor) -> Tensor:
        return self.split(parameters)[0].double().clone()

    def initial(self, x: Tensor) -> Tensor:
        mean, deviation = mean_and_deviation(x.double())
        return torch.cat([mean, torch.log((deviation - self.floor).clamp(min=1e-3))])


class VonMises(Head):
    """Angles, from the natural parameters a and b of `exp(a cos t + b sin t)`, `t = 2 pi (x - origin) / period`.

    Args:
        period, origin: of each circle, `[columns]`.
    """

    period: Tensor
    origin: Tensor

    def __init__(self, period: Tensor, origin: Tensor) -> None:
        super().__init__(len(period), 2)
        self.register_buffer("period", period)
        self.register_buffer("origin", origin)

    def angle(self, x: Tensor) -> Tensor:
        """In radians from the origin."""
        return (x - self.origin.to(x.dtype)) * (2 * math.pi / self.period.to(x.dtype))

    def _natural(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """a, b and the concentration, which stays below `SHARPEST`."""
        raw = torch.sqrt(parameters.square().sum(0) + 1e-12)
        tamed = 1 / (1 + raw / SHARPEST)
        return parameters[0] * tamed, parameters[1] * tamed, raw * tamed

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        a, b, concentration = self._natural(parameters)
        t = self.angle(x)
        peak = torch.log(torch.special.i0e(concentration)) + torch.log(self.period.to(t.dtype))
        return a * torch.cos(t) + b * torch.sin(t) - concentration - peak

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        a, b, concentration = self._natural(self.split(parameters.double()))
        seed = torch.randint(0, 1 << 62, (1,), generator=generator, device=generator.device)
        source = numpy_generator(int(seed))
        turned = source.vonmises(np.asarray(torch.atan2(b, a).cpu()), np.asarray(concentration.cpu()))
        return self._wrapped(torch.as_tensor(turned, dtype=torch.float64, device=a.device))

    def middle(self, parameters: Tensor) -> Tensor:
        a, b = self.split(parameters.double())
        return self._wrapped(torch.atan2(b, a))

    def _wrapped(self, t: Tensor) -> Tensor:
        turn = torch.remainder(t / (2 * math.pi), 1.0)
        return self.origin + self.period * torch.where(turn < 1, turn, 0.0)

    def initial(self, x: Tensor) -> Tensor:
        t = self.angle(x.double())
        there = (~torch.isnan(t)).sum(0).clamp(min=1)
        a, b = (torch.nan_to_num(f(t)).sum(0) / there for f in (torch.cos, torch.sin))
        r = torch.sqrt(a.square() + b.square()).clamp(1e-6, 0.99)
        concentration = r * (2 - r.square()) / (1 - r.square())  # Banerjee et al. 2005, equation 4.4 for a circle
        return torch.cat([a * concentration / r, b * concentration / r])

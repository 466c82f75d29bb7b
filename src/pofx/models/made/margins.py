"""Each column of numbers by itself, as a mixture of Gaussians: where the network begins, and its inputs' scale.

EM (Dempster et al. 1977) on all columns at once, from quantiles, with a smallest spread that falls with the number of
rows, as the bandwidth of a kernel estimate does (Silverman 1986), so that few rows are not learnt by heart. A number is
shown to the network as the normal number of the same rank, which tames long tails. Cost: O(n d components) a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.special import ndtr, ndtri

STEPS = 40
PSEUDO = 0.5  # rows that each component has beside its own, at its first place
NARROWEST = 0.02  # of the bandwidth: the smallest spread that training may reach
FURTHEST = 1e-5  # ranks closer to 0 or 1 look the same


@dataclass(frozen=True)
class Margins:
    """Mixtures of columns.

    Args:
        share, centre, scale: log share, mean and spread of each component, `[components, r]`.
        floor: the smallest spread that training may reach, `[r]`.
    """

    share: Tensor
    centre: Tensor
    scale: Tensor
    floor: Tensor

    def normal(self, x: Tensor) -> Tensor:
        """The normal number of the same rank, `[n, r]`; NaN stays."""
        share, centre, scale = (part.to(x.dtype) for part in (self.share, self.centre, self.scale))
        rank = (share.exp() * ndtr((x[:, None] - centre) / scale)).sum(1)
        number: Tensor = ndtri(rank.clamp(FURTHEST, 1 - FURTHEST))
        return number

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each column, `[r]` each."""
        share = self.share.exp()
        mean = (share * self.centre).sum(0)
        return mean, (share * (self.scale.square() + (self.centre - mean).square())).sum(0).sqrt()


def fit_margins(x: Tensor, weights: Tensor, resolution: Tensor, components: int) -> Margins:
    """Mixtures of each column of `x` `[n, r]`, over the values that there are.

    Args:
        x: NaN where there is no value.
        weights: of the rows, `[n]`.
        resolution: of each column, 0 where it is not rounded, `[r]`.
        components: of each mixture.
    """
    there = ~torch.isnan(x)
    known, mass = torch.nan_to_num(x), weights[:, None] * there  # [n, r]
    count = mass.sum(0).clamp(min=1e-9)
    width = _bandwidth(x, mass, count)
    least = torch.maximum(width, resolution)
    floor = torch.maximum(NARROWEST * width, resolution / 2)
    centre = torch.stack([_quantile(x, (k + 0.5) / components) for k in range(components)])  # [components, r]
    scale = (torch.diff(centre, dim=0).abs().mean(0) if components > 1 else width).clamp(min=least).expand_as(centre)
    share = torch.full_like(centre, -math.log(components))
    first = centre
    for _ in range(STEPS):
        z = (known[:, None] - centre) / scale
        held = torch.softmax(share - scale.log() - 0.5 * z.square(), 1) * mass[:, None]  # [n, components, r]
        own = held.sum(0) + PSEUDO
        share = torch.log(own / (count + PSEUDO * components))
        centre = ((held * known[:, None]).sum(0) + PSEUDO * first) / own
        square = (held * (known[:, None] - centre).square()).sum(0) + PSEUDO * scale.square()
        scale = torch.maximum((square / own).sqrt(), least)
    return Margins(*(part.float().double() for part in (share, centre, scale, floor)))  # networks train in single


def _bandwidth(x: Tensor, mass: Tensor, count: Tensor) -> Tensor:
    """Silverman's rule, from the quartiles where they lie closer than the deviation says."""
    mean = (mass * torch.nan_to_num(x)).sum(0) / count
    deviation = ((mass * torch.nan_to_num(x - mean).square()).sum(0) / count).sqrt()
    quartiles = (_quantile(x, 0.75) - _quantile(x, 0.25)) / 1.349
    spread = torch.where(quartiles > 0.01 * deviation, torch.minimum(quartiles, deviation), 0.1 * deviation)
    return (0.9 * spread * count.clamp(min=1).pow(-0.2)).clamp(min=1e-6)


def _quantile(x: Tensor, level: float) -> Tensor:
    """Of each column, over the values that there are; 0 where there is none."""
    ordered = x.sort(0).values  # NaN goes last
    place = ((~torch.isnan(x)).sum(0) - 1).clamp(min=0) * level
    below = ordered.gather(0, place.floor().long()[None])[0]
    above = ordered.gather(0, place.ceil().long()[None])[0]
    return torch.nan_to_num(below + (above - below) * (place - place.floor()))

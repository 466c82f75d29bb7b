"""Conditional histograms: the piecewise-linear distribution function of a pixel, its bins weighed by a network.

Piecewise-linear couplings (Mueller et al. 2019, Neural importance sampling) with the knots where a pixel's own are. The
density is constant in the cell of a level, so a uniformly dequantised pixel loses nothing to the noise that fills its
cell. A millionth of the counted law is mixed in, so that no pixel is impossible and the map can be inverted. Cost
O(bins) a pixel.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.models.flow.pictures.margin import Margin

COUNTED = 1e-6  # weight of the counted law
NEAREST = 2.0**-53  # how near to 0, and twice that to 1, uniform numbers come
INSIDE = 1 - 2.0**-40  # the last place in a bin


def log_density(logits: Tensor, margin: Margin, group: Tensor) -> Tensor:
    """Log density of pixels in those groups of levels, float64; `[n, C, K, ...]`, `[n, C, ...] -> [n, C, ...]`."""
    chosen = margin.of(margin.bin_of, group)
    said = torch.log_softmax(logits, 2).gather(2, chosen[:, :, None])[:, :, 0].double()
    weight = torch.logaddexp(said + math.log1p(-COUNTED), _counted(margin, chosen).log() + math.log(COUNTED))
    return weight + margin.of(margin.share, group) + math.log(margin.groups)


def to_uniform(logits: Tensor, margin: Margin, z: Tensor) -> Tensor:
    """The distribution function of each pixel, `[n, C, H, W]`."""
    y, chosen = margin.up(z)[0], margin.of(margin.bin_of, margin.group(z))
    weights = _weights(logits, margin)
    weight, below = _pick(weights, chosen), _pick(torch.cumsum(weights, 2) - weights, chosen)
    low, width = margin.of(margin.edges, chosen), _counted(margin, chosen)
    return below + weight * ((y - low) / width).clamp(0.0, 1.0)


def of_uniform(logits: Tensor, margin: Margin, u: Tensor) -> Tensor:
    """The pixels at which the distribution functions are u, `[n, C, H, W]`."""
    weights = _weights(logits, margin)
    upto = torch.cumsum(weights, 2)
    chosen = (u[:, :, None] >= upto).sum(2).clamp_max(weights.shape[2] - 1)
    weight, below = _pick(weights, chosen), _pick(upto - weights, chosen)
    part = ((u - below) / weight).clamp(0.0, INSIDE)
    return margin.down(margin.of(margin.edges, chosen) + part * _counted(margin, chosen))


def normal(u: Tensor) -> Tensor:
    """Standard normal numbers of uniform ones, all finite."""
    noise: Tensor = torch.special.ndtri(u.clamp(NEAREST, 1 - 2 * NEAREST))
    return noise


def uniform(noise: Tensor) -> Tensor:
    """Uniform numbers of standard normal ones, none of them 0 or 1."""
    u: Tensor = torch.special.ndtr(noise).clamp(NEAREST, 1 - 2 * NEAREST)
    return u


def _weights(logits: Tensor, margin: Margin) -> Tensor:
    counted = torch.diff(margin.edges, dim=1)[:, :, None, None]  # [C, K, 1, 1]
    return (1 - COUNTED) * torch.softmax(logits.double(), 2) + COUNTED * counted


def _counted(margin: Margin, chosen: Tensor) -> Tensor:
    """The probability of bins by the counted law alone."""
    return margin.of(torch.diff(margin.edges, dim=1), chosen)


def _pick(table: Tensor, chosen: Tensor) -> Tensor:
    """Of `[n, C, K, H, W]` the entries of the chosen bins."""
    return table.gather(2, chosen[:, :, None])[:, :, 0]

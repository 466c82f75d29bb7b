"""The first map of a flow: each column to robust units, with far values brought near; exact, monotone, twice smooth.

Within `LINEAR` robust standard deviations of the median it is the line `y = (x - shift) / scale`; beyond, the distance
grows as its inverse hyperbolic sine. So one far row cannot squeeze the others into a corner, splines meet only numbers
of ordinary size, and a tail that is normal in y is log-normal in x: heavy enough for any table, and a proper density.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LINEAR = 3.0  # robust standard deviations up to which the map is a line
FARTHEST = 300.0  # of y: sinh of it is still a number, whatever the scale
CENTRAL = 0.8  # the share of rows whose range gives the scale
NORMAL_RANGE = 2 * 1.2815515655446004  # the range of that share of a standard normal law


class Margins(nn.Module):
    """Shift, scale and a shorter reach for each of `width` columns."""

    shift: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(width, dtype=torch.float64))

    def set(self, x: Tensor, weights: Tensor, floor: Tensor) -> None:
        """Medians and central ranges of rows `[n, d]` with weights `[n]`; no scale goes under `floor` `[d]`."""
        for j in range(x.shape[1]):
            known = ~torch.isnan(x[:, j])
            if not bool(known.any()):
                continue
            low, middle, high = _quantiles(x[known, j], weights[known]).tolist()
            spread = (high - low) / NORMAL_RANGE
            self.shift[j] = middle
            self.scale[j] = max(spread if spread > 0 else 1.0, float(floor[j]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`y` and log dy/dx of each value, both `[n, d]`."""
        u = (x - self.shift) / self.scale
        beyond = (u.abs() - LINEAR).clamp_min(0.0)
        y = torch.where(beyond > 0, u.sign() * (LINEAR + torch.asinh(beyond)), u)
        return y, -torch.log(torch.hypot(beyond, torch.ones_like(beyond))) - torch.log(self.scale)

    def inverse(self, y: Tensor) -> Tensor:
        """`x` of each value, `[n, d]`."""
        beyond = (y.abs() - LINEAR).clamp(0.0, FARTHEST)
        u = torch.where(beyond > 0, y.sign() * (LINEAR + torch.sinh(beyond)), y)
        return self.shift + self.scale * u


def _quantiles(x: Tensor, weights: Tensor) -> Tensor:
    """The ends and the middle of the central part of weighted values, between neighbouring values by a line, `[3]`."""
    order = torch.argsort(x)
    x, w = x[order], weights[order]
    place = (torch.cumsum(w, 0) - 0.5 * w) / w.sum()  # the quantile that each value is, [n]
    at = torch.tensor([0.5 - CENTRAL / 2, 0.5, 0.5 + CENTRAL / 2], dtype=torch.float64)
    right = torch.searchsorted(place, at).clamp(1, max(len(x) - 1, 1)).clamp_max(len(x) - 1)
    left = (right - 1).clamp_min(0)
    share = ((at - place[left]) / (place[right] - place[left]).clamp_min(math.ulp(1.0))).clamp(0.0, 1.0)
    found: Tensor = x[left] + share * (x[right] - x[left])
    return found

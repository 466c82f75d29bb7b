"""Inverting a closed-form distribution function on the line, to the last bits of u and far into both tails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.core.batching import in_blocks
from pofx.core.tabulate import LogDensity


@dataclass(frozen=True, eq=False)
class ClosedLine:
    """A closed form on the line. `start` are sorted points where its mass is."""

    closed: Callable[[Tensor], Tensor]
    score: LogDensity
    ends: tuple[float, float]
    start: Tensor

    def cdf(self, x: Tensor) -> Tensor:
        low, high = self.ends
        inside = (x > low) & (x < high)
        value = torch.where(x >= high, torch.ones_like(x), torch.zeros_like(x))
        value[inside] = in_blocks(lambda block, _: self.closed(block), x[inside].detach(), None)
        return torch.where(torch.isnan(x), x, value.clamp(0.0, 1.0))

    def ppf(self, u: Tensor) -> Tensor:
        x = torch.zeros_like(u)
        inside = (u > 0) & (u < 1)
        x[inside] = self._search(u[inside])
        return with_ends(x, u, self.ends)

    def _search(self, u: Tensor) -> Tensor:
        low, high, x = self._bracket(u)
        open_ = torch.arange(len(u))
        for sweep in range(260):  # every fourth step halves the doubles between the ends: 64 such are enough
            at, wanted = x[open_], u[open_]
            value = self.cdf(at)
            under = value < wanted
            low[open_] = torch.where(under, at, low[open_])
            high[open_] = torch.where(under, high[open_], at)
            slope = torch.exp(self.score(at))
            near = (value - wanted).abs() <= 2e-16 * (wanted > 0.5) + 1e-13 * torch.minimum(wanted, 1 - wanted)
            near &= slope > 0  # in a gap of the density the search goes on, to its end
            middle = _middle(low[open_], high[open_])
            closed = (middle == low[open_]) | (middle == high[open_])
            x[open_] = torch.where(near, at, torch.where(closed, high[open_], middle))
            busy = ~(near | closed)
            if not bool(busy.any()):
                break
            open_ = open_[busy]
            if sweep % 4 != 3:
                step = _newton(at[busy], value[busy], wanted[busy], slope[busy])
                good = (step > low[open_]) & (step < high[open_])
                x[open_] = torch.where(good, step, x[open_])
        return x

    def _bracket(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two points with the quantile between, and where to begin."""
        levels = torch.cummax(self.cdf(self.start), 0).values
        k = torch.searchsorted(levels, u.contiguous())
        huge = torch.finfo(torch.float64).max
        low = torch.cat([self.start.new_tensor([max(self.ends[0], -huge)]), self.start])[k]
        high = torch.cat([self.start, self.start.new_tensor([min(self.ends[1], huge)])])[k]
        begin = self.start[k.clamp(max=len(self.start) - 1)].clone()
        return low, high, begin


def _newton(x: Tensor, value: Tensor, wanted: Tensor, slope: Tensor) -> Tensor:
    """One Newton step on log F where wanted is under a half, on log(1 - F) elsewhere: straighter in the tails."""
    left = (torch.log(wanted) - torch.log(value)) * value / slope
    right = (torch.log1p(-value) - torch.log1p(-wanted)) * (1 - value) / slope
    return x + torch.where(wanted <= 0.5, left, right)


def _middle(a: Tensor, b: Tensor) -> Tensor:
    """The double half-way between two doubles, counted in doubles: halves any range in 64 steps."""
    i, j = _rank(a), _rank(b)
    return _unrank((i & j) + ((i ^ j) >> 1))


_LEAST = torch.iinfo(torch.int64).min


def _rank(x: Tensor) -> Tensor:
    bits = x.contiguous().view(torch.int64)
    return torch.where(bits < 0, _LEAST - bits, bits)


def _unrank(rank: Tensor) -> Tensor:
    return torch.where(rank < 0, _LEAST - rank, rank).view(torch.float64)


def with_ends(x: Tensor, u: Tensor, ends: tuple[float, float]) -> Tensor:
    """x, but the ends of the space at levels 0 and 1."""
    x = torch.where(u <= 0, torch.full_like(x, ends[0]), x)
    return torch.where(u >= 1, torch.full_like(x, ends[1]), x)

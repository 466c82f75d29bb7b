"""The law of single pixels, counted: a monotone piecewise-linear map of the unit interval that makes them uniform.

Each channel has its own. Knots lie on the edges of levels (of groups of levels above 12 bits), so that the map is exact
for uniformly dequantised pixels, and free: nothing is trained. On top of it lie `bins`: runs of levels of about equal
probability, the edges of the conditional histograms that the flows are made of; a level with much probability, such as
the background of a digit, has a bin to itself. Inside a bin the counted law holds.

Limits: levels that were never met share half a count each, at most one for the square root of all pixels together.
Cost O(pixels) to count, O(log levels) a pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUPS = 4096  # knots a channel at most
BLOCK = 4_000_000  # pixels counted at once
EVEN = 0.1  # part of the weight of a bin that goes by its width and not by its probability


class Margin(nn.Module):
    """For each channel a map of [0, 1] to itself.

    Args:
        channels: of a picture.
        levels: of a pixel.
        bins: how many; fewer where there are fewer levels.
    """

    mass: Tensor
    ends: Tensor
    bin_of: Tensor
    share: Tensor
    edges: Tensor

    def __init__(self, channels: int, levels: int, bins: int) -> None:
        super().__init__()
        self.groups, self.levels = min(levels, GROUPS), levels
        self.bins = min(bins, self.groups)
        shape = (channels, self.groups)
        self.register_buffer("mass", torch.full(shape, 1.0 / self.groups, dtype=torch.float64))
        self.register_buffer("ends", torch.zeros(channels, self.groups + 1, dtype=torch.float64))
        self.register_buffer("bin_of", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("share", torch.zeros(shape, dtype=torch.float64))  # log probability inside the bin
        self.register_buffer("edges", torch.zeros(channels, self.bins + 1, dtype=torch.float64))
        self._derive()

    def count(self, x: Tensor, weights: Tensor | None) -> None:
        """Take the law from whole numbers `[n, C, H, W]`, with weights `[n]`."""
        found = torch.zeros_like(self.mass)
        rows = max(1, BLOCK // max(x[0].numel(), 1))
        for i in range(0, len(x), rows):
            group = self.group_of_level(x[i : i + rows])
            one = weights[i : i + rows] if weights is not None else torch.ones(len(group), dtype=torch.float64)
            for c in range(len(found)):
                each = one[:, None].expand(-1, group[0, 0].numel()).flatten()
                found[c] += torch.bincount(group[:, c].flatten(), each, minlength=self.groups)
        total = found.sum(1, keepdim=True)
        found += (total.clamp_min(1.0).sqrt() / self.groups).clamp_max(0.5)
        self.mass.copy_(found / found.sum(1, keepdim=True))
        self._derive()

    def group_of_level(self, x: Tensor) -> Tensor:
        """Of whole numbers."""
        return x.long() * self.groups // self.levels

    def group(self, z: Tensor) -> Tensor:
        """Of numbers in [0, 1]."""
        return (z * self.groups).long().clamp(0, self.groups - 1)

    def of(self, table: Tensor, index: Tensor) -> Tensor:
        """Entries of `[C, k]` at `[n, C, H, W]`."""
        first = torch.arange(len(table), device=index.device)[:, None, None] * table.shape[1]
        return table.reshape(-1)[index + first]

    def up(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z to uniform y, and log dy/dz; all `[n, C, H, W]`."""
        k = self.group(z)
        mass = self.of(self.mass, k)
        return self.of(self.ends, k) + mass * (z * self.groups - k), torch.log(mass * self.groups)

    def down(self, y: Tensor) -> Tensor:
        """z of y."""
        k = _place(self.ends, y)
        part = ((y - self.of(self.ends, k)) / self.of(self.mass, k)).clamp(0.0, 1 - 2.0**-40)
        return (k + part) / self.groups

    def _derive(self) -> None:
        """What follows from the masses."""
        self.ends[:, 1:] = torch.cumsum(self.mass, 1)
        self.ends[:, -1] = 1.0
        for c in range(len(self.mass)):
            firsts = _runs((1 - EVEN) * self.mass[c] + EVEN / self.groups, self.bins)
            self.bin_of[c] = torch.repeat_interleave(torch.arange(self.bins), torch.diff(torch.tensor(firsts)))
            self.edges[c] = self.ends[c, firsts]
        self.share.copy_(torch.log(self.mass / torch.diff(self.edges, dim=1).gather(1, self.bin_of)))


def _place(ends: Tensor, y: Tensor) -> Tensor:
    """In which of the intervals between `ends` `[C, k + 1]` each y `[n, C, H, W]` lies."""
    flat = y.transpose(0, 1).flatten(1).contiguous()  # [C, n H W]
    k = torch.searchsorted(ends, flat, right=True).sub_(1).clamp_(0, ends.shape[1] - 2)
    return k.reshape(y.transpose(0, 1).shape).transpose(0, 1)


def _runs(weight: Tensor, count: int) -> list[int]:
    """Where each of `count` runs of about equal weight begins, and the end of the last."""
    values, firsts, got, left = weight.tolist(), [0], 0.0, float(weight.sum())
    for k, value in enumerate(values):
        missing = count - len(firsts)  # runs that have not begun
        full = got + value / 2 > left / (missing + 1)
        if missing and k > firsts[-1] and (full or len(values) - k == missing):
            firsts.append(k)
            left, got = left - got, 0.0
        got += value
    return [*firsts, len(values)]

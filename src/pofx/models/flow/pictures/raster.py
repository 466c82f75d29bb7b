"""An autoregressive flow of pixels in reading order: each has a conditional histogram given all that come before.

`log p(z) = sum log p(z_i | z_1 .. z_(i-1))`, a triangular map to uniform noise (Papamakarios et al. 2017, Masked
autoregressive flow), the conditions seen by causal convolutions as in PixelCNN (van den Oord et al. 2016). One wide
kernel sees the neighbourhood, residual blocks of small kernels in few channels follow, and a running mean sees the
rest. It looks at levels, not at the noise in their cells, so the bound of a dequantised picture is tight: the model is
a PixelCNN that is also an invertible map. Channels of a pixel follow one another in their order.

Limits: drawing takes height x width small steps, one after another. Cost O(H W (hidden EACH window + depth hidden^2))
a picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pofx.models.flow.pictures.features import EACH, PLACES, features, log_counts, places, table_size
from pofx.models.flow.pictures.head import Head
from pofx.models.flow.pictures.histogram import log_density, normal, of_uniform, to_uniform, uniform
from pofx.models.flow.pictures.margin import Margin
from pofx.nets.causal import Causal, RunningMean

ABOVE, BESIDE = 6, 7  # the first kernel: rows above, columns to each side
NEAR = 2  # the kernels of the blocks: rows above and columns to each side
SUMS = 16  # running means


class Block(nn.Module):
    """`x + f(x)`, f a small kernel in half of the channels."""

    def __init__(self, channels: int, random: torch.Generator) -> None:
        super().__init__()
        half = max(channels // 2, 1)
        self.narrow = Causal(channels, half, 0, 0, random)
        self.look = Causal(half, half, NEAR, NEAR, random)
        self.widen = Causal(half, channels, 0, 0, random, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.widen(silu(self.look(silu(self.narrow(silu(x))))))
        return y


class Raster(nn.Module):
    """The flow.

    Args:
        margin: the law of single pixels.
        size: channels, height and width.
        hidden: channels of the network.
        depth: residual blocks.
        random: of the first weights.
    """

    start: Tensor
    where: Tensor

    def __init__(
        self, margin: Margin, size: tuple[int, int, int], hidden: int, depth: int, random: torch.Generator
    ) -> None:
        super().__init__()
        channels, height, width = size
        self.margin, self.size = margin, size
        above, beside = min(ABOVE, height - 1), min(BESIDE, width - 1)
        self.first = Causal(EACH * channels, hidden, above, beside, random, own=False)
        self.place = Causal(PLACES, hidden, 0, 0, random)
        self.mean = RunningMean(hidden, EACH * channels, SUMS, random)
        self.blocks = nn.ModuleList(Block(hidden, random) for _ in range(depth))
        self.heads = nn.ModuleList(Head(hidden, c, margin.bins, random) for c in range(channels))
        table = table_size(channels, margin.bins, height, width)
        self.register_buffer("start", torch.zeros(channels, margin.bins, *table))
        self.register_buffer("where", places(height, width), persistent=False)

    def settle(self, x: Tensor, weights: Tensor | None) -> None:
        """Begin at what was counted at each pixel."""
        table = (self.start.shape[2], self.start.shape[3])
        self.start.copy_(log_counts(self.margin, x, weights, table))

    def logits(self, group: Tensor) -> Tensor:
        """Weights of the bins given what comes before, `[n, C, K, H, W]`."""
        known = features(self.margin, group, self.start.dtype)
        h = self.mean(self.first(known) + self.place(self.where), known)
        for block in self.blocks:
            h = block(h)
        return torch.stack([head(h, known) for head in self.heads], 1) + self.start

    def log_prob(self, z: Tensor) -> Tensor:
        """Of pictures in the unit cube, float64 `[n]`."""
        group = self.margin.group(z)
        return log_density(self.logits(group), self.margin, group).flatten(1).sum(1)

    def to_noise(self, z: Tensor) -> Tensor:
        """The standard normal numbers behind pictures."""
        return normal(to_uniform(self.logits(self.margin.group(z)), self.margin, z))

    def from_noise(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures `[n, C, H, W]` and their log density, pixel by pixel, each computed once."""
        u = uniform(noise)
        z, score, walk = torch.zeros_like(u), u.new_zeros(len(u)), _Walk(self, len(u))
        for row in range(self.size[1]):
            for column in range(self.size[2]):
                here = (..., slice(row, row + 1), slice(column, column + 1))
                z[here], gain = walk.step(u[here], row, column)
                score += gain
        return z, score


class _Walk:
    """What has been computed of pictures that are being drawn."""

    def __init__(self, net: Raster, n: int) -> None:
        channels = net.size[0]
        self._net = net
        self._blocks = [block for block in net.blocks if isinstance(block, Block)]
        self._heads = [head for head in net.heads if isinstance(head, Head)]
        self._pixels = net.first.padded(net.start.new_zeros(n, EACH * channels, *net.size[1:]))
        width = self._blocks[0].look.weight.shape[1] if self._blocks else 0
        empty = net.start.new_zeros(n, width, *net.size[1:])
        self._seen = [block.look.padded(empty).clone() for block in self._blocks]
        self._before = net.start.new_zeros(n, SUMS)
        self._place = net.place(net.where)

    def step(self, u: Tensor, row: int, column: int) -> tuple[Tensor, Tensor]:
        """The pixel `[n, C, 1, 1]` at this place, and its log density."""
        net = self._net
        first = net.first.at(self._pixels, row, column) + self._place[0, :, row, column]
        h = self._hidden(first, row, column)
        start = net.start[:, :, min(row, net.start.shape[2] - 1), min(column, net.start.shape[3] - 1)]
        known = net.start.new_zeros(len(u), EACH * net.size[0], 1, 1)
        for _ in self._heads:  # with each turn one more channel is right
            logits = torch.stack([head(h, known) for head in self._heads], 1) + start[..., None, None]
            z = of_uniform(logits, net.margin, u)
            known = features(net.margin, net.margin.group(z), net.start.dtype)
        self._pixels[:, :, row + net.first.above, column + net.first.beside] = known[..., 0, 0]
        self._before += silu(net.mean.say.at(torch.cat([first[..., None, None], known], 1), 0, 0))
        return z, log_density(logits, net.margin, net.margin.group(z)).flatten(1).sum(1)

    def _hidden(self, first: Tensor, row: int, column: int) -> Tensor:
        net = self._net
        h = first + net.mean.take.at(self._before[..., None, None] * net.mean.scale(net.where), 0, 0)
        for block, seen in zip(self._blocks, self._seen, strict=True):
            look = block.look
            seen[:, :, row + look.above, column + look.beside] = silu(block.narrow.at(silu(h)[..., None, None], 0, 0))
            h = h + block.widen.at(silu(look.at(seen, row, column))[..., None, None], 0, 0)
        found: Tensor = h[..., None, None]
        return found

"""A multiscale flow of normalised layers, 1 x 1 convolutions and spline couplings, with factored-out halves.

Glow (Kingma & Dhariwal 2018) with the spline couplings of Durkan et al. (2019), on normal scores of the counted law of
single pixels. At each scale a squeeze where both sides are even (two by two pixels become four channels), then
couplings on a checkerboard where there is one channel, on halves of the mixed channels elsewhere, then half of the
channels leave. No padding: an odd side ends the squeezes.

Limits: a level with much probability is a plateau to which splines adapt slowly, so its bits are worse than those of
`pyramid` for the same time; both draw in a few passes. Cost O(H W depth hidden^2) a picture.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from pofx.models.flow.pictures.couplings import Coupling, Factor, Layer, Mix, Normalise, log_normal
from pofx.models.flow.pictures.margin import Margin
from pofx.rng import generator

BINS = 8  # pieces of each spline
SCALES = 3  # squeezes at most
NEAREST = 2.0**-50  # how near to 0 and 1 pixels come before they are stretched
FIRST = 256  # pictures that normalisation is set by


class Scale(nn.Module):
    """One scale: a squeeze or none, couplings, and what leaves.

    Args:
        size: channels, height and width that come in.
        last: whether all leaves.
        hidden, depth: of the networks; depth is also the number of couplings, twice.
        random: of the first weights.
    """

    def __init__(
        self, size: tuple[int, int, int], last: bool, hidden: int, depth: int, random: torch.Generator
    ) -> None:
        super().__init__()
        channels, height, width = size
        self.squeezes = even(size)
        if self.squeezes:
            channels, height, width = 4 * channels, height // 2, width // 2
        steps: list[Layer] = []
        for k in range(2 * depth):
            mask = _mask(channels, height, width, k)
            steps += [Normalise(channels), Mix(channels, random), Coupling(mask, hidden, 1, BINS, random)]
        self.steps = nn.ModuleList(steps)
        self.kept = 0 if last else channels // 2
        self.size = (channels, height, width)
        self.factor = Factor(self.kept, channels - self.kept, (height, width), hidden, random)

    @property
    def layers(self) -> list[Layer]:
        return [step for step in self.steps if isinstance(step, Layer)]

    def squeeze(self, x: Tensor) -> Tensor:
        return pixel_unshuffle(x, 2) if self.squeezes else x

    def unsqueeze(self, y: Tensor) -> Tensor:
        return pixel_shuffle(y, 2) if self.squeezes else y


class Multiscale(nn.Module):
    """The flow.

    Args:
        margin: the law of single pixels.
        size: channels, height and width.
        hidden: channels of the networks.
        depth: pairs of couplings at each scale.
        random: of the first weights.
    """

    def __init__(
        self, margin: Margin, size: tuple[int, int, int], hidden: int, depth: int, random: torch.Generator
    ) -> None:
        super().__init__()
        self.margin, self.scales = margin, nn.ModuleList()
        while True:
            last = not _goes_on(size, len(self.scales))
            scale = Scale(size, last, hidden, depth, random)
            self.scales.append(scale)
            if last:
                break
            size = (scale.kept, *scale.size[1:])

    def settle(self, x: Tensor, weights: Tensor | None) -> None:
        """Normalise the first pictures, dequantised once."""
        with torch.no_grad():
            noise = torch.rand(x[:FIRST].shape, generator=generator(0), dtype=torch.float64)
            y = self._stretch((x[:FIRST] + noise) / self.margin.levels)[0]
            for scale in self._scales:
                y = scale.squeeze(y)
                for layer in scale.layers:
                    if isinstance(layer, Normalise):
                        layer.settle(y)
                    y = layer(y)[0]
                y = y[:, : scale.kept]

    @property
    def _scales(self) -> list[Scale]:
        return [scale for scale in self.scales if isinstance(scale, Scale)]

    def log_prob(self, z: Tensor) -> Tensor:
        """Of pictures in the unit cube, float64 `[n]`."""
        noise, volume = self._down(z)
        return volume + sum((log_normal(part) for part in noise), torch.zeros_like(volume))

    def to_noise(self, z: Tensor) -> Tensor:
        """The standard normal numbers behind pictures, arranged like them."""
        noise = [part.double() for part in self._down(z)[0]]
        y = noise[-1][:, :0]
        for scale, part in zip(self._scales[::-1], noise[::-1], strict=True):
            y = scale.unsqueeze(torch.cat([y, part], 1))
        return y

    def from_noise(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures that normal numbers make, and their log density."""
        parts, y = list[Tensor](), noise
        for scale in self._scales:
            y = scale.squeeze(y)
            parts.append(y[:, scale.kept :])
            y = y[:, : scale.kept]
        for scale, part in zip(self._scales[::-1], parts[::-1], strict=True):
            y = torch.cat([y, scale.factor.inverse(y, part)], 1)
            for layer in scale.layers[::-1]:
                y = layer.inverse(y)
            y = scale.unsqueeze(y)
        z = self.margin.down(torch.special.ndtr(y.double()).clamp(NEAREST, 1 - NEAREST))
        return z, self.log_prob(z)

    def _stretch(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Normal scores by the counted law, and the log of their volume."""
        y, steep = self.margin.up(z)
        x = torch.special.ndtri(y.clamp(NEAREST, 1 - NEAREST))
        volume = (steep + 0.5 * (x.square() + math.log(2 * math.pi))).flatten(1).sum(1)
        kind = next(self.parameters()).dtype
        return x.to(kind), volume

    def _down(self, z: Tensor) -> tuple[list[Tensor], Tensor]:
        """Noise of each scale, and the log of the volume."""
        y, volume = self._stretch(z)
        noise = []
        for scale in self._scales:
            y = scale.squeeze(y)
            for layer in scale.layers:
                y, gain = layer(y)
                volume = volume + gain
            kept, left = y[:, : scale.kept], y[:, scale.kept :]
            part, gain = scale.factor(kept, left)
            noise.append(part)
            y, volume = kept, volume + gain
        return noise, volume


def even(size: tuple[int, int, int]) -> bool:
    """Whether two by two pixels can become four channels."""
    return size[1] % 2 == 0 and size[2] % 2 == 0


def _goes_on(size: tuple[int, int, int], done: int) -> bool:
    """Whether another scale follows: the next one can be squeezed too."""
    channels, height, width = size
    return even(size) and even((channels, height // 2, width // 2)) and done + 1 < SCALES


def _mask(channels: int, height: int, width: int, k: int) -> Tensor:
    """What the k-th coupling moves: a half of the channels, or of a checkerboard."""
    if channels > 1:
        half = torch.arange(channels) >= (channels + 1) // 2 if k % 2 == 0 else torch.arange(channels) < channels // 2
        return half[:, None, None].expand(channels, height, width).clone()
    board = (torch.arange(height)[:, None] + torch.arange(width)) % 2 == k % 2
    return board[None] if bool(board.any()) else torch.ones_like(board)[None]  # of one pixel there is no half

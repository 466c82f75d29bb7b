"""Convolutions that see a picture in reading order only: the rows above, and what stands to the left.

A masked kernel (van den Oord et al. 2016, Pixel recurrent neural networks) that is `above` rows high beside its own
row and `beside` columns wide to each side. A stack of such kernels never sees some pixels at the upper right (the blind
spot of van den Oord et al. 2016b); `RunningMean` closes it: a mean over all pixels before. `at` gives one place of the
output from one window, so that a picture is drawn at the cost of one pass and not one a pixel.
Cost O(inputs outputs (above + 1) (2 beside + 1)) a place.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Causal(nn.Module):
    """A convolution in reading order, `[n, inputs, H, W] -> [n, outputs, H, W]`.

    Args:
        inputs, outputs: channels.
        above: rows above that are seen.
        beside: columns to each side that are seen.
        own: whether a place sees itself.
        random: of the first weights.
        gain: of the first weights; 1 keeps the spread of the inputs.
    """

    mask: Tensor

    def __init__(
        self, inputs: int, outputs: int, above: int, beside: int, random: torch.Generator,
        *, own: bool = True, gain: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.above, self.beside = above, beside
        mask = torch.ones(above + 1, 2 * beside + 1)
        mask[above, beside + int(own) :] = 0.0
        spread = gain / math.sqrt(inputs * max(float(mask.sum()), 1.0))
        self.weight = nn.Parameter(spread * torch.randn(outputs, inputs, *mask.shape, generator=random))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(self.padded(x), self.weight * self.mask, self.bias)

    def padded(self, x: Tensor) -> Tensor:
        """With the zeros that stand outside the picture."""
        return functional.pad(x, (self.beside, self.beside, self.above, 0)) if self.above or self.beside else x

    def at(self, padded: Tensor, row: int, column: int) -> Tensor:
        """One place of the output `[n, outputs]`, from a padded input that is filled as far as is seen."""
        window = padded[:, :, row : row + self.above + 1, column : column + 2 * self.beside + 1]
        return window.flatten(1) @ (self.weight * self.mask).flatten(1).T + self.bias


class RunningMean(nn.Module):
    """Adds to each place what a hidden layer says of all places before it: their sum, over the size of the picture.

    Args:
        channels: of the picture.
        own: numbers that a place says of itself, beside what it sees.
        width: numbers that are summed.
        random: of the first weights.
    """

    def __init__(self, channels: int, own: int, width: int, random: torch.Generator) -> None:
        super().__init__()
        self.say = Causal(channels + own, width, 0, 0, random)
        self.take = Causal(width, channels, 0, 0, random)

    def forward(self, x: Tensor, own: Tensor) -> Tensor:
        said = functional.silu(self.say(torch.cat([x, own], 1)))
        sums = torch.cumsum(said.flatten(2), 2)[..., :-1]
        before = functional.pad(sums, (1, 0)).reshape(said.shape)  # no difference, which rounding would give away
        y: Tensor = x + self.take(before * self.scale(x))
        return y

    def scale(self, x: Tensor) -> float:
        """By what sums are multiplied."""
        return 8.0 / (x.shape[-1] * x.shape[-2])

"""Convolutional networks between a picture and a vector, in steps of half the size; any height and width.

Downwards convolutions with a stride of two, upwards sub-pixel convolutions (Shi et al. 2016): four numbers at a place
become a square of places, so nothing is computed on places that are repetitions of each other; each begins as
nearest-neighbour repetition (Aitken et al. 2017), which leaves no checkerboard. Residual blocks (He et al. 2016) stand
where the picture is smallest and they cost least. The outermost kernels are 5 x 5, as only they see single pixels.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

OUTERMOST, INNER = 5, 3  # sizes of kernels


class Residual(nn.Module):
    """`x + f(x)`, f two convolutions; sizes and channels stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, INNER, padding=1)
        self.second = nn.Conv2d(channels, channels, INNER, padding=1)
        nn.init.zeros_(self.second.weight)
        self.bend = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(self.bend(self.first(self.bend(x))))
        return y


class Double(nn.Module):
    """Twice the height and width, cut to `size`; from `a` channels to `b`."""

    def __init__(self, a: int, b: int, size: tuple[int, int], kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.size = size
        self.layer = nn.Conv2d(a, 4 * b, kernel, padding=kernel // 2, bias=bias)
        with torch.no_grad():
            self.layer.weight.copy_(self.layer.weight[::4].repeat_interleave(4, 0))
        self.spread = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.spread(self.layer(x))[:, :, : self.size[0], : self.size[1]]
        return y


class Down(nn.Module):
    """A picture `[n, channels, height, width]` to a vector `[n, width]`.

    Args:
        channels, height, width: of the picture.
        steps: channels after each halving.
        outputs: the length of the vector.
        blocks: residual blocks where the picture is smallest.
    """

    def __init__(
        self, channels: int, height: int, width: int, steps: Iterable[int], outputs: int, blocks: int = 1
    ) -> None:
        super().__init__()
        steps, layers = list(steps), list[nn.Module]()
        for k, (a, b) in enumerate(zip([channels, *steps[:-1]], steps, strict=True)):
            kernel = OUTERMOST if k == 0 else INNER
            layers += [*([nn.SiLU()] if k else []), nn.Conv2d(a, b, kernel, stride=2, padding=kernel // 2)]
        layers += [Residual(steps[-1]) for _ in range(blocks)]
        h, w = sizes(height, width, len(steps))[-1]
        ending = [nn.Linear(steps[-1] * h * w, outputs), nn.LayerNorm(outputs), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.SiLU(), nn.Flatten(), *ending)
        self.width = outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Up(nn.Module):
    """A vector `[n, inputs]` to numbers for each place of a picture, `[n, channels * height * width]`.

    Args:
        inputs: the length of the vector.
        channels: numbers for each place.
        height, width: of the picture.
        steps: channels before each doubling, from the largest picture to the smallest.
        hidden: units of a first layer.
        blocks: residual blocks where the picture is smallest.
    """

    def __init__(
        self, inputs: int, channels: int, height: int, width: int, steps: Iterable[int], hidden: int, blocks: int = 1
    ) -> None:
        super().__init__()
        steps = list(steps)
        (h, w), *upwards = sizes(height, width, len(steps))[::-1]
        layers: list[nn.Module] = [nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.SiLU()]
        layers += [nn.Linear(hidden, steps[-1] * h * w), nn.Unflatten(1, (steps[-1], h, w))]
        layers += [Residual(steps[-1]) for _ in range(blocks)]
        for a, b, size in zip(steps[:0:-1], steps[-2::-1], upwards[:-1], strict=True):
            layers += [nn.SiLU(), Double(a, b, size, INNER)]
        layers += [nn.SiLU(), Double(steps[0], channels, upwards[-1], OUTERMOST, bias=False), nn.Flatten()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        y: Tensor = self.layers(z)
        return y


def sizes(height: int, width: int, steps: int) -> list[tuple[int, int]]:
    """The size of a picture, and after each halving; odd ones are rounded up."""
    found = [(height, width)]
    for _ in range(steps):
        found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
    return found

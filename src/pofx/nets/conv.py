"""Convolutional networks between a picture and a vector, in steps of half the size; any height and width.

Each step is a residual block (He et al. 2016) of two 3 x 3 convolutions with SiLU; downwards a stride of two, upwards
nearest-neighbour repetition to the size that the way down had, which leaves no checkerboard (Odena et al. 2016).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate


class Residual(nn.Module):
    """`x + f(x)`, f two convolutions; sizes and channels stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.bend = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(self.bend(self.first(self.bend(x))))
        return y


class Down(nn.Module):
    """A picture `[n, channels, height, width]` to a vector `[n, width]`.

    Args:
        channels, height, width: of the picture.
        steps: channels after each halving.
        outputs: the length of the vector.
    """

    def __init__(self, channels: int, height: int, width: int, steps: Iterable[int], outputs: int) -> None:
        super().__init__()
        steps, layers = list(steps), list[nn.Module]()
        for a, b in zip([channels, *steps[:-1]], steps, strict=True):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), Residual(b)]
        h, w = sizes(height, width, len(steps))[-1]
        self.layers = nn.Sequential(*layers, nn.SiLU(), nn.Flatten(), nn.Linear(steps[-1] * h * w, outputs), nn.SiLU())
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
    """

    def __init__(self, inputs: int, channels: int, height: int, width: int, steps: Iterable[int]) -> None:
        super().__init__()
        steps = list(steps)
        self.sizes = sizes(height, width, len(steps))[::-1]
        h, w = self.sizes[0]
        self.start = nn.Sequential(nn.Linear(inputs, steps[-1] * h * w), nn.Unflatten(1, (steps[-1], h, w)))
        upwards = [*steps[::-1], steps[0]]
        self.blocks = nn.ModuleList(
            nn.Sequential(Residual(a), nn.Conv2d(a, b, 3, padding=1)) for a, b in pairwise(upwards)
        )
        self.last = nn.Sequential(nn.SiLU(), nn.Conv2d(steps[0], channels, 3, padding=1, bias=False), nn.Flatten())

    def forward(self, z: Tensor) -> Tensor:
        y = self.start(z)
        for block, size in zip(self.blocks, self.sizes[1:], strict=True):
            y = block(interpolate(y, size=size))
        parameters: Tensor = self.last(y)
        return parameters


def sizes(height: int, width: int, steps: int) -> list[tuple[int, int]]:
    """The size of a picture, and after each halving; odd ones are rounded up."""
    found = [(height, width)]
    for _ in range(steps):
        found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
    return found

"""What an encoder sees of a row or a picture, and back: numbers of ordinary size, without gaps.

Real columns and counts are standardised, angles become a point on the circle, labels one-hot; a column that may have no
value is 0 where it has none, beside an indicator. Pixels are scaled to -1 .. 1. All float32: what a network eats.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pofx.heads.base import mean_and_deviation
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

REACH = 30.0  # standard deviations beyond which a number looks the same to a network


class Features(nn.Module):
    """Rows `[n, d]` to `[n, width]`, pictures to pictures.

    Args:
        space: a table of Real, Integer, Circle and Category columns, or pictures.
        centre, scale: of each column, `[d]`, as `Features.measure` finds them.
        gaps: columns that get an indicator of "no value here".
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, space: Table | Image, centre: Tensor, scale: Tensor, gaps: tuple[int, ...]) -> None:
        super().__init__()
        self.space = space
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.gaps = list(gaps)
        spaces = space.spaces if isinstance(space, Table) else ()
        self.numbers = [j for j, s in enumerate(spaces) if isinstance(s, Real | Integer)]
        self.circles = [j for j, s in enumerate(spaces) if isinstance(s, Circle)]
        self.labels = [(j, s.size) for j, s in enumerate(spaces) if isinstance(s, Category)]

    @staticmethod
    def measure(space: Table | Image, x: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Centre, scale and gaps of training rows."""
        if isinstance(space, Image):
            return torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.float64), ()
        mean, deviation = mean_and_deviation(x)
        return mean, deviation.clamp(min=1e-6), tuple(torch.isnan(x).any(0).nonzero()[:, 0].tolist())

    @property
    def width(self) -> int:
        """How many numbers an encoder sees."""
        return self.space.dims if isinstance(self.space, Image) else self.targets + len(self.gaps)

    @property
    def targets(self) -> int:
        """How many of them say what the row is: all but the indicators."""
        if isinstance(self.space, Image):
            return self.space.dims
        return len(self.numbers) + 2 * len(self.circles) + sum(size for _, size in self.labels)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.space, Image):
            return x.to(torch.float32) * (2 / (self.space.levels - 1)) - 1
        known = torch.nan_to_num(x)
        parts = [self._scaled(x)]
        angle = self._angle(known)
        parts += [torch.cos(angle), torch.sin(angle)]
        parts += [one_hot(known[:, j].long(), size).to(x.dtype) for j, size in self.labels]
        parts += [torch.isnan(x[:, self.gaps]).to(x.dtype)]
        return torch.cat(parts, 1).to(torch.float32)

    def inverse(self, features: Tensor) -> Tensor:
        """The nearest outcomes, float64, `[n, targets]` to `[n, *event]`."""
        y = features.double()
        if isinstance(self.space, Image):
            pixels = ((y + 1) * ((self.space.levels - 1) / 2)).round().clamp(0, self.space.levels - 1)
            return pixels.reshape(len(y), *self.space.event_shape)
        x = y.new_zeros(len(y), len(self.space.names))
        widths = [len(self.numbers), len(self.circles), len(self.circles), *(size for _, size in self.labels)]
        numbers, across, up, *labels = y[:, : self.targets].split(widths, 1)
        x[:, self.numbers] = numbers * self.scale[self.numbers] + self.centre[self.numbers]
        for (j, _), scores in zip(self.labels, labels, strict=True):
            x[:, j] = scores.argmax(1).double()
        for k, j in enumerate(self.circles):
            x[:, j] = _on_circle(self.space.spaces[j], torch.atan2(up[:, k], across[:, k]))
        for j in self.numbers:
            x[:, j] = _whole(self.space.spaces[j], x[:, j])
        return x

    def there(self, x: Tensor) -> Tensor:
        """Which of the targets have a value, `[n, targets]`, as numbers 0 and 1."""
        if isinstance(self.space, Image):
            return torch.ones(len(x), self.space.dims, device=x.device)
        known = ~torch.isnan(x)
        parts = [known[:, self.numbers], known[:, self.circles], known[:, self.circles]]
        parts += [known[:, j : j + 1].expand(-1, size) for j, size in self.labels]
        return torch.cat(parts, 1).to(torch.float32)

    def _scaled(self, x: Tensor) -> Tensor:
        z = (x[:, self.numbers] - self.centre[self.numbers]) / self.scale[self.numbers]
        return torch.nan_to_num(z, nan=0.0).clamp(-REACH, REACH)

    def _angle(self, x: Tensor) -> Tensor:
        """In radians, `[n, circles]`."""
        angles = [_radians(self.space.spaces[j], x[:, j]) for j in self.circles if isinstance(self.space, Table)]
        return torch.stack(angles, 1) if angles else x[:, :0]


def _radians(space: object, x: Tensor) -> Tensor:
    assert isinstance(space, Circle)
    return (x - space.origin) * (2 * math.pi / space.period)


def _on_circle(space: object, angle: Tensor) -> Tensor:
    assert isinstance(space, Circle)
    turn = torch.remainder(angle / (2 * math.pi), 1.0)
    return space.origin + space.period * torch.where(turn < 1, turn, 0.0)


def _whole(space: object, x: Tensor) -> Tensor:
    """Whole numbers of an `Integer`, within its range; others as they are."""
    if not isinstance(space, Integer):
        return x
    bounded = (space.low, space.high) != (None, None)
    return x.round().clamp(space.low, space.high) if bounded else x.round()

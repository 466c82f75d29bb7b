"""What reads a picture in reading order, all of it at once or place by place, and the kernels of such networks.

`Reader` gives each place a vector of all places before it: `forward` of whole pictures, in one pass; `walk` of pictures
that are being made, each place computed once from what is kept of those before. Kernels see only what their padding
lets them see (van den Oord et al. 2016b, section 2.2), so no weight is masked and none is multiplied with zero.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

ABOVE, BESIDE = 6, 7  # the first kernels: rows above, columns to each side


class Walk(ABC):
    """Pictures that are being made: for each row `begin`, and for each column `at` and then `put`."""

    @abstractmethod
    def begin(self, row: int) -> None:
        """All rows above are filled."""

    @abstractmethod
    def at(self, column: int) -> Tensor:
        """What is known of the place, `[n, hidden]`."""

    @abstractmethod
    def put(self, column: int, known: Tensor) -> None:
        """What stands there, `[n, inputs]`."""


class Reader(nn.Module, ABC):
    """`[n, inputs, H, W] -> [n, hidden, H, W]`, each place from those before it."""

    @abstractmethod
    def forward(self, known: Tensor, told: Tensor | None) -> Tensor:
        """Whole pictures; `told` `[n, told]` is known at every place."""

    @abstractmethod
    def walk(self, n: int, told: Tensor | None) -> Walk:
        """Begin `n` pictures."""


class Kernel(nn.Module):
    """A convolution that sees what its padding says, `[n, inputs, H, W] -> [n, outputs, H, W]`.

    Args:
        inputs, outputs: channels.
        size: height and width of the kernel.
        left: columns left of a place that are seen; so many rows that the last is the place's own, or those above.
        own_row: whether the last row of the kernel is the place's own row.
        random: of the first weights.
        gain: of the first weights; 1 keeps the spread of the inputs.
    """

    def __init__(
        self, inputs: int, outputs: int, size: tuple[int, int], left: int, random: torch.Generator,
        *, own_row: bool = True, gain: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.height, self.width = size
        spread = gain / math.sqrt(inputs * self.height * self.width)
        self.weight = nn.Parameter(spread * torch.randn(outputs, inputs, *size, generator=random))
        self.bias = nn.Parameter(torch.zeros(outputs))
        above = self.height - int(own_row)
        self.pads = (left, self.width - 1 - left, above, -int(not own_row))

    def forward(self, x: Tensor) -> Tensor:
        return self.over(functional.pad(x, self.pads) if any(self.pads) else x)

    def over(self, padded: Tensor) -> Tensor:
        """Of an input that has its padding."""
        return functional.conv2d(padded, self.weight, self.bias)

    def at(self, window: Tensor) -> Tensor:
        """One place, from what the kernel covers, `[n, inputs, height, width] -> [n, outputs]`."""
        return torch.addmm(self.bias, window.flatten(1), self.weight.flatten(1).T)


class Rows:
    """Rows that are kept for a kernel: an input with padding, filled row by row or place by place."""

    def __init__(self, kernel: Kernel, n: int, size: tuple[int, int]) -> None:
        left, right, above, _ = kernel.pads
        inputs = kernel.weight.shape[1]
        width = size[1] + left + max(right, 0)
        self._kernel, self._left, self._above, self._columns = kernel, left, above, size[1]
        self._kept = kernel.weight.new_zeros(n, inputs, size[0] + above, width)

    def put(self, row: int, column: int, value: Tensor) -> None:
        """One place, `[n, inputs]`."""
        self._kept[:, :, row + self._above, column + self._left] = value

    def put_row(self, row: int, values: Tensor) -> None:
        """A row, `[n, inputs, W]`."""
        self._kept[:, :, row + self._above, self._left : self._left + self._columns] = values

    def row(self, row: int) -> Tensor:
        """What the kernel says of a row, `[n, outputs, W]`."""
        seen = self._kept[:, :, row : row + self._kernel.height, : self._columns + self._kernel.width - 1]
        return self._kernel.over(seen)[:, :, 0]

    def at(self, row: int, column: int) -> Tensor:
        """What the kernel says of a place, `[n, outputs]`."""
        kernel = self._kernel
        return kernel.at(self._kept[:, :, row : row + kernel.height, column : column + kernel.width])


class Stem(nn.Module):
    """The first, wide kernels: `down` of the rows above, `right` of what stands to the left in the own row.

    Args:
        inputs, hidden: channels.
        size: height and width of the pictures.
        told: numbers that are known of each picture.
        random: of the first weights.
    """

    where: Tensor

    def __init__(self, inputs: int, hidden: int, size: tuple[int, int], told: int, random: torch.Generator) -> None:
        super().__init__()
        above, beside = min(ABOVE, size[0]), min(BESIDE, size[1] - 1)
        left = min(BESIDE, size[1])
        self.size = size
        self.down = Kernel(inputs, hidden, (above, 2 * beside + 1), beside, random, own_row=False)
        self.right = Kernel(inputs, hidden, (1, left), left, random)
        self.right.pads = (left, -1, 0, 0)  # not the place itself
        self.place = Kernel(4, 2 * hidden, (1, 1), 0, random)
        self.told = nn.Linear(told, 2 * hidden, bias=False) if told else None
        if self.told is not None:
            with torch.no_grad():
                self.told.weight.copy_(torch.randn(self.told.weight.shape, generator=random) / math.sqrt(told))
        self.register_buffer("where", places(*size), persistent=False)

    def forward(self, known: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is known from above and from the left, `[n, hidden, H, W]` each."""
        down, right = self.begun(told)
        return self.down(known) + down, self.right(known) + right

    def begun(self, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is known without any pixel, `[1 or n, hidden, H, W]` each."""
        begun = self.place(self.where)
        if self.told is not None and told is not None:
            begun = begun + self.told(told)[:, :, None, None]
        down, right = begun.chunk(2, 1)
        return down, right


def places(height: int, width: int) -> Tensor:
    """Where the pixels stand, `[1, 4, H, W]`: row, column, and their squares, from -1 to 1."""
    rows = torch.linspace(-1, 1, height)[:, None].expand(height, width) if height > 1 else torch.zeros(1, width)
    columns = torch.linspace(-1, 1, width).expand(height, width) if width > 1 else torch.zeros(height, 1)
    return torch.stack([rows, columns, rows.square(), columns.square()])[None]

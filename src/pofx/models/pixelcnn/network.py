"""From pictures to what is said of each value: a reader of the pixels before, and the channels of a pixel in order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pofx.models.flow.pictures.features import EACH
from pofx.nets.reader import Kernel, Reader


class Outputs(nn.Module):
    """What is said of each channel's value, from what is known of its place and from the channels before it.

    Args:
        hidden: channels of the reader.
        sizes: how many numbers are said of each channel's value.
        random: of the first weights.
    """

    def __init__(self, hidden: int, sizes: Sequence[int], random: torch.Generator) -> None:
        super().__init__()
        self.colours = nn.ModuleList(
            Kernel(hidden + EACH * channel, hidden, (1, 1), 0, random) for channel in range(1, len(sizes))
        )
        self.say = nn.ModuleList(Kernel(hidden, size, (1, 1), 0, random, gain=0.1) for size in sizes)

    def forward(self, h: Tensor, known: Tensor) -> dict[int, Tensor]:
        """Of all channels, `[n, hidden, H, W]` and `[n, C EACH, H, W]` to `[n, size, H, W]` each."""
        return {channel: self.channel(channel, h, known) for channel in range(len(self.say))}

    def channel(self, channel: int, h: Tensor, known: Tensor) -> Tensor:
        """Of one, which looks at the channels before only."""
        if channel:
            h = self.colours[channel - 1](torch.cat([h, known[:, : EACH * channel]], 1))
        said: Tensor = self.say[channel](silu(h))
        return said


class PixelNet(nn.Module):
    """The reader and what is said of its findings; the law of values is not in it, as it is counted in float64.

    Args:
        reader: of the pixels before.
        hidden: channels of the reader.
        sizes: how many numbers are said of each channel's value.
        random: of the first weights.
    """

    def __init__(self, reader: Reader, hidden: int, sizes: Sequence[int], random: torch.Generator) -> None:
        super().__init__()
        self.reader = reader
        self.outputs = Outputs(hidden, sizes, random)

    def forward(self, known: Tensor, told: Tensor | None) -> dict[int, Tensor]:
        said: dict[int, Tensor] = self.outputs(self.reader(known, told), known)
        return said

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

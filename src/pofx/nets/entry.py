"""Where networks that read pictures begin: wide kernels over what is near, running means of all that is before.

The stem looks down the rows above and along the own row (`nets.reader.Stem`); what it finds above joins what it finds
beside, and a running mean of all places before (`nets.causal.RunningMean`) sees what no kernel reaches, so that no
place is blind. Cost O(H W hidden (window + hidden)) a picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pofx.nets.causal import RunningMean
from pofx.nets.reader import Kernel, Rows, Stem

SUMS = 16  # running means


class Entry(nn.Module):
    """The beginning.

    Args:
        inputs: numbers of a pixel.
        hidden: channels.
        size: height and width.
        told: numbers that are known of each picture.
        random: of the first weights.
    """

    def __init__(self, inputs: int, hidden: int, size: tuple[int, int], told: int, random: torch.Generator) -> None:
        super().__init__()
        self.stem = Stem(inputs, hidden, size, told, random)
        self.enter = Kernel(hidden, hidden, (1, 1), 0, random)
        self.mean = RunningMean(hidden, inputs, SUMS, random)

    def forward(self, known: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is known from the rows above, and from all that is before, `[n, hidden, H, W]` each."""
        known = known.contiguous(memory_format=torch.channels_last)
        down, right = self.stem(known, told)
        down = silu(down)
        return down, self.mean(right + self.enter(down), known)


class EntryWalk:
    """The same, row by row and place by place."""

    def __init__(self, net: Entry, n: int, told: Tensor | None) -> None:
        stem = net.stem
        self._net, self._row = net, 0
        self._above, self._left = Rows(stem.down, n, stem.size), Rows(stem.right, n, stem.size)
        self._begun = stem.begun(told)
        self._before = stem.where.new_zeros(n, SUMS)

    def begin(self, row: int) -> Tensor:
        """What is known of a row from those above, `[n, hidden, 1, W]`."""
        net, self._row = self._net, row
        down = silu(self._above.row(row) + self._begun[0][:, :, row])[:, :, None]
        self._enter = (net.enter(down) + self._begun[1][:, :, row : row + 1])[:, :, 0]
        return down

    def at(self, column: int) -> Tensor:
        """What is known of a place, `[n, hidden]`."""
        mean = self._net.mean
        self._first = self._left.at(self._row, column) + self._enter[:, :, column]
        before = self._before[..., None, None] * mean.scale(self._net.stem.where)
        found: Tensor = self._first + mean.take.at(before, 0, 0)
        return found

    def put(self, column: int, known: Tensor) -> None:
        """What stands there, `[n, inputs]`."""
        said = self._net.mean.say.at(torch.cat([self._first, known], 1)[..., None, None], 0, 0)
        self._before += silu(said)
        self._above.put(self._row, column, known)
        self._left.put(self._row, column, known)

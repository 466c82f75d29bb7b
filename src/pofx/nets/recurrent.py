"""A stack of recurrent layers over a picture, behind the wide first kernels: what Row LSTM and Diagonal BiLSTM share.

van den Oord et al. (2016a), Pixel recurrent neural networks: a masked kernel first, then layers whose states see what
is before, each with a short cut. A layer works on half of the channels. Cost: see the layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pofx.nets.entry import Entry, EntryWalk
from pofx.nets.reader import Kernel, Reader, Walk


class LayerWalk(ABC):
    """A layer's states of pictures that are being made."""

    @abstractmethod
    def begin(self, row: int) -> None:
        """All rows above are known."""

    @abstractmethod
    def at(self, column: int, x: Tensor) -> Tensor:
        """The state of a place, from what is known of it, `[n, units]` both."""


class Layer(nn.Module, ABC):
    """Maps `[n, units, H, W]` to states `[n, units, H, W]`; a place sees itself and what is before it."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Whole pictures."""

    @abstractmethod
    def walk(self, n: int, size: tuple[int, int]) -> LayerWalk:
        """Begin `n` pictures."""


MakeLayer = Callable[[int, torch.Generator], Layer]


class Residual(nn.Module):
    """`x + widen(layer(narrow(x)))`."""

    def __init__(self, hidden: int, make: MakeLayer, random: torch.Generator) -> None:
        super().__init__()
        half = max(hidden // 2, 1)
        self.narrow = Kernel(hidden, half, (1, 1), 0, random)
        self.layer = make(half, random)
        self.widen = Kernel(half, hidden, (1, 1), 0, random)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.widen(self.layer(self.narrow(x)))
        return y


class Recurrent(Reader):
    """The network.

    Args:
        inputs: numbers of a pixel.
        hidden: channels.
        depth: layers.
        size: height and width.
        told: numbers that are known of each picture.
        make: a layer of so many units.
        random: of the first weights.
    """

    def __init__(
        self, inputs: int, hidden: int, depth: int, size: tuple[int, int], told: int, make: MakeLayer,
        random: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self.entry = Entry(inputs, hidden, size, told, random)
        self.blocks = nn.ModuleList(Residual(hidden, make, random) for _ in range(depth))

    @property
    def layers(self) -> Any:  # a list; checkers of types look into lists at random
        return [block for block in self.blocks if isinstance(block, Residual)]

    def forward(self, known: Tensor, told: Tensor | None) -> Tensor:
        h: Tensor = self.entry(known, told)[1]
        for block in self.blocks:
            h = block(h)
        return h

    def walk(self, n: int, told: Tensor | None) -> Walk:
        return RecurrentWalk(self, n, told)


class RecurrentWalk(Walk):
    """States of all layers."""

    def __init__(self, net: Recurrent, n: int, told: Tensor | None) -> None:
        self._net, self._entry = net, EntryWalk(net.entry, n, told)
        self._states = [block.layer.walk(n, net.entry.stem.size) for block in net.layers]

    def begin(self, row: int) -> None:
        self._entry.begin(row)
        for state in self._states:
            state.begin(row)

    def at(self, column: int) -> Tensor:
        h = self._entry.at(column)
        for block, state in zip(self._net.layers, self._states, strict=True):
            h = h + block.widen.at(state.at(column, block.narrow.at(h)))
        return h

    def put(self, column: int, known: Tensor) -> None:
        self._entry.put(column, known)


def cell(gates: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """State and memory of a long short-term memory (Hochreiter and Schmidhuber 1997), four gates on the last axis."""
    opened, new = gates.split([3 * before.shape[-1], before.shape[-1]], -1)
    output, forget, take = torch.sigmoid(opened).chunk(3, -1)
    memory = forget * before + take * torch.tanh(new)
    return output * torch.tanh(memory), memory

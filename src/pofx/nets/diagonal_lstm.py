"""Diagonal BiLSTM: two long short-term memories that go along the diagonals of a picture, from both upper corners.

van den Oord et al. (2016a), Pixel recurrent neural networks, section 3.2: rows are skewed so that a diagonal is a
column and goes through at once; a state takes from the one beside it and the one above it. States from the right are
moved down by one row before they are added, so that no place sees what comes after it. Together they see all that is
before. Cost O(H (H + W) units^2) for each direction, in H + W - 1 steps one after another.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pofx.nets.reader import Kernel
from pofx.nets.recurrent import Layer, LayerWalk, cell


class DiagonalLSTM(Layer):
    """The layer.

    Args:
        units: of each state.
        random: of the first weights.
    """

    def __init__(self, units: int, random: torch.Generator) -> None:
        super().__init__()
        self.units = units
        self.to_state = Kernel(units, 8 * units, (1, 1), 0, random)  # of both directions
        spread = (2 * units) ** -0.5
        self.carry_left = nn.Parameter(spread * torch.randn(2 * units, 4 * units, generator=random))
        self.carry_right = nn.Parameter(spread * torch.randn(2 * units, 4 * units, generator=random))

    def forward(self, x: Tensor) -> Tensor:
        gates = torch.stack(self.to_state(x).chunk(2, 1))  # [2, n, 4 units, H, W]
        skewed = skew(torch.stack([gates[0], gates[1].flip(-1)])).permute(4, 0, 1, 3, 2)  # [D, 2, n, H, 4 units]
        state = memory = skewed.new_zeros(*skewed.shape[1:4], self.units)
        states = []
        for diagonal in skewed.unbind():
            state, memory = cell(diagonal + self.carried(state), memory)
            states.append(state)
        left, right = straight(torch.stack(states).permute(1, 2, 4, 3, 0), x.shape[-1]).unbind()
        found: Tensor = left + functional.pad(right.flip(-1), (0, 0, 1, -1))
        return found

    def carried(self, state: Tensor) -> Tensor:
        """What the diagonal before says to the gates, `[2, n, H, units] -> [2, n, H, 4 units]`."""
        both = torch.cat([state, functional.pad(state, (0, 0, 1, -1))], -1)  # beside and above
        carry = torch.stack([self.carry_left, self.carry_right])
        said: Tensor = torch.bmm(both.flatten(1, 2), carry).unflatten(1, both.shape[1:3])
        return said

    def walk(self, n: int, size: tuple[int, int]) -> LayerWalk:
        return DiagonalWalk(self, n, size)


class DiagonalWalk(LayerWalk):
    """From the left a row is done place by place; from the right as soon as it is known."""

    def __init__(self, layer: DiagonalLSTM, n: int, size: tuple[int, int]) -> None:
        zeros = layer.carry_left.new_zeros(n, size[1] + 1, layer.units)  # one place beyond the end
        self._layer, self._columns = layer, size[1]
        self._left, self._right = zeros, zeros.clone()
        self._above = zeros.clone()
        self._inputs = layer.carry_left.new_zeros(n, size[1], 4 * layer.units)

    def begin(self, row: int) -> None:
        if row:
            self._finish_row()
        self._above, self._left = self._left, torch.zeros_like(self._left)
        self._memory = torch.zeros_like(self._left[:, 0])

    def at(self, column: int, x: Tensor) -> Tensor:
        layer = self._layer
        mine, self._inputs[:, column] = layer.to_state.at(x).chunk(2, 1)
        beside = self._left[:, column - 1] if column else torch.zeros_like(self._memory)
        carried = torch.cat([beside, self._above[:, column]], 1) @ layer.carry_left
        self._left[:, column], self._memory = cell(mine + carried, self._memory)
        found: Tensor = self._left[:, column] + self._right[:, column]
        return found

    def _finish_row(self) -> None:
        """From the right over the row that is now known; the next row sees these states."""
        memory = torch.zeros_like(self._memory)
        for column in reversed(range(self._columns)):  # the state above stands where the new one goes
            both = torch.cat([self._right[:, column + 1], self._right[:, column]], 1)
            gates = self._inputs[:, column] + both @ self._layer.carry_right
            self._right[:, column], memory = cell(gates, memory)


def skew(x: Tensor) -> Tensor:
    """Each row moved right by its number, `[..., H, W] -> [..., H, H + W - 1]`."""
    height, width = x.shape[-2:]
    flat = functional.pad(x, (0, height)).flatten(-2)[..., : height * (height + width - 1)]
    skewed: Tensor = flat.unflatten(-1, (height, height + width - 1))
    return skewed


def straight(x: Tensor, width: int) -> Tensor:
    """The inverse of `skew`."""
    height = x.shape[-2]
    rows: Tensor = functional.pad(x.flatten(-2), (0, height)).unflatten(-1, (height, height + width))
    return rows[..., :width]

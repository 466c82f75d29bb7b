"""Row LSTM: a long short-term memory that goes down the rows of a picture, a whole row at a time.

van den Oord et al. (2016a), Pixel recurrent neural networks, section 3.1: input-to-state is a kernel of three columns
along the own row that sees no place after its own, state-to-state a kernel of three columns over the row above. Its
own view is a triangle above the place. Cost O(H W units^2), in H steps one after another.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pofx.nets.reader import Kernel, Rows
from pofx.nets.recurrent import Layer, LayerWalk, cell

COLUMNS = 3  # of both kernels


class RowLSTM(Layer):
    """The layer.

    Args:
        units: of the state.
        random: of the first weights.
    """

    def __init__(self, units: int, random: torch.Generator) -> None:
        super().__init__()
        self.units = units
        self.to_state = Kernel(units, 4 * units, (1, COLUMNS), COLUMNS - 1, random)
        self.carry = nn.Parameter(torch.randn(COLUMNS * units, 4 * units, generator=random) / (COLUMNS * units) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        gates = self.to_state(x).permute(2, 0, 3, 1)  # [H, n, W, 4 units]
        state = memory = gates.new_zeros(*gates.shape[1:3], self.units)
        states = []
        for row in gates.unbind():
            state, memory = cell(row + self.carried(state), memory)
            states.append(state)
        return torch.stack(states).permute(1, 3, 0, 2)

    def carried(self, state: Tensor) -> Tensor:
        """What the row above says to the gates, `[n, W, units] -> [n, W, 4 units]`."""
        wide = functional.pad(state, (0, 0, COLUMNS // 2, COLUMNS // 2))
        width = state.shape[1]
        said: Tensor = torch.cat([wide[:, k : k + width] for k in range(COLUMNS)], -1) @ self.carry
        return said

    def walk(self, n: int, size: tuple[int, int]) -> LayerWalk:
        return RowWalk(self, n, size)


class RowWalk(LayerWalk):
    """States of the row above and of the own."""

    def __init__(self, layer: RowLSTM, n: int, size: tuple[int, int]) -> None:
        self._layer, self._inputs = layer, Rows(layer.to_state, n, (1, size[1]))
        self._state = layer.carry.new_zeros(n, size[1], layer.units)
        self._memory = self._state.clone()

    def begin(self, row: int) -> None:
        self._carried, self._above = self._layer.carried(self._state), self._memory.clone()

    def at(self, column: int, x: Tensor) -> Tensor:
        self._inputs.put(0, column, x)
        gates = self._inputs.at(0, column) + self._carried[:, column]
        state, memory = cell(gates, self._above[:, column])
        self._state[:, column], self._memory[:, column] = state, memory
        return state

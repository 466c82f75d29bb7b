"""Dilated causal convolutions with gates, residual and skip paths (van den Oord et al. 2016, WaveNet).

Kernels see one moment and one further back; the distance doubles from layer to layer, so that few layers see far. A
moment's output sees the inputs up to and with that moment; before the first one every layer sees zeros. Data lie as
`[channels, n, T]`, so that a layer is one product of matrices for all rows and moments.
Cost O(layers (4 residual^2 + residual (residual + skip))) a moment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Gated(nn.Module):
    """One layer: `tanh(..) * sigmoid(..)` of two moments, and what goes on and out from it.

    Args:
        residual, skip: channels; `residual` of those that go on is 0 in the last layer.
        dilation: how far back the second moment lies.
        conditions: numbers a row that each gate is told.
        random: of the first weights.
        last: whether nothing goes on.
    """

    def __init__(
        self, residual: int, skip: int, dilation: int, conditions: int, random: torch.Generator, *, last: bool
    ) -> None:
        super().__init__()
        self.residual, self.dilation, self.last = residual, dilation, last
        self.look = _weight(2 * residual, 2 * residual, random)  # of the moment before, then of this one
        self.bias = nn.Parameter(torch.zeros(2 * residual))
        self.told = _weight(2 * residual, conditions, random) if conditions else None
        self.mix = _weight((0 if last else residual) + skip, residual, random)
        self.mix_bias = nn.Parameter(torch.zeros(len(self.mix)))

    def forward(self, h: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        """`[residual, n, T]` to the next one, and to the skip path `[skip, n, T]`."""
        size = h.shape[1:]
        before = functional.pad(h, (self.dilation, 0))[..., : size[1]]
        z = torch.addmm(self.bias[:, None], self.look, torch.cat([before, h]).flatten(1)).unflatten(1, size)
        if self.told is not None and given is not None:
            z = z + (self.told @ given.T)[..., None]
        gate = torch.tanh(z[: self.residual]) * torch.sigmoid(z[self.residual :])
        mixed = torch.addmm(self.mix_bias[:, None], self.mix, gate.flatten(1)).unflatten(1, size)
        return (h, mixed) if self.last else (h + mixed[: self.residual], mixed[self.residual :])


class Dilated(nn.Module):
    """The network, `[inputs, n, T] -> [outputs, n, T]`.

    Args:
        inputs, residual, skip, outputs: channels.
        dilations: of each layer.
        conditions: numbers a row that each gate is told; 0 for none.
        random: of the first weights.
        gain: of the last weights; small ones begin near what `start` says.
    """

    def __init__(
        self,
        inputs: int,
        residual: int,
        skip: int,
        outputs: int,
        dilations: Sequence[int],
        conditions: int,
        random: torch.Generator,
        gain: float = 0.1,
    ) -> None:
        super().__init__()
        self.first = _weight(residual, inputs, random)
        self.first_bias = nn.Parameter(torch.zeros(residual))
        final = len(dilations) - 1
        self.layers = nn.ModuleList(
            Gated(residual, skip, dilation, conditions, random, last=k == final) for k, dilation in enumerate(dilations)
        )
        self.middle = _weight(skip, skip, random)
        self.middle_bias = nn.Parameter(torch.zeros(skip))
        self.final = _weight(outputs, skip, random, gain)
        self.start = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / math.sqrt(len(dilations))

    @property
    def gates(self) -> list[Gated]:
        """The layers."""
        return [layer for layer in self.layers if isinstance(layer, Gated)]

    @property
    def field(self) -> int:
        """How many moments of input an output sees, its own counted."""
        return 1 + sum(layer.dilation for layer in self.gates)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        size = x.shape[1:]
        h = torch.addmm(self.first_bias[:, None], self.first, x.flatten(1)).unflatten(1, size)
        total = x.new_zeros(())
        for layer in self.gates:
            h, out = layer(h, given)
            total = total + out
        seen = torch.relu(total * self.scale).flatten(1)
        seen = torch.relu(torch.addmm(self.middle_bias[:, None], self.middle, seen))
        outputs: Tensor = torch.addmm(self.start[:, None], self.final, seen).unflatten(1, size)
        return outputs


def _weight(outputs: int, inputs: int, random: torch.Generator, gain: float = 1.0) -> nn.Parameter:
    return nn.Parameter(gain / math.sqrt(max(inputs, 1)) * torch.randn(outputs, inputs, generator=random))

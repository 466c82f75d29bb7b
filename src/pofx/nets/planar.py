"""A continuous flow of planar units, `dx/dt = A (gate(t, c) * tanh(B x + bias(t, c)))` for t from 0 to 1.

Chen et al. (2018), Neural ordinary differential equations, section 4: the divergence of a sum of planar units is a sum
over units, so the volume is exact at the cost of the map itself. Integrated by the classical Runge-Kutta rule in
`STEPS` equal steps for every row alike, so that a row's value does not depend on the rows beside it; backwards is the
inverse to the error of that rule. Far from the origin the units are flat and the map is a shift.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STEPS = 24


class PlanarField(nn.Module):
    """A velocity for points `[n, d]` under conditions `[n, c]`, and how fast volume grows."""

    def __init__(self, width: int, context: int, units: int) -> None:
        super().__init__()
        self.inward = nn.Linear(width, units, bias=False)
        self.outward = nn.Linear(units, width, bias=False)
        self.gates = nn.Linear(3 + context, 2 * units)
        nn.init.zeros_(self.outward.weight)

    def follow(self, x: Tensor, there: Tensor, context: Tensor | None, *, backwards: bool) -> tuple[Tensor, Tensor]:
        """Where points end, and log |d end / d start| `[n]`; coordinates that are not `there` stay put."""
        step = (-1.0 if backwards else 1.0) / STEPS
        start = 1.0 if backwards else 0.0
        growth = there @ (self.outward.weight * self.inward.weight.mT)  # [n, units]
        volume = x.new_zeros(len(x))
        for k in range(STEPS):
            t = start + k * step
            v1, d1 = self._velocity(x, t, there, growth, context)
            v2, d2 = self._velocity(x + 0.5 * step * v1, t + 0.5 * step, there, growth, context)
            v3, d3 = self._velocity(x + 0.5 * step * v2, t + 0.5 * step, there, growth, context)
            v4, d4 = self._velocity(x + step * v3, t + step, there, growth, context)
            x = x + step / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
            volume = volume + step / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
        return x, volume

    def _velocity(
        self, x: Tensor, t: float, there: Tensor, growth: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        clock = x.new_tensor([t, math.sin(math.pi * t), math.cos(math.pi * t)]).expand(len(x), 3)
        bias, gate = self.gates(clock if context is None else torch.cat([clock, context], 1)).chunk(2, 1)
        bent = torch.tanh(self.inward(x) + bias)  # [n, units]
        return self.outward(gate * bent) * there, (gate * (1 - bent.square()) * growth).sum(1)

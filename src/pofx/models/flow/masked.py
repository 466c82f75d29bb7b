"""A masked network: parameters for each column from the columns before it in an order, and from a context.

Germain et al. (2015), MADE, with residual hidden layers. Features come first, `[features, rows]`, so that what the last
layer gives needs no rearrangement. Some hidden units see the context alone: the first column depends on it as freely as
the others. Zero at the start, whatever the input. Cost O(n (width + context + depth hidden + width size) hidden).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Masked(nn.Module):
    """`[d, n]` and a context `[c, n]` to `[size, d, n]`.

    Args:
        place: of each column in the order, `[d]`.
        context: features c.
        size: parameters a column.
        hidden, depth: units of a hidden layer, and hidden layers.
    """

    def __init__(self, place: Tensor, context: int, size: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.size, width = size, len(place)
        first = -1 if context or width == 1 else 0
        seen = torch.arange(hidden) % max(width - 1 - first, 1) + first  # the last place that each unit sees
        self._keep("into", torch.cat([seen[:, None] >= place, torch.ones(hidden, context, dtype=torch.bool)], 1))
        self._keep("between", seen[:, None] >= seen)
        self._keep("out_of", (place[:, None] > seen).repeat(size, 1))
        self.enter = _weights(hidden, width + context)
        self.start = nn.Parameter(torch.zeros(hidden))
        self.inner = nn.ParameterList([_weights(hidden, hidden) for _ in range(depth - 1)])
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(hidden)) for _ in range(depth - 1)])
        self.leave = nn.Parameter(torch.zeros(size * width, hidden))
        self.end = nn.Parameter(torch.zeros(size * width))

    def _keep(self, name: str, mask: Tensor) -> None:
        self.register_buffer(name, mask)  # stored, since the order of columns is random

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        into, between, out_of = (self.get_buffer(name) for name in ("into", "between", "out_of"))
        seen = x if context is None else torch.cat([x, context])
        h = torch.addmm(self.start[:, None], self.enter * into, seen)
        for weight, shift in zip(self.inner, self.shifts, strict=True):
            h = h + torch.addmm(shift[:, None], weight * between, functional.silu(h))
        found = torch.addmm(self.end[:, None], self.leave * out_of, functional.silu(h))
        return found.view(self.size, len(x), -1)


def _weights(rows: int, columns: int) -> nn.Parameter:
    bound = 1 / math.sqrt(max(columns, 1))
    return nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))

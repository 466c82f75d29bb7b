"""A masked network: what it says of a group depends only on the groups before it in an order.

Germain et al. (2015), MADE; residual blocks whose units keep their place: Durkan and Nash (2019), Autoregressive energy
machines. Groups may be of any width, on the way in (one-hot labels) and out (the numbers of a distribution). Every
connection from a unit that has seen a later group is cut. Nothing is said at the start: the last layer begins at zero.
Limit: a hidden unit sees a beginning of the order, so hundreds of groups need as many units.
Cost O(n (inputs + 2 blocks hidden + outputs) hidden).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class MaskedLinear(nn.Module):
    """A linear layer with some connections cut, `[n, inputs] -> [n, outputs]`.

    Args:
        mask: which connections there are, bool `[outputs, inputs]`.
        random: of the first weights.
        gain: of the first weights; 0 begins at nothing.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, random: torch.Generator, gain: float = 1.0) -> None:
        super().__init__()
        spread = gain / mask.sum(1, keepdim=True).clamp(min=1).sqrt()  # of what a unit sees
        self.weight = nn.Parameter(spread * torch.randn(mask.shape, generator=random))
        self.bias = nn.Parameter(torch.zeros(len(mask)))
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.mask, self.bias)


class Block(nn.Module):
    """A change of the hidden units by two masked layers."""

    def __init__(self, mask: Tensor, random: torch.Generator, dropout: float) -> None:
        super().__init__()
        self.one = MaskedLinear(mask, random)
        self.two = MaskedLinear(mask, random, 0.1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        y: Tensor = h + self.two(self.dropout(functional.silu(self.one(functional.silu(h)))))
        return y


class Masked(nn.Module):
    """Numbers for each group from the groups before it, `[n, inputs] -> [n, outputs]`.

    Args:
        into: the place in the order, 0, 1, ..., of the group that each input belongs to.
        out_of: the same of each output.
        hidden: units of each hidden layer.
        blocks: residual blocks of two layers each.
        dropout: share of units that are dropped inside a block in training.
        random: of the first weights.
    """

    def __init__(
        self, into: Sequence[int], out_of: Sequence[int], hidden: int, blocks: int, dropout: float,
        random: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        first, last = torch.tensor(list(into)), torch.tensor(list(out_of))
        groups = max(*into, *out_of) + 1
        seen = torch.arange(hidden) % max(groups - 1, 1)  # the last place that each unit sees
        self.enter = MaskedLinear(seen[:, None] >= first, random)
        self.blocks = nn.ModuleList(Block(seen[:, None] >= seen, random, dropout) for _ in range(blocks))
        self.leave = MaskedLinear(last[:, None] > seen, random, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        for block in self.blocks:
            h = block(h)
        y: Tensor = self.leave(functional.silu(h))
        return y

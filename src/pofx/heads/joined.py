"""Columns of different kinds side by side: each kind has its own head, all columns of a kind share one."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pofx.heads.base import Head


class Joined(nn.Module):
    """Heads on groups of columns of a table; together they answer like one head.

    Args:
        heads: one for each group.
        places: the columns of each group; every column belongs to one.
    """

    order: Tensor

    def __init__(self, heads: Iterable[Head], places: Iterable[Iterable[int]]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self._places = [list(group) for group in places]
        self._alone = self._places == [list(range(len(self._places[0])))]  # then nothing has to be put in order
        self._sizes = [head.size for head in self._heads()]
        self.register_buffer(
            "order", torch.tensor([j for group in self._places for j in group]).argsort(), persistent=False
        )

    @property
    def size(self) -> int:
        """How many numbers the network must give a row."""
        return sum(self._sizes)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """`[n, size]` and `[n, columns]` to `[n, columns]`; 0 where there is no value."""
        if self._alone:
            return self._heads()[0].log_prob(parameters, x)
        parts = zip(self._heads(), parameters.split(self._sizes, 1), self._places, strict=True)
        return torch.cat([head.log_prob(numbers, x[:, place]) for head, numbers, place in parts], 1)[:, self.order]

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """One row each, `[n, size] -> [n, columns]`."""
        parts = zip(self._heads(), parameters.split(self._sizes, 1), strict=True)
        return torch.cat([head.sample(numbers, generator) for head, numbers in parts], 1)[:, self.order]

    def middle(self, parameters: Tensor) -> Tensor:
        """The row that stands for the law, `[n, size] -> [n, columns]`."""
        parts = zip(self._heads(), parameters.split(self._sizes, 1), strict=True)
        return torch.cat([head.middle(numbers) for head, numbers in parts], 1)[:, self.order]

    def initial(self, x: Tensor) -> Tensor:
        """Parameters `[size]` that fit the columns by themselves."""
        return torch.cat([head.initial(x[:, p]) for head, p in zip(self._heads(), self._places, strict=True)])

    def spreads(self) -> Tensor:
        """Which parameters are the spread of a real column, bool `[size]`."""
        from pofx.heads.real import Gaussian

        marks = [
            torch.arange(head.size) >= head.columns if isinstance(head, Gaussian) else torch.zeros(head.size).bool()
            for head in self._heads()
        ]
        return torch.cat(marks)

    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]

"""Vectors of the last few symbols together, from tables into which pairs, triples and so on are hashed.

As Fast-Text's hashed n-grams (Bojanowski et al. 2017) and the n-gram memories of recent language models: what a count
would know of short contexts need not be learnt by attention. Different n-grams may share a row. Before the start mark
there are only start marks, so nothing of another sequence is seen. Cost O(orders * width) a symbol.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

FACTORS = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)  # odd numbers without structure
MODULUS = (1 << 31) - 1


def before(tokens: Tensor, order: int, start: int) -> list[Tensor]:
    """The `order - 1` symbols before each, nearest first, `[n, t]` each; start marks where there are none."""
    found, last = [], tokens
    for back in range(1, order):
        shifted = functional.pad(tokens, (back, 0), value=start)[:, : tokens.shape[1]]
        last = torch.where(last == start, start, shifted)
        found.append(last)
    return found


class NgramEmbedding(nn.Module):
    """A sum of one row a symbol from each table, of the pair, the triple and so on that ends at it.

    Args:
        start: the code of the start mark.
        orders: the longest n-gram; 1 is none at all.
        rows: of each table.
        width: of the vectors.
    """

    def __init__(self, start: int, orders: int, rows: int, width: int) -> None:
        super().__init__()
        self.start, self.orders, self.rows = start, orders, rows
        self.tables = nn.ModuleList(nn.utils.skip_init(nn.Embedding, rows, width) for _ in range(orders - 1))
        for table in self.tables:
            nn.init.zeros_(table.weight)  # type: ignore[arg-type]

    def forward(self, tokens: Tensor) -> Tensor:
        """`[n, t] -> [n, t, width]`."""
        return self.summed(self.hashed(tokens, before(tokens, self.orders, self.start)))

    def hashed(self, tokens: Tensor, earlier: list[Tensor]) -> list[Tensor]:
        """The row of each table."""
        code, found = tokens, []
        for back, symbol in enumerate(earlier):
            code = (code * FACTORS[back % len(FACTORS)] + symbol + back + 1) % MODULUS
            found.append(code % self.rows)
        return found

    def summed(self, rows: list[Tensor]) -> Tensor:
        """What the tables say."""
        parts = [table(row) for table, row in zip(self.tables, rows, strict=True)]
        total: Tensor = torch.stack(parts).sum(0) if len(parts) > 2 else sum(parts[1:], parts[0])
        return total

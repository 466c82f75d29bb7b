"""The soft minimum of Sinkhorn's iteration, over all pairs of two samples, in blocks that fit a budget.

    softmin(g)_i = -eps log sum_j exp(log b_j + (g_j - c(x_i, y_j)) / eps)

Never exponentiated outside a log-sum-exp, so that no epsilon is too small for it. The costs are kept where they fit
the budget and otherwise computed anew, block by block, in every call (Feydy et al. 2019 do so on a GPU).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK_BYTES = 32 << 20  # of one block of costs; a call holds a few such


class Costs:
    """|x_i - y_j|^order / scale for all pairs, kept or made in blocks of rows."""

    def __init__(self, x: Tensor, y: Tensor, order: float, *, keep: bool) -> None:
        self.x, self.y, self.order = x, y, order
        self.rows = max(1, BLOCK_BYTES // (8 * len(y)))
        self.kept = torch.cat([block for _, block in self._made()]) if keep else None

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Slices of rows with their costs `[rows, m]`."""
        if self.kept is None:
            yield from self._made()
        else:
            for start in range(0, len(self.x), self.rows):
                part = slice(start, start + self.rows)
                yield part, self.kept[part]

    def softmin(self, g: Tensor, log_b: Tensor, epsilon: float) -> Tensor:
        """`[m] -> [n]`."""
        offset = log_b + g / epsilon
        return torch.cat([-epsilon * torch.logsumexp(offset - c / epsilon, 1) for _, c in self.blocks()])

    def most(self) -> float:
        """The greatest cost."""
        return max(float(c.max()) for _, c in self.blocks())

    def _made(self) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, len(self.x), self.rows):
            part = slice(start, start + self.rows)
            block = torch.cdist(self.x[part], self.y, compute_mode="donot_use_mm_for_euclid_dist")
            yield part, block if self.order == 1 else block.pow_(self.order)

"""Log-kernels of all pairs as one matrix product: each is an inner product of a query's and a row's features.

`-|x - r|^2 / 2 w^2 = (x, |x|^2, 1) . (r, -1/2, -|r|^2 / 2) / w^2`; "the same label" is an inner product of indicators.
What does not factor (mirror images at the ends of an interval, categories of very many labels) is added pair by pair.
Good to some 1e-12 near the rows, which is plenty for choosing bandwidths; scores are computed in `sums.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

FAINT = -80.0  # a term so far below the largest does not count; exponentials that underflow are ten times as slow


@dataclass(eq=False)
class Features:
    """Gathers the terms of a sum over columns, for q queries and m rows."""

    queries: int
    rows: int
    of_query: list[Tensor] = field(default_factory=list)
    of_row: list[Tensor] = field(default_factory=list)
    only_query: Tensor | float = 0.0
    only_row: Tensor | float = 0.0
    by_pair: list[Tensor] = field(default_factory=list)

    def add_distance(self, x: Tensor, rows: Tensor, widths: Tensor, log_peak: Tensor, there: Tensor | None) -> None:
        """`log_peak - |x - rows|^2 / (2 widths^2)`, nothing for queries that have no value.

        Args:
            x: `[q, c]`.
            rows: `[m, c]`.
            widths, log_peak: `[m]`.
            there: which queries have a value, `[q]`, or None for all.
        """
        inverse = 1 / widths.square()
        alone = log_peak - 0.5 * rows.square().sum(1) * inverse
        of_query = [x, x.square().sum(1, keepdim=True)]
        of_row = [rows * inverse[:, None], -0.5 * inverse[:, None]]
        if there is None:
            self.only_row = self.only_row + alone
        else:
            of_query = [torch.where(there[:, None], piece, 0.0) for piece in of_query] + [there[:, None].to(x.dtype)]
            of_row.append(alone[:, None])
        self.of_query += of_query
        self.of_row += of_row

    def add_labels(self, x: Tensor, rows: Tensor, size: int, gain: Tensor) -> None:
        """`gain` `[q]` where the labels agree."""
        self.of_query.append(torch.nn.functional.one_hot(x.long(), size) * gain[:, None])
        self.of_row.append(torch.nn.functional.one_hot(rows.long(), size).to(gain.dtype))

    @property
    def width(self) -> int:
        """Length of a feature vector."""
        return sum(piece.shape[1] for piece in self.of_query) + 1

    def total(self) -> Tensor:
        """The sum, without what depends on the query only, `[q, m]`; nobody else's, so it may be changed."""
        one = torch.ones(self.queries, 1, dtype=torch.float64)
        alone = torch.as_tensor(self.only_row, dtype=torch.float64).expand(self.rows)[:, None]
        pairs = torch.cat([*self.of_query, one], 1) @ torch.cat([*self.of_row, alone], 1).T
        for piece in self.by_pair:
            pairs = pairs + piece
        return pairs


class _LogSumExp(torch.autograd.Function):
    """Over the last axis, with one exponential for value and gradient: what the search spends its time on."""

    @staticmethod
    def forward(ctx: Any, pairs: Tensor) -> Tensor:
        top = pairs.amax(1, keepdim=True)
        terms = (pairs - top).clamp_min_(FAINT).exp_()
        total = terms.sum(1)
        ctx.save_for_backward(terms, total)
        return torch.log(total) + top[:, 0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        terms, total = ctx.saved_tensors
        shares: Tensor = terms * (gradients[0] / total)[:, None]
        return shares


def row_log_sums(pairs: Tensor) -> Tensor:
    """`logsumexp` over the last axis, `[q, m] -> [q]`; some entry of each row must be finite."""
    sums: Tensor = _LogSumExp.apply(pairs)  # type: ignore[no-untyped-call]
    return sums

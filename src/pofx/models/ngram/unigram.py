"""Every symbol by itself: P(x) = product of P(x_t), the baseline any model of sequences must beat.

Shares of the symbols drawn to equal ones, by how much is chosen by leave-one-out likelihood in closed form (Dirichlet
smoothing; MacKay and Peto 1995). The end mark is a symbol like others, so lengths are geometric. Exact.
Cost: one count.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Density, Model
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.models.ngram.rows import alphabet, beginnings, filled_like, on_end
from pofx.models.ngram.writing import continued
from pofx.spaces.sequence import PAD, filled
from pofx.spaces.symbols import Symbols

PULLS = tuple(10.0**k for k in range(-3, 5))  # pseudo-counts that equal shares may have, all symbols together


def fit_unigram(data: Data) -> Model:
    """Count symbols, in weights, and choose how much they are drawn to equal shares."""
    assert isinstance(data.space, Symbols)
    flat = data.values.reshape(-1).to(torch.int32)  # compact types cannot hold what fills up
    there = flat != PAD
    weights = None
    if data.weights is not None:
        long = data.lengths if data.ends is not None else torch.full((len(data),), data.values[:1].numel())
        weights = data.weights.double().repeat_interleave(long)[there]
    counts = torch.bincount(flat[there].long(), weights, minlength=alphabet(data.space)).double()
    total, even = float(counts.sum()), 1.0 / len(counts)
    pull = max(PULLS, key=lambda pull: _left_out(counts, total, pull * even, pull))
    return UnigramModel(data.space, ((counts + pull * even) / (total + pull)).log())


def _left_out(counts: Tensor, total: float, each: float, pull: float) -> float:
    """Log-likelihood of each symbol under the counts of all others; a weight under one leaves none behind."""
    return float((counts * (((counts - 1).clamp(min=0) + each) / (max(total - 1, 0.0) + pull)).log()).sum())


class UnigramModel(Density):
    """Independent symbols.

    Args:
        space: the rows.
        log_shares: log-probability of each symbol, the end mark last where there is one, `[symbols]`.
    """

    capabilities = frozenset({"parts", "complete", "discrete"})
    reach = 0  # nothing is said of other values
    log_shares: Tensor

    def __init__(self, space: Symbols, log_shares: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("log_shares", log_shares)

    @property
    def free_parameters(self) -> int:
        return len(self.log_shares) - 1

    @property
    def symbols(self) -> Symbols:
        assert isinstance(self.space, Symbols)
        return self.space

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        return filled_like(x, self.log_shares.cpu().numpy()[on_end(x)[0]])

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._written([np.zeros(0, dtype=np.int32)] * n, self.symbols.length, generator, Warp())

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        return self._written(beginnings(begun, self.symbols), length or self.symbols.length, generator, warp)

    def _written(self, begun: list[np.ndarray], length: int, generator: torch.Generator, warp: Warp) -> Tensor:
        writer = _Writer(self.log_shares.cpu().numpy())
        return filled([continued(writer, row, length, self.symbols, generator, warp) for row in begun])


class _Writer:
    """The same law at each place."""

    def __init__(self, law: np.ndarray) -> None:
        self._law = law

    def begin(self, symbols: np.ndarray) -> None: ...

    def log_law(self) -> np.ndarray:
        return self._law

    def take(self, symbol: int) -> None: ...

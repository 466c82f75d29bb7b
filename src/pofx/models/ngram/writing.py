"""Sequences written symbol by symbol from laws that may be bent: temperature, top-k, top-p."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pofx.core.warp import Warp
from pofx.errors import LikelihoodError
from pofx.spaces.symbols import Symbols

LONGEST = 1_000_000  # a drawn sequence that has not ended by then is an error, never cut short


class Writer(Protocol):
    """A row that grows, and the law of what comes next."""

    def begin(self, symbols: np.ndarray) -> None:
        """Forget the row before, and take in what this one begins with."""

    def log_law(self) -> np.ndarray:
        """Log-probabilities of all symbols, `[symbols]`."""

    def take(self, symbol: int) -> None:
        """The next symbol is this one."""


def continued(
    writer: Writer, begun: np.ndarray, length: int, space: Symbols, generator: torch.Generator, warp: Warp
) -> Tensor:
    """The whole row, int32: up to its end mark, or `length` symbols where there is none.

    A bent law may go round for ever: then the row is closed behind as many symbols as the space says.
    """
    writer.begin(begun)
    row = begun.tolist()
    stop = length if not space.ends else LONGEST if warp.keeps_the_law else max(space.length, len(row) + 1)
    while len(row) < stop:
        weights = torch.softmax(warp(torch.from_numpy(writer.log_law())), 0).cumsum(0)
        u = torch.rand(1, generator=generator, dtype=torch.float64) * weights[-1]
        symbol = int(torch.searchsorted(weights, u, right=True).clamp(max=len(weights) - 1))
        row.append(symbol)
        if space.ends and symbol == space.end:
            break
        writer.take(symbol)
    else:
        if warp.keeps_the_law:
            endless(space)
        elif space.ends:
            row.append(space.end)
    return torch.tensor(row, dtype=torch.int32)


def endless(space: Symbols) -> None:
    """A sequence that should have ended did not."""
    if space.ends:
        raise LikelihoodError(
            "a drawn sequence does not end", got=f"{LONGEST} symbols", remedy="fit to passages (ends=False)"
        )

"""Sequences of symbols from a finite alphabet: tokens of a text, notes of a tune, codes of a wave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.sequence import PAD, Sequence, filled, wide


@dataclass(frozen=True)
class Symbols(Sequence):
    """Rows of codes 0 .. size - 1, where ends are modelled closed by the code `size`, which stands nowhere else.

    Args:
        size: number of symbols, the end mark not counted.
        ends: whether an outcome is a whole sequence, its end included, or a passage of a stream (see `Text`).
        length: of the passages that are drawn, where ends are not modelled.
    """

    size: int
    ends: bool = True
    length: int = 1000

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpaceError("an alphabet has at least one symbol", got=f"size={self.size}")

    @property
    def end(self) -> int:
        """The code of the end mark; a model may use it for the start as well, as there is none elsewhere."""
        return self.size

    def read(self, values: Any) -> Tensor:
        """A list of sequences of codes without end marks, or a tensor in tensor form; int32 `[n, longest]`."""
        if isinstance(values, Tensor):
            return wide(values)
        rows = [torch.from_numpy(np.asarray(value, dtype=np.int32).reshape(-1)) for value in values]
        return filled([torch.cat([row, row.new_full((1,), self.end)]) if self.ends else row for row in rows])

    def read_begun(self, values: Any) -> Tensor:
        """Beginnings, which have no end mark."""
        return replace(self, ends=False).read(values)

    def show(self, x: Tensor) -> list[np.ndarray]:
        """Each sequence as an array, without its end mark."""
        return [row[(row != PAD) & (row != self.end)] for row in x.detach().cpu().numpy()]

    @property
    def closing(self) -> int | None:
        return self.end if self.ends else None

    def allowed(self, x: Tensor) -> Tensor:
        return (x >= 0) & (x < self.size)

    def describe(self) -> str:
        return f"{'sequences' if self.ends else f'passages of {self.length}'} of {self.size} symbols"

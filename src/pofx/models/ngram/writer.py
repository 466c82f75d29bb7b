"""A row that grows under the mixture of contexts: the law of its next symbol, and its rest drawn in one go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from pofx.models.ngram.kernels import compiled
from pofx.models.ngram.layout import COUNTS, Mixer, Work
from pofx.models.ngram.notes import MOST, Notes
from pofx.models.ngram.rows import alphabet
from pofx.models.ngram.writing import LONGEST, endless
from pofx.spaces.symbols import Symbols

NUMBERS = 1 << 12  # uniform numbers drawn at once


class MixingWriter:
    """A row that grows.

    Args:
        mixer: what was learned, with slots that may be changed.
        work: scratch.
        space: the rows.
        adapt: whether the row's own past counts.
    """

    def __init__(self, mixer: Callable[[np.ndarray | None], Mixer], work: Work, space: Symbols, adapt: bool) -> None:
        self._notes = Notes(mixer(None).slots, MOST, adapt)
        self._m, self._w, self._space = mixer(self._notes.slots), work, space
        self._padded, self._learn = space.ends, COUNTS * adapt
        self._law = np.zeros(alphabet(space))
        self._x, self._length = np.zeros(64, dtype=np.int32), 0

    def begin(self, symbols: np.ndarray) -> None:
        """Forget the row before, and take in what this one begins with."""
        self._notes.put_back()
        self._length = 0
        compiled()["reset"](self._w, self._padded)
        self._read(symbols)

    def log_law(self) -> np.ndarray:
        """Log-probabilities of all symbols, `[symbols]`."""
        self._room(1)
        compiled()["next_law"](self._m, self._w, self._x, self._length, self._padded, self._law)
        return self._law

    def take(self, symbol: int) -> None:
        """The next symbol is this one."""
        self._read(np.array([symbol], dtype=np.int32))

    def go_on(self, begun: np.ndarray, length: int, generator: torch.Generator) -> np.ndarray:
        """The whole row, its rest drawn from the model's own law, int32."""
        self.begin(begun)
        stop, end = (LONGEST, self._space.end) if self._space.ends else (length, -1)
        while self._length < stop:
            uniform = torch.rand(max(NUMBERS, len(self._w.cells)), generator=generator, dtype=torch.float64).numpy()
            self._room(min(NUMBERS, stop - self._length))
            row = self._m, self._w, self._x, self._length, min(stop, len(self._x)), self._padded, self._learn
            self._length, changes = compiled()["write"](*row, end, uniform, *self._notes.room)
            self._notes.taken(changes)
            if self._space.ends and self._x[self._length - 1] == end:
                break
        else:
            endless(self._space)
        return self._x[: self._length].copy()

    def _read(self, symbols: np.ndarray) -> None:
        start, stop = self._length, self._length + len(symbols)
        self._room(len(symbols))
        self._x[start:stop] = symbols
        row = self._m, self._w, self._x, 0, start, stop, self._padded, self._learn, np.zeros(len(symbols))
        self._notes.taken(compiled()["read"](*row, *self._notes.room))
        self._length = stop

    def _room(self, more: int) -> None:
        if self._length + more > len(self._x):
            self._x = np.resize(self._x, max(2 * len(self._x), self._length + more))

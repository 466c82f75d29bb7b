"""A text as a sequence of symbols, and back. What the kinds of tokens differ in is how one text is cut."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from itertools import pairwise
from typing import final

import numpy as np
import torch
from torch import Tensor

from pofx.codecs.base import Codec
from pofx.data.dataset import Data
from pofx.spaces.sequence import PAD, filled
from pofx.spaces.symbols import Symbols
from pofx.spaces.text import END, Text


class TokenCodec(Codec):
    """Subclasses are frozen dataclasses with the field `text`, the space of the texts."""

    text: Text

    @property
    @abstractmethod
    def size(self) -> int:
        """How many symbols there are."""

    @abstractmethod
    def cut(self, text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Symbols of a text, the bytes that each stands for, and what each adds to the log-volume, nats; `[m]` each."""

    @abstractmethod
    def join(self, symbols: np.ndarray) -> bytes:
        """The text of symbols `[m]`."""

    @property
    def bytes_each(self) -> float:
        """Bytes that a symbol stands for, on average."""
        return 1.0

    @property
    @final
    def source(self) -> Text:
        return self.text

    @property
    @final
    def target(self) -> Symbols:
        return Symbols(self.size, self.text.ends, self.symbols(self.text.length))

    @final
    def symbols(self, length: int) -> int:
        """About how many symbols so many bytes are."""
        return max(1, math.ceil(length / self.bytes_each))

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        rows = [self._row(row) for row in x]
        volume = torch.tensor([row[2].sum() for row in rows], dtype=torch.float64, device=x.device)
        return filled([row[0] for row in rows]).to(x.device), volume

    def decode(self, z: Tensor) -> Tensor:
        return filled([self._text(row) for row in z.cpu().numpy()]).to(z.device)

    @final
    def sizes(self, x: Tensor) -> list[np.ndarray]:
        """The bytes that each symbol of each text stands for, the end mark as one, `[m]` a text."""
        return [self._row(row)[1] for row in x]

    @final
    def spread(self, parts: Tensor, x: Tensor) -> Tensor:
        """What symbols add to `log_prob`, `[n, m]`, at the first byte of each, log-volumes counted, `[n, L]`."""
        found = torch.zeros(x.shape, dtype=torch.float64)
        for place, row in enumerate(x):
            _, sizes, volume = self._row(row)
            starts = torch.from_numpy(np.cumsum(sizes) - sizes)
            found[place, starts] = parts[place, : len(sizes)].cpu() + torch.from_numpy(volume)
        return found.to(x.device)

    def data(self, data: Data) -> Data:
        """Many texts, which may stand one after the other."""
        assert data.ends is not None
        starts = torch.cat([data.ends.new_zeros(1), data.ends]).tolist()
        rows = [self._row(data.values[a:b])[0] for a, b in pairwise(starts)]
        ends = torch.tensor([len(row) for row in rows]).cumsum(0)
        return replace(data, space=self.target, values=torch.cat(rows) if rows else data.values[:0], ends=ends)

    def _row(self, row: Tensor) -> tuple[Tensor, np.ndarray, np.ndarray]:
        codes = row.cpu().numpy()
        found, sizes, volume = self.cut(codes[(codes >= 0) & (codes < END)].astype(np.uint8).tobytes())
        if (codes == END).any():  # beginnings have none, even where ends are modelled
            found, sizes, volume = np.append(found, self.size), np.append(sizes, 1), np.append(volume, 0.0)
        return torch.from_numpy(found.astype(np.int32)), sizes, volume

    def _text(self, row: np.ndarray) -> Tensor:
        inside = row[(row != PAD) & (row != self.size)]
        text = torch.from_numpy(np.frombuffer(self.join(inside), dtype=np.uint8).astype(np.int32))
        return torch.cat([text, text.new_full((1,), END)]) if (row == self.size).any() else text

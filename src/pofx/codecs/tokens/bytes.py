"""Bytes as they are: 256 symbols, every text and every file can be written in them, and nothing is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pofx.codecs.tokens.base import TokenCodec
from pofx.data.dataset import Data
from pofx.spaces.text import Text


@dataclass(frozen=True)
class Bytes(TokenCodec):
    """A text as its bytes; exact, log-volume 0. The tensor form of a text is that of its bytes already."""

    text: Text

    @property
    def size(self) -> int:
        return 256

    def cut(self, text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        codes = np.frombuffer(text, dtype=np.uint8)
        return codes, np.ones(len(codes), dtype=np.int64), np.zeros(len(codes))

    def join(self, symbols: np.ndarray) -> bytes:
        return symbols.astype(np.uint8).tobytes()

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        return x, torch.zeros(len(x), dtype=torch.float64, device=x.device)

    def decode(self, z: Tensor) -> Tensor:
        return z

    def data(self, data: Data) -> Data:
        return replace(data, space=self.target)

"""Texts as `Data`: a stream cut into passages, or documents one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pofx.data.dataset import Data
from pofx.spaces.text import END, Text

PASSAGE = 1000  # bytes of a passage
LEAST_PASSAGES = 50  # where a text is long enough for so many


def stream(text: bytes, length: int | None = None, origin: str = "") -> Data:
    """A text as passages of about `length` bytes, in their order; no character of UTF-8 is cut.

    Args:
        text: all of it.
        length: bytes; 1,000 when None, fewer where that makes fewer than 50 passages.
        origin: where it came from.
    """
    size = length or min(PASSAGE, max(1, len(text) // LEAST_PASSAGES))
    codes = np.frombuffer(text, dtype=np.uint8)
    starts = [_at_a_character(codes, place) for place in range(size, len(codes), size)]
    ends = torch.tensor(sorted({*starts, len(codes)} - {0}), dtype=torch.int64)
    return Data(Text(False, size), torch.from_numpy(codes.astype(np.int16)), origin=origin, ends=ends)


def documents(texts: Sequence[bytes], origin: str = "") -> Data:
    """Whole texts, each with its end mark."""
    ends = torch.tensor([len(text) + 1 for text in texts], dtype=torch.int64).cumsum(0)
    codes = np.empty(int(ends[-1]) if len(texts) else 0, dtype=np.int16)
    start = 0
    for text, end in zip(texts, ends.tolist(), strict=True):
        codes[start : end - 1] = np.frombuffer(text, dtype=np.uint8)
        codes[end - 1] = END
        start = end
    return Data(Text(), torch.from_numpy(codes), origin=origin, ends=ends)


def _at_a_character(codes: np.ndarray, place: int) -> int:
    """The place, or the next one where a character of UTF-8 begins; a text that is none is cut where it falls."""
    for near in range(place, min(place + 4, len(codes))):
        if codes[near] & 0xC0 != 0x80:
            return near
    return place

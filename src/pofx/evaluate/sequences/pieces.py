"""A text in the pieces that its model reads it in, each with what it adds to log p: which word is surprising."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pofx.codecs.tokens.base import TokenCodec
from pofx.core.contract import Model
from pofx.spaces.sequence import PAD
from pofx.spaces.text import END


@dataclass(frozen=True)
class Piece:
    """One token.

    Args:
        text: what it stands for; empty for the end mark. A letter of several bytes that are read one by one is whole.
        nats: what it adds to log p, given all before it.
    """

    text: str
    nats: float


def pieces_of(model: Model, x: Tensor) -> list[tuple[Piece, ...]]:
    """The pieces of each text, `[n, L]` in tensor form; of a model with the capability `parts`."""
    parts = model.log_prob_parts(x).cpu().numpy()
    codec = getattr(model, "codec", None)
    sizes = codec.sizes(x) if isinstance(codec, TokenCodec) else [np.ones(int((row != PAD).sum()), int) for row in x]
    return [_pieces(row.cpu().numpy(), nats, size) for row, nats, size in zip(x, parts, sizes, strict=True)]


def _pieces(codes: np.ndarray, nats: np.ndarray, sizes: np.ndarray) -> tuple[Piece, ...]:
    """Tokens that share a letter are taken together, so that each piece can be shown."""
    found: list[Piece] = []
    start, place = 0, 0
    for size in sizes.tolist():
        place += size
        if place < len(codes) and codes[place] >= 0 and codes[place] & 0xC0 == 0x80 and codes[place] < END:
            continue
        row = codes[start:place]
        text = row[(row >= 0) & (row < END)].astype(np.uint8).tobytes().decode("utf-8", "replace")
        found.append(Piece(text, float(nats[start:place].sum())))
        start = place
    return tuple(found)

"""The tokens that a model asks for by name, learnt from its training texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pofx.codecs.tokens.base import TokenCodec
from pofx.codecs.tokens.bytes import Bytes
from pofx.codecs.tokens.characters import learn_characters
from pofx.codecs.tokens.pairs import learn_pairs, read_pairs
from pofx.data.dataset import Data
from pofx.errors import CodecError
from pofx.spaces.text import END, Text

SAMPLE = 1 << 26  # bytes that byte pairs are learnt from at most
PAIRS = 4096  # tokens where their number is not asked for
LEAST = 257


def learn(tokens: str, data: Data) -> TokenCodec:
    """How texts are cut.

    Args:
        tokens: `bytes`, `characters`, `bpe` or `bpe:SIZE`, learnt from the texts, or the path of a tokeniser: a
            tokenizer.json, or a folder with GPT-2's encoder.json and vocab.bpe.
        data: texts.
    """
    text = data.space
    assert isinstance(text, Text)
    kind, _, size = tokens.partition(":")
    if kind == "bytes" and not size:
        return Bytes(text)
    if kind == "characters" and not size:
        return learn_characters(text, _all(data))
    if kind == "bpe":
        return learn_pairs(text, _strings(data), _size(size, len(data.values)))
    path = Path(tokens)
    if not path.exists():
        raise CodecError(
            "there are no such tokens",
            got=repr(tokens),
            expected="bytes, characters, bpe, bpe:SIZE or the path of a tokeniser",
        )
    return read_pairs(text, path)


def _size(word: str, total: int) -> int:
    if not word:
        return min(PAIRS, max(512, total // 200))  # so that a token is met often enough to be learnt
    if not word.isdigit() or int(word) < LEAST:
        raise CodecError("byte pairs cannot be so many", got=f"bpe:{word}", expected=f"bpe:SIZE with SIZE >= {LEAST}")
    return int(word)


def _all(data: Data) -> bytes:
    """All texts, one after the other."""
    codes = data.values.numpy()
    return codes[codes < END].astype(np.uint8).tobytes()


def _strings(data: Data) -> list[str]:
    """The texts up to a size, those that are no UTF-8 with marks for what is not."""
    assert data.ends is not None
    found: list[str] = []
    start = 0
    for end in data.ends.tolist():
        if end > SAMPLE and found:
            break
        codes = data.values[start:end].numpy()
        found.append(codes[codes < END].astype(np.uint8).tobytes().decode("utf-8", "replace"))
        start = end
    return found

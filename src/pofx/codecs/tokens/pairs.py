"""Byte pairs (Sennrich et al. 2016; on bytes: Radford et al. 2019), by Hugging Face's `tokenizers`.

A text can be cut in many ways, and only the tokeniser's own is scored: the probability is a lower bound of the text's,
which is the sum over all ways. Where a text was cut before a prompt's end, samples go on from that cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pofx.codecs.tokens.base import TokenCodec
from pofx.errors import CodecError, MissingExtra
from pofx.likelihood import Likelihood
from pofx.spaces.text import Text

GPT2_END = "<|endoftext|>"
PIECE = 1 << 20  # characters that the tokeniser gets at once


@dataclass(frozen=True)
class BytePairs(TokenCodec):
    """A text as tokens of a byte-level tokeniser; a lower bound.

    Args:
        text: the space of the texts.
        tokeniser: as the JSON of `tokenizers`, without special tokens.
        mean: bytes of a token of the training texts.
    """

    text: Text
    tokeniser: str
    mean: float = 4.0

    likelihood = Likelihood.LOWER_BOUND

    @property
    def size(self) -> int:
        return int(self._tokeniser.get_vocab_size())

    @property
    def bytes_each(self) -> float:
        return self.mean

    @cached_property
    def _tokeniser(self) -> Any:
        return _package().Tokenizer.from_str(self.tokeniser)

    @cached_property
    def _pieces(self) -> list[bytes]:
        """The bytes of each token."""
        letters = _letters()
        return [bytes(letters[letter] for letter in self._tokeniser.id_to_token(token)) for token in range(self.size)]

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.array([len(piece) for piece in self._pieces])

    def cut(self, text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found: list[int] = []
        string = text.decode("utf-8", "surrogateescape")
        for part in _parts(string):
            found += self._part(part)
        tokens = np.array(found, dtype=np.int64)
        return tokens, self._sizes[tokens], np.zeros(len(tokens))

    def _part(self, text: str) -> list[int]:
        """Tokens of a string; bytes that are no UTF-8 one by one, as the tokeniser takes strings only."""
        if text.isascii() or not any(0xDC80 <= ord(letter) <= 0xDCFF for letter in text):
            return list(self._tokeniser.encode(text, add_special_tokens=False).ids)
        found: list[int] = []
        for run in _runs(text):
            broken = 0xDC80 <= ord(run[0]) <= 0xDCFF
            found += [self._single[ord(run) - 0xDC00]] if broken else self._part(run)
        return found

    @cached_property
    def _single(self) -> dict[int, int]:
        return {piece[0]: token for token, piece in enumerate(self._pieces) if len(piece) == 1}

    def join(self, symbols: np.ndarray) -> bytes:
        return b"".join(self._pieces[token] for token in symbols.tolist())


def learn_pairs(text: Text, sample: Iterable[str], size: int) -> BytePairs:
    """A tokeniser of at most `size` tokens, trained on some texts."""
    package = _package()
    tokeniser = package.Tokenizer(package.models.BPE())
    tokeniser.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = package.trainers.BpeTrainer(
        vocab_size=size,
        show_progress=False,
        initial_alphabet=package.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
    )
    texts = list(sample)
    tokeniser.train_from_iterator(texts, trainer)
    found = BytePairs(text, tokeniser.to_str())
    head = "".join(texts)[:PIECE]
    return BytePairs(text, found.tokeniser, len(head.encode()) / max(len(found._part(head)), 1))


def read_pairs(text: Text, path: Path) -> BytePairs:
    """A tokeniser from a file of `tokenizers`, or GPT-2's two files in a folder."""
    if path.is_dir():
        return _gpt2(text, path)
    try:
        document = json.loads(path.read_text("utf-8"))
        document["added_tokens"], document["post_processor"] = [], None
        codec = BytePairs(text, json.dumps(document))
        codec.cut(b"any text")
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001  # the package raises bare exceptions
        raise CodecError("this is no byte-level tokeniser", got=str(error)[:120], where=str(path)) from None
    return codec


def _gpt2(text: Text, folder: Path) -> BytePairs:
    """GPT-2's vocabulary: encoder.json and vocab.bpe, or vocab.json and merges.txt."""
    names = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))
    pair = next((pair for pair in names if all((folder / name).is_file() for name in pair)), None)
    if pair is None:
        wanted = " or ".join(" and ".join(pair) for pair in names)
        raise CodecError("the folder holds no tokeniser", expected=wanted, where=str(folder))
    vocabulary = json.loads((folder / pair[0]).read_text("utf-8"))
    vocabulary.pop(GPT2_END, None)  # the end mark, which has a code of its own here, the last as well
    lines = (folder / pair[1]).read_text("utf-8").splitlines()
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    package = _package()
    tokeniser = package.Tokenizer(package.models.BPE(vocab=vocabulary, merges=merges))
    tokeniser.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return BytePairs(text, tokeniser.to_str())


def _package() -> Any:
    try:
        import tokenizers
        from tokenizers import models, pre_tokenizers, trainers  # noqa: F401  # attributes of the package
    except ImportError:
        raise MissingExtra("text", "tokenizers") from None
    return tokenizers


def _letters() -> dict[str, int]:
    """The bytes behind the letters in which byte-level tokenisers write them (Radford et al. 2019)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(256 + k): byte for k, byte in enumerate(others)}


def _parts(text: str) -> list[str]:
    """A long text in parts that end in a line's end where there is one, so that memory is bounded."""
    parts, start = [], 0
    while len(text) - start > PIECE:
        stop = text.rfind("\n", start + 1, start + PIECE)
        stop = start + PIECE if stop < 0 else stop
        parts.append(text[start:stop])
        start = stop
    return [*parts, text[start:]]


def _runs(text: str) -> list[str]:
    """A string cut before and behind each byte that is no UTF-8."""
    runs: list[str] = []
    for letter in text:
        broken = 0xDC80 <= ord(letter) <= 0xDCFF
        if runs and not broken and not 0xDC80 <= ord(runs[-1][0]) <= 0xDCFF:
            runs[-1] += letter
        else:
            runs.append(letter)
    return runs

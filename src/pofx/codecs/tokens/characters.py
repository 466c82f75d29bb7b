"""Characters of Unicode: those met in training each a symbol, all others together one more.

A character that was never met is the symbol "other", and then one of the remaining characters, each as likely as the
next: its log-volume is minus the log of their number. So every text of UTF-8 has a probability, and all of them add up
to one. Bytes that are no UTF-8 have none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pofx.codecs.tokens.base import TokenCodec
from pofx.errors import CodecError
from pofx.spaces.text import Text

ALL = 0x110000 - 2048  # characters of Unicode, the halves of UTF-16 not counted
UNKNOWN = 0xFFFD  # what stands for a character that no one knows


@dataclass(frozen=True)
class Characters(TokenCodec):
    """A text as its characters; exact.

    Args:
        text: the space of the texts.
        letters: the characters met in training, in order of their code points.
    """

    text: Text
    letters: str

    @property
    def size(self) -> int:
        return len(self.letters) + 1

    @property
    def bytes_each(self) -> float:
        return len(self.letters.encode()) / max(len(self.letters), 1) if not self.letters.isascii() else 1.0

    @cached_property
    def _points(self) -> np.ndarray:
        return _points(self.letters)

    def cut(self, text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        points = _points(text.decode("utf-8", "surrogateescape"))
        place = np.searchsorted(self._points, points)
        known = self._points[np.minimum(place, len(self._points) - 1)] == points if len(self._points) else points < 0
        symbols = np.where(known, place, len(self.letters))
        sizes = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
        broken = (points >= 0xD800) & (points < 0xE000)  # a byte that is no UTF-8
        sizes[broken] = 1
        volume = np.where(broken, -math.inf, np.where(known, 0.0, -math.log(ALL - len(self.letters))))
        return symbols, sizes, volume

    def join(self, symbols: np.ndarray) -> bytes:
        points = np.append(self._points, UNKNOWN)[symbols]
        written: bytes = points.astype("<u4").tobytes()
        return written.decode("utf-32-le").encode()


def learn_characters(text: Text, sample: bytes) -> Characters:
    """The characters that a text has."""
    try:
        letters = "".join(sorted(set(sample.decode("utf-8"))))
    except UnicodeDecodeError as error:
        raise CodecError(
            "the text is no UTF-8, so it has no characters",
            got=f"byte {sample[error.start]:#04x} at {error.start}",
            remedy="tokens='bytes' takes any text",
        ) from None
    return Characters(text, letters)


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)

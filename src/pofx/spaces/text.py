"""Texts: finite strings under counting measure, as bytes of UTF-8, with an end mark or as passages of a stream.

Bytes that are no UTF-8 are kept: Python's "surrogateescape" carries them through `str` and back, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.sequence import Sequence, filled, wide

END = 256  # the code of the end mark


@dataclass(frozen=True)
class Text(Sequence):
    """Texts. A row is the bytes of one, 0 .. 255, followed by `END` where ends are modelled.

    Args:
        ends: True: an outcome is a whole text, and the probabilities of all texts add up to one. False: an outcome is a
            passage of a stream, read from any place on; those of all passages of one length add up to one.
        length: bytes of the passages that are drawn, where ends are not modelled.
    """

    ends: bool = True
    length: int = 1000

    def read(self, values: Any) -> Tensor:
        """A string, a list of strings or bytes, a series or a frame of one column; int32 `[n, longest]`."""
        if isinstance(values, Tensor):
            return wide(values)
        return filled([self.codes(_bytes(value, row)) for row, value in enumerate(_listed(values))])

    def read_begun(self, values: Any) -> Tensor:
        """Beginnings, which have no end mark."""
        return replace(self, ends=False).read(values)

    def codes(self, text: bytes) -> Tensor:
        """One text as a row, int32, with its end where that is modelled."""
        found = torch.from_numpy(np.frombuffer(text, dtype=np.uint8).astype(np.int32))
        return torch.cat([found, found.new_full((1,), END)]) if self.ends else found

    def show(self, x: Tensor) -> list[str]:
        """Strings; bytes that are no UTF-8 as "surrogateescape" writes them."""
        return [_plain(row).decode("utf-8", "surrogateescape") for row in x.detach().cpu().numpy()]

    @property
    def closing(self) -> int | None:
        return END if self.ends else None

    def allowed(self, x: Tensor) -> Tensor:
        return (x >= 0) & (x < END)

    def describe(self) -> str:
        return "texts with their ends" if self.ends else f"passages of a text, of {self.length} bytes"


def _listed(values: Any) -> Rows[Any]:
    if isinstance(values, str | bytes):
        return [values]
    if isinstance(values, pl.DataFrame):
        if values.width != 1:
            raise SpaceError(
                "texts are one column", got=f"{values.width} columns", remedy="choose the one of the texts"
            )
        return values.to_series().to_list()
    return list(values)


def _bytes(value: Any, row: int) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise SpaceError("this is no text", got=repr(value)[:60], expected="a string", where=f"row {row + 1}")
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character of UTF-16, as some JSON has it
        return value.encode("utf-8", "replace")


def _plain(row: np.ndarray) -> bytes:
    return row[(row >= 0) & (row < END)].astype(np.uint8).tobytes()

"""One recording, block by block, as the whole numbers that the recorder wrote.

8, 16 and 24 bits are taken as they are (unsigned 8 bits less 128). Floats and 32 bits are taken in steps of 24 bits,
which is exact where they lie on that grid, and rounded to it elsewhere. What was packed with loss (Vorbis, Opus, MP3,
A-law and the like) is decoded to 16 bits. Memory: one block.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pofx.data.images.picture import Remarks
from pofx.data.sounds.door import load_soundfile
from pofx.data.sounds.entries import Entry
from pofx.data.sounds.headers import mended, mended_path
from pofx.data.sounds.sniff import UNREADABLE

BLOCK = 1 << 19  # moments decoded at once
PLAIN = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}
WIDE = frozenset({"PCM_32", "FLOAT", "DOUBLE"})
TOP = 1 << 23


class Broken(Exception):
    """A recording that cannot be decoded; the reader counts them before it complains."""


@dataclass(frozen=True)
class Form:
    """What recordings must have in common. `wide`: the bits are those of the grid, not of the file."""

    rate: int
    bits: int
    channels: int
    wide: bool = False


@dataclass(frozen=True)
class Recording:
    """An open recording."""

    name: str
    form: Form
    file: Any

    def blocks(self, remarks: Remarks) -> Iterator[np.ndarray]:
        """Whole numbers `[moments, channels]`, int16 up to 16 bits and int32 above.

        Raises:
            Broken: the content is damaged, or a sample is no finite number.
        """
        subtype, told = self.file.subtype, _Once(remarks, self.name)
        read = "float64" if subtype not in {*PLAIN, "PCM_32"} else "int32" if self.form.bits > 16 else "int16"
        for block in _decoded(self.file, read):
            if subtype in PLAIN:
                yield block >> (8 if subtype != "PCM_16" else 0)
            elif subtype in WIDE:
                yield _on_grid(block, told)
            else:
                told.add(f"decoded to 16 bits from {subtype.replace('_', ' ').title()}, which loses some of the sound")
                yield np.rint(block * 32768.0).clip(-32768, 32767).astype(np.int16)


@contextlib.contextmanager
def opened(entry: Entry, remarks: Remarks) -> Iterator[Recording]:
    """The recording of an entry.

    Raises:
        Broken: it cannot be opened, or holds nothing.
    """
    soundfile = load_soundfile()
    content = _content(entry, remarks)
    try:
        file = soundfile.SoundFile(io.BytesIO(content) if isinstance(content, bytes) else content)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        raise Broken("this is no recording, or its header is damaged") from error
    with file:
        if file.frames == 0:
            raise Broken("it holds no samples")
        wide = file.subtype in WIDE
        bits = 24 if wide else PLAIN.get(file.subtype, 16)
        yield Recording(entry.name, Form(file.samplerate, bits, file.channels, wide), file)


def _content(entry: Entry, remarks: Remarks) -> Path | bytes:
    """What soundfile opens, with its true length in the header."""
    try:
        content = entry.content()
        whole, wrong = mended_path(content) if isinstance(content, Path) else mended(io.BytesIO(content))
        empty = content == b"" or (isinstance(content, Path) and content.stat().st_size == 0)
    except (*UNREADABLE, RuntimeError) as error:  # RuntimeError: a member of a zip that needs a password
        raise Broken(str(error)) from error
    if empty:
        raise Broken("the file is empty")
    if wrong:
        remarks.add(wrong, entry.name)
    return content if whole is None else whole


def _decoded(file: Any, kind: str) -> Iterator[np.ndarray]:
    soundfile, seen = load_soundfile(), 0
    while True:
        try:
            block: np.ndarray = file.read(BLOCK, dtype=kind, always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise Broken(f"the content is damaged after {seen:,} of {file.frames:,} moments") from error
        if len(block) == 0:
            break
        seen += len(block)
        yield block
    if seen < file.frames and file.format == "FLAC":
        raise Broken(f"it is cut short after {seen:,} of {file.frames:,} moments")
    if seen == 0:
        raise Broken("it holds no samples")


def _on_grid(block: np.ndarray, told: _Once) -> np.ndarray:
    """Floats in [-1, 1], or int32, in whole steps of 24 bits."""
    steps = block * float(TOP) if block.dtype.kind == "f" else block / 256.0
    if not np.isfinite(steps).all():
        raise Broken("a sample is no finite number")
    whole = np.rint(steps)
    if (whole != steps).any():
        told.add("rounded to 24 bits, because they lie on no grid of 16 or 24 bits")
    if (np.abs(whole) > TOP).any():
        told.add("louder than full scale; those samples are set to the ends of the range")
    return whole.clip(-TOP, TOP - 1).astype(np.int32)


class _Once:
    """Remarks on one recording, each made once however many blocks it has."""

    def __init__(self, remarks: Remarks, name: str) -> None:
        self._remarks, self._name, self._made = remarks, name, set[str]()

    def add(self, what: str) -> None:
        if what not in self._made:
            self._remarks.add(what, self._name)
            self._made.add(what)

"""WAV headers that lie about their length: from recorders that crashed, pipes that never knew it, copies cut short.

A RIFF file is a list of chunks, each of four letters, its length and its content. Where `data` says it is longer than
the file, or ends where no other chunk begins, the samples go on to the end of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LONGEST = 0xFFFFFFFF


def mended(file: BinaryIO) -> tuple[bytes | None, str]:
    """The file with its true length in the header, and what was wrong; None where nothing is."""
    size = file.seek(0, 2)
    place = next((place for name, place, _ in _chunks(file, size) if name == b"data"), None)
    if place is None or size - place - 8 > LONGEST:
        return None, ""
    file.seek(place + 4)
    stated, there = struct.unpack("<I", file.read(4))[0], size - place - 8
    if stated == there or (stated < there and _goes_on(file, place + 8 + stated, size)):
        return None, ""
    what = "shorter" if stated > there else "longer"
    file.seek(0)
    content = bytearray(file.read())
    content[4:8] = struct.pack("<I", min(size - 8, LONGEST))
    content[place + 4 : place + 8] = struct.pack("<I", there)
    return bytes(content), f"{what} than the header says; what is there is read"


def mended_path(path: Path) -> tuple[bytes | None, str]:
    """The same of a file on the disk, of which only the headers are read while nothing is wrong."""
    with path.open("rb") as file:
        return mended(file)


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and stated length of each chunk, up to the samples."""
    file.seek(0)
    head = file.read(12)
    place = 12 if head[:4] == b"RIFF" and head[8:12] == b"WAVE" else size
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        yield name, place, length
        place += 8 + length + length % 2


def _goes_on(file: BinaryIO, end: int, size: int) -> bool:
    """Whether what follows the samples is another chunk, or only a few bytes that fill up."""
    for place in (end + end % 2, end):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return True
        name, length = struct.unpack("<4sI", head)
        if all(32 <= letter < 127 for letter in name) and place + 8 + length <= size + 1:
            return True
    return False

"""Is this path sounds? Names and first bytes only: nothing is decoded, and neither soundfile nor torch is loaded."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from enum import Enum
from itertools import islice
from pathlib import Path, PurePosixPath

from pofx.data.sounds.door import SUFFIXES, is_sound

LOOKED_AT = 10_000  # names of a folder or archive that decide
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
UNREADABLE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)


class Kind(Enum):
    """What kind of source a path is."""

    FILE = "one recording"
    FOLDER = "a folder of recordings"
    ZIP = "a zip of recordings"
    TAR = "a tar of recordings"
    NONE = "no sounds"


def is_sounds(path: str | Path) -> bool:
    """Whether `read_sounds` is the reader for a path: a recording, or a folder or archive of which half are some.

    Never raises; a path that is missing or cannot be read is not sounds.
    """
    return kind_of(Path(path).expanduser()) is not Kind.NONE


def kind_of(path: Path) -> Kind:
    """What a path holds, `Kind.NONE` where that is not sounds or cannot be told."""
    try:
        if path.is_dir():
            return _folder(path)
        return _file(path) if path.is_file() else Kind.NONE
    except UNREADABLE:
        return Kind.NONE


def container_of(path: Path) -> Kind:
    """What a path is by its form alone, whether sounds are inside or not."""
    if path.is_dir():
        return Kind.FOLDER
    if path.name.lower().endswith(TAR_SUFFIXES):
        return Kind.TAR
    with path.open("rb") as file:
        return Kind.ZIP if file.read(4).startswith(b"PK") else Kind.FILE


def is_hidden(name: str) -> bool:
    """Names that file systems and archivers leave for themselves."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _folder(folder: Path) -> Kind:
    from pofx.data.images.folder import walk  # loads torch, which a file that is no sound must not wait for

    return Kind.FOLDER if _mostly(file.name for file in walk(folder)) else Kind.NONE


def _file(path: Path) -> Kind:
    with path.open("rb") as file:
        head = file.read(16)
    if path.suffix.lower() in SUFFIXES or is_sound(head):
        return Kind.FILE
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            return Kind.ZIP if _mostly(archive.namelist()) else Kind.NONE
    if not path.name.lower().endswith(TAR_SUFFIXES):
        return Kind.NONE
    with tarfile.open(path, "r|*") as tar:
        return Kind.TAR if _mostly(member.name for member in tar if member.isfile()) else Kind.NONE


def _mostly(names: Iterable[str]) -> bool:
    """Whether at least half of the first names are those of recordings."""
    seen = (name for name in names if not name.endswith("/") and not is_hidden(name))
    sounds = [PurePosixPath(name).suffix.lower() in SUFFIXES for name in islice(seen, LOOKED_AT)]
    return any(sounds) and 2 * sum(sounds) >= len(sounds)

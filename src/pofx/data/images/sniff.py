"""Is this path pictures, and of which kind? First bytes and headers only, and of a folder the first file that tells."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import islice
from pathlib import Path

from numpy.lib import format as npy

from pofx.data.images.folder import walk, zip_names
from pofx.data.images.idx import dimensions
from pofx.data.images.parquet import columns_of_pictures
from pofx.data.images.pillow import SUFFIXES, is_picture

LOOKED_AT = 100_000  # files of a folder; one that has no picture among these is not taken for pictures


class Kind(Enum):
    """What kind of source a path is."""

    FOLDER = "a folder of pictures"
    ZIP = "a zip of pictures"
    IDX_FOLDER = "a folder of IDX files"
    IDX = "an IDX file"
    ARRAYS = "arrays of pictures"
    PARQUET_FOLDER = "a folder of Parquet files"
    PARQUET = "a Parquet of pictures"
    PICTURE = "one picture"
    NONE = "no pictures"


def is_images(path: str | Path) -> bool:
    """Whether `read_images` is the reader for a path: pictures in any form, also a single one, which it refuses.

    Never raises; a path that is missing or cannot be read is not pictures.
    """
    return kind_of(Path(path).expanduser()) is not Kind.NONE


def kind_of(path: Path) -> Kind:
    """What a path holds, `Kind.NONE` where that is not pictures or cannot be told."""
    try:
        return _folder(path) if path.is_dir() else _file(path) if path.is_file() else Kind.NONE
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile):
        return Kind.NONE


def meant_for(path: Path) -> Kind:
    """Whose refusal says most about a file without pictures: labels in IDX, arrays of other shapes."""
    try:
        head = _head(path)
    except (OSError, EOFError, zlib.error):
        return Kind.NONE
    arrays = head.startswith(b"\x93NUMPY") or path.suffix.lower() == ".npz"
    return Kind.IDX if dimensions(head) else Kind.ARRAYS if arrays else Kind.NONE


def pictures(folder: Path) -> Iterator[Path]:
    """The picture files below a folder."""
    return (file for file in walk(folder) if file.suffix.lower() in SUFFIXES)


def sets_inside(folder: Path) -> list[Path]:
    """The files of many pictures that lie in a folder itself."""
    many = {Kind.ARRAYS, Kind.IDX, Kind.PARQUET, Kind.ZIP}
    return [file for file in sorted(folder.iterdir()) if file.is_file() and kind_of(file) in many]


def idx_files(folder: Path) -> list[Path]:
    """The IDX files of pictures that lie in a folder itself."""
    return sorted(file for file in folder.iterdir() if file.is_file() and _idx_axes(file) >= 3)


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of pictures in a folder, or in its `data`, where Hugging Face puts them."""
    inside = sorted(folder.glob("*.parquet")) or sorted((folder / "data").glob("*.parquet"))
    return inside if inside and columns_of_pictures(inside[0]) else []


def _folder(folder: Path) -> Kind:
    if any(file.suffix.lower() in SUFFIXES for file in islice(walk(folder), LOOKED_AT)):
        return Kind.FOLDER
    others: tuple[tuple[Callable[[Path], list[Path]], Kind], ...] = (
        (idx_files, Kind.IDX_FOLDER),
        (parquet_files, Kind.PARQUET_FOLDER),
    )
    return next((kind for files, kind in others if files(folder)), Kind.NONE)


def _file(path: Path) -> Kind:
    head = _head(path)
    if is_picture(head):
        return Kind.PICTURE
    if dimensions(head) >= 3:
        return Kind.IDX
    if head.startswith(b"\x93NUMPY"):
        with path.open("rb") as file:
            return Kind.ARRAYS if len(_shape(file)) in (3, 4) else Kind.NONE
    if head.startswith(b"PK"):
        return _archive(path)
    return Kind.PARQUET if head.startswith(b"PAR1") and columns_of_pictures(path) else Kind.NONE


def _archive(path: Path) -> Kind:
    with zipfile.ZipFile(path) as archive:
        names = zip_names(archive)
        if any(Path(name).suffix.lower() in SUFFIXES for name in names):
            return Kind.ZIP
        for name in (name for name in names if name.endswith(".npy")):
            with archive.open(name) as file:
                if len(_shape(file)) in (3, 4):
                    return Kind.ARRAYS
    return Kind.NONE


def _idx_axes(path: Path) -> int:
    try:
        return dimensions(_head(path))
    except (OSError, EOFError, zlib.error):
        return 0


def _head(path: Path) -> bytes:
    """The first bytes, of what is inside where it is gzipped."""
    with path.open("rb") as file:
        head = file.read(16)
    if not head.startswith(b"\x1f\x8b"):
        return head
    with gzip.open(path) as packed:
        return packed.read(16)


def _shape(file: object) -> tuple[int, ...]:
    """Of an .npy, from its header alone."""
    version = npy.read_magic(file)  # type: ignore[arg-type]
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape: tuple[int, ...] = read(file)[0]  # type: ignore[arg-type]
    return shape

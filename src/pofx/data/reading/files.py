"""From a path to bytes that a reader can take: existence, decompression, and what kind of file it really is.

Names may lie, so the first bytes decide wherever a format marks itself (gzip, bzip2, xz, zstd, zip, Parquet, Arrow,
NumPy); the suffix decides among text formats. A plain file is left on the disk, for Polars to map; a compressed one is
unpacked in memory.
"""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import lzma
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pofx.errors import ReadError

HEAD = 1 << 20  # bytes looked at before reading: enough for the header of a table of 10^5 columns
PATTERN = set("*?[]{}")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
KINDS = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".tab": "delimited",
    ".psv": "delimited",
    ".txt": "delimited",
    ".dat": "delimited",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "stream",
    ".npy": "npy",
    ".npz": "npz",
}
MARKS = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "stream"),
    (b"\x93NUMPY", "npy"),
    (b"PK\x03\x04", "npz"),  # any other zip has been unpacked or refused by then
    (b"PK\x05\x06", "npz"),  # an empty one
)
FOREIGN = (
    (b"FEA1", "a Feather file of version 1", "write it again as Feather 2 (Arrow) or Parquet"),
    (b"\x89HDF", "an HDF5 file", "save the table as Parquet or .npz"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV or Parquet"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"\x89PNG", "an image", "name a table"),
    (b"\xff\xd8\xff", "an image", "name a table"),
    (b"RIFF", "a sound or a picture", "name a table"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office file", "save the sheet as CSV"),
)
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    pl.exceptions.PolarsError,
)


@dataclass(frozen=True)
class Source:
    """A file that exists and has content.

    Args:
        where: the path as the user wrote it, for errors.
        suffix: lower case, without that of the compression; "" when there is none.
        content: the path of a plain file, or the bytes of one that was packed.
        head: its first bytes.
    """

    where: str
    suffix: str
    content: Path | bytes
    head: bytes

    def read(self) -> bytes:
        """All of it."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    @property
    def kind(self) -> str:
        """One of the values of `KINDS`; "" where only the text can tell."""
        marked = next((kind for mark, kind in MARKS if self.head.startswith(mark)), "")
        return marked or KINDS.get(self.suffix, "")


def open_source(path: str | Path) -> Source:
    """Finds a file, unpacks it where it is packed, and refuses what is certainly no table.

    Raises:
        ReadError: missing (the nearest name is suggested), a folder, not allowed, empty, damaged, or of a foreign kind.
    """
    where, path = str(path), Path(path).expanduser()
    try:
        source = _unpacked(_plain(path, where))
    except OSError as error:
        raise _unreadable(path, where, error) from error
    if not source.head.strip():
        raise ReadError("the file is empty", expected="a table with at least one row", where=where)
    _refuse_foreign(source)
    return source


def _plain(path: Path, where: str) -> Source:
    if path.is_dir():
        raise ReadError("this is a folder", expected="a file", remedy=_inside(path), where=where)
    if path.is_fifo() or PATTERN & set(str(path)):  # a pipe can be read once only; Polars would expand a pattern
        content = path.read_bytes()
        return Source(where, path.suffix.lower(), content, content[:HEAD])
    with path.open("rb") as file:
        return Source(where, path.suffix.lower(), path, file.read(HEAD))


def _inside(folder: Path) -> str:
    tables = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in {*KINDS, *PACKED})
    return f"name one of its files, e.g. {folder / tables[0]}" if tables else "name a table, or a folder with pictures"


def _unreadable(path: Path, where: str, error: OSError) -> ReadError:
    """The line for a path that cannot be opened; a misspelt name is met with the nearest one."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        if not path.parent.is_dir():
            return ReadError("no such file", got=f"{path.parent}, which is not a folder either", where=where)
        near = difflib.get_close_matches(path.name, os.listdir(path.parent), n=1, cutoff=0.5)
        return ReadError("no such file", remedy=f"did you mean {path.parent / near[0]}?" if near else "", where=where)
    if isinstance(error, PermissionError):
        return ReadError("you may not read this file", remedy=f"chmod u+r {path}, or ask its owner", where=where)
    return ReadError("cannot read this file", got=error.strerror or str(error), where=where)


def _unpacked(source: Source) -> Source:
    """What is inside, however often it was packed."""
    packing = _packing(source.head)
    while packing:
        content, suffix = _unpack(packing, source)
        if content is None:
            return source
        source = Source(source.where, suffix, content, content[:HEAD])
        packing = _packing(source.head)
    return source


def _packing(head: bytes) -> str:
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bz2"
    marks = {b"\x1f\x8b": "gz", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst", b"PK\x03\x04": "zip"}
    return next((name for mark, name in marks.items() if head.startswith(mark)), "")


def _unpack(packing: str, source: Source) -> tuple[bytes | None, str]:
    """The content and its suffix; None for a zip that is NumPy's own .npz."""
    inner = Path(Path(source.where).stem).suffix.lower() if source.suffix in PACKED else source.suffix
    unpackers = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress, "zst": _unzstd}
    try:
        if packing == "zip":
            return _unzip(source)
        return unpackers[packing](source.read()), inner
    except ReadError:
        raise
    except DAMAGE as error:
        raise ReadError(
            f"this {packing} file is damaged or cut short",
            got=str(error),
            remedy="copy or download it again",
            where=source.where,
        ) from error


def _unzstd(content: bytes) -> bytes:
    """Zstandard around text, through Polars: Python has no reader of its own before 3.14."""
    lines = pl.read_lines(content).select(pl.col("line").str.join("\n"))
    text: str = lines.item() or ""
    return text.encode()


def _unzip(source: Source) -> tuple[bytes | None, str]:
    with zipfile.ZipFile(io.BytesIO(source.read())) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
        if names and all(name.endswith(".npy") for name in names):
            return None, ".npz"
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise ReadError("this is a spreadsheet or a document", remedy="save the sheet as CSV", where=source.where)
        if len(names) != 1:
            listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise ReadError(
                "this zip does not hold one file",
                got=f"{len(names)} ({listed})" if names else "none",
                expected="one table",
                remedy="unpack it and name the file",
                where=source.where,
            )
        return archive.read(names[0]), Path(names[0]).suffix.lower()


def _refuse_foreign(source: Source) -> None:
    for mark, kind, remedy in FOREIGN:
        if source.head.startswith(mark):
            raise ReadError(f"this is {kind}, not a table that pofx reads", remedy=remedy, where=source.where)
    if source.kind in ("", "delimited", "json", "jsonl") and _binary(source.head):
        raise ReadError(
            "this is neither text nor a kind of table that pofx knows",
            got=f"a file that begins with {source.head[:8]!r}",
            expected="CSV, TSV, JSON, JSON lines, Parquet, Arrow, .npy or .npz",
            where=source.where,
        )


def _binary(head: bytes) -> bool:
    """Zero bytes, outside UTF-16 with its mark, are never text."""
    return b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))

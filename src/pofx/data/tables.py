"""Reading and writing tables: CSV and its like, Parquet, Arrow, JSON, NumPy, plain or compressed.

    frame = read_table("weather.csv.gz")        # a Polars frame
    read("weather.csv").notes                   # what was decided on the way, for people
    write_table(frame, "weather.parquet")       # whole or not at all

Columns come out as Int64, Float64, Boolean, String, Date, Datetime or Time, whatever the file had; NaN is missing, and
infinite values stay for a later layer to refuse. What text columns turn into, and what counts as missing, is told in
`pofx.data.reading.parse`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pofx.data.frames import to_frame
from pofx.data.names import distinct
from pofx.data.reading.arrays import read_npy, read_npz
from pofx.data.reading.delimited import looks_delimited, read_delimited
from pofx.data.reading.files import KINDS, Source, open_source
from pofx.data.reading.records import read_json, read_jsonl
from pofx.data.settle import settle
from pofx.data.write import write_table
from pofx.errors import ReadError

__all__ = ["Read", "read", "read_table", "to_frame", "write_table"]


@dataclass(frozen=True)
class Read:
    """A table from a file.

    Args:
        frame: the table.
        notes: what was decided on the way that a person may want to know, one line each.
        path: where it came from, as it was given.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]
    path: str


def read_table(path: str | Path, *, encoding: str = "utf-8") -> pl.DataFrame:
    """The table in a file. See `read`."""
    return read(path, encoding=encoding).frame


def read(path: str | Path, *, encoding: str = "utf-8") -> Read:
    """The table in a file, and notes on how it was read.

    Args:
        path: .csv, .tsv, .txt, .parquet, .arrow, .feather, .json, .jsonl, .npy or .npz, or any of them as .gz, .bz2,
            .xz, .zst (text only) or .zip with one file in it. The first bytes count for more than the name.
        encoding: of a text file that is not UTF-8; UTF-16 is recognised by its mark.

    Raises:
        ReadError: missing, empty, damaged, ragged, in another encoding, or no table; one line naming file, row, line.
    """
    source = open_source(path)
    notes: list[str] = []
    frame = _read(source, notes, encoding)
    names, changed = distinct(frame.columns)
    frame = settle([c.rename(n) for c, n in zip(frame.get_columns(), names, strict=True)], notes, source.where)
    if not frame.width or not frame.height:
        what = "the table has a header and no rows" if frame.width else "the table has no columns"
        raise ReadError(what, expected="at least one row", where=source.where)
    return Read(frame, (*notes, *changed), source.where)


def _read(source: Source, notes: list[str], encoding: str) -> pl.DataFrame:
    kind = source.kind or _kind_of_text(source)
    if kind == "delimited":
        return read_delimited(source, notes, encoding=encoding)
    text_or_arrays: dict[str, Callable[[Source, list[str]], pl.DataFrame]] = {
        "json": read_json,
        "jsonl": read_jsonl,
        "npy": read_npy,
        "npz": read_npz,
    }
    return text_or_arrays[kind](source, notes) if kind in text_or_arrays else _columnar(source, kind)


def _columnar(source: Source, kind: str) -> pl.DataFrame:
    """Parquet and Arrow, by Polars."""
    name = {"parquet": "Parquet", "arrow": "Arrow (Feather)", "stream": "Arrow stream"}[kind]
    try:
        if kind == "parquet":
            return pl.read_parquet(source.content, hive_partitioning=False)
        return pl.read_ipc(source.content) if kind == "arrow" else pl.read_ipc_stream(source.content)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ReadError(
            f"this {name} file is damaged, cut short, or not {name} at all",
            got=str(error).partition("\n")[0],
            remedy="copy or write it again",
            where=source.where,
        ) from error


def _kind_of_text(source: Source) -> str:
    """The kind of a file whose name says nothing."""
    start = source.head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"[", b"{")):
        return "json"
    if looks_delimited(source):
        return "delimited"
    raise ReadError(
        "pofx cannot tell what kind of table this is",
        got=f"the suffix {source.suffix!r}" if source.suffix else "no suffix",
        expected=", ".join(KINDS),
        remedy="rename the file to what it holds",
        where=source.where,
    )

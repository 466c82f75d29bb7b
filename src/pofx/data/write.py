"""Writing tables: by suffix, whole or not at all."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, cast

import numpy as np
import polars as pl

from pofx.errors import ReadError
from pofx.runs.files import replacing

Write = Callable[[pl.DataFrame, IO[bytes]], None]


def write_table(frame: pl.DataFrame, path: str | Path) -> None:
    """Writes a table as its suffix says: .csv, .tsv, .jsonl (also with .gz), .parquet, .arrow, .feather, .npy, .npz.

    .npy holds a plain matrix if all columns are numbers (their names are lost), records otherwise; .npz one array a
    column. NumPy has no missing values: they are NaN, NaT or an empty string there.

    Raises:
        ReadError: an unknown suffix, or a path that cannot be written; a file that was there before is still whole.
    """
    write = _writer(path)
    with replacing(path) as aside, aside.open("wb") as file:
        try:
            write(frame, file)
        except pl.exceptions.PolarsError as error:
            raise _worded(error, path) from error


def _worded(error: pl.exceptions.PolarsError, path: str | Path) -> Exception:
    """What the operating system said, where Polars only repeats it."""
    system = re.search(r"os error (\d+)", str(error))
    if system:
        return OSError(int(system[1]), os.strerror(int(system[1])))
    return ReadError("this table cannot be written so", got=str(error), where=str(path))


def _writer(path: str | Path) -> Write:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    known = TEXT if packed else {**TEXT, **BINARY}
    if suffix[0] not in known:
        raise ReadError(
            "cannot tell how to write this file",
            got=f"the suffix {''.join(suffixes[-2:]) if packed else suffix[0]!r}" if suffixes else "no suffix",
            expected=f"{', '.join({**TEXT, **BINARY})}, or {', '.join(f'{text}.gz' for text in TEXT)}",
            where=str(path),
        )
    return _packed(known[suffix[0]]) if packed else known[suffix[0]]


def _packed(write: Write) -> Write:
    """The same, gzipped; without a time in it, so that the same table is the same file."""

    def packed(frame: pl.DataFrame, file: IO[bytes]) -> None:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6) as gz:
            write(frame, cast(IO[bytes], gz))

    return packed


def _csv(separator: str) -> Write:
    def write(frame: pl.DataFrame, file: IO[bytes]) -> None:
        # a missing value in a single column would be a blank line, which readers skip
        frame.write_csv(file, separator=separator, null_value="NA" if frame.width == 1 else "")

    return write


def _npy(frame: pl.DataFrame, file: IO[bytes]) -> None:
    if all(kind.is_numeric() for kind in frame.dtypes):
        _save(file, frame.to_numpy())
        return
    columns = {name: _array(frame[name]) for name in frame.columns}
    records = np.empty(frame.height, dtype=[(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        records[name] = values
    _save(file, records)


def _save(file: IO[bytes], values: np.ndarray) -> None:
    """Through `write`, which says why it fails; for a plain file NumPy would say "10 requested and 3 written"."""
    np.save(cast(IO[bytes], SimpleNamespace(write=file.write)), values, allow_pickle=False)


def _npz(frame: pl.DataFrame, file: IO[bytes]) -> None:
    np.savez(file, allow_pickle=False, **{name: _array(frame[name]) for name in frame.columns})


def _array(column: pl.Series) -> np.ndarray:
    """A column as NumPy knows it, without Python objects."""
    if column.dtype == pl.Boolean and column.null_count():
        column = column.cast(pl.Float64)
    if column.dtype == pl.Time:
        column = column.cast(pl.String)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        return column.to_numpy()
    return np.array(column.cast(pl.String).fill_null("").to_list(), dtype=np.str_)


TEXT: dict[str, Write] = {
    ".csv": _csv(","),
    ".tsv": _csv("\t"),
    ".jsonl": lambda frame, file: frame.write_ndjson(file),
}
BINARY: dict[str, Write] = {
    ".parquet": lambda frame, file: frame.write_parquet(file),
    ".arrow": lambda frame, file: frame.write_ipc(file),
    ".feather": lambda frame, file: frame.write_ipc(file),
    ".npy": _npy,
    ".npz": _npz,
}

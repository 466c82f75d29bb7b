"""NumPy arrays as columns: one for a vector, `x1 .. xd` or `name_1 .. name_d` for a matrix, one a field for records.

Object arrays are read from memory but never from a file: that would run pickled code.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from pofx.data.objects import from_objects
from pofx.data.reading.files import Source
from pofx.errors import ReadError

PICKLING = (b"\x93NUMPY", b"PK", b"\x80")  # files that may hold Python objects
ANONYMOUS = ("", "arr_0")  # the name that np.savez gives an array without one


def columns_of(name: str, array: np.ndarray, where: str = "") -> list[pl.Series]:
    """An array as columns; an empty `name` gives `x1 .. xd`.

    Raises:
        ReadError: more than two dimensions, or complex numbers.
    """
    if array.dtype.names:
        named = [(field, array[field]) for field in array.dtype.names]
        return [column for field, part in named for column in columns_of(field, part, where)]
    if array.ndim > 2 or array.ndim == 0:
        raise ReadError(
            "an array with these dimensions is not a table",
            got=f"shape {array.shape}" + (f" in {name!r}" if name else ""),
            expected="one or two dimensions [n, d]",
            remedy="reshape it to [n, d]; pictures: pofx.read_images(file)" if array.ndim else "",
            where=where,
        )
    if array.ndim == 1:
        return [_column("x1" if name in ANONYMOUS else name, array, where)]
    stem = "x" if name in ANONYMOUS else f"{name}_"
    return [_column(f"{stem}{place + 1}", array[:, place], where) for place in range(array.shape[1])]


def _column(name: str, values: np.ndarray, where: str) -> pl.Series:
    """One column, without a copy where NumPy's memory can be used as it lies."""
    missing = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    plain = np.asarray(values)
    column = _series(name, plain, where)
    if missing is None or not missing.any():
        return column
    return pl.select(pl.when(pl.Series(~missing)).then(column).alias(name)).to_series()


def _series(name: str, values: np.ndarray, where: str) -> pl.Series:
    kind = values.dtype.kind
    if kind == "O":
        return from_objects(name, values.tolist())
    if kind in "US":  # fixed-width strings have no missing value: an empty one stands for it
        return pl.Series(name, values.astype(str).tolist(), dtype=pl.String).replace("", None)
    if kind in "cV":
        raise ReadError(
            "this column holds no numbers pofx can use", got=f"dtype {values.dtype} in {name!r}", where=where
        )
    if kind == "f":
        values = values.astype(np.float64, copy=False)
    if kind in "Mm":
        values = values.astype(f"{kind}8[us]", copy=False)
    return pl.Series(name, values.astype(values.dtype.newbyteorder("="), copy=False))


def read_npy(source: Source, notes: list[str]) -> pl.DataFrame:
    """One array."""
    return pl.DataFrame(columns_of("", _load(source)[""], source.where))


def read_npz(source: Source, notes: list[str]) -> pl.DataFrame:
    """Several arrays of one length, side by side.

    Raises:
        ReadError: none, or of different lengths.
    """
    arrays = _load(source)
    tables = {name: array for name, array in arrays.items() if array.ndim}
    notes.extend(f"{name!r} is a single value: left out" for name in arrays if name not in tables)
    lengths = {name: len(array) for name, array in tables.items()}
    if len(set(lengths.values())) != 1:
        raise ReadError(
            "these arrays are not the columns of one table",
            got=", ".join(f"{name} with {n} rows" for name, n in lengths.items()) or "none",
            expected="arrays of one length",
            remedy="save those that belong together in a file of their own",
            where=source.where,
        )
    alone = len(tables) == 1
    columns = [
        column
        for name, array in tables.items()
        for column in columns_of("" if alone and name in ANONYMOUS else name, array, source.where)
    ]
    return pl.DataFrame(columns)


def _load(source: Source) -> dict[str, np.ndarray]:
    """The arrays by name; the only one of an .npy has none."""
    content = source.content
    try:
        loaded = np.load(content if isinstance(content, Path) else io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise _refused(source, error) from error


def _refused(source: Source, error: Exception) -> ReadError:
    if source.head.startswith(PICKLING) and "pickle" in str(error):
        return ReadError(
            "this file holds pickled Python objects, which pofx never loads, because loading runs code",
            remedy="save plain arrays: numpy.save(path, values.astype(float))",
            where=source.where,
        )
    return ReadError("this NumPy file is damaged, cut short, or not NumPy's at all", got=str(error), where=source.where)

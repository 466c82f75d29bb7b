"""Tables in memory, of any library, as one Polars frame with few types: the rest of pofx sees nothing else.

Polars frames are taken as they are; Arrow tables without a copy; pandas column by column; everything else that narwhals
knows (DuckDB, Dask, Modin, ...) through narwhals. No library is imported that the values did not come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from pofx.data.names import distinct
from pofx.data.objects import from_objects
from pofx.data.reading.arrays import columns_of
from pofx.data.settle import settle
from pofx.errors import ReadError


def to_frame(values: Any, notes: list[str] | None = None) -> pl.DataFrame:
    """A table of any kind as a Polars frame of Int64, Float64, Boolean, String, Date, Datetime and Time columns.

    Args:
        values: a frame or series of Polars, pandas, PyArrow or another library that narwhals knows, lazy or not; a dict
            of columns; a list of dicts, of rows or of numbers; a NumPy array or torch tensor `[n]` or `[n, d]`, whose
            columns are x1 .. xd.
        notes: gets a line for each thing a person would want to know, such as a column that was renamed.

    Raises:
        ReadError: values that are no table, or columns of different lengths.

    >>> to_frame({"a": [1, 2], "b": ["x", None]}).dtypes
    [Int64, String]
    """
    notes = [] if notes is None else notes
    columns = _columns(values)
    lengths = {column.name: len(column) for column in columns}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name!r} has {n}" for name, n in list(lengths.items())[:5])
        raise ReadError("these columns do not make a table", got=shown, expected="as many rows in each")
    names, changed = distinct([column.name for column in columns])
    notes.extend(changed)
    return settle([column.rename(name) for column, name in zip(columns, names, strict=True)], notes)


def as_rows(values: Any) -> Any:
    """What a space reads: arrays, tensors and Polars frames as they are, numbers in lists as an array, else a frame."""
    if isinstance(values, np.ndarray | pl.DataFrame) or _is_tensor(values):
        return values
    if isinstance(values, list | tuple) and len(values) and hasattr(values[0], "getbands"):
        return list(values)  # Pillow's images, which an image space reads
    if isinstance(values, list | tuple) and not (len(values) and isinstance(values[0], Mapping)):
        return np.asarray(values)
    return to_frame(values)


def _columns(values: Any) -> list[pl.Series]:
    if isinstance(values, pl.LazyFrame):
        values = values.collect()
    if isinstance(values, pl.DataFrame):
        return values.get_columns()
    if isinstance(values, pl.Series):
        return [values.alias(values.name or "x1")]
    if _is_tensor(values):
        return columns_of("", _array(values))
    if isinstance(values, np.ndarray):
        return columns_of("", values)
    if isinstance(values, Mapping):
        return [column for name, part in values.items() for column in _named(str(name), part)]
    if isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        return _from_list(values)
    return _foreign(values)


def _is_tensor(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "torch" and hasattr(values, "detach")


def _array(tensor: Any) -> np.ndarray:
    values = tensor.detach().cpu()
    try:
        return np.asarray(values.numpy())
    except TypeError:  # bfloat16, which NumPy has not
        return np.asarray(values.float().numpy())


def _named(name: str, part: Any) -> list[pl.Series]:
    """One entry of a dict: a column, or a matrix of several."""
    if isinstance(part, (str, bytes)) or not hasattr(part, "__len__"):
        raise ReadError(
            "this is not a column",
            got=f"{name!r}: {type(part).__name__}",
            expected="a list or an array",
            remedy="write a single row as [{...}]",
        )
    if isinstance(part, (list, tuple, range)):
        return [from_objects(name, list(part))]
    if isinstance(part, np.ndarray):
        return columns_of(name, part)
    columns = _columns(part)
    return [columns[0].alias(name)] if len(columns) == 1 else [c.alias(f"{name}_{c.name}") for c in columns]


def _from_list(rows: Sequence[Any]) -> list[pl.Series]:
    """Records, rows or plain values."""
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        return [from_objects(name, [row.get(name) for row in rows]) for name in names]
    if rows and all(isinstance(row, (list, tuple, np.ndarray)) for row in rows):
        widths = sorted({len(row) for row in rows})
        if len(widths) > 1:
            raise ReadError("these rows do not make a table", got=f"rows of {widths[0]} and of {widths[-1]} values")
        columns = zip(*rows, strict=True)
        return [from_objects(f"x{place}", list(column)) for place, column in enumerate(columns, start=1)]
    return [from_objects("x1", rows)]


def _foreign(values: Any) -> list[pl.Series]:
    """Frames and series of other libraries."""
    native = nw.from_native(_renamed(values), pass_through=True, allow_series=True)
    if isinstance(native, nw.LazyFrame):
        return native.collect(backend="polars").to_polars().get_columns()
    if isinstance(native, nw.Series):
        return [_series(native).alias(str(native.name or "x1"))]
    if isinstance(native, nw.DataFrame):
        if native.implementation.is_pandas_like():
            return [_series(native[name]).alias(str(name)) for name in native.columns]
        return native.to_polars().get_columns()
    if hasattr(values, "__arrow_c_stream__"):
        return pl.DataFrame(values).get_columns()
    if hasattr(values, "__array__"):
        return columns_of("", np.asarray(values))
    raise ReadError(
        "these values are not a table",
        got=type(values).__name__,
        expected="a frame, a dict of columns, a list of records, or an array [n, d]",
        remedy="pofx.read_table(path) for a file, .toarray() for a sparse matrix",
    )


def _renamed(values: Any) -> Any:
    """The frame with column names that are strings and differ, as narwhals wants them."""
    if nw.dependencies.is_pandas_like_dataframe(values):
        flat = ["_".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in values.columns]
        names, _ = distinct(flat)
        return values if names == list(values.columns) else values.set_axis(names, axis=1)
    if nw.dependencies.is_pyarrow_table(values):
        names, _ = distinct(values.column_names)
        return values if names == values.column_names else values.rename_columns(names)
    return values


def _series(column: nw.Series[Any]) -> pl.Series:
    """One column of pandas or its like, through NumPy where its type has one."""
    name, kind = str(column.name), column.dtype
    if not (kind.is_numeric() or kind.is_temporal() or kind == nw.Boolean) or kind in (nw.Date, nw.Time):
        return from_objects(name, column.to_list())
    if isinstance(kind, nw.Datetime) and kind.time_zone:
        plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _series(plain).dt.replace_time_zone("UTC")
    missing = column.is_null()
    if missing.any() and not (kind.is_float() or kind.is_temporal()):
        filled = columns_of(name, column.fill_null(False if kind == nw.Boolean else 0).to_numpy())[0]
        present = pl.Series(~missing.to_numpy())
        return pl.select(pl.when(present).then(filled).alias(name)).to_series()
    return columns_of(name, column.to_numpy())[0]

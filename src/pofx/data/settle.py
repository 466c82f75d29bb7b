"""The few column types that the rest of pofx sees, whatever a file or a library had."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pofx.errors import ReadError


def settle(columns: list[pl.Series], notes: list[str], where: str = "") -> pl.DataFrame:
    """Int64, Float64, Boolean, String, Date, Time or Datetime in microseconds; NaN as null.

    Whole numbers beyond 64 bits and decimals become Float64, durations seconds; the fields of a struct become columns
    `name.field`; lists are left out, with a note.

    Raises:
        ReadError: a column of raw bytes, or of objects that have no value as a table.
    """
    flat = [column for one in columns for column in _flat(one, notes)]
    return pl.DataFrame([_settled(column, notes, where) for column in flat])


def _flat(column: pl.Series, notes: list[str]) -> Iterator[pl.Series]:
    if isinstance(column.dtype, pl.Struct):
        for field in column.struct.unnest().get_columns():
            yield from _flat(field.alias(f"{column.name}.{field.name}"), notes)
    elif column.dtype.is_nested():
        notes.append(f"column {column.name!r} holds lists: left out")
    else:
        yield column


def _settled(column: pl.Series, notes: list[str], where: str) -> pl.Series:
    kind = column.dtype
    if kind.is_integer():
        return _whole(column)
    if kind.is_float() or kind.is_decimal() or kind == pl.Null:
        return _without_nan(column.cast(pl.Float64))
    if kind == pl.Duration:
        notes.append(f"column {column.name!r} holds durations: read as seconds")
        return column.dt.total_microseconds(fractional=True) / 1e6
    if isinstance(kind, pl.Datetime):
        return column.cast(pl.Datetime("us", kind.time_zone))
    if isinstance(kind, (pl.Categorical, pl.Enum)):
        return column.cast(pl.String)
    if kind in (pl.Binary, pl.Object):
        return _words(column, where)
    return column


def _whole(column: pl.Series) -> pl.Series:
    narrow = column.cast(pl.Int64, strict=False)
    return narrow if narrow.null_count() == column.null_count() else column.cast(pl.Float64)


def _without_nan(column: pl.Series) -> pl.Series:
    return column.fill_nan(None) if column.is_nan().any() else column


def _words(column: pl.Series, where: str) -> pl.Series:
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise ReadError(
            "this column holds neither numbers nor text",
            got=f"{column.dtype} in {column.name!r}",
            expected="numbers, booleans, dates or text",
            remedy="leave it out, or convert it",
            where=where,
        ) from error

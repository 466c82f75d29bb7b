"""Columns of Python objects, as pandas, JSON and lists of records have them: one type for all, or text."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl


def from_objects(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of whatever type holds them all; numbers and words together are text.

    None, NaN, NaT and pandas' NA are missing.
    """
    try:
        column = pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        column = None
    if column is not None and column.dtype != pl.Object:
        return column
    return _one_type(name, [None if _missing(value) else value for value in values])


def _one_type(name: str, values: list[Any]) -> pl.Series:
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present):
        return pl.Series(name, values, dtype=pl.Boolean)
    if all(isinstance(value, (numbers.Real, Decimal)) for value in present):
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    if len({type(value) for value in present}) == 1 and not isinstance(present[0], str):
        column = pl.Series(name, values, strict=False)
        if column.dtype != pl.Object:
            return column
    return pl.Series(name, [None if value is None else _word(value) for value in values], dtype=pl.String)


def _word(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value

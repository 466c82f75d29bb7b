"""What a user may say a column is: `real`, `positive`, `interval(0, 1)`, `circle(360)`, `integer`, `grid(0.5)`, ..."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import torch

from pofx.data.resolution import resolution_of
from pofx.errors import SpaceError
from pofx.spaces.base import Scalar, numbers
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Date

KINDS = "real, positive, interval(low, high), circle(period), integer, grid(step), category, boolean, date, skip"
_CALL = re.compile(r"^\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*$")


def parse_space(text: str, series: pl.Series) -> Scalar:
    """The space a user named for a column; bounds and steps that were left out are taken from the values."""
    match = _CALL.match(text)
    if match is None:
        raise _unknown(text)
    kind, inside = match[1], match[2]
    try:
        numbers_given = [float(part) for part in inside.split(",")] if inside else []
    except ValueError:
        raise _unknown(text) from None
    return _make(kind, numbers_given, series, text)


def _make(kind: str, given: list[float], series: pl.Series, text: str) -> Scalar:
    if kind == "category" and not given:
        return Category(labels_of(series))
    if kind == "boolean" and not given:
        return Category((False, True), open=False) if series.dtype == pl.Boolean else Category(labels_of(series), False)
    if kind == "date" and not given:
        return Date("date" if series.dtype == pl.Date else "datetime")
    if kind == "circle" and len(given) <= 2:
        return _circle(given, series.dtype == pl.Time)
    x = numbers(series, text)
    distinct = torch.unique(x[~torch.isnan(x)])
    step = resolution_of(distinct)
    if kind == "real" and not given:
        return Real(step)
    if kind == "positive" and not given:
        return Positive(step)
    if kind == "interval" and len(given) in (0, 2):
        low, high = given or (float(distinct.min()), float(distinct.max()))
        return Interval(low, high, step)
    if kind == "integer" and len(given) <= 2:
        low_high = [int(g) for g in given]
        return Integer(*low_high) if low_high else Integer(0 if float(distinct.min()) >= 0 else None)
    if kind == "grid" and len(given) <= 2:
        return Grid(given[0] if given else step or 1.0, given[1] if len(given) == 2 else float(distinct.min()))
    raise _unknown(text)


def _circle(given: list[float], clock: bool) -> Circle:
    period = given[0] if given else 24.0 if clock else 360.0
    return Circle(period, given[1] if len(given) == 2 else 0.0, "clock" if clock else "number")


def labels_of(series: pl.Series) -> tuple[Any, ...]:
    """The distinct values, most frequent first, ties in alphabetical order."""
    name = series.name or "value"
    counts = (
        series.drop_nulls().alias(name).value_counts(name="_count").sort(["_count", name], descending=[True, False])
    )
    values = counts[name].to_list()
    return tuple(v if isinstance(v, bool | int | float | str) else str(v) for v in values)


def _unknown(text: str) -> SpaceError:
    return SpaceError(
        "this is no kind of column", got=repr(text), expected=KINDS, remedy="e.g. --column price=positive"
    )

"""JSON: an array of records, a record a line, or a dict of columns.

Polars reads what is regular. What it refuses (NaN, rows as lists, true and 1 in one column) Python reads, and finds the
line of a mistake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from pofx.data.frames import to_frame
from pofx.data.reading.encoding import decode
from pofx.data.reading.files import Source
from pofx.data.reading.moments import moment
from pofx.errors import ReadError

POLARS_GAVE_UP = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def read_jsonl(source: Source, notes: list[str]) -> pl.DataFrame:
    """One record a line.

    Raises:
        ReadError: a line that is not a record, with its number.
    """
    try:
        return _dated(pl.read_ndjson(source.content, infer_schema_length=None), notes)
    except POLARS_GAVE_UP:
        lines = decode(source.read(), source.where).splitlines()
        records = [_record(line, number, source.where) for number, line in enumerate(lines, 1) if line.strip()]
        return _dated(to_frame(records, notes), notes)


def read_json(source: Source, notes: list[str]) -> pl.DataFrame:
    """An array of records or rows, or a dict of columns; records a line too, whatever the name says.

    Raises:
        ReadError: no JSON, with the line; or JSON that is no table.
    """
    if source.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[{"):
        try:
            return _dated(pl.read_json(source.content, infer_schema_length=None), notes)
        except POLARS_GAVE_UP:
            pass
    text = decode(source.read(), source.where)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text[error.pos :].lstrip().startswith("{"):
            return read_jsonl(source, notes)
        raise _malformed(error, error.lineno, source.where) from error
    if not _is_table(value):
        raise ReadError(
            "this JSON is not a table",
            got=f"{_described(value)}",
            expected="an array of records [{...}, {...}], or an object of columns {'a': [...], 'b': [...]}",
            where=source.where,
        )
    return _dated(to_frame(value, notes), notes)


def _record(line: str, number: int, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise _malformed(error, number, where) from error
    if not isinstance(value, dict):
        raise ReadError(
            "this line is not a record",
            got=_described(value),
            expected='{"column": value, ...}',
            where=f"{where}, line {number}",
        )
    return value


def _malformed(error: json.JSONDecodeError, line: int, where: str) -> ReadError:
    return ReadError("this is not JSON", got=f"{error.msg} at character {error.colno}", where=f"{where}, line {line}")


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and all(isinstance(part, list) for part in value.values())
    if not isinstance(value, list) or not value:
        return False
    return _all(value, dict) or _all(value, list) or not _any_nested(value)


def _all(values: list[Any], kind: type) -> bool:
    return all(isinstance(value, kind) for value in values)


def _any_nested(values: list[Any]) -> bool:
    return any(isinstance(value, (dict, list)) for value in values)


def _described(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    kind = names.get(type(value), "a single value")
    keys = f" with {', '.join(map(repr, list(value)[:4]))}" if isinstance(value, dict) else ""
    return f"an empty {kind.split()[-1]}" if value in ([], {}) else kind + keys


def _dated(frame: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """JSON has no dates: strings that are all dates become dates. Other strings stay as they are."""
    return frame.with_columns(_date_or_same(frame[name], notes) for name in frame.columns)


def _date_or_same(column: pl.Series, notes: list[str]) -> pl.Series:
    if column.dtype != pl.String or column.null_count() == len(column):
        return column
    found = moment(column.drop_nulls().head(1000), lambda: column, notes)
    return column if found is None else found

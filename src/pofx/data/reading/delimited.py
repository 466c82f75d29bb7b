"""Tables as text: comma, semicolon, tab, bar or blanks between the fields, one row a line, quotes where needed.

Polars splits the lines and `pofx.data.reading.parse` finds out what the columns hold. Where Polars gives up, and where
a row looks too short (Polars would fill it up in silence), Python's own reader goes over the file once more: slowly,
but it knows the row and the line of what is wrong, and it copes with quotes inside a field.

The first row is the header, unless all of it is numbers: then there is none, and the columns are x1, x2, ... Blank
lines are skipped; in a table of one column, where an empty line may be a missing value, only at the end.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from pofx.data.names import distinct
from pofx.data.reading.encoding import as_utf8, decode
from pofx.data.reading.files import HEAD, Source
from pofx.data.reading.parse import COMMA_NUMBER, LONE_MARKERS, NA_MARKERS, NUMERIC, parse
from pofx.errors import ReadError

SEPARATORS = "\t;|,"  # where two split every row alike, the earlier: a comma may be a decimal point
SAMPLE = 1 << 16  # characters that the separator is guessed from
LIKELY = 0.9  # the share of rows alike from which a file of unknown kind is taken for a table
POLARS_GAVE_UP = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


@dataclass(frozen=True)
class _Text:
    """UTF-8 with line feeds, and how it is laid out."""

    where: str
    content: Path | bytes
    separator: str
    first: list[str]
    headed: bool

    def decoded(self) -> str:
        """All of it; a ReadError where it is not UTF-8."""
        content = self.content if isinstance(self.content, bytes) else self.content.read_bytes()
        return decode(content, self.where)


def read_delimited(source: Source, notes: list[str], *, encoding: str = "utf-8") -> pl.DataFrame:
    """The table in a text file, each column as what it holds.

    Raises:
        ReadError: another encoding, rows of unequal length, a quote that is not closed; with row, line or byte.
    """
    content = as_utf8(source, encoding)
    sample = _sample(content)
    separator = _separator(sample)
    if not separator:
        content, separator = _blanks_as_tabs(content), "\t"
        sample = _sample(content)
    first = next(_rows(sample, separator), [])
    if not first:
        raise ReadError("there is no table in this text", remedy="name a CSV file", where=source.where)
    text = _Text(source.where, content, separator, first, not _all_numbers(first))
    if any("\ufffd" in name for name in first):  # a header that is not UTF-8: Polars looks at the rows only
        text.decoded()
    names = _names(text, notes)
    columns = _split_with_care(text, names) if _blank_start(sample) else _columns(text, names)
    return parse(columns, notes, decimal_comma=separator != ",")


def looks_delimited(source: Source) -> bool:
    """Whether a file of unknown kind is likely to be a table: rows alike in width, or one column of numbers."""
    sample = source.head.decode("utf-8-sig", errors="replace")
    lines = sample[:SAMPLE].splitlines()[1:-1]
    separator = _separator(sample)
    if separator == "," and not _share_alike(sample, ","):
        return bool(lines) and all(_all_numbers([line]) for line in lines if line.strip())
    return not separator or _share_alike(sample, separator) > LIKELY


def _sample(content: Path | bytes) -> str:
    """The beginning of the text: with the whole first line, whatever its length."""
    if isinstance(content, Path):
        with content.open("rb") as file:
            head = file.read(HEAD) + file.readline()
    else:
        head = content[:HEAD] if b"\n" in content[:HEAD] else content
    return head.decode("utf-8-sig", errors="replace")


def _blank_start(sample: str) -> bool:
    return not sample[: sample.find("\n") + 1 or None].strip()


def _names(text: _Text, notes: list[str]) -> list[str]:
    if text.headed:
        names, changed = distinct(text.first)
        notes.extend(changed)
        return names
    names = [f"x{place}" for place in range(1, len(text.first) + 1)]
    notes.append(f"the first row is all numbers, so there is no header: the columns are {names[0]} to {names[-1]}")
    return names


def _all_numbers(first: list[str]) -> bool:
    values = [value.strip() for value in first]
    known = [value for value in values if value not in NA_MARKERS + LONE_MARKERS]
    return bool(known) and all(re.match(NUMERIC, value) or re.match(COMMA_NUMBER, value) for value in known)


# Layout


def _separator(sample: str) -> str:
    """The separator that gives most rows the width of the first; "" for blanks; a comma for a single column."""
    shares = {mark: _share_alike(sample, mark) for mark in SEPARATORS}
    best = max(SEPARATORS, key=lambda mark: shares[mark])
    if shares[best]:
        return best
    return "" if _columns_of_blanks(sample) else ","


def _share_alike(sample: str, mark: str) -> float:
    """The share of rows that are as wide as the first; zero if that is a single field."""
    rows = list(islice(_rows(sample[:SAMPLE], mark), 100))
    whole = rows[:-1] if len(rows) > 1 and len(sample) >= SAMPLE else rows
    width = len(whole[0]) if whole else 0
    return sum(len(row) == width for row in whole) / len(whole) if width > 1 else 0.0


def _rows(sample: str, mark: str) -> Iterator[list[str]]:
    """The rows of the beginning of a file, as far as they can be split; not the blank ones."""
    try:
        yield from (row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=mark) if not _blank(row))
    except csv.Error:
        return


def _columns_of_blanks(sample: str) -> bool:
    """Whether the lines are numbers between blanks, as many in each, as `numpy.savetxt` writes them."""
    lines = [line.split() for line in sample[:SAMPLE].splitlines() if line.strip()]
    whole = lines[:-1] if len(sample) >= SAMPLE else lines
    width = len(whole[0]) if whole else 0
    return width > 1 and all(len(line) == width for line in whole) and all(map(_all_numbers, whole[1:] or whole))


def _blanks_as_tabs(content: Path | bytes) -> bytes:
    lines = pl.read_lines(content).to_series().str.strip_chars().str.replace_all(r"\s+", "\t")
    return "\n".join(lines.drop_nulls().to_list()).encode()


def _blank(row: list[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())


# Splitting


def _columns(text: _Text, names: list[str]) -> list[pl.Series]:
    try:
        frame = _split_fast(text, names)
    except POLARS_GAVE_UP:
        return _split_with_care(text, names)
    if not frame.height or not _gaps(frame.to_series(-1)).any():
        return frame.get_columns()
    if len(names) == 1:
        return frame.get_columns() if frame[-1, 0] else _split_with_care(text, names)
    return _split_with_care(text, names) if _uneven(text) else frame.get_columns()


def _split_fast(text: _Text, names: list[str]) -> pl.DataFrame:
    return pl.read_csv(
        text.content,
        has_header=False,
        skip_rows=int(text.headed),
        schema=dict.fromkeys(names, pl.String),
        separator=text.separator,
    )


def _gaps(column: pl.Series) -> pl.Series:
    return column.is_null() | (column == "")


def _uneven(text: _Text) -> bool:
    """Whether some line may have fewer fields than the header; exact unless a quoted field spans lines."""
    lines = pl.read_lines(text.content).to_series()
    quoted = lines.str.contains('"', literal=True)
    if quoted.any():
        lines = lines.str.replace_all(r'"[^"]*"', "")
        if lines.str.contains('"', literal=True).any():
            return True
    return bool((lines.str.count_matches(text.separator, literal=True) < len(text.first) - 1).any())


def _split_with_care(text: _Text, names: list[str]) -> list[pl.Series]:
    """Python's reader: slow, patient with quotes, and sure of its rows.

    Raises:
        ReadError: what is wrong, and in which row and line.
    """
    rows = list(_checked_rows(text, len(names)))
    while len(names) == 1 and rows and not rows[-1]:
        rows.pop()
    columns = zip(*(row or [""] for row in rows), strict=True) if rows else ([] for _ in names)
    return [pl.Series(name, values, dtype=pl.String) for name, values in zip(names, columns, strict=True)]


def _checked_rows(text: _Text, width: int) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text.decoded(), newline=""), delimiter=text.separator, strict=True)
    row = -1 if text.headed else 0
    line = 1
    try:
        for fields in reader:
            if len(fields) == width or not _blank(fields) or (width == 1 and row >= 0):
                row += 1
                if row > 0:
                    _check_width(fields, width, row, line, text)
                    yield fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise ReadError(
            "this row cannot be split into fields",
            got=str(error),
            expected="a quote to be closed, and doubled inside a quoted field",
            where=f"{text.where}, row {max(row, 0) + 1} (line {line})",
        ) from error


def _check_width(fields: list[str], width: int, row: int, line: int, text: _Text) -> None:
    if len(fields) in (width, 0):
        return
    raise ReadError(
        "this row does not have as many fields as the first",
        got=f"{len(fields)}",
        expected=f"{width}, separated by {text.separator!r}",
        remedy="mend the line, or quote fields that hold the separator",
        where=f"{text.where}, row {row} (line {line})",
    )

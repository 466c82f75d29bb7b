"""What columns of text become: numbers, booleans, dates and times, or text after all; and what is missing."""

from __future__ import annotations

import datetime
from pathlib import Path

import polars as pl
import pytest

from pofx.data.tables import Read, read


def csv(tmp_path: Path, text: str) -> Read:
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read(path)


def column(tmp_path: Path, *values: str) -> pl.Series:
    """A column of these values, in a file with another column, so that an empty value is a value."""
    lines = "\n".join(f"{value};1" for value in values)
    return csv(tmp_path, f"a;b\n{lines}\n").frame["a"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (("1", " 2", "NA"), pl.Int64, [1, 2, None]),
        (("1", "", "2.5"), pl.Float64, [1.0, None, 2.5]),
        (("1e3", "None", "?", "-", "nan"), pl.Float64, [1000.0, None, None, None, None]),
        (("inf", "-inf", "1"), pl.Float64, [float("inf"), float("-inf"), 1.0]),
        (("9223372036854775808", "1"), pl.Float64, [9223372036854775808.0, 1.0]),
        (("True", "FALSE", "n/a"), pl.Boolean, [True, False, None]),
        (("None", "Minor", "NA", "-"), pl.String, ["None", "Minor", None, "-"]),
        (("?", "?", "?"), pl.String, ["?", "?", "?"]),
        (("NA", "", "null"), pl.Float64, [None, None, None]),
        (("1", "two", "3"), pl.String, ["1", "two", "3"]),
        (("1,234", "12,345", "1"), pl.String, ["1,234", "12,345", "1"]),
        (("1,5", "-2", "1.234,25"), pl.Float64, [1.5, -2.0, 1234.25]),
    ],
)
def test_what_a_column_becomes(tmp_path: Path, values: tuple[str, ...], dtype: pl.DataType, expected: list) -> None:
    result = column(tmp_path, *values)
    assert result.dtype == dtype
    assert result.to_list() == expected


def moment(*values: int) -> datetime.datetime:
    return datetime.datetime(*values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1999-12-31", datetime.date(1999, 12, 31)),
        ("31/12/1999", datetime.date(1999, 12, 31)),
        ("12/31/1999", datetime.date(1999, 12, 31)),
        ("12/31/99", datetime.date(1999, 12, 31)),
        ("31.12.1999", datetime.date(1999, 12, 31)),
        ("31 Dec 1999", datetime.date(1999, 12, 31)),
        ("December 31, 1999", datetime.date(1999, 12, 31)),
        ("1999-12", datetime.date(1999, 12, 1)),
        ("1999-12-31 23:59", moment(1999, 12, 31, 23, 59)),
        ("1999-12-31T23:59:58.5", moment(1999, 12, 31, 23, 59, 58, 500_000)),
        ("12/31/1999 11:59 PM", moment(1999, 12, 31, 23, 59)),
        ("1999-12-31T23:59:58+01:00", moment(1999, 12, 31, 22, 59, 58).replace(tzinfo=datetime.UTC)),
        ("23:59", datetime.time(23, 59)),
        ("11:59:58 PM", datetime.time(23, 59, 58)),
        ("1999-13-31", "1999-13-31"),
    ],
)
def test_dates_and_times(tmp_path: Path, written: str, expected: object) -> None:
    assert column(tmp_path, written, "-" if not isinstance(expected, str) else written, written)[0] == expected


def test_day_and_month_that_nothing_tells_apart(tmp_path: Path) -> None:
    result = csv(tmp_path, "a,b\n01/02/2020,1\n03/04/2020,2\n")
    assert result.frame["a"][0] == datetime.date(2020, 2, 1)
    assert "day and month cannot be told apart" in result.notes[0]


def test_a_word_in_the_last_of_many_rows_makes_text(tmp_path: Path) -> None:
    result = csv(tmp_path, "a,b\n" + "1,2\n" * 99_998 + "oops,2.5\n")
    assert result.frame.schema == {"a": pl.String, "b": pl.Float64}
    assert result.notes == (
        "column 'a' stays text, because 1 of its 99999 values are not numbers, the first in row 99999: 'oops'",
    )


def test_numbers_that_stay_text_get_a_word(tmp_path: Path) -> None:
    notes = csv(tmp_path, 'price,b\n"$1,234",1\n"$5",2\n').notes
    assert len(notes) == 1
    assert "'price' stays text, because values such as '$1,234' are not plain numbers" in notes[0]

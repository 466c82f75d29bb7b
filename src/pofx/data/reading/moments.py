"""Dates, times of day and moments written as text.

ISO 8601 first, then the common ways of writing: 31/12/1999, 12/31/1999, 31.12.1999, 31 Dec 1999, Dec 31 1999, 1999-12;
with a time of day after a space or a T, with a zone (kept as UTC) or without. A column is one format throughout. Where
day/month and month/day both fit every row, day/month is taken and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import polars as pl

DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d %Y",
    "%B %d, %Y",
)
MONTHS = ("%Y-%m", "%Y/%m", "%b %Y", "%B %Y")
CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
LOOKS_LIKE_ONE = r"\d.*[-/:.\s]|[-/:.\s].*\d"
SIEVE = 20  # values that a format must fit before it is tried on more
FIRST_YEAR = 1000  # "1/2/99" is not the year 99

Kind = type[pl.Date] | type[pl.Time] | pl.Datetime
ZONES = ((pl.Datetime("us"), ""), (pl.Datetime("us", "UTC"), "%#z"))
DATED: list[tuple[Kind, str]] = [(pl.Date, form) for form in DATES + MONTHS]
CLOCKED: list[tuple[Kind, str]] = [
    *((pl.Time, clock) for clock in CLOCKS),
    *((kind, date + gap + clock + zone) for date, gap, clock, (kind, zone) in product(DATES, " T", CLOCKS, ZONES)),
]


def moment(head: pl.Series, whole: Callable[[], pl.Series], notes: list[str]) -> pl.Series | None:
    """The column as dates, times or moments, if one format fits all of it; None otherwise.

    Args:
        head: its first values, none missing.
        whole: gives all of it, with nulls where missing; asked only once the head fits.
        notes: gets a line where day and month could be told apart by nothing.
    """
    if not head.str.contains(LOOKS_LIKE_ONE).all():
        return None
    fitting = [(kind, form) for kind, form in _formats(head) if _read(head, kind, form) is not None]
    if not fitting:
        return None
    text = whole()
    found = [(form, values) for kind, form in fitting if (values := _read(text, kind, form)) is not None]
    if len(found) > 1 and _swapped(found[0][0]) == found[1][0] and not found[0][1].equals(found[1][1]):
        notes.append(
            f"column {text.name!r}: day and month cannot be told apart; read as day first; "
            "write dates as year-month-day to be sure"
        )
    return found[0][1] if found else None


def _formats(head: pl.Series) -> list[tuple[Kind, str]]:
    """The formats that the very first values fit."""
    few = head.head(SIEVE)
    candidates = CLOCKED if few.str.contains(":", literal=True).all() else DATED
    return [(kind, form) for kind, form in candidates if _read(few, kind, form) is not None]


def _read(text: pl.Series, kind: Kind, form: str) -> pl.Series | None:
    values = text.str.strptime(kind, form, strict=False)
    if values.null_count() > text.null_count():
        return None
    if kind is not pl.Time and not (values.dt.year() >= FIRST_YEAR).all():
        return None
    return values


def _swapped(form: str) -> str:
    """The same format with day and month exchanged."""
    return form.replace("%d", "%D").replace("%m", "%d").replace("%D", "%m")

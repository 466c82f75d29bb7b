"""From columns of text to numbers, booleans, dates and times, or text after all.

A column becomes a number, a boolean, a date or a time only if every value of it does, markers of missing values aside.
What counts as missing depends on what the column turns out to be:

- `NA_MARKERS` (empty, NA, N/A, null, NaN, ...) are missing everywhere;
- `LONE_MARKERS` (None, ?, -, --, .) are missing only where the rest of the column are numbers, booleans, dates or
  times. In a column that stays text they may be a category: a damage of "None" is an answer, not a gap.

Numbers that are not plain decimals (1,234 or 12% or $5) leave the column text, with a note. In a file that is not
delimited by commas, `1,5` is read as 1.5 unless it may as well be a thousand (every comma before exactly three digits).
"""

from __future__ import annotations

import polars as pl

from pofx.data.reading.moments import moment

NA_MARKERS = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "null", "NULL", "Null", "NaN", "nan", "NAN", "NaT")
LONE_MARKERS = ("None", "none", "NONE", "?", "-", "--", ".")
HEAD = 1000  # values that a guess is made from; the whole column then confirms it or not
MOSTLY = 0.9  # the share of plain numbers from which a text column deserves a word
NUMERIC = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
NEARLY_NUMERIC = r"^[-+]?[$€£]?\s?\d[\d.,'  ]*\s?[%€$£]?$"
COMMA_NUMBER = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?$"
MAYBE_THOUSANDS = r"^[-+]?[1-9]\d{0,2}(,\d{3})*$"


def parse(columns: list[pl.Series], notes: list[str], *, decimal_comma: bool = False) -> pl.DataFrame:
    """Columns of text, each as what it holds. The list is emptied on the way, so that text and numbers do not pile up.

    Args:
        columns: of dtype String.
        notes: gets a line for each decision that a person would want to know.
        decimal_comma: whether a comma may be a decimal point, as in files delimited by semicolons or tabs.
    """
    columns.reverse()
    parsed = []
    while columns:
        parsed.append(_parse(columns.pop(), notes, decimal_comma))
    return pl.DataFrame(parsed)


def _parse(text: pl.Series, notes: list[str], decimal_comma: bool) -> pl.Series:
    if text.null_count() == len(text):
        return text.cast(pl.Float64)
    for kind in (_whole, _real):  # most columns are plain numbers, and quickly found to be
        if kind(text.head(HEAD)) is not None and (found := kind(text)) is not None:
            return found
    return _parse_with_care(text, notes, decimal_comma)


def _parse_with_care(text: pl.Series, notes: list[str], decimal_comma: bool) -> pl.Series:
    head = _head(text)
    if not len(head):
        return _as_text(text)
    kinds = [_whole, _real, _boolean, *([_comma_number] if decimal_comma else [])]
    for kind in kinds:
        if kind(head) is not None and (found := kind(_cleaned(text))) is not None:
            return found
    dated = moment(head, lambda: _cleaned(text), notes)
    if dated is not None:
        return dated
    _note_on_text(text, head, notes)
    return _as_text(text)


def _head(text: pl.Series) -> pl.Series:
    """The first values that are neither missing nor a marker."""
    head = _cleaned(text.head(HEAD)).drop_nulls()
    return head if len(head) else _cleaned(text).drop_nulls().head(HEAD)


def _cleaned(text: pl.Series) -> pl.Series:
    """Stripped of spaces, every marker as null."""
    stripped = text.str.strip_chars()
    return _without(stripped, stripped.is_in(list(NA_MARKERS + LONE_MARKERS)))


def _as_text(text: pl.Series) -> pl.Series:
    """Text as it stands, save what is missing in every column; nothing but missing values are numbers nobody gave."""
    result = _without(text, text.str.strip_chars().is_in(list(NA_MARKERS)))
    return result if result.null_count() < len(result) else result.cast(pl.Float64)


def _without(text: pl.Series, missing: pl.Series) -> pl.Series:
    if not missing.any():
        return text
    return pl.select(pl.when(~missing).then(text).alias(text.name)).to_series()


def _whole(text: pl.Series) -> pl.Series | None:
    return _all(text.cast(pl.Int64, strict=False), text)


def _real(text: pl.Series) -> pl.Series | None:
    return _all(text.cast(pl.Float64, strict=False), text)


def _boolean(text: pl.Series) -> pl.Series | None:
    words = {"true": True, "false": False}
    return _all(text.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean), text)


def _comma_number(text: pl.Series) -> pl.Series | None:
    """1,5 and 1.234,56, where no other reading is possible."""
    if not text.str.contains(COMMA_NUMBER).all() or not text.str.contains(",", literal=True).any():
        return None
    if text.str.contains(MAYBE_THOUSANDS).all():
        return None
    plain = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return _real(plain)


def _all(values: pl.Series, text: pl.Series) -> pl.Series | None:
    """The values, if none was lost on the way."""
    return values if values.null_count() == text.null_count() else None


def _note_on_text(text: pl.Series, head: pl.Series, notes: list[str]) -> None:
    """A column that people would have called a number is text: say what stands in the way."""
    plain = head.str.contains(NUMERIC)
    if plain.sum() > MOSTLY * len(head):
        _note_on_mixture(text, notes)
    elif head.str.contains(NEARLY_NUMERIC).all():
        notes.append(
            f"column {text.name!r} stays text, because values such as {_short(head.filter(~plain)[0])} are not plain "
            "numbers; if they are meant as numbers, write them with digits and one decimal point"
        )


def _note_on_mixture(text: pl.Series, notes: list[str]) -> None:
    cleaned = _cleaned(text)
    words = cleaned.is_not_null() & cleaned.cast(pl.Float64, strict=False).is_null()
    row = words.arg_max()
    if row is not None and words.any():
        notes.append(
            f"column {text.name!r} stays text, because {int(words.sum())} of its {len(text)} values are not numbers, "
            f"the first in row {row + 1}: {_short(text[row])}"
        )


def _short(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:37] + "...")

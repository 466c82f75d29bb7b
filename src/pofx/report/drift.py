"""The drift of every column on one scale: its distance as a multiple of what two halves of A give.

A distance in metres and one in euros cannot be compared, but how often each holds what chance alone gives can. Where a
column has no such null, all are drawn by their p-values instead. The lines are drawn by the page itself, as a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pofx.report.scales import Scale
from pofx.report.text import significant
from pofx.report.ticks import powers
from pofx.runs.comparison import ColumnDrift

LEAST, MOST = 0.2, 1e4  # times the null; what is beyond is drawn at the edge


@dataclass(frozen=True)
class Line:
    """One column: how far along the scale its mark stands, in percent, and what it is in words."""

    column: ColumnDrift
    place: float | None
    """None where there is nothing to draw."""
    said: str


@dataclass(frozen=True)
class DriftChart:
    """Columns on one scale."""

    by_null: bool
    """On a scale of multiples of the null; otherwise, of p-values."""
    reference: float
    """What a difference is read against, in percent: once the null, or the false-alarm rate."""
    marks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]


def drift_chart(columns: Sequence[ColumnDrift], alpha: float, permutations: int) -> DriftChart:
    """The chart of these columns, in their order."""
    if all(column.null is not None for column in columns):
        return _by_null(columns)
    return _by_p_value(columns, alpha, permutations)


def multiple(column: ColumnDrift) -> float:
    """The headline value over its null; infinite where either makes it so, 0 where both are zero."""
    value = math.inf if column.value is None else abs(column.value)
    null = abs(column.null or 0.0)
    return value / null if null else (math.inf if value else 0.0)


def _by_null(columns: Sequence[ColumnDrift]) -> DriftChart:
    found = [multiple(column) for column in columns]
    most = min(MOST, 1.5 * max([3.0, *(value for value in found if math.isfinite(value))]))
    drawn = [min(max(value, LEAST), most) for value in found]  # an infinite one stands beyond all others
    scale = Scale(min([0.5, *drawn]), 1.05 * max([3.0, *drawn]), log=True)
    said = ["∞" if math.isinf(value) else f"{significant(value, 2)}×" for value in found]
    places, labels = powers(scale.low, scale.high, 4)
    if 1.0 not in places:
        places, labels = [1.0, *places], ["1", *labels]
    return _chart(columns, scale, drawn, said, 1.0, (places, [f"{label}×" for label in labels]), by_null=True)


def _by_p_value(columns: Sequence[ColumnDrift], alpha: float, permutations: int) -> DriftChart:
    least = 1 / (1 + max(permutations, 1))
    found = [None if column.p_value is None else max(column.p_value, least) for column in columns]
    rarest = min(least, 0.1, alpha or 1.0)
    scale = Scale(1.0, 1.3 / rarest, log=True)
    said = ["∞" if column.value is None else significant(column.value, 2) for column in columns]
    places = [10.0**k for k in range(math.floor(math.log10(scale.high)) + 1)]
    marks = (places, [f"{1 / place:.12g}" for place in places])
    drawn = [None if p is None else 1 / p for p in found]
    return _chart(columns, scale, drawn, said, 1 / min(max(alpha, rarest), 1.0), marks, by_null=False)


def _chart(
    columns: Sequence[ColumnDrift],
    scale: Scale,
    drawn: Sequence[float | None],
    said: Sequence[str],
    reference: float,
    marks: tuple[list[float], list[str]],
    *,
    by_null: bool,
) -> DriftChart:
    places = [None if value is None else _percent(scale, value) for value in drawn]
    return DriftChart(
        by_null=by_null,
        reference=_percent(scale, reference),
        marks=tuple((_percent(scale, place), label) for place, label in zip(*marks, strict=True)),
        lines=tuple(Line(*line) for line in zip(columns, places, said, strict=True)),
    )


def _percent(scale: Scale, value: float) -> float:
    return round(100 * float(np.clip(scale.fraction([value])[0], 0.0, 1.0)), 1)

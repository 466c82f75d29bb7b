"""Both sides as points in the same coordinates, and what one unit of distance between them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pofx.divergences.coordinates import Coordinates, Scale, is_plain
from pofx.divergences.matching import ARRAYS, carrier
from pofx.divergences.sides import Side
from pofx.errors import PofxError
from pofx.rng import split
from pofx.spaces.symbolic import Date
from pofx.spaces.table import Table

SAMPLES = 10_000  # draws that stand for a model

ScaleChoice = Literal["auto", "pooled", "none"]


@dataclass(frozen=True, eq=False)
class Points:
    """Both samples as points `[n, k]`, `[m, k]`, with weights, and what one unit of distance is."""

    x: np.ndarray
    y: np.ndarray
    x_weights: np.ndarray | None
    y_weights: np.ndarray | None
    units: str
    note: str


def points_of(a: Side, b: Side, *, scale: ScaleChoice = "auto", draws: int = SAMPLES, seed: int = 0) -> Points:
    """Both sides as points in the same coordinates."""
    table = table_of(a, b)
    assert b.space is not None
    rows_a = a.rows(draws, split(seed, "P"))
    rows_b = carrier(b.space, table)(b.rows(draws, split(seed, "Q")))
    chosen: Scale = "none" if _as_it_is(table, scale) else "pooled"
    place = Coordinates.of(table, rows_a, rows_b, chosen)
    drawn = [f"{draws:,} draws stand for {side.label}" for side in (a, b) if side.model is not None]
    units = units_of(table) if chosen == "none" else "pooled sd"
    x_weights, y_weights = (
        None if side.data is None or side.data.weights is None else side.data.weights.numpy() for side in (a, b)
    )
    return Points(place(rows_a), place(rows_b), x_weights, y_weights, units, "; ".join(drawn))


def _as_it_is(table: Table, scale: ScaleChoice) -> bool:
    if scale != "auto":
        return scale == "none"
    return is_plain(table) and (len(table.names) == 1 or table.layout in ARRAYS)


def units_of(table: Table) -> str:
    """What one unit of a single column is."""
    if len(table.names) != 1:
        return ""
    return "days" if isinstance(table.spaces[0], Date) else ""


def table_of(a: Side, b: Side) -> Table:
    if a.space is None or b.space is None:
        raise PofxError("a law that only has a name has no points", remedy="give models or samples")
    return a.space

"""Guess what each column is, and say why. Any guess can be overridden: `price=positive`, `hour=circle(24)`, `id=skip`.

All rules look at counts, ratios and names, never at units: multiplying a column by 1000 changes no guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from pofx.data.atoms import spikes
from pofx.data.columns import labels_of, parse_space
from pofx.data.dataset import Data, on_end
from pofx.data.frames import as_rows, to_frame
from pofx.data.resolution import resolution_of, typical_step
from pofx.data.texts.cut import stream
from pofx.errors import SpaceError
from pofx.spaces.base import Scalar, Space, numbers
from pofx.spaces.numeric import Circle, Grid, Integer, Positive, Real
from pofx.spaces.sequence import Sequence
from pofx.spaces.symbolic import Category, Constant, Date, Maybe
from pofx.spaces.table import Layout, Table, at_column, unknown_column
from pofx.spaces.text import Text

FINE = 5.0  # a standard deviation of this many steps, and as many distinct values as FEW, make a column real
FEW = 20
NEAR_UNIQUE = 0.95  # a text column with this share of distinct values looks like an identifier


@dataclass(frozen=True)
class Guess:
    """What a column was taken for. `space` is None where the column is left out."""

    name: str
    space: Scalar | None
    reason: str


def as_data(values: Any, *, space: Space | None = None, weights: Any = None) -> Data:
    """Anything a user may hand over, as `Data`; the space is inferred unless given."""
    if isinstance(values, Data):
        return on_end(values)
    if isinstance(values, str | bytes) and space in (None, Text(False)):
        return stream(values if isinstance(values, bytes) else values.encode("utf-8", "surrogateescape"))
    if space is None:
        space = infer(values)[0]
    w = None if weights is None else torch.as_tensor(np.asarray(weights, dtype=np.float64))
    if isinstance(space, Sequence):
        return on_end(Data(space, space.read(values), w))
    return Data(space, space.read(as_rows(values)), w)


def conditional(data: Data, given: Any) -> Data:
    """The data with these conditions, one a row; with its own where `given` is True, and with none where it is None."""
    if given is None or given is False:
        return replace(data, given=None, given_space=None)
    if given is True:
        if data.given is None:
            raise SpaceError("no conditions came with these rows", remedy="hand them over: given=labels")
        return data
    space = infer(given)[0]
    conditions = space.read(as_rows(given))
    if len(conditions) != len(data):
        raise SpaceError("one condition a row is needed", got=f"{len(conditions)}", expected=f"{len(data)}")
    return replace(data, given=conditions, given_space=space)


def alike(held: Data, train: Data) -> Data:
    """Validation rows with conditions where the training rows have any, and without where they have none."""
    if train.given is None:
        return conditional(held, None)
    if held.given is None or held.given_space != train.given_space:
        expected = "" if train.given_space is None else train.given_space.describe()
        raise SpaceError("validation rows need conditions of the same kind", expected=expected)
    return held


def infer(
    values: Any, overrides: Mapping[str, str] | None = None, layout: Layout | None = None
) -> tuple[Table, list[Guess]]:
    """A table space for a frame or an array, with a reason for each column.

    Args:
        values: a frame of any kind, an array or tensor `[n, d]` or `[n]`.
        overrides: column name to what it is, e.g. `{"price": "positive", "id": "skip"}`.
        layout: what the table gives back; that of `values` when None.
    """
    overrides = dict(overrides or {})
    layout = layout or layout_of(values)
    frame = to_frame(values)
    for name in overrides:
        if name not in frame.columns:
            raise unknown_column(name, frame.columns)
    plain = layout in ("numpy", "torch", "vector")
    guesses = [_guess(frame[name], overrides.get(name), plain) for name in frame.columns]
    kept = [guess for guess in guesses if guess.space is not None]
    if not kept:
        raise SpaceError("no column is left to model", remedy="leave fewer columns out")
    table = Table(tuple(g.name for g in kept), tuple(g.space for g in kept if g.space is not None), layout)
    return table, guesses


def layout_of(values: Any) -> Layout:
    """What a user who hands over `values` expects back."""
    if isinstance(values, Tensor):
        return "torch"
    if isinstance(values, np.ndarray | list | tuple) and not _is_records(values):
        return "vector" if np.ndim(values) == 1 else "numpy"
    return "pandas" if type(values).__module__.startswith("pandas") else "polars"


def _is_records(values: Any) -> bool:
    return bool(len(values)) and isinstance(values[0], dict)


def _guess(series: pl.Series, override: str | None, plain: bool) -> Guess:
    try:
        if override is not None:
            return _overridden(series, override)
        space, reason = guess_space(series, plain=plain)
    except SpaceError as error:
        raise at_column(error, series.name) from None
    return Guess(series.name, space, reason)


def _overridden(series: pl.Series, text: str) -> Guess:
    if text == "skip":
        return Guess(series.name, None, "left out as you asked")
    space = parse_space(text, series)
    if isinstance(space, Maybe) or series.null_count() == 0:
        return Guess(series.name, space, "as you said")
    return Guess(series.name, Maybe(space), f"as you said; {_share(series.null_count(), len(series))} missing")


def guess_space(series: pl.Series, *, plain: bool = False) -> tuple[Scalar | None, str]:
    """A space for one column, or None to leave it out, and why. `plain` keeps floats real: arrays carry no hints."""
    nulls = series.null_count() + (int(series.is_nan().sum()) if series.dtype.is_float() else 0)
    if nulls == len(series):
        return Constant(None), "always missing"
    if series.drop_nulls().n_unique() == 1 and nulls == 0:
        return Constant(series.drop_nulls()[0] if series.dtype != pl.Date else str(series[0])), "always the same value"
    inner, reason = _present(series, plain)
    if inner is None or not nulls:
        return inner, reason
    missing = f"{_share(nulls, len(series))} missing"
    if isinstance(inner, Maybe):
        return Maybe(inner.inner, True, inner.atoms), f"{reason}; {missing}"
    return Maybe(inner), f"{reason}; {missing}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.2g}%"


def _present(series: pl.Series, plain: bool) -> tuple[Scalar | None, str]:
    kind = series.dtype
    if kind == pl.Boolean:
        return Category((False, True), open=False), "true or false"
    if kind in (pl.Date, pl.Datetime):
        return Date("date" if kind == pl.Date else "datetime"), "a date"
    if kind == pl.Time:
        return Circle(24.0, shown="clock"), "a time of day, in hours"
    if kind.is_numeric():
        return _numeric(series, plain)
    return _text(series)


def _text(series: pl.Series) -> tuple[Scalar | None, str]:
    labels = labels_of(series)
    n = len(series) - series.null_count()
    if len(labels) > NEAR_UNIQUE * n and n > FEW:
        return None, f"left out: {len(labels)} different texts in {n} rows look like an identifier"
    return Category(labels), f"text with {len(labels)} different values"


def _numeric(series: pl.Series, plain: bool) -> tuple[Scalar, str]:
    x = numbers(series, "a number")
    x = x[~torch.isnan(x)]
    distinct, counts = torch.unique(x, return_counts=True)
    if len(distinct) == 2 and bool((distinct == torch.tensor([0.0, 1.0])).all()):
        return Category((0, 1), open=False), "only 0 and 1"
    if len(distinct) == 2 and not plain:
        return Category(tuple(_label(v) for v in distinct.tolist())), "only two different numbers"
    step = resolution_of(distinct)
    if plain and not series.dtype.is_integer():
        return Real(step if step is not None and len(distinct) < 0.9 * len(x) else None), "numbers in an array"
    if step is not None and _is_coarse(x, distinct, step):
        return _counted(x, distinct, step)
    step = typical_step(distinct, counts) or step
    hint = _by_name(series.name, x)
    if hint is not None:
        return hint
    atoms = spikes(x)
    rest = x[~torch.isin(x, torch.tensor(atoms, dtype=torch.float64))] if atoms else x
    inner, reason = _line(rest, step)
    if atoms:
        return Maybe(inner, False, tuple(atoms)), f"{reason}; spikes at {', '.join(f'{a:.6g}' for a in atoms)}"
    return inner, reason


def _label(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _is_coarse(x: Tensor, distinct: Tensor, step: float) -> bool:
    spread = float(x.std(correction=0))
    whole = float(step).is_integer() and bool((distinct == distinct.round()).all())
    if whole:
        return spread < FINE * step or len(distinct) < FEW
    return spread < 2.0 * step


def _counted(x: Tensor, distinct: Tensor, step: float) -> tuple[Scalar, str]:
    low = float(distinct.min())
    if step == 1.0 and bool((distinct == distinct.round()).all()):
        bound = 0 if low >= 0 else None
        return Integer(bound, None), f"whole numbers, {len(distinct)} different values"
    return Grid(step, low), f"rounded to {step:.6g}, which is coarse: {len(distinct)} different values"


ANGLES = ("angle", "direction", "bearing", "heading", "azimuth", "aspect")


def _by_name(name: str, x: Tensor) -> tuple[Scalar, str] | None:
    words = name.lower()
    in_degrees = float(x.min()) >= 0 and float(x.max()) <= 360 and float(x.max() - x.min()) > 180
    if any(word in words for word in ANGLES) and in_degrees:
        return Circle(360.0), "named like an angle, between 0 and 360"
    return None


def _line(x: Tensor, step: float | None) -> tuple[Scalar, str]:
    """Real or positive: whichever normal law, of x or of log x, gives the rows more probability."""
    rounded = f", rounded to {step:.6g}" if step is not None else ""
    if len(x) and float(x.min()) > 0 and _log_gain(x) > 0.05:
        return Positive(step), f"above zero and closer to normal on a log scale{rounded}"
    return Real(step), f"real numbers{rounded}"


def _log_gain(x: Tensor) -> float:
    """Nats per row by which a normal law of log x beats one of x."""
    log_x = torch.log(x)
    spread, log_spread = float(x.std(correction=0)), float(log_x.std(correction=0))
    if spread == 0 or log_spread == 0:
        return 0.0
    return math.log(spread) - math.log(log_spread) - float(log_x.mean())

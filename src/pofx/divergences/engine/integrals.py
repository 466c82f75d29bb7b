"""Integrals over one or two continuous columns, sums over counted ones, and both where a column has atoms.

A table's outcomes are cut into a few pieces: in each, every column is either one value (a label, a count, an atom,
"missing") or an interval cut into boxes. Boxes begin where the densities' own tables do (`pofx.core.tabulate`), so that
narrow modes are seen, and are then halved where two rules disagree (`pofx.core.quadrature`). In one dimension the
answer is good to about 1e-9; in two to about 1e-6, or it is not given. An integral whose far tails keep growing is
infinite, and says so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.counted import summed_cells
from pofx.core.cumulative import ends, first_edges, log_density
from pofx.core.quadrature import Boxes, integrate
from pofx.core.tabulate import graded_edges, tabulate
from pofx.likelihood import Likelihood
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Grid, Integer
from pofx.spaces.symbolic import Category, Constant, Maybe, inner_space
from pofx.spaces.table import Table

MOST_CELLS = 1_000_000  # outcomes that are summed over
MOST_PIECES = 64  # combinations of values in front of an integral
TOLERANCE = {0: 0.0, 1: 1e-12, 2: 1e-8}
MOST = {0: 1, 1: 4_000_000, 2: 1_500_000}  # evaluations
DRAWS = 2048
NEGLIGIBLE, STAYS = 1e-9, 0.9  # share of an integral in the farthest octave, and of that in the one before

Values = Callable[[Tensor], tuple[Tensor, Tensor]]  # rows [n, d] -> log m [n], f / m [n]


@dataclass(frozen=True)
class Integral:
    """What came out: a value (maybe infinite, and where), and whether it can be relied on."""

    value: float
    error: float
    where: str = ""
    points: int = 0
    """How many outcomes were summed; 0 where there was anything to integrate."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The outcomes of a table: for each column the values that stand alone, and edges of the interval, if any."""

    table: Table
    alone: tuple[Tensor, ...]
    edges: tuple[Tensor | None, ...]

    @property
    def continuous(self) -> int:
        """How many columns have an interval."""
        return sum(edge is not None for edge in self.edges)


def outcomes(models: list[Model], seed: int) -> Outcomes | None:
    """All outcomes of matching models of the first one's table; None where there are too many to go through."""
    table = models[0].space
    assert isinstance(table, Table)
    width = len(table.names)
    kinds = [inner_space(space).measure is Measure.COUNTING for space in table.spaces]
    if width - sum(kinds) > 2 or any(model.likelihood is not Likelihood.EXACT for model in models):
        return None
    columns = [_column(models, j, seed) for j in range(width)]
    if any(column is None for column in columns):
        return None
    alone, edges = zip(*(column for column in columns if column is not None), strict=True)
    found = Outcomes(table, alone, edges)
    cells = math.prod(len(values) for values in alone) if found.continuous == 0 else 0
    pieces = math.prod(len(v) + (e is not None) for v, e in zip(alone, edges, strict=True))
    too_many = cells > MOST_CELLS if found.continuous == 0 else pieces > MOST_PIECES
    return None if too_many else found


def total(found: Outcomes, values: Values) -> Integral:
    """The integral of m times f / m over all outcomes."""
    kept = _Watched(values)
    result = Integral(0.0, 0.0, points=_points(found))
    choices = [
        [*([] if not len(a) else ["alone"]), *([] if e is None else ["between"])]
        for a, e in zip(found.alone, found.edges, strict=True)
    ]
    for pattern in itertools.product(*choices):
        part = _piece(found, pattern, kept)
        result = Integral(
            result.value + part.value, result.error + part.error, part.where or result.where, result.points
        )
    if kept.infinite is not None:
        return Integral(math.inf, 0.0, _told(found.table, kept.infinite), result.points)
    return result


class _Watched:
    """Values at points, remembering the first point at which f / m is infinite although m is not zero."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.infinite: Tensor | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        log_m, ratio = self._values(rows)
        bad = torch.isinf(ratio) & (log_m > -700.0)
        if self.infinite is None and bool(bad.any()):
            self.infinite = rows[bad][log_m[bad].argmax()]  # where it matters most
        product = torch.exp(log_m) * torch.where(torch.isfinite(ratio), ratio, torch.zeros_like(ratio))
        return torch.where(torch.isfinite(product), product, torch.zeros_like(product))


def _piece(found: Outcomes, pattern: tuple[str, ...], values: Callable[[Tensor], Tensor]) -> Integral:
    """Where some columns stand at their lone values and the others run through their intervals."""
    dims = pattern.count("between")
    if dims == 0:
        rows = torch.cartesian_prod(*found.alone).reshape(-1, len(pattern))
        return Integral(float(sum(values(block).sum() for block in rows.split(65_536))), 0.0)
    lows, highs = [], []
    for kind, alone, edges in zip(pattern, found.alone, found.edges, strict=True):
        lows.append(alone if kind == "alone" or edges is None else edges[:-1])
        highs.append(alone if kind == "alone" or edges is None else edges[1:])
    low, high = (torch.cartesian_prod(*sides).reshape(-1, len(pattern)) for sides in (lows, highs))
    cells = torch.arange(len(low))
    filled = _KnownMissing(low, high)
    masses, left = integrate(
        filled(values), Boxes(*filled.boxes, cells), len(low), tolerance=TOLERANCE[dims], most=MOST[dims]
    )
    where = _diverges(masses, low, high, found.table) if dims == 1 else ""
    return Integral(math.inf if where else float(masses.sum()), left, where)


class _KnownMissing:
    """Missing values are NaN, which no box can have: they stand at zero inside, and are put back for the density."""

    def __init__(self, low: Tensor, high: Tensor) -> None:
        self._missing = torch.isnan(low).any(0)
        self.boxes = torch.nan_to_num(low), torch.nan_to_num(high)

    def __call__(self, values: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        if not bool(self._missing.any()):
            return values
        return lambda x: values(torch.where(self._missing, torch.nan, x))


def _diverges(masses: Tensor, low: Tensor, high: Tensor, table: Table) -> str:
    """Which far tail of a one-dimensional integral keeps growing, if one does.

    An integral that converges loses most from one octave of distance to the next; one that does not, does not.
    """
    j = int((low < high).any(0).nonzero()[0, 0])
    size, whole = masses.abs(), float(masses.abs().sum())
    if whole == 0:
        return ""
    middle = 0.5 * low[:, j] + 0.5 * high[:, j]
    order = torch.argsort(middle)
    level = torch.cumsum(size[order], 0) / whole
    centre = middle[order][int((level < 0.5).sum())]
    space = inner_space(table.spaces[j])
    assert isinstance(space, Scalar)
    for side, end in zip(("lower", "upper"), ends(space), strict=True):
        octave = _octaves(middle, float(centre), end, side == "lower")
        last, before = (float(size[octave == k].sum()) for k in (0, 1))
        if last > NEGLIGIBLE * whole and last > STAYS * before:
            return f"in the {side} tail of '{table.names[j]}', where it keeps growing"
    return ""


def _octaves(middle: Tensor, centre: float, end: float, lower: bool) -> Tensor:
    """How many octaves each box is from the farthest one: away from the centre, or towards a finite end, `[m]`."""
    mine = middle < centre if lower else middle > centre
    distance = (middle - (end if math.isfinite(end) else centre)).abs().clamp(min=1e-307)
    octave = torch.floor(torch.log2(distance))
    if not bool(mine.any()):
        return torch.full_like(octave, torch.inf)
    octave = octave - octave[mine].min() if math.isfinite(end) else octave[mine].max() - octave
    return torch.where(mine, octave, torch.full_like(octave, torch.inf))


# Where the outcomes are ----------------------------------------------------------------------------------------------


def _column(models: list[Model], j: int, seed: int) -> tuple[Tensor, Tensor | None] | None:
    spaces = [_space_at(model, j) for model in models]
    space = spaces[0]
    inner = inner_space(space)
    atoms = sorted({atom for s in spaces if isinstance(s, Maybe) for atom in s.atoms})
    missing = [torch.nan] if any(s.may_be_missing for s in spaces) else []
    lone = torch.tensor([*atoms, *missing], dtype=torch.float64)
    if inner.measure is Measure.COUNTING:
        counted = _counted(models, spaces, j)
        return None if counted is None else (torch.unique(torch.cat([counted, lone[:0]]), sorted=True), None)
    return lone, _edges(models, spaces, j, seed)


def _space_at(model: Model, j: int) -> Scalar:
    assert isinstance(model.space, Table)
    return model.space.spaces[j]


def _counted(models: list[Model], spaces: list[Scalar], j: int) -> Tensor | None:
    """All values of a counted column, and NaN where it may be missing."""
    parts: list[Tensor] = []
    for model, space in zip(models, spaces, strict=True):
        inner = inner_space(space)
        if isinstance(inner, Constant):
            parts.append(torch.zeros(1, dtype=torch.float64))
        elif isinstance(inner, Category):
            parts.append(torch.arange(inner.size, dtype=torch.float64))
        elif isinstance(inner, Integer | Grid) and inner.low is not None and inner.high is not None:
            k = torch.arange(inner.low, inner.high + 1, dtype=torch.float64)
            parts.append(inner.value(k) if isinstance(inner, Grid) else k)
        elif len(spaces) and isinstance(model.space, Table) and len(model.space.names) == 1:
            draws = model.draw(DRAWS, seed=0).reshape(-1)
            parts.append(summed_cells("a model", log_density(model), space, inner, draws).values)
        else:
            return None
    values = torch.unique(torch.cat(parts))
    missing = any(space.may_be_missing for space in spaces)
    return torch.cat([values, values.new_tensor([torch.nan])]) if missing else values


def _edges(models: list[Model], spaces: list[Scalar], j: int, seed: int) -> Tensor:
    """Edges of the boxes: of the densities' own tables in one dimension, of draws' quantiles in more."""
    parts = []
    for k, (model, space) in enumerate(zip(models, spaces, strict=True)):
        inner = inner_space(space)
        assert isinstance(inner, Scalar)
        if isinstance(model.space, Table) and len(model.space.names) == 1:
            parts.append(tabulate(log_density(model), first_edges(model, space, inner))[0].edges)
            continue
        x = model.draw(DRAWS, seed=seed + k)[:, j]
        x = x[~torch.isnan(x)].sort().values
        if len(x) < 2:
            continue
        levels = torch.quantile(x, torch.linspace(0, 1, 9, dtype=torch.float64))
        spread = float(levels[6] - levels[2]) or 1.0
        far = graded_edges(ends(inner), (float(levels[4]),), spread, 8)
        outside = far[(far < levels[0]) | (far > levels[-1])]
        near_end = torch.tensor([e for e in ends(inner) if math.isfinite(e)], dtype=torch.float64)
        parts.append(torch.cat([levels, _thinned(outside, levels), near_end]))
    edges: Tensor = torch.unique(torch.cat(parts))
    return edges


def _thinned(outside: Tensor, levels: Tensor) -> Tensor:
    """Octaves away from the draws, not the fine ones close to an end."""
    width = float(levels[-1] - levels[0]) or 1.0
    away = torch.minimum((outside - levels[0]).abs(), (outside - levels[-1]).abs())
    kept: Tensor = outside[away > 0.25 * width]
    return kept


def _points(found: Outcomes) -> int:
    return math.prod(len(values) for values in found.alone) if found.continuous == 0 else 0


def _told(table: Table, row: Tensor) -> str:
    """An outcome in words: `colour = red`."""
    shown = []
    for j, name in enumerate(table.names):
        value = table.spaces[j].show_series(row[j : j + 1]).to_list()[0]
        shown.append(f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}")
    return "at " + ", ".join(shown[:4])

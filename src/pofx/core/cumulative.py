"""The cumulative distribution function and the quantiles of any one-dimensional model.

A model that has a closed form (`cdf` in its capabilities) is asked for it, and inverted by safeguarded Newton steps on
the logarithm of the nearer tail. For any other the density is tabulated once (`pofx.core.panels`), or, for counts and
categories, its probabilities are summed. The table is kept with the model, outside what is stored, until a parameter
changes.

Conventions: categories are ordered by their codes, a circle is cut at its origin, and where a value may be missing the
answers are for rows where it is not. A missing value has no rank: its cdf is NaN. `ppf(0)` and `ppf(1)` are the ends
of the space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from pofx.core.batching import in_blocks
from pofx.core.contract import Model
from pofx.core.panels import LogDensity, Panels, tabulate
from pofx.errors import LikelihoodError, SpaceError
from pofx.likelihood import Likelihood
from pofx.rng import generator
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive
from pofx.spaces.symbolic import Category, Constant, Maybe, inner_space
from pofx.spaces.table import Table

DRAWS = 2048  # of the model, to find where its mass is
MOST_CELLS = 1 << 22  # of an unbounded counting space
WRONG_MASS = 1e-6  # a table whose mass differs from one by more than this has missed something
TOWARDS_END = 1000.0  # octaves: where a density is infinite at 0, mass may lie as close as doubles go
FAR = 2.0**53  # whole numbers beyond are not all representable


@runtime_checkable
class Cumulative(Protocol):
    """A distribution function and its inverse, float64 `[n] -> [n]`."""

    def cdf(self, x: Tensor) -> Tensor: ...

    def ppf(self, u: Tensor) -> Tensor: ...


def cumulative(model: Model) -> Cumulative:
    """The distribution function of a one-dimensional model with an exact likelihood, made once for each model.

    Raises:
        SpaceError: the model has more than one column, or needs conditions.
        LikelihoodError: it has no exact probability, or its mass could not be found.
    """
    tensors = (*model.parameters(), *model.buffers())
    version = tuple((t.data_ptr(), t._version) for t in tensors)
    kept = model.__dict__.get("_kept_cumulative")
    if kept is None or kept[0] != version:
        with torch.no_grad():
            kept = (version, _make(model))
        model.__dict__["_kept_cumulative"] = kept  # not a parameter, buffer or argument: never stored
    made: Cumulative = kept[1]
    return made


def column_of(model: Model) -> Scalar:
    """The scalar space of a one-dimensional model; raises for any other."""
    space = model.space
    if isinstance(space, Table) and len(space.names) == 1:
        space = space.spaces[0]
    if not isinstance(space, Scalar):
        raise SpaceError(
            "a cumulative distribution needs a model of one column",
            got=model.space.describe(),
            remedy="take model.marginal([name]) first, where the model can",
        )
    if model.given_space is not None:
        raise SpaceError("a conditional model has no single cumulative distribution", remedy="fix the conditions first")
    if model.likelihood is not Likelihood.EXACT:
        raise LikelihoodError(f"{type(model).__name__} has no exact probability", got="cdf, ppf or interval")
    return space


def log_density(model: Model) -> LogDensity:
    """`log_prob` of a one-dimensional model as a plain function `[n] -> [n]`, -inf outside the space."""
    in_table = isinstance(model.space, Table)

    def score(x: Tensor) -> Tensor:
        rows = x[:, None] if in_table else x
        inside = model.space.contains(rows)
        result = torch.full_like(x, -torch.inf)
        result[inside] = in_blocks(model._log_prob, rows[inside], None).detach()
        return result

    return score


def ends(space: Scalar) -> tuple[float, float]:
    """Where a continuous space begins and ends."""
    if isinstance(space, Positive):
        return 0.0, math.inf
    if isinstance(space, Interval):
        return space.low, space.high
    if isinstance(space, Circle):
        return space.origin, space.origin + space.period
    return -math.inf, math.inf


def _make(model: Model) -> Cumulative:
    space = column_of(model)
    inner = inner_space(space)
    assert isinstance(inner, Scalar)
    closed = "cdf" in model.capabilities and not isinstance(space, Maybe | Constant)
    if inner.measure is Measure.COUNTING:
        return _ClosedCounts(model._cdf, *_indexed(inner)) if closed else _cells(model, space, inner)
    if closed:
        return _ClosedLine(model._cdf, log_density(model), ends(inner), _draws(model))
    table, log_mass = tabulate(log_density(model), _first_edges(model, space, inner))
    return _with_atoms(model, space, _Line(table, ends(inner)), math.exp(min(log_mass, 1.0)))


# The line, from a table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Line:
    panels: Panels
    ends: tuple[float, float]

    def cdf(self, x: Tensor) -> Tensor:
        return self.panels.cdf(x)

    def ppf(self, u: Tensor) -> Tensor:
        return _with_ends(self.panels.ppf(u), u, self.ends)


def _with_ends(x: Tensor, u: Tensor, ends: tuple[float, float]) -> Tensor:
    x = torch.where(u <= 0, torch.full_like(x, ends[0]), x)
    return torch.where(u >= 1, torch.full_like(x, ends[1]), x)


def _first_edges(model: Model, space: Scalar, inner: Scalar) -> Tensor:
    draws = _draws(model)
    if isinstance(space, Maybe):
        draws = draws[space.flag(draws) == 0]
    atoms = torch.tensor(space.atoms if isinstance(space, Maybe) else (), dtype=torch.float64)
    draws = draws if len(draws) else torch.zeros(1, dtype=torch.float64)
    levels = torch.quantile(draws, torch.linspace(0, 1, 65, dtype=torch.float64))
    spread = float((levels[56] - levels[8]).abs()) or max(abs(float(levels[32])), 1e-300) * 1e-6
    edges = graded_edges(ends(inner), (float(levels[32]),), spread, 64)
    inside = torch.cat([levels, atoms])
    low, high = float(edges[0]), float(edges[-1])
    return torch.cat([edges, inside[(inside > low) & (inside < high)]])


def graded_edges(
    ends: tuple[float, float], centres: tuple[float, ...], scale: float, reach: int, fine: tuple[int, int] = (-8, -8)
) -> Tensor:
    """Panel edges from end to end: octaves outwards from each centre, and towards each finite end.

    Args:
        ends: -inf and inf are allowed.
        centres: where the mass is thought to be.
        scale: the middle octave's distance from a centre.
        reach: octaves outwards from a centre.
        fine: first and last octave that is cut in four.
    """
    octaves = torch.cat([torch.arange(min(-8, fine[0]), reach + 1), torch.arange(fine[0], fine[1], 0.25)]).double()
    outwards = scale * torch.exp2(octaves)
    edges = [torch.cat([c - outwards, c + outwards, outwards.new_tensor([c])]) for c in centres]
    width = ends[1] - ends[0] if math.isfinite(ends[1] - ends[0]) else scale
    inwards: Tensor = width * torch.exp2(-torch.arange(0.0, TOWARDS_END, dtype=torch.float64))
    edges += [end + sign * inwards for end, sign in zip(ends, (1.0, -1.0), strict=True) if math.isfinite(end)]
    whole = torch.cat([*edges, outwards.new_tensor([end for end in ends if math.isfinite(end)])])
    return whole[torch.isfinite(whole) & (whole >= ends[0]) & (whole <= ends[1])].sort().values


def _draws(model: Model) -> Tensor:
    return model._sample(DRAWS, generator(0), None).reshape(-1).detach().sort().values


# Atoms and missing values -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Jumps:
    """A continuous part with mass 1 - sum(steps), and atoms: `places` `[a]` in increasing order with mass `steps`."""

    line: _Line
    places: Tensor
    steps: Tensor

    def cdf(self, x: Tensor) -> Tensor:
        summed = torch.cat([self.steps.new_zeros(1), torch.cumsum(self.steps, 0)])
        passed = torch.searchsorted(self.places, x.contiguous(), right=True)
        value = summed[passed] + (1 - summed[-1]) * self.line.cdf(torch.nan_to_num(x))
        return torch.where(torch.isnan(x), x, value.clamp(0.0, 1.0))

    def ppf(self, u: Tensor) -> Tensor:
        summed = torch.cat([self.steps.new_zeros(1), torch.cumsum(self.steps, 0)])
        smooth = 1 - float(summed[-1])
        before = summed[:-1] + smooth * self.line.cdf(self.places)
        j = torch.searchsorted(before + self.steps, u.contiguous())  # the first atom that is not passed yet
        here = j.clamp(max=len(self.places) - 1)
        at_atom = (j < len(self.places)) & (u > before[here])
        level = ((u - summed[j]) / smooth).clamp(0.0, 1.0) if smooth > 0 else torch.zeros_like(u)
        return torch.where(at_atom, self.places[here], self.line.ppf(level))


def _with_atoms(model: Model, space: Scalar, line: _Line, mass: float) -> Cumulative:
    if not isinstance(space, Maybe):
        _check_mass(model, mass)
        return line
    places = torch.tensor(sorted(space.atoms), dtype=torch.float64)
    score = log_density(model)
    steps = torch.exp(score(places))
    missing = _missing(score, space)
    _check_mass(model, mass + float(steps.sum()) + missing)
    return _Jumps(line, places, steps / (1 - missing)) if len(places) else _Jumps(line, *_no_atom(line))


def _missing(score: LogDensity, space: Scalar) -> float:
    """The probability of no value."""
    if not space.may_be_missing:
        return 0.0
    return float(torch.exp(score(torch.tensor([torch.nan], dtype=torch.float64)))[0])


def _no_atom(line: _Line) -> tuple[Tensor, Tensor]:
    """An atom of no mass, so that there is one."""
    return line.panels.edges[:1].clone(), line.panels.edges.new_zeros(1)


def _check_mass(model: Model, mass: float) -> None:
    if not abs(mass - 1) <= WRONG_MASS:
        raise LikelihoodError(
            f"the cumulative distribution of {type(model).__name__} could not be computed",
            got=f"a total probability of {mass:.9g}",
            expected="1",
            remedy="use the share of model.sample(n, seed=...) that lies below instead",
        )


# Counts and categories ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cells:
    """Probabilities of sorted values, summed."""

    values: Tensor  # [k]
    below: Tensor  # [k], P(X <= value)

    def cdf(self, x: Tensor) -> Tensor:
        k = torch.searchsorted(self.values, torch.nan_to_num(x).contiguous(), right=True)
        summed = torch.cat([self.below.new_zeros(1), self.below])
        return torch.where(torch.isnan(x), x, summed[k])

    def ppf(self, u: Tensor) -> Tensor:
        return self.values[torch.searchsorted(self.below, u.contiguous()).clamp(max=len(self.values) - 1)]


def _cells(model: Model, space: Scalar, inner: Scalar) -> _Cells:
    score = log_density(model)
    missing = _missing(score, space)
    draws = _draws(model)
    values = _values(inner, draws[~torch.isnan(draws)], 1)
    total = torch.exp(score(values)).sum()
    doublings = 1
    while float(total) < 1 - missing - 1e-13 and _can_grow(inner) and len(values) < MOST_CELLS:
        doublings *= 2
        wider = _values(inner, draws[~torch.isnan(draws)], doublings)
        more = torch.exp(score(wider)).sum()
        gain, values, total = float(more - total), wider, more
        if gain <= 1e-14 and doublings >= 8:  # what is missing from one is rounding
            break
    _check_mass(model, float(total) + missing)
    below = torch.cumsum(torch.exp(score(values)), 0)
    return _Cells(values, below / below[-1])


def _can_grow(inner: Scalar) -> bool:
    return isinstance(inner, Integer | Grid) and (inner.low is None or inner.high is None)


def _values(inner: Scalar, draws: Tensor, doublings: int) -> Tensor:
    """The outcomes from end to end; where there is no end, those within so many ranges of the draws."""
    if isinstance(inner, Constant):
        return torch.zeros(1, dtype=torch.float64)
    index_of, value_of, low, high = _indexed(inner)
    k = index_of(draws) if len(draws) else torch.zeros(1, dtype=torch.float64)
    width = float(k.max() - k.min()) + 8
    first = low if math.isfinite(low) else float(k.min()) - doublings * width
    last = high if math.isfinite(high) else float(k.max()) + doublings * width
    if last - first >= 2 * MOST_CELLS:
        raise LikelihoodError(
            "there are too many outcomes to sum over",
            got=f"{last - first + 1:.3g}",
            expected=f"{2 * MOST_CELLS} or fewer",
        )
    return value_of(torch.arange(first, last + 1, dtype=torch.float64))


IndexMap = Callable[[Tensor], Tensor]


def _indexed(inner: Scalar) -> tuple[IndexMap, IndexMap, float, float]:
    """Outcomes as whole numbers: the last one at or under x, the value of one, the first and the last."""
    if isinstance(inner, Category):
        return torch.floor, _same, 0.0, float(inner.size - 1)
    if isinstance(inner, Integer | Grid):
        low = -math.inf if inner.low is None else float(inner.low)
        high = math.inf if inner.high is None else float(inner.high)
        if isinstance(inner, Integer):
            return torch.floor, _same, low, high
        grid = inner
        return (lambda x: torch.floor((x - grid.origin) / grid.step + 1e-6)), grid.value, low, high
    raise SpaceError("this kind of column has no order", got=inner.describe())


def _same(k: Tensor) -> Tensor:
    return k


@dataclass(frozen=True, eq=False)
class _ClosedCounts:
    """A closed form on whole numbers, inverted by halving."""

    closed: Callable[[Tensor], Tensor]
    index_of: IndexMap
    value_of: IndexMap
    low: float
    high: float

    def cdf(self, x: Tensor) -> Tensor:
        return self._at(self.index_of(x))

    def _at(self, k: Tensor) -> Tensor:
        value = self.closed(self.value_of(k.clamp(self.low, self.high))).clamp(0.0, 1.0)
        value = torch.where(k < self.low, torch.zeros_like(value), value)
        return torch.where(k >= self.high, torch.ones_like(value), value)

    def ppf(self, u: Tensor) -> Tensor:
        below = torch.full_like(u, max(self.low - 1, -FAR))
        at = torch.full_like(u, min(self.high, FAR))
        for reach in [2.0**k for k in range(1, 54, 4)]:  # most answers are small numbers
            below = torch.where((below < -reach) & (self._at(torch.full_like(u, -reach)) < u), -reach, below)
            at = torch.where((at > reach) & (self._at(torch.full_like(u, reach)) >= u), reach, at)
        while bool((at - below > 1).any()):
            middle = torch.floor(0.5 * (below + at))
            under = self._at(middle) < u
            below, at = torch.where(under, middle, below), torch.where(under, at, middle)
        return _with_ends(self.value_of(at), u, self._value_ends())

    def _value_ends(self) -> tuple[float, float]:
        first, last = (float(self.value_of(torch.tensor(k, dtype=torch.float64))) for k in (self.low, self.high))
        return first, last


# The line, from a closed form ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _ClosedLine:
    """A closed form on the line. `start` are sorted points where its mass is."""

    closed: Callable[[Tensor], Tensor]
    score: LogDensity
    ends: tuple[float, float]
    start: Tensor

    def cdf(self, x: Tensor) -> Tensor:
        low, high = self.ends
        inside = (x > low) & (x < high)
        value = torch.where(x >= high, torch.ones_like(x), torch.zeros_like(x))
        value[inside] = in_blocks(lambda block, _: self.closed(block), x[inside].detach(), None)
        return torch.where(torch.isnan(x), x, value.clamp(0.0, 1.0))

    def ppf(self, u: Tensor) -> Tensor:
        x = torch.zeros_like(u)
        inside = (u > 0) & (u < 1)
        x[inside] = self._search(u[inside])
        return _with_ends(x, u, self.ends)

    def _search(self, u: Tensor) -> Tensor:
        low, high, x = self._bracket(u)
        open_ = torch.arange(len(u))
        for sweep in range(260):  # every fourth step halves the doubles between the ends: 64 such are enough
            at, wanted = x[open_], u[open_]
            value = self.cdf(at)
            under = value < wanted
            low[open_] = torch.where(under, at, low[open_])
            high[open_] = torch.where(under, high[open_], at)
            slope = torch.exp(self.score(at))
            near = (value - wanted).abs() <= 2e-16 * (wanted > 0.5) + 1e-13 * torch.minimum(wanted, 1 - wanted)
            near &= slope > 0  # in a gap of the density the search goes on, to its end
            middle = _middle(low[open_], high[open_])
            closed = (middle == low[open_]) | (middle == high[open_])
            x[open_] = torch.where(near, at, torch.where(closed, high[open_], middle))
            busy = ~(near | closed)
            if not bool(busy.any()):
                break
            open_ = open_[busy]
            if sweep % 4 != 3:
                step = _newton(at[busy], value[busy], wanted[busy], slope[busy])
                good = (step > low[open_]) & (step < high[open_])
                x[open_] = torch.where(good, step, x[open_])
        return x

    def _bracket(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two points with the quantile between, and where to begin."""
        levels = torch.cummax(self.cdf(self.start), 0).values
        k = torch.searchsorted(levels, u.contiguous())
        huge = torch.finfo(torch.float64).max
        low = torch.cat([self.start.new_tensor([max(self.ends[0], -huge)]), self.start])[k]
        high = torch.cat([self.start, self.start.new_tensor([min(self.ends[1], huge)])])[k]
        begin = self.start[k.clamp(max=len(self.start) - 1)].clone()
        return low, high, begin


def _newton(x: Tensor, value: Tensor, wanted: Tensor, slope: Tensor) -> Tensor:
    """One Newton step on log F where wanted is under a half, on log(1 - F) elsewhere: straighter in the tails."""
    left = (torch.log(wanted) - torch.log(value)) * value / slope
    right = (torch.log1p(-value) - torch.log1p(-wanted)) * (1 - value) / slope
    return x + torch.where(wanted <= 0.5, left, right)


def _middle(a: Tensor, b: Tensor) -> Tensor:
    """The double half-way between two doubles, counted in doubles: halves any range in 64 steps."""
    i, j = _rank(a), _rank(b)
    return _unrank((i & j) + ((i ^ j) >> 1))


_LEAST = torch.iinfo(torch.int64).min


def _rank(x: Tensor) -> Tensor:
    bits = x.contiguous().view(torch.int64)
    return torch.where(bits < 0, _LEAST - bits, bits)


def _unrank(rank: Tensor) -> Tensor:
    return torch.where(rank < 0, _LEAST - rank, rank).view(torch.float64)

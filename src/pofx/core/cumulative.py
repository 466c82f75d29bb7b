"""The cumulative distribution function and the quantiles of any one-dimensional model.

A model that has a closed form (`cdf` in its capabilities) is asked for it, and inverted by safeguarded Newton steps on
the logarithm of the nearer tail. For any other the density is tabulated once (`pofx.core.tabulate`), or, for counts and
categories, its probabilities are summed. The table is kept with the model, outside what is stored, until a parameter
changes.

Conventions: categories are ordered by their codes, a circle is cut at its origin, and where a value may be missing the
answers are for rows where it is not. A missing value has no rank: its cdf is NaN. `ppf(0)` and `ppf(1)` are the ends
of the space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from pofx.core.batching import in_blocks
from pofx.core.closed_form import ClosedLine, with_ends
from pofx.core.contract import Model
from pofx.core.counted import ClosedCounts, check_mass, indexed, missing_mass, summed_cells
from pofx.core.panels import Panels
from pofx.core.tabulate import LogDensity, graded_edges, tabulate
from pofx.errors import LikelihoodError, SpaceError
from pofx.likelihood import Likelihood
from pofx.rng import generator
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Circle, Interval, Positive
from pofx.spaces.symbolic import Constant, Maybe, inner_space
from pofx.spaces.table import Table

DRAWS = 2048  # of the model, to find where its mass is


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
        return float(space.low), float(space.high)
    if isinstance(space, Circle):
        return float(space.origin), float(space.origin + space.period)
    return -math.inf, math.inf


def _make(model: Model) -> Cumulative:
    space = column_of(model)
    inner = inner_space(space)
    assert isinstance(inner, Scalar)
    closed = "cdf" in model.capabilities and not isinstance(space, Maybe | Constant)
    if inner.measure is Measure.COUNTING:
        return ClosedCounts(model._cdf, *indexed(inner)) if closed else _summed(model, space, inner)
    if closed:
        return ClosedLine(model._cdf, log_density(model), ends(inner), _draws(model))
    table, log_mass = tabulate(log_density(model), first_edges(model, space, inner))
    return _with_atoms(model, space, _Line(table, ends(inner)), math.exp(min(log_mass, 1.0)))


def _summed(model: Model, space: Scalar, inner: Scalar) -> Cumulative:
    return summed_cells(type(model).__name__, log_density(model), space, inner, _draws(model))


# The line, from a table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Line:
    panels: Panels
    ends: tuple[float, float]

    def cdf(self, x: Tensor) -> Tensor:
        return self.panels.cdf(x)

    def ppf(self, u: Tensor) -> Tensor:
        return with_ends(self.panels.ppf(u), u, self.ends)


def first_edges(model: Model, space: Scalar, inner: Scalar) -> Tensor:
    """Where a table of the density of a continuous column may begin: quantiles of its draws, and octaves beyond."""
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
        check_mass(type(model).__name__, mass)
        return line
    places = torch.tensor(sorted(space.atoms), dtype=torch.float64)
    score = log_density(model)
    steps = torch.exp(score(places))
    missing = missing_mass(score, space)
    check_mass(type(model).__name__, mass + float(steps.sum()) + missing)
    return _Jumps(line, places, steps / (1 - missing)) if len(places) else _Jumps(line, *_no_atom(line))


def _no_atom(line: _Line) -> tuple[Tensor, Tensor]:
    """An atom of no mass, so that there is one."""
    return line.panels.edges[:1].clone(), line.panels.edges.new_zeros(1)

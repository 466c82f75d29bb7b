"""Inverse-CDF sampling: a model from any one-dimensional density, given as a function or as another model.

The density is tabulated panel by panel (`pofx.core.panels`), and uniforms go through the inverse of the table's
distribution function (Devroye 1986, chapter II; Olver and Townsend 2013, arXiv:1307.1223; Derflinger, Hörmann and
Leydold 2010 measure the error in u, as is done here). What is kept, stored and scored is the table: `log_prob`, `cdf`
and `sample` obey one law, whose mass is one. Multimodal densities, unbounded supports, jumps, gaps and integrable
singularities at an end or a centre will do. A narrow mode far from everything else is seen only if `centre` names it.
Cost: O(panels), some hundreds, to build; O(log panels) a draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Density, Model
from pofx.core.cumulative import column_of, ends, log_density
from pofx.core.panels import NODES, WEIGHTS, Panels
from pofx.core.tabulate import LogDensity, finite_above, graded_edges, tabulate
from pofx.errors import FitError, SpaceError
from pofx.rng import generator
from pofx.spaces.base import Measure, Scalar, Space
from pofx.spaces.numeric import Interval, Positive, Real
from pofx.spaces.symbolic import Maybe
from pofx.spaces.table import Table

REACH = 500  # octaves that are looked at outwards from each centre and inwards to each end
FINE = (-4, 24)  # those among them that are looked at closely
WRONG_MASS = 1e-6
CHECKS = 1999  # levels at which the error in u is measured, besides those in the tails


class InverseCDFModel(Density):
    """A tabulated density in one dimension.

    Args:
        space: a table of one real, positive or interval column.
        edges: of the panels, `[p + 1]`.
        log_density: normalised, at the 16 Gauss-Legendre nodes of each panel, `[p, 16]`.
        log_normaliser: the log of the mass that the density had; it was divided by that.
        u_error: the largest |F(x) - u| over a grid of levels u in (0, 1), where x is the model's quantile and F the
            given density's distribution function, integrated with other nodes than the table's.
    """

    capabilities = frozenset({"cdf"})

    def __init__(self, space: Space, edges: Tensor, log_density: Tensor, log_normaliser: float, u_error: float) -> None:
        super().__init__(space)
        self.register_buffer("edges", edges)
        self.register_buffer("log_density", log_density)
        self.log_normaliser = log_normaliser
        self.u_error = u_error
        self._table_of_panels = Panels.of(edges, log_density)

    @property
    def free_parameters(self) -> int:
        """None was fitted here."""
        return 0

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._table_of_panels.log_prob(x[:, 0])

    def _cdf(self, x: Tensor) -> Tensor:
        return self._table_of_panels.cdf(x)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        u = u.clamp(min=2.0**-54)  # 0 is drawn once in 2^53
        return self._table_of_panels.ppf(u)[:, None]


def inverse_cdf(
    density: Callable[[np.ndarray], Any] | Model,
    *,
    support: tuple[float, float] = (-math.inf, math.inf),
    centre: float | Sequence[float] = 0.0,
    log: bool = True,
    normalise: bool = False,
    name: str = "x",
) -> InverseCDFModel:
    """A model that samples a one-dimensional density through the inverse of its distribution function.

    Args:
        density: a function of a NumPy array `[n]` that gives the log-density (or, with `log=False`, the density) at
            each point, in any units; or a fitted model of one continuous column.
        support: where the density may be positive; (0, inf) gives a positive column, two finite ends an interval.
        centre: a point near the mass, or several, one a mode, a jump or a singularity: needed only for modes that are
            narrow and far from 0 and from each other.
        log: whether the function gives logarithms, which reach further into the tails.
        normalise: allow a density whose mass is not one; it is divided by its mass, which `log_normaliser` states.
        name: the column's name.

    Raises:
        FitError: no mass was found, the function gave NaN where there is mass, or the mass is not one.

    >>> import numpy as np
    >>> claw = inverse_cdf(lambda x: -np.abs(x) - np.log(2.0))
    >>> claw.u_error < 1e-12
    True
    """
    if isinstance(density, Model):
        return _of_model(density)
    low, high = (float(end) for end in support)
    if not low < high:
        raise FitError("a support needs a low end under its high end", got=f"({low}, {high})")
    given = tuple(float(c) for c in np.atleast_1d(np.asarray(centre, dtype=np.float64)))
    centres = tuple(c for c in given if low <= c <= high) or (_inside(low, high),)
    score = _asked(density, log)
    edges = graded_edges((low, high), centres, 1.0, REACH, FINE)
    table, log_mass = tabulate(score, torch.cat([edges, _fine(centres, low, high)]))
    _check(score, table, log_mass, normalise)
    column: Scalar = Real()
    if math.isfinite(low) and math.isfinite(high):
        column = Interval(low, high)
    elif low == 0:
        column = Positive()
    return _model(Table((name,), (column,), "vector"), score, table, log_mass)


def _of_model(model: Model) -> InverseCDFModel:
    column = column_of(model)
    if isinstance(column, Maybe) or column.measure is not Measure.LEBESGUE:
        raise SpaceError(
            "only a continuous column has a density to tabulate",
            got=column.describe(),
            remedy="model.ppf(u) of uniform levels u samples it through its inverse",
        )
    draws = model._sample(2048, generator(0), None).reshape(-1)
    levels = torch.quantile(draws, torch.linspace(0, 1, 65, dtype=torch.float64))
    spread = float(levels[56] - levels[8]) or max(abs(float(levels[32])), 1e-300) * 1e-6
    edges = graded_edges(ends(column), (float(levels[32]),), spread, reach=64)
    score = log_density(model)
    inside = levels[(levels > edges[0]) & (levels < edges[-1])]
    table, log_mass = tabulate(score, torch.cat([edges, inside]))
    _check(score, table, log_mass, False)
    names = model.space.names if isinstance(model.space, Table) else ("x",)
    return _model(Table(names, (column,), "vector"), score, table, log_mass)


def _model(space: Table, score: LogDensity, table: Panels, log_mass: float) -> InverseCDFModel:
    error = _error_in_u(lambda x: score(x) - log_mass, table)
    return InverseCDFModel(space, table.edges, table.log_density, log_mass, error)


def _inside(low: float, high: float) -> float:
    if math.isfinite(low) and math.isfinite(high):
        return 0.5 * low + 0.5 * high
    return low + 1.0 if math.isfinite(low) else high - 1.0


def _fine(centres: tuple[float, ...], low: float, high: float) -> Tensor:
    """Octaves towards each centre, for scales far under one."""
    steps = 2.0 ** -torch.arange(9.0, 200.0, dtype=torch.float64)
    points = torch.cat([torch.cat([c - steps, c + steps]) for c in centres])
    return points[(points > low) & (points < high)]


def _asked(density: Callable[[np.ndarray], Any], log: bool) -> LogDensity:
    def score(x: Tensor) -> Tensor:
        with np.errstate(all="ignore"):  # far out, a user's function may overflow
            value = np.asarray(density(x.numpy()), dtype=np.float64)
            value = value if log else np.log(value)
        if value.shape != tuple(x.shape):
            raise FitError(
                "the density must give one number a point", got=f"shape {list(value.shape)}", expected=f"[{len(x)}]"
            )
        return torch.tensor(value)

    return score


def _check(score: LogDensity, table: Panels, log_mass: float, normalise: bool) -> None:
    if not math.isfinite(log_mass):
        raise FitError(
            "no mass was found anywhere",
            remedy="say where it is: centre=..., support=...; or give logarithms (log=True)",
        )
    left, right = table.edges[:-1], table.edges[1:]
    between = (left[:, None] + (right - left)[:, None] * torch.tensor([0.3, 0.7], dtype=torch.float64)).reshape(-1)
    undefined = torch.isnan(score(between))
    if bool(undefined.any()):
        raise FitError(
            "the density is not a number inside its support",
            got=f"NaN at {float(between[undefined][0]):.6g}",
            remedy="give -inf (or 0 with log=False) where there is no mass, or a narrower support",
        )
    if not normalise and abs(math.expm1(log_mass)) > WRONG_MASS:
        raise FitError(
            "the density does not integrate to one",
            got=f"a mass of {math.exp(log_mass):.9g}",
            expected="1",
            remedy="normalise=True divides by it, and states its logarithm as log_normaliser",
        )


def _error_in_u(score: LogDensity, table: Panels) -> float:
    """The largest |F(F^-1(u)) - u|: F from the function itself, at other points of the panels than the table's."""
    tail = 10.0 ** -torch.arange(4.0, 15.0, dtype=torch.float64)
    u = torch.cat([torch.arange(1.0, CHECKS + 1, dtype=torch.float64) / (CHECKS + 1), tail, 1 - tail])
    x = table.ppf(u)
    left = table.edges[:-1]
    middle = left + 0.382 * torch.diff(table.edges)
    mass = _integrals(score, left, middle) + _integrals(score, middle, table.edges[1:])
    below = torch.cat([mass.new_zeros(1), torch.cumsum(mass, 0)])
    k = (torch.searchsorted(table.edges, x.contiguous(), right=True) - 1).clamp(0, len(mass) - 1)
    turn = torch.minimum(x, middle[k])
    partly = _integrals(score, left[k], turn) + _integrals(score, turn, x)
    return float((below[k] + partly - u).abs().max())


def _integrals(score: LogDensity, left: Tensor, right: Tensor) -> Tensor:
    half = 0.5 * (right - left)
    x = left[:, None] + half[:, None] * (1 + NODES)
    density = torch.exp(finite_above(score(x.reshape(-1)).reshape(x.shape)))
    return half * (density * WEIGHTS).sum(1)

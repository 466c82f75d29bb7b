"""A fitted univariate family as a model of a table of one column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.core.coded import Nothing
from pofx.core.contract import Density, Model
from pofx.core.named import Named, univariate
from pofx.errors import FitError
from pofx.models.parametric.families import family_for
from pofx.models.parametric.family import Frame, Law, inside, numpy_random, placement
from pofx.models.parametric.fitting import Fitted
from pofx.spaces.base import Scalar
from pofx.spaces.table import Table

Tried = tuple[tuple[str, float | None, str], ...]  # family, held-out log-probability a row, why there is none
_HARMLESS: dict[Frame, float] = {Frame.POSITIVE: 1.0, Frame.UNIT: 0.5}  # what stands in for a value outside
LOWEST = -1e300  # nats; -inf is kept for what lies outside
TINY, HUGE = torch.finfo(torch.float64).tiny, torch.finfo(torch.float64).max


class ParametricModel(Density):
    """One family with its parameters.

    `log_prob` is differentiable in real values and in closed form; `cdf` is SciPy's.

    Args:
        space: a table of one column.
        family: its name, as in `families.names()`.
        estimates: parameter to value, in the units of the family's frame: those of the column, save that a bounded
            interval is laid on [0, 1] and a circle on [0, 2 pi). `summary` gives the column's units.
        errors: parameter to standard error, in the same units; None where there is none.
        n: rows it was fitted to, by weight.
        log_likelihood: of those rows, nats, in the units of the column.
        tried: what else was tried, best first: family, held-out nats a row or None, reason.
    """

    capabilities = frozenset({"weights", "bounds", "periodic", "discrete", "cdf", "marginal", "condition"})

    def __init__(
        self,
        space: Table,
        family: str,
        estimates: dict[str, float],
        errors: dict[str, float | None],
        n: float,
        log_likelihood: float,
        tried: Tried = (),
    ) -> None:
        super().__init__(space)
        self.family = family
        self.estimates = dict(estimates)
        self.errors = dict(errors)
        self.n = n
        self.log_likelihood = log_likelihood
        self.tried = tried
        self._scalar: Scalar = space.spaces[0]
        self._of = family_for(family, self._scalar)
        self._origin, self._width = placement(self._scalar, self._of.frame)
        if tuple(self.estimates) != tuple(p.name for p in self._of.parameters):
            raise FitError(
                f"the family '{family}' has other parameters",
                got=", ".join(self.estimates),
                expected=", ".join(p.name for p in self._of.parameters),
            )

    @property
    def free_parameters(self) -> int:
        return len(self._of.free)

    @property
    def aic(self) -> float:
        """Akaike's criterion, `2 K - 2 log L`, smaller is better (Akaike 1974)."""
        return 2 * self.free_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """The Bayesian criterion, `K log n - 2 log L`, smaller is better (Schwarz 1978)."""
        return self.free_parameters * math.log(max(self.n, 1.0)) - 2 * self.log_likelihood

    def summary(self) -> dict[str, Any]:
        """Family, parameters and standard errors in the column's units, and how well it fits; plain JSON values."""
        names = tuple(self.estimates)
        values = self._of.rescaled(tuple(self.estimates.values()), self._origin, self._width)
        errors = self._of.stretched(tuple(self.errors.values()), self._width)
        return {
            "family": self.family,
            "parameters": dict(zip(names, values, strict=True)),
            "standard_errors": dict(zip(names, errors, strict=True)),
            "log_likelihood": self.log_likelihood,
            "aic": self.aic,
            "bic": self.bic,
            "n": self.n,
            "tried": [list(entry) for entry in self.tried],
        }

    def named(self) -> Named | None:
        values = self._of.rescaled(tuple(self.estimates.values()), self._origin, self._width)
        numbers = dict(zip(self.estimates, values, strict=True))
        if self._of.frame is Frame.UNIT:
            numbers |= {"low": self._origin, "high": self._origin + self._width}
        elif self._of.frame is Frame.COUNT:
            numbers["low"] = self._origin
        return univariate(self.family, **numbers)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        u = (x[:, 0] - self._origin) / self._width  # [n]
        theta = [torch.tensor(value, dtype=x.dtype, device=x.device) for value in self.estimates.values()]
        known = ~torch.isnan(u)
        there = known & inside(u, self._of.frame)
        if self._of.domain is not None:
            there = there & self._of.domain(u, *theta)
        harmless = torch.full_like(u, _HARMLESS.get(self._of.frame, 0.0))
        density = self._of.log_prob(torch.where(there, u, harmless), *theta) - math.log(self._width)
        density = density.clamp_min(LOWEST)
        outside = torch.where(known, torch.full_like(u, -torch.inf), torch.zeros_like(u))
        return torch.where(there, density, outside)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        drawn = self._law().rvs(size=n, random_state=numpy_random(generator))
        drawn = torch.as_tensor(np.asarray(drawn, dtype=np.float64))
        x = (self._origin + self._width * drawn).reshape(n, 1)
        if self._of.frame is Frame.POSITIVE:
            return x.clamp(TINY, HUGE)
        if self._of.frame is Frame.UNIT:
            return x.clamp(self._origin, self._origin + self._width)
        return x.clamp(-HUGE, HUGE)

    def _cdf(self, x: Tensor) -> Tensor:
        u = ((x - self._origin) / self._width).detach().cpu().numpy()
        if self._of.frame is Frame.CIRCLE:
            u = np.mod(u, 2 * math.pi)
        return torch.as_tensor(np.asarray(self._law().cdf(u), dtype=np.float64)).to(x.device)

    def _marginal(self, names: tuple[str, ...]) -> Model:
        return self

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        return Nothing()

    def _law(self) -> Law:
        return self._of.law(*self.estimates.values())


def model_of(fitted: Fitted, space: Table, tried: Tried = ()) -> ParametricModel:
    """The model of what maximum likelihood found."""
    names = [p.name for p in fitted.family.parameters]
    return ParametricModel(
        space,
        fitted.family.name,
        dict(zip(names, fitted.theta, strict=True)),
        dict(zip(names, fitted.errors, strict=True)),
        fitted.n,
        fitted.log_likelihood,
        tried,
    )

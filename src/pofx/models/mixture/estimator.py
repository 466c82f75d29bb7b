"""Finite mixtures: Gaussians over the real columns times independent heads for the others, fitted by EM.

McLachlan and Peel, Finite Mixture Models (2000); Fraley and Raftery (2007) for the prior. Exact density, marginals,
conditionals and samples. Limits: a component cannot bend, so curved or very heavy-tailed structure takes many of them.
Cost O(n K d^2) an iteration with full covariances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.mixture.components import Components
from pofx.models.mixture.em import Shape
from pofx.models.mixture.gaussian import KINDS, Kind
from pofx.models.mixture.model import MixtureModel, mixture
from pofx.models.mixture.rows import Rows, ready
from pofx.models.mixture.select import LADDER, LOOKED_AT, STRENGTHS, Search, Settings, choose, folds_of
from pofx.models.mixture.start import fit
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder


@register
@dataclass(frozen=True, kw_only=True)
class Mixture(Estimator):
    """A mixture of Gaussians over real columns times categorical, rounded Gaussian and von Mises heads for others.

    >>> import numpy as np
    >>> x = np.concatenate([np.linspace(-3, -1, 50), np.linspace(1, 3, 50)])
    >>> model = Mixture(k=2, covariance="full").fit(x)
    >>> bool(model.log_prob([2.0])[0] > model.log_prob([0.0])[0])
    True
    """

    name: ClassVar[str] = "mixture"
    accepts: ClassVar[tuple[type[Scalar], ...]] = (Real, Category, Integer, Circle)
    capabilities = MixtureModel.capabilities | {"weights"}

    k: int | Literal["auto"] = "auto"
    """The number of components; "auto" chooses it by `criterion`."""
    covariance: Literal["full", "tied", "diagonal", "spherical", "auto"] = "auto"
    """The structure of the covariances; "auto" chooses it together with k."""
    criterion: Literal["held_out", "bic"] = "held_out"
    """What choices go by: the likelihood of held-out rows (validation rows, else a part of the training rows), or BIC."""
    shrinkage: float | Literal["auto"] = "auto"
    """Pseudo-rows like the whole table that each component begins with, > 0; "auto" chooses it by `criterion`."""
    outliers: bool = True
    """Whether one wide component of small learned weight catches rows that no other explains."""
    floor: float = 1e-3
    """The smallest standard deviation a component may have, as a share of its column's; half the resolution if larger."""
    restarts: int = 4
    """How many k-means++ starts are tried in short runs; the best goes on."""
    tolerance: float = 1e-6
    """EM stops when the penalised log-likelihood rises by less than this a row, nats."""
    max_iterations: int = 1000
    """The largest number of EM iterations."""

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        self._check_options()
        deadline = plan.deadline()
        rows = ready(data)
        held = None if validation is None else ready(validation)
        begin = None if start is None else _components(start, rows.table)
        settings = Settings(self.floor, self.restarts, self.tolerance, self.max_iterations, seed)
        if begin is not None:
            shape = Shape(len(begin.main), begin.main.kind, self._strength, begin.broad is not None)
        else:
            shape = self._chosen(Search(rows, [], self._quick(settings), deadline, recorder), held, seed)
        fitted = fit(
            rows, shape, floor=self.floor, seed=seed, restarts=self.restarts, tolerance=self.tolerance,
            iterations=self.max_iterations, deadline=deadline, start=begin,
        )  # fmt: skip
        return mixture(rows.table, fitted.parts)

    def _check_options(self) -> None:
        if self.k != "auto" and not (isinstance(self.k, int) and self.k >= 1):
            raise FitError("k counts components", got=str(self.k), expected='a whole number >= 1, or "auto"')
        for name, value in (("shrinkage", self.shrinkage), ("floor", self.floor), ("tolerance", self.tolerance)):
            if value != "auto" and not float(value) > 0:
                raise FitError(f"{name} must be positive", got=str(value), expected="> 0")
        if self.restarts < 1 or self.max_iterations < 1:
            raise FitError("restarts and max_iterations count from one", got=f"{self.restarts}, {self.max_iterations}")

    @property
    def _strength(self) -> float:
        return 1.0 if self.shrinkage == "auto" else float(self.shrinkage)

    @staticmethod
    def _quick(settings: Settings) -> Settings:
        """Candidates are compared with fewer starts and a looser end than the final fit."""
        return Settings(
            settings.floor, min(settings.restarts, 2), max(settings.tolerance, 1e-5), min(settings.iterations, 200),
            settings.seed,
        )  # fmt: skip

    def _chosen(self, search: Search, held: Rows | None, seed: int) -> Shape:
        """The shape to fit: as asked for, or chosen."""
        ks = LADDER if self.k == "auto" else (self.k,)
        real = search.rows.width
        kinds = _kinds(real) if self.covariance == "auto" else (self.covariance,)
        strengths = STRENGTHS if self.shrinkage == "auto" else (self._strength,)
        starts = [Shape(ks[0], kind, self._strength, self.outliers) for kind in kinds]
        if len(ks) == len(kinds) == len(strengths) == 1:
            return starts[0]
        if self.criterion == "held_out":
            search.folds = folds_of(search.rows, held, seed)
        else:
            search.rows = search.rows.thinned(LOOKED_AT)
        return choose(search, starts, ks, strengths if self.criterion == "held_out" else strengths[:0])


def _kinds(width: int) -> tuple[Kind, ...]:
    """The structures that differ for so many real columns."""
    if width == 0:
        return ("diagonal",)
    return ("full", "tied") if width == 1 else KINDS


def _components(start: Model, table: Table) -> Components:
    """The components to begin from, if the model fits the table."""
    inner = getattr(start, "inner", start)
    if not isinstance(inner, MixtureModel):
        raise FitError("a mixture starts from a mixture", got=type(inner).__name__, remedy="leave `start` out")
    old = cast(Table, inner.space)
    same = [(type(s), getattr(s, "size", 0)) for s in old.spaces] == [(type(s), getattr(s, "size", 0)) for s in table.spaces]
    if old.names != table.names or not same:
        raise FitError(
            "the model to start from has other columns", got=", ".join(old.names), expected=", ".join(table.names)
        )
    return inner.parts

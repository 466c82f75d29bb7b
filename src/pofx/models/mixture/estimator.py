"""Finite mixtures: Gaussians over the real columns times independent heads for the others, fitted by EM.

McLachlan and Peel, Finite Mixture Models (2000); Fraley and Raftery (2007) for the prior. Exact density, marginals,
conditionals and samples. Limits: a component cannot bend, so curved or very heavy-tailed structure takes many of them.
Cost O(n K d^2) an iteration with full covariances.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, cast

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.mixture.components import Components, apart, pooled
from pofx.models.mixture.em import Shape
from pofx.models.mixture.gaussian import KINDS, Kind
from pofx.models.mixture.model import MixtureModel, mixture
from pofx.models.mixture.rows import Rows, ready
from pofx.models.mixture.select import (
    LADDER,
    LOOKED_AT,
    STRENGTHS,
    Search,
    Settings,
    choose,
    fit_members,
    folds_of,
    grow,
)
from pofx.models.mixture.start import fit
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

MEMBERS = ((5_000, 16), (20_000, 8))  # up to so many rows, so many members are averaged
FEWEST = 4  # beyond
FEW_ROWS, FEW_ROWS_STRENGTH, MANY_ROWS_STRENGTH = 2_000, 1.0, 0.1  # where the search for shrinkage begins
PILOTS = 3  # of the averages that are compared
ROUGH = 1e-3  # nats a row at which EM stops while candidates are compared
LOOSE = 1e-4  # and in the members of an average, which gains nothing from more


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
    """What choices go by: the likelihood of held-out rows (validation rows, parts of the training rows), or BIC."""
    shrinkage: float | Literal["auto"] = "auto"
    """Pseudo-rows like the whole table that each component begins with, > 0; "auto" chooses it by `criterion`."""
    outliers: bool = True
    """Whether one wide component of small learned weight catches rows that no other explains."""
    floor: float = 1e-3
    """The smallest standard deviation a component may have, as a share of its column's; half the resolution if more."""
    members: int | Literal["auto"] = "auto"
    """How many fits from different seeds are averaged; the average has `members` times k components. "auto" is 4 to
    16, fewer for more rows, where k is chosen by held-out likelihood, and 1 otherwise."""
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
        members = self._averaged(len(rows))
        settings = Settings(self.floor, self.restarts, self.tolerance, self.max_iterations, seed, members)
        if members > 1:
            settings = replace(settings, restarts=1, tolerance=max(self.tolerance, LOOSE))
        if start is not None:
            return self._from(start, rows, deadline)
        search = Search(rows, [], self._quick(settings), part_of(deadline, 0.5), recorder)
        shape = self._chosen(search, None if validation is None else ready(validation), seed)
        already: list[Components] = []
        if settings.members > 1 and search.folds:
            half = replace(settings, members=(settings.members + 1) // 2)
            search = Search(rows, search.folds[:1], half, part_of(deadline, 0.5), recorder)
            shape = grow(search, shape, *self._ranges)
            already = search.kept.get(shape, [])
        fitted = fit_members(rows, shape, settings, deadline, already)
        return mixture(rows.table, pooled(fitted, rows.other_spaces), len(fitted), self._with(shape, len(fitted)))

    def settled(self, model: Model) -> Estimator:
        """With the number of components, their covariance, the prior and the number of members that were chosen."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _with(self, shape: Shape, members: int) -> Mixture:
        return replace(self, k=shape.K, covariance=shape.kind, shrinkage=shape.strength, members=members)

    def _from(self, start: Model, rows: Rows, deadline: Deadline) -> Model:
        """EM from a fitted model, member by member; nothing is chosen anew."""
        begin = begun(start, rows)
        fitted = []
        for parts in begin:
            shape = Shape(len(parts.main), parts.main.kind, self._strength, parts.broad is not None)
            found = fit(
                rows, shape, floor=self.floor, seed=0, restarts=1, tolerance=self.tolerance,
                iterations=self.max_iterations, deadline=deadline, start=parts,
            )  # fmt: skip
            fitted.append(found.parts)
        return mixture(rows.table, pooled(fitted, rows.other_spaces), len(fitted))

    def _averaged(self, n: int) -> int:
        """How many members there are to be for n rows."""
        if self.members != "auto":
            return self.members
        if self.k != "auto" or self.criterion == "bic":
            return 1
        return next((members for most, members in MEMBERS if n <= most), FEWEST)

    def _check_options(self) -> None:
        if self.k != "auto" and self.k < 1:
            raise FitError("k counts components", got=str(self.k), expected='a whole number >= 1, or "auto"')
        if self.members != "auto" and self.members < 1:
            raise FitError("an average needs a member", got=f"members={self.members}", expected="members >= 1")
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
        """Candidates are compared with fewer members or starts, and a looser end, than the final fit."""
        return replace(
            settings,
            members=min(settings.members, PILOTS),
            restarts=min(settings.restarts, PILOTS),
            tolerance=max(settings.tolerance, ROUGH if settings.members > 1 else LOOSE),
            iterations=min(settings.iterations, 200),
        )

    @property
    def _ranges(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Numbers of components and strengths of the prior to choose from."""
        ks = LADDER if self.k == "auto" else (self.k,)
        return ks, STRENGTHS if self.shrinkage == "auto" else (self._strength,)

    def _chosen(self, search: Search, held: Rows | None, seed: int) -> Shape:
        """The shape to fit: as asked for, or chosen."""
        ks, strengths = self._ranges
        real = search.rows.width
        kinds = _kinds(real) if self.covariance == "auto" else (self.covariance,)
        strength = FEW_ROWS_STRENGTH if len(search.rows) <= FEW_ROWS else MANY_ROWS_STRENGTH
        strength = strength if self.shrinkage == "auto" and self.criterion == "held_out" else self._strength
        starts = [Shape(ks[0], kind, strength, self.outliers) for kind in kinds]
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


def part_of(deadline: Deadline, share: float) -> Deadline:
    """A share of the time left."""
    now = time.monotonic()
    return deadline if deadline.at is None else Deadline(now + share * max(deadline.at - now, 0.0))


def begun(start: Model, rows: Rows) -> list[Components]:
    """The members to begin from, if the model fits the table."""
    inner = getattr(start, "inner", start)
    if not isinstance(inner, MixtureModel):
        raise FitError("a mixture starts from a mixture", got=type(inner).__name__, remedy="leave `start` out")
    old = cast(Table, inner.space)
    if old.names != rows.table.names or _kinds_of(old) != _kinds_of(rows.table):
        raise FitError(
            "the model to start from has other columns", got=", ".join(old.names), expected=", ".join(rows.table.names)
        )
    return apart(inner.parts, inner.members, rows.other_spaces)


def _kinds_of(table: Table) -> list[tuple[type[Scalar], int]]:
    return [(type(space), getattr(space, "size", 0)) for space in table.spaces]

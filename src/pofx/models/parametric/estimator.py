"""Maximum likelihood for a column: the family you name, or the one that predicts held-out rows best.

    Parametric(family="gamma").fit(x)      # one family
    Parametric().fit(x)                    # family="best"

Fisher (1922). The origin of families above zero stays at zero and bounds stay where the space puts them: no third,
shifting parameter, under which likelihoods grow without end. Limits: one column at a time (`independent` does tables).
Cost O(n log n) and some tens of passes over the distinct values for a family without a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pofx.core.capabilities import Capability
from pofx.core.coded import CodedDensity
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.parametric.categorical import CategoricalModel, fit_categorical
from pofx.models.parametric.families import family_for
from pofx.models.parametric.family import Theta, sample_of
from pofx.models.parametric.fitting import fit_family
from pofx.models.parametric.model import ParametricModel, model_of
from pofx.models.parametric.selection import best_family
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder


@register
@dataclass(frozen=True, kw_only=True)
class Parametric(Estimator):
    """Maximum likelihood for one column."""

    name: ClassVar[str] = "parametric"
    accepts: ClassVar[tuple[type, ...]] = (Real, Positive, Interval, Circle, Integer, Category)
    capabilities: ClassVar[frozenset[Capability]] = ParametricModel.capabilities
    standardise: ClassVar[bool] = False
    columns: ClassVar[int | None] = 1

    family: str = "best"
    """A family (normal, gamma, poisson, ...), or `best`: whichever gives held-out rows the most probability."""
    folds: int = 5
    """Parts for cross-validation when `best` is given no validation rows."""

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise FitError("cross-validation needs parts", got=f"folds={self.folds}", expected="folds >= 2")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        assert isinstance(data.space, Table)
        column = data.space.spaces[0]
        if isinstance(column, Category):
            return self._categorical(data, column)
        x = data.values[:, 0]
        if self.family != "best":
            family = family_for(self.family, column)
            sample = sample_of(x, data.weights, getattr(column, "resolution", None))
            return model_of(fit_family(family, sample, column, near=_near(start, self.family)), data.space)
        held = None if validation is None else (validation.values[:, 0], validation.weights)
        fitted, tried = best_family(
            x,
            data.weights,
            data.space,
            validation=held,
            k=self.folds,
            seed=seed,
            deadline=plan.deadline(),
            recorder=recorder,
        )
        return model_of(fitted, data.space, tried)

    def _categorical(self, data: Data, column: Category) -> CategoricalModel:
        if self.family not in ("best", "categorical"):
            raise FitError(
                f"the family '{self.family}' does not describe labels",
                got=column.describe(),
                expected="categorical",
                remedy="family='best' or 'categorical', or say that the column is a number (--column NAME=integer)",
            )
        return fit_categorical(data)


def _near(start: Model | None, family: str) -> Theta | None:
    inner = start.inner if isinstance(start, CodedDensity) else start
    same = isinstance(inner, ParametricModel) and inner.family == family
    return tuple(inner.estimates.values()) if same and isinstance(inner, ParametricModel) else None


def summary(model: Model) -> dict[str, Any]:
    """Parameters, standard errors, log-likelihood, AIC, BIC and n of a fitted `Parametric`, as plain JSON values.

    In the column's own units, unless a codec shifts it (dates are days in standard units).
    """
    inner = model.inner if isinstance(model, CodedDensity) else model
    if not isinstance(inner, ParametricModel):
        raise FitError("this model has no parameters by name", got=type(inner).__name__, expected="a fitted Parametric")
    return inner.summary()

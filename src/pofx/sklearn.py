"""Every pofx estimator as a scikit-learn estimator, for pipelines and grid searches.

    from pofx.sklearn import KDE, Mixture                    # any registered estimator, by the name of its class
    GridSearchCV(KDE(), {"bandwidth": ["scott", "silverman"]}).fit(X).best_estimator_.sample(10)
    MineForSklearn = wrap(Mine)                              # one that is not registered

Parameters are the fields of the pofx estimator, plus `random_state`. `X` is an array `[n, d]`, or a frame of numbers:
d real columns, with the step they were rounded to where there is one. A frame with text, dates or booleans keeps its
kinds of columns, as `pofx.data.infer` guesses them. Scores are in nats, in the units of the `X` that reaches this
step: after a `StandardScaler` they are those of scaled rows, so do not compare pipelines that scale differently.

Buitinck et al. 2013, "API design for machine learning software: experiences from the scikit-learn project".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from inspect import Parameter, Signature
from typing import Any, ClassVar, Self

import narwhals as nw
import numpy as np
import torch
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pofx.core.estimator import Estimator
from pofx.core.registry import estimators
from pofx.core.store import describe, restore
from pofx.data.names import distinct
from pofx.data.resolution import resolution_of
from pofx.likelihood import Likelihood
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table

TIES = 0.9  # rows of which fewer than this share differ were rounded


class DensityEstimator(DensityMixin, BaseEstimator):
    """What all adapters share. `wrap` makes one for each pofx estimator.

    Attributes, after `fit`: `model_` (the pofx Model: cdf, condition, marginal, save), `n_features_in_`, and
    `feature_names_in_` where `X` was a frame whose column names are all strings.
    """

    recipe: ClassVar[type[Estimator]]

    def estimator(self) -> Estimator:
        """The pofx estimator that these parameters make."""
        chosen = {field.name: getattr(self, field.name) for field in _options(self.recipe)}
        return self.recipe(**chosen)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of each row, float64 `[n]`, nats, in the units of `X`; `-inf` outside the support."""
        check_is_fitted(self)
        scores: np.ndarray = self.model_.log_prob(self._rows(X, reset=False))
        return scores

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log density of the rows, nats, as GaussianMixture has it (KernelDensity gives the sum).

        The mean is what stays comparable between folds of different sizes. `y` is ignored.
        """
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Rows from the model: an array `[n_samples, d]`, or a frame where a frame of mixed columns was fitted.

        Args:
            n_samples: how many.
            random_state: None takes the estimator's own, so that an int there gives the same rows each time.
        """
        check_is_fitted(self)
        chosen = self.random_state if random_state is None else random_state
        return self.model_.sample(n_samples, seed=_seed(chosen))

    def __getstate__(self) -> dict[str, Any]:
        """What copies, `joblib.dump` and worker processes get: the model as `pofx.core.store` describes it."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state:
            tensors: dict[str, torch.Tensor] = {}
            state["model_"] = (describe(state["model_"], tensors), tensors)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = {**state, "model_": restore(*state["model_"]).eval()}
        super().__setstate__(state)

    def _learn(self, X: Any, sample_weight: Any) -> Self:
        rows = self._rows(X, reset=True)
        weights = None if sample_weight is None else _weights(sample_weight, rows)
        space = _space(rows, getattr(self, "feature_names_in_", None)) if isinstance(rows, np.ndarray) else None
        self.model_ = self.estimator().fit(rows, space=space, weights=weights, seed=_seed(self.random_state))
        return self

    def _rows(self, X: Any, *, reset: bool) -> Any:
        """A float64 array `[n, d]`, or the frame itself where not all its columns are numbers."""
        fewest = 2 if reset else 1  # one row has no spread, and no density
        if _is_mixed(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(self, X, reset=reset, dtype=np.float64, ensure_min_samples=fewest)


class _Plain(DensityEstimator):
    """For estimators that take no weights."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to the rows of `X`, `[n, d]`, n >= 2; `y` is ignored."""
        return self._learn(X, None)


class _Weighted(DensityEstimator):
    """For estimators that take weights."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to the rows of `X`, `[n, d]`, n >= 2; `y` is ignored.

        `sample_weight`: one non-negative number a row; a weight of 2 is the row twice.
        """
        return self._learn(X, sample_weight)


def wrap(recipe: type[Estimator], module: str = __name__) -> type[DensityEstimator]:
    """The scikit-learn class of a pofx estimator class.

    Args:
        recipe: the pofx estimator class.
        module: where the class is kept; name your own module if you assign the result there, so that it can be sent
            to other processes.
    """
    base = _Weighted if "weights" in recipe.capabilities else _Plain
    what = (recipe.__doc__ or "").partition(">>>")[0].strip()  # examples there are of the pofx estimator
    text = f"pofx's {recipe.name} as a scikit-learn estimator.\n\n{what}"
    body = {"__init__": _init(recipe), "recipe": recipe, "__module__": module, "__doc__": text}
    return type(recipe.__name__, (base,), body)


def __getattr__(name: str) -> type[DensityEstimator]:
    """`pofx.sklearn.KDE`: made on first use, and kept, so that a class is the same class each time."""
    known = {} if name.startswith("_") else _densities()
    if name not in known:
        raise AttributeError(f"module 'pofx.sklearn' has no attribute '{name}'; it has: {', '.join(sorted(known))}")
    made = wrap(known[name])
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted({*globals(), *_densities()})


def _densities() -> dict[str, type[Estimator]]:
    """The estimators whose models score rows: `score_samples` is a log-density, and a bound is none."""
    return {recipe.__name__: recipe for recipe in estimators().values() if recipe.likelihood is Likelihood.EXACT}


def _options(recipe: type[Estimator]) -> list[Field[Any]]:
    return [field for field in fields(recipe) if field.init]


def _init(recipe: type[Estimator]) -> Callable[..., None]:
    """`__init__(self, *, <the fields>, random_state=0)`, which only stores: scikit-learn reads its signature."""
    options = [Parameter(f.name, Parameter.KEYWORD_ONLY, default=_default(f)) for f in _options(recipe)]
    options.append(Parameter("random_state", Parameter.KEYWORD_ONLY, default=0))
    known = [option.name for option in options]
    signature = Signature([Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *options])

    def __init__(self: DensityEstimator, **values: Any) -> None:
        try:
            bound = signature.bind(self, **values)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}() {error}; it takes: {', '.join(known)}") from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if name != "self":
                setattr(self, name, value)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{recipe.__name__}.__init__"
    return __init__


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return Parameter.empty if field.default_factory is MISSING else field.default_factory()


def _is_mixed(X: Any) -> bool:
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    return isinstance(frame, nw.DataFrame) and not all(kind.is_numeric() for kind in frame.schema.values())


def _space(x: np.ndarray, names: Any) -> Table:
    """d real columns, whatever the values: scikit-learn's arrays hold measurements, not counts."""
    called = [f"x{j}" for j in range(1, x.shape[1] + 1)] if names is None else distinct([*names])[0]
    return Table(tuple(called), tuple(_real(x[:, j]) for j in range(x.shape[1])), "numpy")


def _real(x: np.ndarray) -> Real:
    values = torch.unique(torch.from_numpy(np.array(x)))
    return Real(resolution_of(values) if len(values) < TIES * len(x) else None)


def _weights(sample_weight: Any, rows: Any) -> np.ndarray:
    checked: np.ndarray = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    return checked


def _seed(random_state: Any) -> int:
    """An int is the seed itself; None and a RandomState are drawn from, as everywhere in scikit-learn."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int.from_bytes(check_random_state(random_state).bytes(7), "big")

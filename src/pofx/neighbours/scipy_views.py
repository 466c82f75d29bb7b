"""A fitted model with the face of a SciPy distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy.stats import rv_continuous, rv_discrete
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.panels import NODES, WEIGHTS
from pofx.errors import SpaceError
from pofx.models.inverse_cdf import inverse_cdf
from pofx.neighbours.shapes import table_of_numbers
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Circle, Integer, Interval, Positive
from pofx.spaces.symbolic import Category


class ContinuousView(rv_continuous):  # type: ignore[misc]  # SciPy is untyped
    """A model of one real column as an `rv_continuous`: pdf, cdf, ppf, rvs, mean, interval, expect, ..."""

    def __init__(self, model: Model, low: float, high: float) -> None:
        super().__init__(a=low, b=high, name="pofx", longname="A pofx model")
        self.pofx_model, self.ends = model, (low, high)

    def _updated_ctor_param(self) -> dict[str, Any]:  # SciPy makes a copy of us when it freezes
        return {"model": self.pofx_model, "low": self.ends[0], "high": self.ends[1]}

    def _logpdf(self, x: Any) -> Any:
        return _flat(self.pofx_model.log_prob, x)

    def _pdf(self, x: Any) -> Any:
        return np.exp(self._logpdf(x))

    def _cdf(self, x: Any) -> Any:
        return _flat(self.pofx_model.cdf, x)

    def _ppf(self, q: Any) -> Any:
        return _flat(self.pofx_model.ppf, q)

    def _rvs(self, size: Any = None, random_state: Any = None) -> Any:
        return _draw(self.pofx_model, size, random_state)

    def _stats(self) -> tuple[float, float, float, float]:
        """Mean, variance, skewness and excess kurtosis; finite numbers of no meaning where they do not exist."""
        x, mass, _ = self._table
        mean = float((mass * x).sum())
        variance, third, fourth = (float((mass * (x - mean) ** k).sum()) for k in (2, 3, 4))
        return mean, variance, third / variance**1.5, fourth / variance**2 - 3

    def _munp(self, n: int) -> float:
        x, mass, _ = self._table
        return float((mass * x**n).sum())

    def _entropy(self) -> float:
        _, mass, log_density = self._table
        return float(-(mass * log_density).sum())

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, their shares of the mass, and the log-density there: a quadrature rule made for this density."""
        table = inverse_cdf(self.pofx_model)
        edges, log_density = cast(Tensor, table.edges), cast(Tensor, table.log_density)
        left, width = edges[:-1, None], edges.diff()[:, None]
        x, mass = left + 0.5 * width * (1 + NODES), 0.5 * width * WEIGHTS * log_density.exp()  # [p, 16]
        seen = mass > 0
        return x[seen].numpy(), mass[seen].numpy(), log_density[seen].numpy()


class DiscreteView(rv_discrete):  # type: ignore[misc]
    """A model of one column of whole numbers as an `rv_discrete`: pmf, cdf, ppf, rvs, mean, interval, ..."""

    def __new__(cls, model: Model, low: float, high: float) -> Any:
        return super().__new__(cls)

    def __init__(self, model: Model, low: float, high: float) -> None:
        super().__init__(a=low, b=high, name="pofx", longname="A pofx model")
        self.pofx_model, self.ends = model, (low, high)

    def _updated_ctor_param(self) -> dict[str, Any]:
        return {"model": self.pofx_model, "low": self.ends[0], "high": self.ends[1]}

    def _logpmf(self, k: Any) -> Any:
        return _flat(self.pofx_model.log_prob, k)

    def _pmf(self, k: Any) -> Any:
        return np.exp(self._logpmf(k))

    def _cdf(self, k: Any) -> Any:
        return _flat(self.pofx_model.cdf, np.floor(k))

    def _ppf(self, q: Any) -> Any:
        return _flat(self.pofx_model.ppf, q)

    def _rvs(self, size: Any = None, random_state: Any = None) -> Any:
        return _draw(self.pofx_model, size, random_state)


class _JointView:
    """What the two below share.

    Attributes: `dim`, the number of columns; `pofx_model`.
    """

    def __init__(self, model: Model, dim: int) -> None:
        self.pofx_model, self.dim = model, dim

    def rvs(self, size: int | tuple[int, ...] = 1, random_state: Any = None) -> np.ndarray:
        """Rows `[*size, d]`; `[d]` for a size of 1, as SciPy has it.

        `random_state`: an int, a generator, or None for NumPy's global one, which it then moves.
        """
        shape = (size,) if isinstance(size, int) else tuple(size)
        seed = random_state if isinstance(random_state, int) else _seed(random_state)
        rows = self.pofx_model.draw(int(math.prod(shape)), seed=seed).numpy()
        return rows.reshape((self.dim,) if shape == (1,) else (*shape, self.dim))

    def _score(self, x: Any) -> Any:
        rows = np.asarray(x, dtype=np.float64)
        if rows.ndim == 0 or rows.shape[-1] != self.dim:
            raise SpaceError("the last axis must hold the columns", got=str(rows.shape), expected=f"[..., {self.dim}]")
        return self.pofx_model.log_prob(rows.reshape(-1, self.dim)).reshape(rows.shape[:-1])[()]


class JointView(_JointView):
    """A model of several real columns, in the manner of a frozen `multivariate_normal`."""

    def logpdf(self, x: Any) -> Any:
        """Log density, `[..., d] -> [...]`, nats."""
        return self._score(x)

    def pdf(self, x: Any) -> Any:
        """Density, `[..., d] -> [...]`."""
        return np.exp(self._score(x))


class JointCountsView(_JointView):
    """A model of several columns of whole numbers, in the manner of a frozen `multinomial`."""

    def logpmf(self, x: Any) -> Any:
        """Log probability, `[..., d] -> [...]`, nats."""
        return self._score(x)

    def pmf(self, x: Any) -> Any:
        """Probability, `[..., d] -> [...]`."""
        return np.exp(self._score(x))


VIEWS = (ContinuousView, DiscreteView, _JointView)


def view(model: Model) -> Any:
    """The view that fits the model's columns; raises `SpaceError` where SciPy has none."""
    table = table_of_numbers(model, "SciPy")
    if len(table.names) == 1:
        return _one(model, table.spaces[0])
    if table.measure is Measure.MIXED:
        raise SpaceError(
            "SciPy has no distributions of real and counted columns together",
            got=", ".join(space.describe() for space in table.spaces),
            remedy="take model.marginal([...]) of either kind",
        )
    kind = JointView if table.measure is Measure.LEBESGUE else JointCountsView
    return kind(model, len(table.names))


def _one(model: Model, space: Scalar) -> Any:
    if space.measure is Measure.LEBESGUE:
        return ContinuousView(model, *_ends(space))
    if isinstance(space, Category):
        return DiscreteView(model, 0, space.size - 1)
    if isinstance(space, Integer):
        low = -math.inf if space.low is None else space.low
        return DiscreteView(model, low, math.inf if space.high is None else space.high)
    raise SpaceError(
        "SciPy's distributions have a density, or live on whole numbers", got=space.describe(), remedy="use the model"
    )


def _ends(space: Scalar) -> tuple[float, float]:
    if isinstance(space, Interval):
        return space.low, space.high
    if isinstance(space, Circle):
        return space.origin, space.origin + space.period
    return (0.0 if isinstance(space, Positive) else -math.inf), math.inf


def _flat(answer: Callable[[np.ndarray], np.ndarray], x: Any) -> np.ndarray:
    values = np.asarray(x, dtype=np.float64)
    return answer(values.reshape(-1)).reshape(values.shape)


def _draw(model: Model, size: Any, random_state: Any) -> Any:
    shape = () if size is None else tuple(np.atleast_1d(size))
    x = model.draw(int(math.prod(shape)), seed=_seed(random_state)).numpy()
    return x.reshape(shape)[()]


def _seed(random: Any) -> int:
    """From a RandomState or a Generator of NumPy; None is NumPy's global one, as everywhere in SciPy."""
    drawn = np.random.bytes(7) if random is None else random.bytes(7)  # noqa: NPY002  # what SciPy's users expect
    return int.from_bytes(drawn, "big")

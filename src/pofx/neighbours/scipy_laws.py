"""SciPy's four kinds of distribution under one small interface, and their JSON records."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import scipy.stats
import torch

from pofx.errors import SpaceError
from pofx.neighbours.scipy_records import Record, family, is_a, new_kind, record_of_frozen, record_of_object
from pofx.neighbours.shapes import columns, continuous, whole
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Real
from pofx.spaces.table import Table


class Law(ABC):
    """A SciPy distribution with its parameters.

    Attributes: `original`, SciPy's object; `space`; `record`, numbers and tensors that make it again, or None.
    """

    original: Any
    space: Table
    record: Record | None
    has_cdf = True

    @abstractmethod
    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """`[n, d] -> [n]`."""

    @abstractmethod
    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        """`[n, d]`."""

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """`[n] -> [n]`, where `has_cdf`."""
        cumulative: np.ndarray = self.original.cdf(x)
        return cumulative


class _OneColumn(Law):
    """What the two kinds of univariate distribution share."""

    def __init__(self, original: Any, discrete: bool, record: Record | None) -> None:
        self.original, self.discrete, self.record = original, discrete, record
        low, self.high = _ends(original.support())
        self.space = columns([self._column(low, self.high)], "vector")

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        score = self.original.logpmf if self.discrete else self.original.logpdf
        return _finite(score, x[:, 0], self.high)

    def _column(self, low: float, high: float) -> Scalar:
        if not self.discrete:
            return continuous(low, high)
        values = getattr(getattr(self.original, "dist", None), "xk", np.zeros(0))
        places = np.array([end for end in (low, high, *values) if math.isfinite(end)])
        if (places != np.round(places)).any():
            raise SpaceError("a discrete distribution must live on whole numbers", got=f"{places[0]:g} and so on")
        return whole(low, high)


class Frozen(_OneColumn):
    """`scipy.stats.gamma(2.0, scale=3.0)`, discrete ones too."""

    def __init__(self, frozen: Any) -> None:
        super().__init__(frozen, isinstance(frozen.dist, scipy.stats.rv_discrete), record_of_frozen(frozen))
        if frozen.dist.name == "vonmises":  # its density goes round and round
            named = {**dict(zip(("kappa", "loc", "scale"), frozen.args, strict=False)), **frozen.kwds}
            loc, half = float(named.get("loc", 0.0)), math.pi * float(named.get("scale", 1.0))
            self.space = columns([Circle(2 * half, loc - half)], "vector")

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        return np.asarray(self.original.rvs(size=n, random_state=random), dtype=np.float64).reshape(n, 1)


class Object(_OneColumn):
    """`scipy.stats.Normal(mu=1, sigma=2)` and what `make_distribution` and arithmetic make."""

    def __init__(self, distribution: Any) -> None:
        super().__init__(distribution, is_a(type(distribution), "DiscreteDistribution"), record_of_object(distribution))

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        return np.asarray(self.original.sample(n, rng=random), dtype=np.float64).reshape(n, 1)


VECTORS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "multivariate_normal": (scipy.stats.multivariate_normal, ("mean", "cov")),
    "multivariate_t": (scipy.stats.multivariate_t, ("loc", "shape", "df")),
}


class Vector(Law):
    """A frozen `multivariate_normal` or `multivariate_t`."""

    has_cdf = False

    def __init__(self, frozen: Any, name: str) -> None:
        values = dict(vars(frozen))
        if name == "multivariate_normal":
            values["cov"] = frozen.cov_object.covariance
            if frozen.cov_object.rank < frozen.dim:
                raise SpaceError("a singular covariance has no density", got=f"rank {frozen.cov_object.rank}")
        parameters = {key: torch.tensor(np.asarray(values[key], dtype=np.float64)) for key in VECTORS[name][1]}
        self.original = frozen
        self.record = {"kind": "vector", "name": name, "parameters": parameters}
        self.space = columns([Real()] * int(frozen.dim), "vector" if frozen.dim == 1 else "numpy")

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self.original.logpdf(x).reshape(len(x))
        return scores

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        return np.reshape(self.original.rvs(size=n, random_state=random), (n, len(self.space.names)))


class Kernels(Law):
    """A `scipy.stats.gaussian_kde`, with its own bandwidth."""

    has_cdf = False

    def __init__(self, kde: Any) -> None:
        self.original = kde
        self.record = {
            "kind": "kde",
            "rows": torch.tensor(np.ascontiguousarray(kde.dataset), dtype=torch.float64),  # as a file has them
            "weights": torch.tensor(kde.weights, dtype=torch.float64),
            "factor": float(kde.factor),
        }
        self.space = columns([Real()] * int(kde.d), "vector" if kde.d == 1 else "numpy")

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self.original.logpdf(x.T)
        return scores

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        rows: np.ndarray = self.original.resample(n, seed=random)
        return rows.T


def law_of(distribution: Any) -> Law:
    """The law of any of SciPy's distributions; raises `SpaceError` for other things."""
    if isinstance(distribution, scipy.stats.gaussian_kde):
        return Kernels(distribution)
    if isinstance(distribution, scipy.stats.rv_continuous | scipy.stats.rv_discrete):
        distribution = _freeze(distribution)
    if isinstance(getattr(distribution, "dist", None), scipy.stats.rv_continuous | scipy.stats.rv_discrete):
        return Frozen(distribution)
    for name in VECTORS:
        if type(distribution).__name__ == f"{name}_frozen":
            return Vector(distribution, name)
    if is_a(type(distribution), "_ProbabilityDistribution"):
        return Object(distribution)
    raise SpaceError(
        "this is not a SciPy distribution that pofx can take",
        got=type(distribution).__name__,
        expected="a frozen univariate one, scipy.stats.norm(0, 1), a frozen multivariate_normal or multivariate_t, "
        "scipy.stats.Normal() and its like, or a gaussian_kde",
    )


def law_from(record: Record) -> Law:
    """The inverse of `Law.record`."""
    kind = record["kind"]
    if kind == "kde":
        rows, weights = record["rows"].numpy(), record["weights"].numpy()
        return Kernels(scipy.stats.gaussian_kde(rows, bw_method=record["factor"], weights=weights))
    if kind == "vector":
        parameters = {key: value.numpy() for key, value in record["parameters"].items()}
        return Vector(VECTORS[record["name"]][0](**parameters), record["name"])
    if kind == "object":
        return Object(new_kind(record))
    return Frozen(family(record)(*record["args"], **record["kwds"]))


def _freeze(family: Any) -> Any:
    if family.numargs:
        raise SpaceError(
            f"{family.name} needs its parameters",
            expected=f"scipy.stats.{family.name}({family.shapes})",
            remedy="call it with numbers, or fit one: pofx.Parametric",
        )
    return family()


def _ends(support: tuple[Any, Any]) -> tuple[float, float]:
    count = max(np.size(end) for end in support)
    if count != 1:
        raise SpaceError(
            "one model is one distribution",
            got=f"parameters of {count} of them",
            expected="numbers",
            remedy="call from_scipy once for each",
        )
    low, high = (float(np.asarray(end).reshape(-1)[0]) for end in support)
    if math.isnan(low) or math.isnan(high):
        raise SpaceError("the parameters are out of range", got=f"a support from {low} to {high}")
    return low, high


def _finite(score: Any, x: np.ndarray, high: float) -> np.ndarray:
    """Scores at x; where a density is infinite at a point, that of the next number inside the support."""
    with np.errstate(all="ignore"):
        scores = np.array(score(x), dtype=np.float64)
        bad = np.isnan(scores) | np.isposinf(scores)
        if bad.any():
            beside = np.nextafter(x[bad], np.where(x[bad] < high, np.inf, -np.inf))
            scores[bad] = score(beside)
    return scores

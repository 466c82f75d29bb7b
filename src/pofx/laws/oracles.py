"""What other libraries, or formulas written out, say about the same fit: the table behind law 13."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from pofx.data.dataset import Data
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

Rows = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Oracle:
    """Another way to the same numbers.

    Args:
        name: who says so.
        case: on which data.
        log_prob: rows `[n, d]` to their log-probabilities under the fit to themselves `[n]`.
        settings: fields of the estimator that make the two comparable.
        tolerance: relative and absolute.
    """

    name: str
    case: str
    log_prob: Callable[[Rows], Rows]
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-9

    def __call__(self, data: Data) -> Rows:
        return self.log_prob(data.values.numpy())


def _multivariate_normal(x: Rows) -> Rows:
    law = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True))
    return np.asarray(law.logpdf(x))


def _normals(x: Rows) -> Rows:
    return np.asarray(stats.norm(x.mean(0), x.std(0)).logpdf(x).sum(1))


def _student(x: Rows) -> Rows:
    return np.asarray(stats.t(*stats.t.fit(x[:, 0], fdf=5.0)).logpdf(x[:, 0]))


def _gamma(x: Rows) -> Rows:
    return np.asarray(stats.gamma(*stats.gamma.fit(x[:, 0], floc=0)).logpdf(x[:, 0]))


def _poisson(x: Rows) -> Rows:
    return np.asarray(stats.poisson(x.mean()).logpmf(x[:, 0]))


def _scipy_kde(x: Rows) -> Rows:
    return np.asarray(stats.gaussian_kde(x[:, 0], 0.5 / x.std(ddof=1)).logpdf(x[:, 0]))


def _sklearn_kde(x: Rows) -> Rows:
    return np.asarray(KernelDensity(bandwidth=0.5 * 5**0.5, kernel="epanechnikov").fit(x).score_samples(x))


def _written_out_kde(x: Rows) -> Rows:
    each = stats.norm.logpdf(x[:, None, :], x[None, :, :], np.array([0.5, 20.0])).sum(2)
    return np.asarray(logsumexp(each, 1) - np.log(len(x)))


_PLAIN = {"k": 1, "covariance": "full", "shrinkage": 1e-9, "outliers": False, "members": 1}

ORACLES: dict[str, tuple[Oracle, ...]] = {
    "gaussian": (
        Oracle("scipy's multivariate normal", "correlated", _multivariate_normal),
        Oracle("scipy's normal in each column", "correlated", _normals, {"covariance": "diagonal"}),
    ),
    "student_t": (Oracle("scipy's t", "normal", _student, {"freedom": 5.0}, 1e-3),),
    "parametric": (
        Oracle("scipy's normal", "normal", _normals, {"family": "normal"}),
        Oracle("scipy's gamma", "positive", _gamma, {"family": "gamma"}, 1e-6),
        Oracle("scipy's Poisson", "counts", _poisson, {"family": "poisson"}, 1e-7),
    ),
    "kde": (
        Oracle("scipy's gaussian_kde", "normal", _scipy_kde, {"bandwidth": 0.5}),
        Oracle("scikit-learn's Epanechnikov", "normal", _sklearn_kde, {"bandwidth": 0.5, "kernel": "epanechnikov"}),
        Oracle("the sum written out", "correlated", _written_out_kde, {"bandwidth": (0.5, 20.0)}),
    ),
    "mixture": (Oracle("scipy's multivariate normal", "correlated", _multivariate_normal, _PLAIN, 1e-7),),
    "stacking": (Oracle("its only part", "correlated", _multivariate_normal, {"parts": ("gaussian",)}),),
}


def _fixed_widths(space: Table) -> dict[str, Any]:
    return {"bandwidth": tuple(0.3 if isinstance(kind, Category) else 0.4 for kind in space.spaces)}


FIXED: dict[str, Callable[[Table], dict[str, Any]]] = {"kde": _fixed_widths}
"""Settings under which an estimator chooses nothing for coded columns, for the law on left-out rows."""

"""Kernel density estimation: the average of one kernel per training row (Rosenblatt 1956, Parzen 1962).

By default everything about the kernels is chosen by leave-one-out likelihood: a width for each column, whether the
kernels follow the correlation of the columns, how much they widen where rows are thin, how much of a category's
probability leaks to other labels. Ties cannot drive a width to zero: where the rounding step of the columns is known no
width goes below half of it, and elsewhere rows that are equal do not count for one another.

Bandwidths are standard deviations, in the column's units. With compact kernels a query that no row reaches has
probability zero, `-inf`: honest, but costly on a leaderboard; the Gaussian reaches everywhere.

Limits: the model keeps its training rows. Widths are chosen on a part of the rows and rescaled to all of them, which
takes seconds whatever their number; scoring is O(queries * rows * columns).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pofx.core.capabilities import Capability
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.kde.crossvalidation import label_counts
from pofx.models.kde.kernels import KernelName
from pofx.models.kde.model import CAPABILITIES, KDEModel
from pofx.models.kde.sample import Sample, counts_of, sample_of
from pofx.models.kde.selection import Selected, select
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

Rule = Literal["likelihood_cv", "least_squares_cv", "sheather_jones", "improved_sheather_jones", "silverman", "scott"]


@register
@dataclass(frozen=True, kw_only=True)
class KDE(Estimator):
    """Kernel density estimate of a table of numbers, angles, counts and categories. The model stores the rows.

    >>> import numpy as np
    >>> model = KDE(bandwidth=0.5).fit(np.array([0.0, 1.0, 2.5]))
    >>> float(model.log_prob(np.array([0.0]))[0])  # log of the mean of N(0; 0, 0.5), N(0; 1, 0.5) and N(0; 2.5, 0.5)
    -1.20
    """

    name: ClassVar[str] = "kde"
    accepts: ClassVar[tuple[type[Scalar], ...]] = (Real, Interval, Circle, Integer, Category)
    capabilities: ClassVar[frozenset[Capability]] = CAPABILITIES | {"weights"}
    standardise: ClassVar[bool] = False

    bandwidth: float | tuple[float, ...] | Rule = "likelihood_cv"
    """Standard deviation of the kernel: one number for all numeric columns, one number a column (lambda in 0..1 for
    categories), in the columns' units (positive columns: of the standardised logarithm); or how to choose it. With
    `covariance="full"` a number is the factor on the columns' standard deviations."""
    kernel: KernelName = "gaussian"
    """Kernel of real and interval columns; circles, whole numbers and categories have kernels of their own."""
    covariance: Literal["auto", "columns", "full"] = "auto"
    """Whether the kernels' real columns are independent ("columns") or correlated ("full", Gaussian only); "auto" is
    the better of the two under likelihood_cv, and "columns" otherwise."""
    adaptive: float | None = None
    """Power of the distance to the k-th neighbour that multiplies a row's widths, 0 to 1; 0 is none. None: chosen with
    the bandwidths under likelihood_cv, and 0 otherwise."""

    def __post_init__(self) -> None:
        _check_bandwidth(self.bandwidth)
        if self.adaptive is not None and not 0 <= self.adaptive <= 1:
            raise FitError("the sensitivity must lie between 0 and 1", got=f"adaptive={self.adaptive}")
        if self.covariance == "full" and self.kernel != "gaussian":
            raise FitError("correlated kernels must be Gaussian", got=self.kernel, remedy="covariance='columns'")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> KDEModel:
        deadline = plan.deadline()
        assert isinstance(data.space, Table)
        kept = data if data.weights is None else data.rows((data.weights > 0).nonzero()[:, 0])
        counts = counts_of(kept)
        sample = sample_of(data.space, kept.values, counts)
        recorder.start("kde: bandwidths", None)
        selected = select(self.bandwidth, self._covariance(), self.adaptive, sample, seed, deadline, recorder)
        recorder.finish()
        return _model(selected, sample, kept.values, counts, self.kernel)

    def _covariance(self) -> str:
        return "columns" if self.kernel != "gaussian" else self.covariance


def _model(selected: Selected, sample: Sample, rows: Tensor, counts: Tensor, kernel: str) -> KDEModel:
    spaces = sample.space.spaces
    labels = [label_counts(sample, k, space) for k, space in enumerate(spaces) if isinstance(space, Category)]
    factors = selected.factors(rows)
    return KDEModel(
        sample.space,
        rows,
        counts,
        factors,
        selected.widths,
        selected.base,
        torch.cat([torch.zeros(0, dtype=torch.float64), *labels]),
        kernel,
        selected.correlation,
    )


def _check_bandwidth(bandwidth: object) -> None:
    if isinstance(bandwidth, str):
        if bandwidth not in Rule.__args__:  # type: ignore[attr-defined]
            raise FitError("there is no such bandwidth rule", got=repr(bandwidth), expected=", ".join(Rule.__args__))  # type: ignore[attr-defined]
        return
    several = isinstance(bandwidth, tuple)
    for number in bandwidth if isinstance(bandwidth, tuple) else (bandwidth,):
        good = isinstance(number, float | int) and math.isfinite(number) and (number > 0 or (several and number == 0))
        if not good:
            raise FitError("a bandwidth must be a positive number", got=str(number), expected="e.g. bandwidth=0.5")

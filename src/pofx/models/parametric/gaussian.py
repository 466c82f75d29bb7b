"""The multivariate normal law by maximum likelihood: full, diagonal or shrunk covariance, rows with gaps by exact EM.

    Gaussian().fit(df)                     # full; shrunk by itself where rows are few or columns coincide
    Gaussian(covariance="diagonal").fit(df)

Columns of labels, the flags of missing values among them, are taken as independent of the rest. Limits: one peak, no
tails. Cost O(n d^2 + d^3); with gaps that per iteration and pattern of gaps; memory O(d^2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pofx.core.capabilities import Capability
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.models.parametric.covariance import floored, floors, is_weak, moments, shrinkage, shrunk
from pofx.models.parametric.elliptical import CAN, GaussianModel
from pofx.models.parametric.gaps import Filled, beginning, fill, step
from pofx.models.parametric.mixed import beside_labels, rows_of
from pofx.spaces.numeric import Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

Covariance = Literal["full", "diagonal", "shrunk"]
ITERATIONS = 1000
ENOUGH = 1e-9  # nats a row gained in an iteration


@register
@dataclass(frozen=True, kw_only=True)
class Gaussian(Estimator):
    """The multivariate normal law."""

    name: ClassVar[str] = "gaussian"
    accepts: ClassVar[tuple[type, ...]] = (Real, Category)
    capabilities: ClassVar[frozenset[Capability]] = CAN

    covariance: Covariance = "full"
    """`full`, `diagonal`, or `shrunk` towards the identity as far as Ledoit and Wolf find best. A full one is shrunk,
    too, where there are fewer than two rows a column or columns determine each other."""

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        return beside_labels(self.name, data, lambda real: self._fit_real(real, plan.deadline()))

    def _fit_real(self, data: Data, deadline: Deadline) -> GaussianModel:
        assert isinstance(data.space, Table)
        x, w = rows_of(data)
        own_mean, own_variance = beginning(x, w)
        floor = floors(data.space, own_variance.sqrt())
        d = x.shape[1]
        if self.covariance == "diagonal" or d == 1:
            scatter = torch.diag(torch.maximum(own_variance, floor.square()))
            return GaussianModel(data.space, own_mean, scatter, 2 * d)
        mean, scatter, filled = _estimate(x, w, floor, deadline)
        if self.covariance == "shrunk" or is_weak(scatter, float(w.sum())):
            scatter = shrunk(scatter, shrinkage(filled, w))
        return GaussianModel(data.space, mean, floored(scatter, floor), d + d * (d + 1) // 2)


def _estimate(x: Tensor, w: Tensor, floor: Tensor, deadline: Deadline) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, covariance and the rows, their gaps filled by regression."""
    if not bool(torch.isnan(x).any()):
        return *moments(x, w), x
    mean, variance = beginning(x, w)
    scatter = torch.diag(torch.maximum(variance, floor.square()))
    before = -torch.inf
    for _ in range(ITERATIONS):
        filled = fill(x, w, mean, scatter)
        now = _log_likelihood(filled, w)
        if now - before <= ENOUGH or deadline.passed():
            break
        before = now
        mean, scatter = step(filled, w, torch.ones_like(w))
        scatter = floored(scatter, floor)
    return mean, scatter, filled.x


def _log_likelihood(filled: Filled, w: Tensor) -> float:
    """Mean nats a row, up to a constant."""
    return -float((w * (0.5 * filled.distance + filled.volume)).sum() / w.sum())

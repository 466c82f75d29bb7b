"""The multivariate Student t law by maximum likelihood, its degrees of freedom estimated: a normal law with tails.

Lange, Little & Taylor (1989); the ECME algorithm of Liu & Rubin (1995) with the parameter expansion of Meng & van Dyk
(1997): scales of the rows, then mean and scatter, then the degrees of freedom by the likelihood itself. Rows with gaps
count with what they have, exactly. Columns of labels are taken as independent of the rest. Cost O(n d^2 + d^3) an
iteration, some tens of them; memory O(n d).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from scipy import optimize
from torch import Tensor

from pofx.core.capabilities import Capability
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.parametric.covariance import floored, floors, is_weak, shrinkage, shrunk
from pofx.models.parametric.elliptical import CAN, StudentTModel, t_radial
from pofx.models.parametric.gaps import Filled, beginning, fill, step
from pofx.models.parametric.mixed import beside_labels, rows_of
from pofx.spaces.numeric import Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

LEAST, MOST = 0.5, 1e4  # degrees of freedom
ITERATIONS = 1000
ENOUGH = 1e-9  # nats a row gained in an iteration


@register
@dataclass(frozen=True, kw_only=True)
class StudentT(Estimator):
    """The multivariate Student t law."""

    name: ClassVar[str] = "student_t"
    accepts: ClassVar[tuple[type, ...]] = (Real, Category)
    capabilities: ClassVar[frozenset[Capability]] = CAN

    freedom: float | None = None
    """Degrees of freedom; None estimates them, between 0.5 and 10000 (a normal law, to four digits)."""

    def __post_init__(self) -> None:
        if self.freedom is not None and not self.freedom > 0:
            raise FitError("degrees of freedom are positive", got=f"{self.freedom}", expected="freedom > 0")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        return beside_labels(self.name, data, lambda real: self._fit_real(real, plan.deadline()))

    def _fit_real(self, data: Data, deadline: Deadline) -> StudentTModel:
        assert isinstance(data.space, Table)
        x, w = rows_of(data)
        d = x.shape[1]
        mean, variance = beginning(x, w)
        floor = floors(data.space, variance.sqrt())
        scatter, freedom = torch.diag(torch.maximum(variance, floor.square())), self.freedom or 10.0
        share, before = _share(x, w, mean, scatter), -math.inf
        for _ in range(ITERATIONS):
            filled = fill(x, w, mean, scatter)
            if self.freedom is None:
                freedom = _freedom(filled, w)
            now = _log_likelihood(filled, w, freedom)
            if now - before <= ENOUGH or deadline.passed():
                break
            before = now
            scale = (freedom + filled.there) / (freedom + filled.distance)
            mean, scatter = step(filled, w, scale)
            scatter = floored(shrunk(scatter, share), floor)
        return StudentTModel(data.space, mean, scatter, freedom, d + d * (d + 1) // 2 + (self.freedom is None))


def _share(x: Tensor, w: Tensor, mean: Tensor, scatter: Tensor) -> float:
    """How far to shrink the scatter, which is kept through all iterations; 0 where the rows suffice."""
    filled = fill(x, w, mean, scatter)
    sample = step(filled, w, torch.ones_like(w))[1]
    return shrinkage(filled.x, w) if x.shape[1] > 1 and is_weak(sample, float(w.sum())) else 0.0


def _freedom(filled: Filled, w: Tensor) -> float:
    """The degrees of freedom of greatest likelihood for these distances."""
    found = optimize.minimize_scalar(
        lambda t: -_log_likelihood(filled, w, math.exp(t)),
        bounds=(math.log(LEAST), math.log(MOST)),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return math.exp(float(found.x))


def _log_likelihood(filled: Filled, w: Tensor, freedom: float) -> float:
    """Mean nats a row."""
    rows = t_radial(filled.distance, filled.there, freedom) - filled.volume
    return float((w * rows).sum() / w.sum())

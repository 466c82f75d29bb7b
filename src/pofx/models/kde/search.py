"""The climb to the kernels that make left-out rows most probable: L-BFGS-B in log space, gradients by autograd.

Widths, lambdas, the sensitivity to the local scale and, if asked, a whole covariance (Leiva-Murillo and
Artes-Rodriguez 2012) move together, in the columns' spreads and from their covariance, so that units and the order of
the columns do not matter. What is found is rounded to three digits: nothing hangs on more, and rounding errors of the
climb do not show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from pofx.models.kde.crossvalidation import LeaveOneOut
from pofx.training.plan import Deadline
from pofx.training.recorder import Recorder

LEAST_LEAK, MOST_LEAK = 1e-4, 1 - 1e-6  # lambda
WIDEST = 10.0  # in spreads
STEP, FINE_STEP = 1e-3, 1e-4  # what results are rounded to: logarithms, entries of the mixing matrix
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Shape:
    """What the kernels look like.

    Args:
        widths: in the columns' units, lambda for categories, `[d]`; those of joint columns are not used.
        sensitivity: power of the local scale that multiplies a row's widths, 0 to 1.
        mixing: M of the covariance `M M' + floors^2` of the joint columns' kernels, in their spreads `[r, r]`.
    """

    widths: Tensor
    sensitivity: float
    mixing: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """The best shape, the mean leave-one-out log-likelihood of `scored` rows, and how many parameters it took."""

    shape: Shape
    score: float
    scored: int
    parameters: int

    @property
    def expected(self) -> float:
        """The score less what so many parameters are expected to gain by chance (Akaike 1974)."""
        return self.score - self.parameters / max(self.scored, 1)


@dataclass(frozen=True, eq=False)
class Search:
    """Parameters: sensitivity; log of each width in spreads (of lambda); T of `M = root T`.

    Args:
        likelihood: what is climbed.
        start: where.
        root: symmetric root of the joint columns' covariance in their spreads `[r, r]`, or None.
        fixed: which widths stay, bool `[d]`; joint ones stay together.
        keep: whether the sensitivity stays.
    """

    likelihood: LeaveOneOut
    start: Shape
    root: Tensor | None
    fixed: Tensor
    keep: bool

    def first(self) -> Array:
        """Where the climb begins, inside the bounds."""
        spreads, start = self.likelihood.sample.spreads, self.start
        theta = [torch.tensor([start.sensitivity]).double(), torch.log(start.widths / spreads)]
        theta.append(self._mixed())
        low, high = np.array(self.bounds()).T
        inside: Array = np.clip(torch.cat(theta).numpy(), low, high)
        return inside

    def bounds(self) -> list[tuple[float, float]]:
        at = self.start.sensitivity
        first = (at, at) if self.keep else (0.0, 1.0)
        columns = [self._bounds_of(k) for k in range(len(self.start.widths))]
        return [first, *columns, *self._mixing_bounds()]

    def score(self, theta: Tensor) -> Tensor:
        """Mean leave-one-out log-likelihood."""
        widths, mixing = self._parts(theta)
        sample, joint = self.likelihood.sample, list(self.likelihood.joint)
        inverse = None if mixing is None else inverse_triangle(mixing, self._floors())
        apart = [k for k in sample.smooth if k not in joint]
        least = least_factor(widths[apart], sample.floors[apart], inverse, self._floors())
        return self.likelihood.mean(self.likelihood(widths, theta[0], inverse, least))

    def value(self, theta: Array) -> float:
        with torch.no_grad():
            return float(self.score(torch.tensor(theta)))

    def shape(self, theta: Array) -> Shape:
        """Rounded."""
        d = 1 + len(self.start.widths)
        free = np.array([low < high for low, high in self.bounds()])
        step = np.where(np.arange(len(theta)) < d, STEP, FINE_STEP)
        widths, mixing = self._parts(torch.tensor(np.where(free, np.round(theta / step) * step, theta)))
        smooth = self.likelihood.sample.smooth
        widths[smooth] = torch.where(
            self.fixed[smooth], self.start.widths[smooth], widths[smooth].maximum(self.likelihood.sample.floors[smooth])
        )
        sensitivity = theta[0] if self.keep else round(theta[0] / STEP) * STEP
        return Shape(widths, float(sensitivity), mixing)

    def _parts(self, theta: Tensor) -> tuple[Tensor, Tensor | None]:
        d = len(self.start.widths)
        widths = torch.exp(theta[1 : 1 + d]) * self.likelihood.sample.spreads
        if self.root is None:
            return widths, None
        return widths, self.root @ theta[1 + d :].reshape(self.root.shape)

    def _bounds_of(self, k: int) -> tuple[float, float]:
        sample = self.likelihood.sample
        if bool(self.fixed[k]) or k in self.likelihood.joint:
            at = math.log(float(self.start.widths[k] / sample.spreads[k]))
            return at, at
        if self.likelihood.columns[k] is None:
            return math.log(LEAST_LEAK), math.log(MOST_LEAK)
        return math.log(float(sample.floors[k] / sample.spreads[k])), math.log(WIDEST)

    def _mixed(self) -> Tensor:
        """T at the start, `[r * r]`."""
        if self.root is None or self.start.mixing is None:
            return torch.zeros(0, dtype=torch.float64)
        relative: Tensor = torch.linalg.solve(self.root, self.start.mixing)
        return relative.reshape(-1)

    def _mixing_bounds(self) -> list[tuple[float, float]]:
        if self._is_given:
            return [(at, at) for at in self._mixed().tolist()]
        return [(-math.inf, math.inf)] * len(self._mixed())

    @property
    def _is_given(self) -> bool:
        return bool(self.fixed[list(self.likelihood.joint)].all())

    def _floors(self) -> Tensor:
        """In spreads; a given covariance stays as it is."""
        at = list(self.likelihood.joint)
        floors = self.likelihood.sample.floors[at] / self.likelihood.sample.spreads[at]
        return torch.zeros_like(floors) if self._is_given else floors


def climb(searches: list[Search], most: int, deadline: Deadline, recorder: Recorder) -> Choice:
    """Climb from whichever start is best, at most so many steps."""
    search = max(searches, key=lambda one: one.value(one.first())) if len(searches) > 1 else searches[0]
    bounds, first = search.bounds(), search.first()
    best: tuple[float, Array] = (-math.inf, first)
    steps = 0

    def loss(theta: Array) -> tuple[float, Array]:
        nonlocal best
        variable = torch.tensor(theta, requires_grad=True)
        score = search.score(variable)
        (gradient,) = torch.autograd.grad(score, variable)
        if score.item() > best[0]:
            best = (score.item(), theta.copy())
        return -score.item(), -gradient.numpy()

    def after_step(theta: Array) -> None:
        nonlocal steps
        steps += 1
        recorder.step(steps, f"{best[0]:.4f} nats per row")
        if deadline.passed():
            raise StopIteration

    limits = {"maxiter": most, "maxfun": 2 * most, "ftol": 1e-7, "gtol": 1e-4}
    minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, callback=after_step, options=limits)
    r = len(search.likelihood.joint)
    free = sum(low < high for low, high in bounds) - r * (r - 1) // 2  # M and M times a rotation are the same
    return Choice(search.shape(best[1]), best[0], search.likelihood.q, free)


def covariance(mixing: Tensor, floors: Tensor) -> Tensor:
    """`M M' + floors^2`: in no direction narrower than the floors, `[r, r]`."""
    return mixing @ mixing.T + floors.square().diag()


def inverse_triangle(mixing: Tensor, floors: Tensor) -> Tensor:
    """The inverse of the lower Cholesky factor of the covariance, `[r, r]`."""
    triangle: Tensor = torch.linalg.cholesky(covariance(mixing, floors))
    inverse: Tensor = torch.linalg.solve_triangular(triangle, torch.eye(len(triangle)).double(), upper=False)
    return inverse


def least_factor(widths: Tensor, floors: Tensor, inverse: Tensor | None, joint_floors: Tensor) -> Tensor:
    """The local factor below which a column's kernel, given all others, would fall under its floor; at most 1."""
    ratios = floors / widths
    if inverse is not None:
        ratios = torch.cat([ratios, joint_floors * inverse.square().sum(0).sqrt()])
    return ratios.max().clamp_max(1.0) if len(ratios) else torch.ones((), dtype=torch.float64)

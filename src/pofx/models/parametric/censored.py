"""Maximum likelihood with censored values: of some rows only a bound is known.

A row known to lie at or below a value contributes log F(value), one above it log(1 - F(value)), one between two values
log(F(high) - F(low)), with SciPy's distribution functions; the same likelihood as `scipy.stats.CensoredData` (Klein &
Moeschberger 2003), climbed on the log scale with the origin kept at zero. Standard errors from second differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize
from torch import Tensor

from pofx.errors import FitError
from pofx.models.parametric.families import FAMILIES, family_for
from pofx.models.parametric.family import Family, Frame, Theta, placement, sample_of
from pofx.models.parametric.fitting import Fitted, in_frame, units
from pofx.models.parametric.maximise import coordinates, errors_from, filled, log_likelihood, natural
from pofx.models.parametric.model import ParametricModel, model_of
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.table import Table

Array = NDArray[np.float64]
NARROW = 1e-8  # the smallest scale, where the rows are of order one


def fit_censored(
    family: str,
    uncensored: Any,
    *,
    left: Any = (),
    right: Any = (),
    interval: Any = (),
    space: Scalar | None = None,
) -> ParametricModel:
    """One family fitted to values of which some are known only by a bound.

    Args:
        family: a family of real or positive numbers, or of a bounded interval (then `space` is needed).
        uncensored: values known exactly, `[n]`.
        left: upper bounds: the value is at most this, `[a]`.
        right: lower bounds: the value is more than this (still alive, above the detection limit), `[b]`.
        interval: `[c, 2]`: the value lies between the two.
        space: the space of the values; when None positive or real, as the family.

    Raises:
        FitError: nothing to fit to, or a family of counts or angles.

    >>> model = fit_censored("exponential", [1.0, 2.0, 3.0], right=[4.0, 4.0])
    >>> round(model.summary()["parameters"]["scale"], 6)
    4.666667
    """
    chosen, space = _chosen(family, space)
    pairs = np.asarray(interval, dtype=np.float64).reshape(-1, 2)
    rows = _Rows(_column(uncensored), _column(left), _column(right), pairs)
    everything = sample_of(torch.as_tensor(rows.typical()), None)
    origin, width = placement(space, chosen.frame)
    framed = in_frame(chosen, everything, space)
    shift, scale = units(chosen, framed)
    moved = rows.moved(origin + width * shift, width * scale)
    start = chosen.clipped(chosen.start(framed.moved(shift, scale)), NARROW)
    theta = _climb(chosen, start, moved)
    errors = _errors(chosen, theta, moved)
    total = moved.log_likelihood(chosen, theta) - len(rows.exact) * math.log(width * scale)
    result = chosen.rescaled(theta, shift, scale)
    return model_of(
        Fitted(chosen, result, chosen.stretched(errors, scale), framed.n, total), Table(("x",), (space,), "vector")
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Exact values, upper bounds, lower bounds, and pairs of both."""

    exact: Array  # [n]
    left: Array  # [a]
    right: Array  # [b]
    between: Array  # [c, 2]

    def typical(self) -> Array:
        """Every row as one number, for a place to start."""
        return np.concatenate([self.exact, self.left, self.right, self.between.mean(1)])

    def moved(self, shift: float, scale: float) -> _Rows:
        exact, left, right, between = (
            (part - shift) / scale for part in (self.exact, self.left, self.right, self.between)
        )
        return _Rows(exact, left, right, between)

    def log_likelihood(self, family: Family, theta: Theta) -> float:
        law: Any = family.law(*theta)
        exact = sample_of(torch.as_tensor(self.exact), None)
        known = log_likelihood(family, exact, theta) if len(self.exact) else 0.0
        with np.errstate(divide="ignore"):
            below = np.log(law.cdf(self.left)) if not hasattr(law, "logcdf") else law.logcdf(self.left)
            above = np.log1p(-law.cdf(self.right)) if not hasattr(law, "logsf") else law.logsf(self.right)
            inside = np.log(_mass(law, self.between[:, 0], self.between[:, 1]))
        return float(known + below.sum() + above.sum() + inside.sum())


def _mass(law: Any, low: Array, high: Array) -> Array:
    """F(high) - F(low), from the side where both are small."""
    straight = np.asarray(law.cdf(high) - law.cdf(low))
    if not hasattr(law, "sf"):
        return straight
    return np.where(law.cdf(low) > 0.5, law.sf(low) - law.sf(high), straight)


def _climb(family: Family, start: Theta, rows: _Rows) -> Theta:
    def theta_at(t: Array) -> Theta:
        parts = filled(family, start, natural(family, torch.as_tensor(t, dtype=torch.float64), start, 1.0))
        return family.clipped(tuple(float(part) for part in parts), NARROW)

    def cost(t: Array) -> float:
        value = -rows.log_likelihood(family, theta_at(t))
        return value if math.isfinite(value) else 1e300

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000, "maxfev": 8000}
    found = optimize.minimize(cost, coordinates(family, start).numpy(), method="Nelder-Mead", options=options)
    if found.fun >= 1e300:
        raise FitError(f"the likelihood of '{family.name}' is zero at these rows", remedy="choose another family")
    return theta_at(found.x)


def _errors(family: Family, theta: Theta, rows: _Rows) -> tuple[float | None, ...]:
    steps = [1e-4 * max(abs(theta[k]), 0.1) for k in family.free]

    def value(moves: Tensor) -> float:
        point = torch.tensor([theta[k] for k in family.free], dtype=torch.float64) + moves
        return -rows.log_likelihood(family, tuple(float(part) for part in filled(family, theta, point)))

    found = iter(errors_from(_second_differences(value, steps)))
    return tuple(next(found) if k in family.free else None for k in range(len(theta)))


def _second_differences(value: Callable[[Tensor], float], steps: list[float]) -> Tensor:
    """The Hessian at zero, `[K, K]`."""
    size = len(steps)
    hessian = torch.zeros(size, size, dtype=torch.float64)
    axes = torch.diag(torch.tensor(steps, dtype=torch.float64))
    for i in range(size):
        for j in range(i + 1):
            a, b = axes[i], axes[j]
            corners = value(a + b) - value(a - b) - value(b - a) + value(-a - b)
            hessian[i, j] = hessian[j, i] = corners / (4 * steps[i] * steps[j])
    return hessian


def _chosen(name: str, space: Scalar | None) -> tuple[Family, Scalar]:
    positive = any(family.name == name and family.frame is Frame.POSITIVE for family in FAMILIES)
    space = space or (Positive() if positive else Real())
    family = family_for(name, space)
    if family.frame in (Frame.COUNT, Frame.CIRCLE) or not family.regular:
        raise FitError(f"'{name}' cannot be fitted to censored values", expected="a density whose ends do not move")
    return family, space


def _column(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1)

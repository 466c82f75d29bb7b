"""Maximum likelihood with censored values: of some rows only a bound is known.

A row known to lie at or below a value contributes log F(value), one above it log(1 - F(value)), one between two values
log(F(high) - F(low)), with SciPy's distribution functions; the same likelihood as `scipy.stats.CensoredData` (Klein &
Moeschberger 2003), climbed on the log scale with the origin kept at zero. Standard errors from second differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize

from pofx.errors import FitError
from pofx.models.parametric.families import family_for
from pofx.models.parametric.family import Family, Frame, Sample, Theta, placement, sample_of
from pofx.models.parametric.fitting import Fitted, fit_family
from pofx.models.parametric.maximise import coordinates, filled, log_likelihood, natural
from pofx.models.parametric.model import ParametricModel, model_of
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.table import Table

Array = NDArray[np.float64]


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
        family: a family of real or positive numbers, or of an interval (then `space` is needed).
        uncensored: values known exactly, `[n]`.
        left: upper bounds: the value is at most this, `[a]`.
        right: lower bounds: the value is more than this (still alive, above the detection limit), `[b]`.
        interval: `[c, 2]`, the value lies between.
        space: the space of the values; positive or real, as the family, when None.

    Raises:
        FitError: nothing to fit to, or a family of counts or angles.

    >>> round(fit_censored("exponential", [1.0, 2.0, 3.0], right=[4.0, 4.0]).estimates["scale"], 6)
    4.666667
    """
    space = space or (Positive() if _lives_on_positive(family) else Real())
    chosen = family_for(family, space)
    if chosen.frame in (Frame.COUNT, Frame.CIRCLE):
        raise FitError("censored values need an order and a density", got=chosen.frame.value)
    origin, width = placement(space, chosen.frame)
    ends = np.asarray(interval, dtype=np.float64).reshape(-1, 2)
    exact, low, high = (_column(v, origin, width) for v in (uncensored, left, right))
    between = ((ends - origin) / width, origin, width)[0]
    everything = np.concatenate([exact, low, high, between.mean(1)])
    if not len(everything):
        raise FitError("there is no value to fit to", expected="at least one, exact or censored")
    scale = float(np.median(np.abs(everything - (np.median(everything) if chosen.frame is Frame.LINE else 0)))) or 1.0
    scale = 1.0 if chosen.frame is Frame.UNIT else scale
    start = _start(chosen, everything / scale)
    objective = _objective(chosen, start, exact / scale, low / scale, high / scale, between / scale)
    t = coordinates(chosen, start).numpy()
    found = optimize.minimize(
        objective, t, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000, "maxfev": 8000}
    )
    theta = _theta(chosen, start, found.x)
    size = float(len(everything))
    errors = _errors(chosen, theta, lambda free: objective(_inverse(chosen, start, free)))
    total = -float(found.fun) - len(exact) * math.log(scale * width)
    fitted = Fitted(chosen, chosen.rescaled(theta, 0.0, scale), chosen.stretched(errors, scale), size, total)
    return model_of(fitted, Table(("x",), (space,), "vector"))

"""What goes into a transport problem: points checked once, weights made shares, two histograms held to one total.

Weights of points are counts or shares, of which only the ratios matter, so they are normalised. Two histograms are
another thing: their masses are what is moved, and unequal totals have no plan, so they are refused, never rescaled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.errors import PofxError

Array = NDArray[np.float64]
Ranks = NDArray[np.int64]
TOTAL_TOLERANCE = 1e-9  # relative difference of two totals that is taken for rounding


def column(values: ArrayLike, name: str) -> Array:
    """Finite numbers on a line, `[n]`, n >= 1; `[n, 1]` is taken too."""
    array = _numbers(values, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise PofxError(
            f"sample {name} is not one column", got=f"shape {array.shape}", remedy="use wasserstein_points for rows"
        )
    return _checked(array, name)


def points(values: ArrayLike, name: str) -> Array:
    """Finite points, `[n, d]`, n >= 1; `[n]` is taken as `[n, 1]`."""
    array = _numbers(values, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise PofxError(f"sample {name} is not rows of numbers", got=f"shape {array.shape}", expected="[n, d], d >= 1")
    return _checked(array, name)


def both_points(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Two samples of points in the same space."""
    a, b = points(x, "x"), points(y, "y")
    if a.shape[1] != b.shape[1]:
        raise PofxError(
            "the two samples do not have the same columns",
            got=f"{a.shape[1]} and {b.shape[1]}",
            expected="the same number of columns in both",
        )
    return a, b


def shares(weights: ArrayLike | None, n: int, name: str) -> Array | None:
    """Weights as shares that sum to one, `[n]`; None, and equal weights, stay None."""
    if weights is None:
        return None
    array = masses(weights, f"the weights of {name}")
    if array.shape != (n,):
        raise PofxError(f"sample {name} needs one weight a point", got=f"{array.size} weights", expected=f"{n}")
    if bool((array == array[0]).all()):
        return None
    scaled = array / array.max()  # so that the sum cannot overflow
    return np.asarray(scaled / scaled.sum())


def repetitions(weights: ArrayLike | None, n: int) -> float | None:
    """How many rows there are behind `n` points: the sum of whole-number weights; None where weights are not counts."""
    if weights is None:
        return float(n)
    array = np.asarray(weights, dtype=np.float64)
    return float(array.sum()) if bool((array == np.floor(array)).all()) else None


def uniform_or(weights: Array | None, n: int) -> Array:
    """The shares themselves, or equal ones."""
    return np.full(n, 1.0 / n) if weights is None else weights


def masses(values: ArrayLike, name: str) -> Array:
    """Non-negative finite masses with a positive total, `[n]`, as they are."""
    array = _numbers(values, name)
    if array.ndim != 1 or array.size == 0:
        raise PofxError(f"{name} must be a list of numbers", got=f"shape {array.shape}", expected="[n], n >= 1")
    if not bool(np.isfinite(array).all()):
        raise PofxError(f"{name} must be finite", got=_first(array, ~np.isfinite(array)))
    if bool((array < 0).any()):
        raise PofxError(f"{name} must not be negative", got=_first(array, array < 0), expected="numbers >= 0")
    if not array.max() > 0:
        raise PofxError(f"{name} sum to zero", got="zeros only", expected="a positive total")
    return array


def same_total(p: Array, q: Array) -> float:
    """The common total of two mass vectors; unequal totals are refused."""
    a, b = float(p.sum()), float(q.sum())
    if abs(a - b) > TOTAL_TOLERANCE * max(a, b):
        raise PofxError(
            "the two histograms do not hold the same mass, so neither can be moved onto the other",
            got=f"totals {a:.12g} and {b:.12g}",
            expected="equal totals",
            remedy="divide each by its own total, if shares are what you mean",
        )
    return a


def check_order(order: float, *, finite: bool = False) -> float:
    """An order p >= 1, `inf` included unless `finite`."""
    value = float(order)
    if not value >= 1 or (finite and not np.isfinite(value)):
        raise PofxError(
            "the order of a Wasserstein distance is at least one" if not value >= 1 else "this needs a finite order",
            got=f"order={order}",
            expected="1 <= order < inf" if finite else "order >= 1 or inf",
        )
    return value


def _numbers(values: Any, name: str) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise PofxError(f"{name} must be numbers", got=type(values).__name__) from None


def _checked(array: Array, name: str) -> Array:
    if len(array) == 0:
        raise PofxError(f"sample {name} is empty", got="0 rows", expected="at least one row")
    good = np.isfinite(array)
    if not bool(good.all()):
        row = int(np.argwhere(~good)[0][0])
        raise PofxError(
            f"sample {name} holds a value that is not a finite number",
            got=_first(array, ~good),
            where=f"{name}, row {row + 1}",
            remedy="leave such rows out",
        )
    return array


def _first(array: Array, bad: NDArray[np.bool_]) -> str:
    return f"{float(array[bad].ravel()[0])}"

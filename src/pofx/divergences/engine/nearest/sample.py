"""What the neighbour estimators do to a sample first: check it, spread what was rounded, take its scale out.

Distances between rows mean something only when the columns share a scale. All samples of one question are mapped by
one affine map that makes their pooled columns about uncorrelated with spread one; divergences do not change under such
a map and entropies change by its log-volume, so that the user's units do not matter. The map is robust, for one wild
value must not flatten a column: quartiles give each column's scale, and rows far out count little in the correlations
(one step of an M-estimator of scatter; Maronna, "Robust M-estimators of multivariate location and scatter", 1976).
O(n d^2), and each row is mapped by the same arithmetic, so that equal rows stay equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.errors import PofxError
from pofx.rng import numpy_generator, split

Array = NDArray[np.float64]
IQR_OF_NORMAL = 1.3489795003921634
FAR = 4.0  # squared distance, over the number of columns, beyond which a row counts less
LEAST_PIVOT = 1e-10  # of a column's variance left after the others are accounted for: below, it is their combination


def checked(values: ArrayLike, name: str) -> Array:
    """Rows of finite numbers `[n, d]`; a vector is one column."""
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise PofxError(f"{name} is not a table of numbers", expected="a float array [rows, columns]") from None
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[1] == 0:
        raise PofxError(f"{name} has the wrong shape", got=str(x.shape), expected="[rows, columns]")
    if not len(x):
        raise PofxError(f"{name} is empty", got="0 rows", remedy="give a sample with rows")
    bad = ~np.isfinite(x).all(1)
    if bad.any():
        raise PofxError(
            f"{name} has values that are not finite numbers",
            got=f"{int(bad.sum())} of {len(x)} rows, the first is row {int(bad.argmax())}",
            remedy="leave those rows out, or fill the gaps first",
        )
    return x


def pair(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Two samples with the same columns."""
    first, second = checked(x, "x"), checked(y, "y")
    if first.shape[1] != second.shape[1]:
        raise PofxError(
            "the two samples have different columns", got=f"{first.shape[1]} and {second.shape[1]} columns",
            expected="the same columns in the same order",
        )  # fmt: skip
    return first, second


def enough(n: int, k: int, name: str) -> None:
    """There must be a k-th other row."""
    if k < 1:
        raise PofxError("the number of neighbours is not a positive number", got=str(k), expected="k >= 1")
    if n <= k:
        raise PofxError(
            f"{name} has too few rows for {k} neighbours", got=f"{n} rows", expected=f"at least {k + 1}",
            remedy="give more rows or a smaller k",
        )  # fmt: skip


def normalised(weights: ArrayLike | None, n: int, name: str) -> Array:
    """Weights that sum to one `[n]`; all equal where none are given."""
    if weights is None:
        return np.full(n, 1.0 / n)
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise PofxError(
            f"the weights of {name} are not usable",
            got=f"shape {w.shape}" if w.shape != (n,) else f"smallest {w.min():.4g}, sum {w.sum():.4g}",
            expected=f"{n} finite numbers, none negative, not all zero",
        )
    return np.asarray(w / w.sum())


def spread(x: Array, steps: ArrayLike | None, seed: int) -> Array:
    """`x` moved at random inside the cells its values were rounded to.

    Args:
        x: `[n, d]`.
        steps: half the width of a column's cells `[d]`, 0 for a column that was not rounded.
        seed: of the moves.
    """
    if steps is None:
        return x
    half = np.broadcast_to(np.asarray(steps, dtype=np.float64), (x.shape[1],))
    if not np.isfinite(half).all() or (half < 0).any():
        raise PofxError("steps must be half-widths of cells", got=str(half.tolist()), expected="numbers >= 0")
    moves = numpy_generator(split(seed, "spread")).uniform(-1.0, 1.0, x.shape)
    return np.asarray(x + moves * half)


@dataclass(frozen=True)
class Whitening:
    """`z = L^-1 ((x - centre) / scale)`.

    Args:
        centre: `[d]`.
        scale: `[d]`.
        lower: Cholesky factor L of the robust correlations `[d, d]`.
    """

    centre: Array
    scale: Array
    lower: Array

    @property
    def log_volume(self) -> float:
        """`log |dx / dz|`, nats."""
        return float(np.log(self.scale).sum() + np.log(np.diag(self.lower)).sum())

    def __call__(self, x: Array) -> Array:
        """`[n, d]` to `[n, d]`, column by column: a matrix product may round equal rows differently."""
        z = np.empty((x.shape[1], len(x)))
        for j in range(len(z)):
            z[j] = (x[:, j] - self.centre[j]) / self.scale[j]
            for i in range(j):
                z[j] -= self.lower[j, i] * z[i]
            z[j] /= self.lower[j, j]
        return np.ascontiguousarray(z.T)


def unscaled(d: int) -> Whitening:
    """The map that changes nothing."""
    return Whitening(np.zeros(d), np.ones(d), np.eye(d))


def whitening(*samples: Array) -> Whitening:
    """The map for pooled samples, each `[n_i, d]`."""
    pooled = np.concatenate(samples)
    low, centre, high = np.quantile(pooled, [0.25, 0.5, 0.75], axis=0)
    scale = (high - low) / IQR_OF_NORMAL
    scale = np.where(scale > 0, scale, pooled.std(0))
    _refuse(~(scale > 0) | (np.ptp(pooled, axis=0) == 0), "has one value in all rows")
    u = (pooled - centre) / scale
    weight = 1.0 / np.maximum((u * u).mean(1) / FAR, 1.0)  # [n]
    u -= (weight @ u) / weight.sum()
    covariance = (u * weight[:, None]).T @ u / weight.sum()
    deviation = np.sqrt(np.diag(covariance))
    lower = _factor(covariance / np.outer(deviation, deviation), len(pooled))
    return Whitening(centre, scale * deviation, lower)


def _factor(correlations: Array, n: int) -> Array:
    """Cholesky's factor, naming the column that is a combination of those before it."""
    d = len(correlations)
    if n <= d:
        raise PofxError(
            f"{n} rows cannot tell the scale of {d} columns", expected=f"more than {d} rows",
            remedy="give more rows, or compare fewer columns",
        )  # fmt: skip
    lower: Any = np.zeros((d, d))
    for j in range(d):
        row = np.linalg.solve(lower[:j, :j], correlations[:j, j]) if j else np.zeros(0)
        left = correlations[j, j] - row @ row
        _refuse(np.arange(d) == (j if left < LEAST_PIVOT else -1), "is a combination of the columns before it")
        lower[j, :j], lower[j, j] = row, np.sqrt(left)
    return np.asarray(lower)


def _refuse(bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        raise PofxError(
            f"column {int(bad.argmax())} {why}: there is no density in this many columns",
            remedy="leave that column out; repeated or discrete values go to the plug-in estimators",
        )

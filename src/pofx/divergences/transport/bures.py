"""Wasserstein distance of order two between two normal distributions, the Bures-Wasserstein distance.

    W2^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2)

Dowson & Landau (1982), Gelbrich (1990). For any two laws with these means and covariances it is a lower bound of W2
(Gelbrich). Covariances may be singular. Cost: O(d^3).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.transport.masses import Array
from pofx.errors import PofxError

ROUNDING = 1e-10  # a negative eigenvalue this small against the greatest, or such an asymmetry, is rounding


def bures_wasserstein(mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike) -> Estimate:
    """W2 between two normals with means `[d]` and covariances `[d, d]`."""
    a, b = _mean(mean_p, "P"), _mean(mean_q, "Q")
    if a.shape != b.shape:
        raise PofxError("the two normals do not have the same dimension", got=f"{len(a)} and {len(b)}")
    root_p, root_q = _root(cov_p, "P", len(a)), _root(cov_q, "Q", len(a))
    shift = a - b
    squared = float(shift @ shift) + _bures(root_p, root_q)
    return Estimate(
        math.sqrt(squared), nature=Nature.CLOSED_FORM, method="closed form, normal", direction="P, Q", name="W2"
    )


def _bures(root_p: Array, root_q: Array) -> float:
    """min |A - B U|^2 over rotations U, a sum of squares, so nothing cancels where P = Q (Bhatia et al. 2019)."""
    left, _, right = np.linalg.svd(root_q @ root_p)
    return float(np.sum((root_p - root_q @ (left @ right)) ** 2))


def _mean(values: ArrayLike, name: str) -> Array:
    mean = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if mean.ndim != 1 or not bool(np.isfinite(mean).all()):
        raise PofxError(f"the mean of {name} must be finite numbers", got=f"shape {mean.shape}", expected="[d]")
    return mean


def _root(values: ArrayLike, name: str, d: int) -> Array:
    """The symmetric square root of a covariance, `[d, d]`."""
    matrix = np.asarray(values, dtype=np.float64)
    matrix = matrix.reshape(1, 1) if matrix.ndim == 0 else matrix
    if matrix.shape != (d, d) or not bool(np.isfinite(matrix).all()):
        raise PofxError(f"the covariance of {name} has the wrong shape", got=f"{matrix.shape}", expected=f"({d}, {d})")
    if float(np.abs(matrix - matrix.T).max()) > ROUNDING * float(np.abs(matrix).max()):
        raise PofxError(f"the covariance of {name} is not symmetric", expected="a symmetric matrix")
    values_of, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values_of[0] < -ROUNDING * max(float(np.abs(values_of).max()), 0.0):
        raise PofxError(
            f"the covariance of {name} is not positive semi-definite",
            got=f"an eigenvalue of {values_of[0]:.3g}",
            expected="eigenvalues >= 0",
        )
    return np.asarray((vectors * np.sqrt(np.maximum(values_of, 0.0))) @ vectors.T)

"""One door to the Wasserstein distance between two samples, which says which way it took.

On a line: paired ranks. In more dimensions: the exact plan where it fits the budget and a minute; else sliced, which is
another distance, and is called so. Sinkhorn only when asked for by name.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from pofx.divergences.estimate import Estimate
from pofx.divergences.transport.entropic import sinkhorn_divergence
from pofx.divergences.transport.exact import MATRICES, wasserstein_exact
from pofx.divergences.transport.line import wasserstein_line
from pofx.divergences.transport.masses import Array, both_points, check_order
from pofx.divergences.transport.plan import BUDGET
from pofx.divergences.transport.sliced import sliced_wasserstein
from pofx.errors import PofxError

EXACT_PAIRS = 4_000_000  # n x m up to which the exact plan takes seconds
BLUR = 0.01  # default epsilon of Sinkhorn, as a share of the mean cost
METHODS = ("auto", "line", "exact", "sinkhorn", "sliced")


def wasserstein_points(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 1.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    method: str = "auto",
    budget: int = BUDGET,
    seed: int = 0,
    null: bool = True,
) -> Estimate:
    """The Wasserstein distance between two samples `[n, d]`, `[m, d]` by the best way that fits.

    Args:
        method: `auto`, or one of `line`, `exact`, `sinkhorn`, `sliced` to force it.
        budget: bytes for matrices of n x m numbers.
    """
    if method not in METHODS:
        raise PofxError("there is no such way", got=f"method={method!r}", expected=", ".join(METHODS))
    p = check_order(order)
    a, b = both_points(x, y)
    taken = _chosen(a, b, budget) if method == "auto" else method
    if taken == "line":
        return wasserstein_line(
            _line(a), _line(b), order=p, x_weights=x_weights, y_weights=y_weights, null=null, seed=seed
        )
    if taken == "exact":
        return wasserstein_exact(
            a, b, order=p, x_weights=x_weights, y_weights=y_weights, budget=budget, null=null, seed=seed
        )
    if taken == "sinkhorn":
        return sinkhorn_divergence(
            a, b, epsilon=_blur(a, b, p), order=p, x_weights=x_weights, y_weights=y_weights, budget=budget
        )
    found = sliced_wasserstein(a, b, order=p, x_weights=x_weights, y_weights=y_weights, null=null, seed=seed)
    if method == "sliced":
        return found
    why = f"{len(a):,} x {len(b):,} pairs are too many for the exact plan"
    return replace(found, note=f"{found.note}; {why}")


def _chosen(x: Array, y: Array, budget: int) -> str:
    if x.shape[1] == 1:
        return "line"
    pairs = len(x) * len(y)
    return "exact" if pairs <= EXACT_PAIRS and 8 * MATRICES * pairs <= budget else "sliced"


def _line(x: Array) -> Array:
    if x.shape[1] != 1:
        raise PofxError(
            "only samples of one column can be paired by rank", got=f"{x.shape[1]} columns", remedy="method='exact'"
        )
    return x[:, 0]


def _blur(x: Array, y: Array, p: float) -> float:
    """A hundredth of the mean cost, from up to a thousand pairs spread over both samples."""
    k = 1000
    i, j = np.linspace(0, len(x) - 1, k).astype(int), np.linspace(len(y) - 1, 0, k).astype(int)
    mean = float(np.mean(np.linalg.norm(x[i] - y[j], axis=1) ** p))
    return BLUR * (mean if mean > 0 else 1.0)

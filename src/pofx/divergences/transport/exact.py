"""Exact optimal transport between two samples in any dimension, by the network simplex.

The engine is POT's `ot.emd` (Flamary et al. 2021; Bonneel et al. 2011). What is added: a stated memory budget, the
solver's convergence flag, measured marginals, the sparse plan, and the standard error of del Barrio & Loubes (2019)
from the potentials. In d dimensions the samples' distance exceeds the laws' by about n^(-1/d), which no standard error
shows: read `null`.

Cost: about n^3 log n time, two n x m matrices of memory.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.divergences.transport.line import order_name, root_error, share_variance
from pofx.divergences.transport.masses import Array, both_points, check_order, repetitions, shares, uniform_or
from pofx.divergences.transport.plan import BUDGET, Plan, check_budget, marginal_error
from pofx.errors import MissingExtra, PofxError

MATRICES = 2  # the costs and the coupling
PIVOTS = 100_000_000  # of the network simplex; POT stops at 100,000 unless told


def exact_plan(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 2.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    budget: int = BUDGET,
) -> Plan:
    """The optimal plan for the cost |x - y|^order between points `[n, d]` and `[m, d]`.

    Raises:
        PofxError: the matrices do not fit `budget` (bytes), or the input is no sample.
        MissingExtra: POT is not installed.
    """
    p = check_order(order, finite=True)
    a, b = both_points(x, y)
    u, v = shares(x_weights, len(a), "x"), shares(y_weights, len(b), "y")
    return _solve(a, b, uniform_or(u, len(a)), uniform_or(v, len(b)), p, budget)


def wasserstein_exact(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 2.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    budget: int = BUDGET,
    null: bool = True,
    seed: int = 0,
) -> Estimate:
    """W_p between two samples in d dimensions, Euclidean ground distance; `null` is between two halves of x."""
    p = check_order(order, finite=True)
    plan = exact_plan(x, y, order=p, x_weights=x_weights, y_weights=y_weights, budget=budget)
    n, m = len(plan.x), len(plan.y)
    u, v = shares(x_weights, n, "x"), shares(y_weights, m, "y")
    if not plan.converged:
        raise PofxError(
            "the network simplex did not finish",
            got=f"marginal error {plan.marginal_error:.3g} after {PIVOTS:,} pivots",
            remedy="fewer rows, or sliced_wasserstein",
        )
    variance = share_variance(plan.f, u, repetitions(x_weights, n))
    variance += share_variance(plan.g, v, repetitions(y_weights, m))
    return Estimate(
        plan.value,
        std_error=root_error(variance, plan.value, p),
        nature=Nature.ASYMPTOTICALLY_UNBIASED,
        method="network simplex, exact for the samples",
        direction="P, Q",
        draws=n + m,
        null=_halves(plan.x, u, p, budget, seed) if null else None,
        name=order_name(p),
    )


def load_pot() -> Any:
    """The module `ot`, or one line saying what to install."""
    try:
        return importlib.import_module("ot")
    except ImportError:
        raise MissingExtra("transport", "POT") from None


def _halves(x: Array, u: Array | None, p: float, budget: int, seed: int) -> float | None:
    if len(x) < 2:
        return None
    one, two = halves(len(x), seed)
    weights = uniform_or(u, len(x))
    a, b = weights[one], weights[two]
    if not (a.sum() > 0 and b.sum() > 0):
        return None
    return _solve(x[one], x[two], a / a.sum(), b / b.sum(), p, budget).value


def _solve(x: Array, y: Array, a: Array, b: Array, p: float, budget: int) -> Plan:
    check_budget(len(x), len(y), budget, matrices=MATRICES)
    pot = load_pot()
    distances = cdist(x, y)  # [n, m]
    scale = float(distances.max()) or 1.0
    distances /= scale
    costs = distances
    costs **= p
    coupling, log = pot.emd(a, b, costs, numItermax=PIVOTS, log=True, check_marginals=False)
    rows, columns = np.nonzero(coupling)
    mass = coupling[rows, columns]
    cost = float(mass @ costs[rows, columns])
    error = marginal_error(rows, columns, mass, a, b)
    done = log["warning"] is None and error < 1e-6
    return Plan(
        rows, columns, mass, x, y, cost=cost * scale**p, value=scale * cost ** (1 / p), f=log["u"] * scale**p,
        g=log["v"] * scale**p, iterations=0, converged=done, marginal_error=error, method="network simplex (POT)",
    )  # fmt: skip

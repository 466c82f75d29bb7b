"""The optimal plan on a line: the monotone coupling, which pairs ranks (Villani 2003, theorem 2.18).

Cost: O(n log n + m log m); at most n + m - 1 entries.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pofx.divergences.transport.line import Paired, paired_distance, potentials
from pofx.divergences.transport.masses import Array, Ranks, check_order, column, masses, same_total, shares, uniform_or
from pofx.divergences.transport.plan import Plan, marginal_error
from pofx.divergences.transport.staircase import Staircase, even_staircase, staircase


def monotone_plan(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 1.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
) -> Plan:
    """The plan between two samples on a line `[n]`, `[m]`, optimal for every order; `order` only prices it."""
    a, b = column(x, "x"), column(y, "y")
    u, v = shares(x_weights, len(a), "x"), shares(y_weights, len(b), "y")
    return _plan(a, b, u, v, check_order(order, finite=True))


def histogram_plan(places_p: ArrayLike, p: ArrayLike, places_q: ArrayLike, q: ArrayLike, *, order: float = 1.0) -> Plan:
    """The plan between two histograms on a line: masses `p` `[n]` at `places_p`, `q` `[m]` at `places_q`.

    Raises:
        PofxError: the totals differ. They are never rescaled; the plan carries the common total.
    """
    a, b = column(places_p, "places_p"), column(places_q, "places_q")
    first, second = masses(p, "the masses p"), masses(q, "the masses q")
    total = same_total(first, second)
    plan = _plan(a, b, shares(first, len(a), "p"), shares(second, len(b), "q"), check_order(order, finite=True))
    error = marginal_error(plan.rows, plan.columns, plan.mass * total, first, second)
    return Plan(**{**plan.__dict__, "mass": plan.mass * total, "cost": plan.cost * total, "marginal_error": error,
                   "value": (plan.cost * total) ** (1 / order)})  # fmt: skip


def _plan(x: Array, y: Array, u: Array | None, v: Array | None, p: float) -> Plan:
    ranks: Ranks = np.argsort(x, kind="stable").astype(np.int64)
    others: Ranks = np.argsort(y, kind="stable").astype(np.int64)
    a, b = uniform_or(u, len(x)), uniform_or(v, len(y))
    even = u is None and v is None
    path = even_staircase(len(x), len(y)) if even else staircase(a[ranks], b[others])
    paired = Paired(x[ranks][path.left], y[others][path.right], path.mass, (path.left, path.right), (None, None))
    value = paired_distance(paired, p)
    f, g = _in_given_order(potentials(paired, p), ranks, others)
    rows, columns, mass = _entries(path, ranks, others)
    return Plan(
        rows, columns, mass, x[:, None], y[:, None], cost=value**p, value=value, f=f, g=g, iterations=0,
        converged=True, marginal_error=marginal_error(rows, columns, mass, a, b), method="paired ranks",
    )  # fmt: skip


def _in_given_order(sorted_ones: tuple[Array, Array], ranks: Ranks, others: Ranks) -> tuple[Array, Array]:
    f, g = np.empty(len(ranks)), np.empty(len(others))
    f[ranks], g[others] = sorted_ones
    shift = f.mean() if math.isfinite(f.mean()) else 0.0
    return f - shift, g + shift


def _entries(path: Staircase, ranks: Ranks, others: Ranks) -> tuple[Ranks, Ranks, Array]:
    kept = path.mass > 0
    return ranks[path.left[kept]], others[path.right[kept]], path.mass[kept]

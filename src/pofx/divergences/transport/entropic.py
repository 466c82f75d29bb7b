"""Entropic transport in the log domain, with epsilon lowered by steps, and the debiased Sinkhorn divergence.

    OT_eps(P, Q) = min over plans of <cost, plan> + eps KL(plan || P x Q)
    S_eps(P, Q)  = OT_eps(P, Q) - OT_eps(P, P) / 2 - OT_eps(Q, Q) / 2

Cuturi (2013); debiasing Feydy et al. (2019); epsilon-scaling Schmitzer (2019); over-relaxation Thibault et al. (2021);
small problems are finished by Newton steps.
A plan is believed only after its marginals were measured: plain Sinkhorn at a small epsilon underflows and calls zero
mass a plan. Epsilon is in the units of the cost |x - y|^order.

Cost: O(n m) an iteration; memory O(n + m) and one block above the budget, one or two n x m matrices under it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.transport.line import share_variance
from pofx.divergences.transport.masses import Array, Ranks, both_points, check_order, repetitions, shares, uniform_or
from pofx.divergences.transport.newton import MOST_POINTS, newton
from pofx.divergences.transport.plan import BUDGET, Plan, marginal_error
from pofx.divergences.transport.scaling import scaled
from pofx.divergences.transport.softmin import Costs
from pofx.errors import PofxError

TOLERANCE = 1e-7  # L1 error of the marginals
ITERATIONS = 20_000
SWEEPS = 300  # products with a kept kernel, each a small part of a log-domain step
WARM_UP = 3  # log-domain iterations at each epsilon on the way down
DROPPED = 1e-10  # share of a row's mass that entries left out of the triplets may hold
COARSE = 1e-3  # marginal error at which the next epsilon may begin
RELAXED = 1.8  # over-relaxation at the last epsilon
CHECKED = 50  # iterations between looks at whether over-relaxation helps


@dataclass(frozen=True, eq=False)
class Solved:
    """Potentials with what is known of them."""

    f: Tensor  # [n]
    g: Tensor  # [m]
    value: float
    iterations: int
    marginal_error: float


def entropic_plan(
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float,
    order: float = 2.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    tolerance: float = TOLERANCE,
    iterations: int = ITERATIONS,
    budget: int = BUDGET,
) -> Plan:
    """The entropic plan; `value` is OT_eps and `cost` the transport cost alone. Says so where it did not converge."""
    a, b, u, v, p = _read(x, y, x_weights, y_weights, order, epsilon)
    solved = _solve(a, b, u, v, p, epsilon, tolerance, iterations, budget)
    rows, columns, mass, cost = _triplets(a, b, u, v, p, epsilon, solved, budget)
    error = marginal_error(rows, columns, mass, u, v)
    return Plan(
        rows, columns, mass, a, b, cost=cost, value=solved.value, f=solved.f.numpy(), g=solved.g.numpy(),
        iterations=solved.iterations, converged=solved.marginal_error <= tolerance and error <= 2 * tolerance + DROPPED,
        marginal_error=error, method="log-domain Sinkhorn", regularisation=epsilon,
    )  # fmt: skip


def sinkhorn_divergence(
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float,
    order: float = 2.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    tolerance: float = TOLERANCE,
    iterations: int = ITERATIONS,
    budget: int = BUDGET,
) -> Estimate:
    """S_eps between two samples, a transport cost (not a root of one), zero if and only if they are the same.

    Raises:
        PofxError: the marginals were not met within `iterations`.
    """
    a, b, u, v, p = _read(x, y, x_weights, y_weights, order, epsilon)
    across = _solve(a, b, u, v, p, epsilon, tolerance, iterations, budget)
    left = _solve(a, a, u, u, p, epsilon, tolerance, iterations, budget)
    right = _solve(b, b, v, v, p, epsilon, tolerance, iterations, budget)
    worst = max(across.marginal_error, left.marginal_error, right.marginal_error)
    if worst > tolerance:
        raise PofxError(
            "Sinkhorn's iteration did not converge, so its cost would be wrong",
            got=f"marginal error {worst:.3g} after {iterations:,} iterations",
            expected=f"at most {tolerance:g}",
            remedy=f"a larger epsilon than {epsilon:g}, more iterations, or exact_plan",
        )
    value = across.value - (left.value + right.value) / 2
    f, g = (across.f - (left.f + left.g) / 2).numpy(), (across.g - (right.f + right.g) / 2).numpy()
    variance = share_variance(f, u, repetitions(x_weights, len(a))) + share_variance(
        g, v, repetitions(y_weights, len(b))
    )
    return Estimate(
        max(value, 0.0),  # below zero by rounding only: S_eps is not negative
        std_error=math.sqrt(variance) if value > 0 and variance > 0 else None,
        nature=Nature.ASYMPTOTICALLY_UNBIASED,
        method=f"log-domain Sinkhorn, debiased, epsilon {epsilon:g}, marginal error {worst:.1g}",
        direction="P, Q",
        draws=len(a) + len(b),
        name="Sinkhorn divergence",
    )


def _read(
    x: ArrayLike, y: ArrayLike, wx: ArrayLike | None, wy: ArrayLike | None, order: float, epsilon: float
) -> tuple[Array, Array, Array, Array, float]:
    if not (epsilon > 0 and math.isfinite(epsilon)):
        raise PofxError(
            "epsilon must be positive and finite", got=f"epsilon={epsilon}", remedy="exact_plan has no epsilon"
        )
    a, b = both_points(x, y)
    u, v = uniform_or(shares(wx, len(a), "x"), len(a)), uniform_or(shares(wy, len(b), "y"), len(b))
    return a, b, u, v, check_order(order, finite=True)


def _solve(
    x: Array, y: Array, u: Array, v: Array, p: float, epsilon: float, tolerance: float, iterations: int, budget: int
) -> Solved:
    keep = 2 * 8 * len(x) * len(y) <= budget
    a, b = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(y))
    there, back = Costs(a, b, p, keep=keep), Costs(b, a, p, keep=keep)
    weight, other = torch.from_numpy(u), torch.from_numpy(v)
    log_u, log_v = weight.log(), other.log()
    f, g = torch.zeros(len(x), dtype=torch.float64), torch.zeros(len(y), dtype=torch.float64)
    small = keep and max(len(x), len(y)) <= MOST_POINTS
    count = 0
    for step in _steps(there.most(), epsilon):
        last = step == epsilon
        for _ in range(WARM_UP):
            f = there.softmin(g, log_v, step)
            g = back.softmin(f, log_u, step)
            count += 1
        if keep:
            wanted, most = (tolerance / 8, SWEEPS) if last else (COARSE, SWEEPS // 3)
            f, g, done, met = scaled(there, f, g, weight, other, step, tolerance=wanted, sweeps=most)
            count += done
            if met:
                continue
        if small:
            f = newton(there, back, f, weight, other, step, tolerance / 4 if step == epsilon else COARSE)
            g = back.softmin(f, log_u, step)
    relaxed, before, columns_off = RELAXED, math.inf, 0.0
    while count < iterations:
        fresh = there.softmin(g, log_v, epsilon)
        error = _off(weight, f, fresh, epsilon) + columns_off
        if error <= tolerance / 4:
            break
        count += 1
        if count % CHECKED == 0:
            relaxed, before = (1.0 if error > before else relaxed), error
        if x is y:  # the symmetric problem has one potential, and its averaged iteration contracts fast
            f = g = (f + fresh) / 2
            continue
        f = f + relaxed * (fresh - f)
        fresh = back.softmin(f, log_u, epsilon)
        columns_off = _off(other, g, fresh, epsilon)
        g = g + relaxed * (fresh - g)
    g = back.softmin(f, log_u, epsilon)  # a plain step, which meets the columns exactly; then what is left of the rows
    error = _off(weight, f, there.softmin(g, log_v, epsilon), epsilon)
    value = float(weight @ f) + float(other @ g)
    return Solved(f, g, value, count, error)


def _off(weight: Tensor, old: Tensor, fresh: Tensor, epsilon: float) -> float:
    """L1 error of the marginal that `fresh` would meet, under `old`."""
    return float((weight * torch.expm1((old - fresh) / epsilon)).abs().nan_to_num(math.inf).sum())


def _steps(most: float, epsilon: float) -> list[float]:
    """From the greatest cost down to epsilon, by halves."""
    halvings = max(0, math.ceil(math.log2(max(most, epsilon) / epsilon)))
    return [epsilon * 2.0**k for k in range(halvings, -1, -1)]


def _triplets(
    x: Array, y: Array, u: Array, v: Array, p: float, epsilon: float, solved: Solved, budget: int
) -> tuple[Ranks, Ranks, Array, float]:
    """The entries worth keeping, block by block, and the transport cost of all."""
    rows, columns, mass, cost, held = [], [], [], 0.0, 0
    costs = Costs(torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(y)), p, keep=False)
    log_u, log_v = torch.from_numpy(u).log(), torch.from_numpy(v).log()
    for part, block in costs.blocks():
        entries = torch.exp((solved.f[part, None] + solved.g - block) / epsilon + log_u[part, None] + log_v)
        cost += float((entries * block).sum())
        i, j = torch.nonzero(entries > DROPPED / len(y) * torch.from_numpy(u)[part, None], as_tuple=True)
        held += 24 * len(i)
        if held > budget:
            raise PofxError(
                "the entropic plan has too many entries to keep",
                got=f"more than {budget / 2**20:,.0f} MiB of them",
                remedy="a smaller epsilon, fewer rows, or sinkhorn_divergence, which keeps no plan",
            )
        rows.append(i.numpy() + part.start)
        columns.append(j.numpy())
        mass.append(entries[i, j].numpy())
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(mass), cost

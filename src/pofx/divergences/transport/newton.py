"""Newton's method on the semi-dual of entropic transport, for the epsilons at which Sinkhorn's iteration crawls.

With g = softmin(f) the columns are met exactly, and the dual is a smooth concave function of f alone, with gradient
a - P 1 and Hessian -(diag(P 1) - P diag(1 / P'1) P') / eps (Cuturi & Peyre 2018). Steps are halved until the
gradient's L1 norm, which is the marginal error, falls. Cost: O(n^2 m) a step, so only for small problems.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.divergences.transport.softmin import Costs

MOST_POINTS = 4_000  # of either sample
STEPS = 60
HALVINGS = 12
RIDGE = 1e-13  # against the greatest row mass: keeps the factorisation alive where blocks hardly touch


def newton(there: Costs, back: Costs, f: Tensor, a: Tensor, b: Tensor, epsilon: float, tolerance: float) -> Tensor:
    """Better potentials `[n]`, until the marginal error meets `tolerance` or no step helps; never worse than `f`."""
    costs = torch.cat([block for _, block in there.blocks()])  # [n, m]
    plan, error = _plan(costs, back, f, a, b, epsilon)
    for _ in range(STEPS):
        if error <= tolerance:
            break
        move = _direction(plan, a, epsilon)
        if move is None:
            break
        for k in range(HALVINGS):
            tried = f + move * 0.5**k
            new_plan, new_error = _plan(costs, back, tried, a, b, epsilon)
            if new_error < error * (1 - 1e-3):
                f, plan, error = tried, new_plan, new_error
                break
        else:
            break
    return f


def _plan(costs: Tensor, back: Costs, f: Tensor, a: Tensor, b: Tensor, epsilon: float) -> tuple[Tensor, float]:
    g = back.softmin(f, a.log(), epsilon)
    plan = torch.exp((f[:, None] + g - costs) / epsilon + a.log()[:, None] + b.log())
    return plan, float((plan.sum(1) - a).abs().sum())


def _direction(plan: Tensor, a: Tensor, epsilon: float) -> Tensor | None:
    rows, columns = plan.sum(1), plan.sum(0)
    scaled = plan * torch.where(columns > 0, columns, torch.ones_like(columns)).rsqrt()
    curvature = torch.diag(rows + RIDGE * rows.max()) - scaled @ scaled.T
    curvature += rows.max() / len(a)  # a constant added to f changes nothing: its direction is filled in
    factor, failed = torch.linalg.cholesky_ex(curvature)
    if bool(failed):
        return None
    return torch.cholesky_solve((epsilon * (a - rows))[:, None], factor)[:, 0]

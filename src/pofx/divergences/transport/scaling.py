"""Sinkhorn's iteration as two products with a matrix, for costs that are kept: the fast middle of the log-domain one.

The potentials so far are absorbed into the kernel K = u exp((f + g - c) / eps) v, whose marginals are nearly right, so
that the scalings stay near one and nothing under- or overflows (Schmitzer 2019, "Stabilized sparse scaling algorithms
for entropy regularized transport problems", section 3.1); where they do not, they are absorbed again. A sweep costs two
products of n x m numbers and no exponential.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.divergences.transport.softmin import Costs

FAR = 50.0  # a scaling this many nats from one is absorbed


def scaled(
    costs: Costs, f: Tensor, g: Tensor, u: Tensor, v: Tensor, epsilon: float, *, tolerance: float, sweeps: int
) -> tuple[Tensor, Tensor, int, bool]:
    """Potentials `[n]`, `[m]` after some sweeps, how many, and whether the L1 error of the rows is small now."""
    kernel = _kernel(costs, f, g, u, v, epsilon)
    a, b = torch.ones_like(f), torch.ones_like(g)
    for count in range(1, sweeps + 1):
        rows = kernel @ b
        error = float((a * rows - u).abs().sum())
        if error <= tolerance:
            return f + epsilon * a.log(), g + epsilon * b.log(), count, True
        new_a = u / rows
        new_b = v / (kernel.T @ new_a)
        if not bool((torch.isfinite(new_a) & (new_a > 0)).all() & (torch.isfinite(new_b) & (new_b > 0)).all()):
            break  # something underflowed: the log-domain iteration goes on from here
        a, b = new_a, new_b
        if max(float(a.log().abs().max()), float(b.log().abs().max())) > FAR:
            f, g = f + epsilon * a.log(), g + epsilon * b.log()
            kernel = _kernel(costs, f, g, u, v, epsilon)
            a, b = torch.ones_like(f), torch.ones_like(g)
    return f + epsilon * a.log(), g + epsilon * b.log(), count, False


def _kernel(costs: Costs, f: Tensor, g: Tensor, u: Tensor, v: Tensor, epsilon: float) -> Tensor:
    parts = [torch.exp((f[part, None] + g - block) / epsilon).mul_(u[part, None]) for part, block in costs.blocks()]
    return torch.cat(parts).mul_(v)

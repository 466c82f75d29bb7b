"""The discrete Gaussian: `P(k) ~ exp(-k^2 / 2w^2)` on whole numbers, possibly between two ends; sums and draws.

It is the kernel of integer columns. Sums are exact to 1e-13: term by term for narrow kernels, by Euler-Maclaurin for
wide ones. O(1) each.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

WIDE = 12.0  # from this width on Euler-Maclaurin is exact to 1e-13
REACH = 9  # widths; beyond them lies less than 1e-17 of the mass


def sums(k: Tensor, width: Tensor) -> Tensor:
    """`sum of exp(-j^2 / 2 width^2)` over whole `j <= k`; `k` may be infinite. Shapes broadcast."""
    k, width = torch.broadcast_tensors(k, width)
    narrow = width < WIDE
    wide_sum = _euler_maclaurin(k, torch.where(narrow, torch.full_like(width, WIDE), width))
    if not bool(narrow.any()):
        return wide_sum
    return wide_sum.masked_scatter(narrow, _term_by_term(k[narrow], width[narrow]))


def log_total(low: Tensor, high: Tensor, width: Tensor) -> Tensor:
    """Log of the sum over `low <= j <= high`."""
    return torch.log(sums(high, width) - sums(low - 1, width))


def draw(low: Tensor, high: Tensor, width: Tensor, generator: torch.Generator) -> Tensor:
    """One whole number between `low` and `high` for each width, by bisection of the cumulative sum, `[n]`."""
    below = sums(low - 1, width)
    u = torch.rand(len(width), generator=generator, dtype=torch.float64)
    target = below + u * (sums(high, width) - below)
    left = torch.maximum(low, -torch.ceil(REACH * width) - 1)
    right = torch.minimum(high, torch.ceil(REACH * width) + 1)
    steps = int(math.log2(float((right - left).max()) + 2)) + 1 if len(width) else 0
    for _ in range(steps):
        middle = torch.floor((left + right) / 2)
        enough = sums(middle, width) >= target
        right = torch.where(enough, middle, right)
        left = torch.where(enough, left, torch.minimum(middle + 1, right))
    return right


def _term_by_term(k: Tensor, width: Tensor) -> Tensor:
    reach = math.ceil(REACH * WIDE)
    j = torch.arange(-reach, reach + 1, dtype=torch.float64, device=k.device)
    terms = torch.exp(-0.5 * (j / width[..., None]).square())
    return torch.where(j <= k[..., None], terms, 0.0).sum(-1)


def _euler_maclaurin(k: Tensor, width: Tensor) -> Tensor:
    t = ((k + 0.5) / width).clamp(-40, 40)
    t2, v2 = t.square(), width.square()
    # midpoint rule: minus f'/24, plus 7 f'''/5760, minus 31 f'''''/967680 at the upper end
    ends = t / 24 - t * (7 / 5760) * (t2 - 3) / v2 + t * (31 / 967680) * (t2.square() - 10 * t2 + 15) / v2.square()
    integral: Tensor = width * math.sqrt(2 * math.pi) * torch.special.ndtr(t)
    return integral + torch.exp(-0.5 * t2) * ends / width

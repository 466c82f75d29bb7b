"""Covariance matrices that are always positive definite: shrunk where rows are few, floored where columns coincide.

Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices: the optimal mixture of the
sample's matrix with a multiple of the identity, in closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.spaces.numeric import Real
from pofx.spaces.table import Table

NARROWEST = 1e-6  # of a column's standard deviation: no direction may be narrower
FEW = 2.0  # rows a column, under which a full matrix is shrunk
SINGULAR = 1e-9  # smallest eigenvalue of the correlations, under which a full matrix is shrunk


def moments(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean `[d]` and covariance `[d, d]` (divisor n) of rows `[n, d]`, centred first."""
    mean = (w[:, None] * x).sum(0) / w.sum()
    z = x - mean
    return mean, (w[:, None] * z).T @ z / w.sum()


def shrinkage(x: Tensor, w: Tensor) -> float:
    """Ledoit & Wolf's share of the identity, in [0, 1]."""
    mean, s = moments(x, w)
    n, d = float(w.sum()), x.shape[1]
    centre = float(s.diagonal().mean())
    off = float((s - centre * torch.eye(d, dtype=s.dtype)).square().sum())
    fourth = float((w * (x - mean).square().sum(1).square()).sum()) / n
    noise = (fourth - float(s.square().sum())) / n
    return min(max(noise, 0.0) / off, 1.0) if off > 0 else 1.0


def shrunk(s: Tensor, share: float) -> Tensor:
    """`(1 - share) S + share tr(S)/d I`."""
    return (1 - share) * s + share * s.diagonal().mean() * torch.eye(len(s), dtype=s.dtype)


def is_weak(s: Tensor, n: float) -> bool:
    """Whether a full matrix from n rows should be shrunk: few rows a column, or columns that determine each other."""
    if n < FEW * len(s):
        return True
    size = s.diagonal().sqrt()
    if bool((size <= 0).any()):
        return False  # a column without spread: the floor mends that
    return float(torch.linalg.eigvalsh(s / size[:, None] / size[None, :])[0]) < SINGULAR


def floors(table: Table, spread: Tensor) -> Tensor:
    """The smallest standard deviation of each column: half its resolution, or a small part of its spread, `[d]`."""
    steps = [space.resolution or 0.0 if isinstance(space, Real) else 0.0 for space in table.spaces]
    part = NARROWEST * torch.where(spread > 0, spread, torch.ones_like(spread))
    return torch.maximum(0.5 * torch.tensor(steps, dtype=torch.float64), part)


def floored(s: Tensor, floor: Tensor) -> Tensor:
    """The nearest matrix in which no direction is narrower than the columns' floors `[d]` allow."""
    unit = s / floor[:, None] / floor[None, :]
    values, vectors = torch.linalg.eigh(0.5 * (unit + unit.T))
    if float(values[0]) >= 1.0:
        return 0.5 * (s + s.T)
    mended: Tensor = (vectors * values.clamp_min(1.0)) @ vectors.T
    mended = mended * floor[:, None] * floor[None, :]
    return 0.5 * (mended + mended.T)

"""Expectation-maximisation for normal and Student t laws of rows with gaps, exactly: no row is dropped, none is filled.

Dempster, Laird & Rubin (1977); Little & Rubin (2019), chapter 11; for the t law Liu & Rubin (1995), with the
parameter expansion of Meng & van Dyk (1997), which divides by the sum of the rows' scales instead of their number.
The E step fills a gap with its regression on what is there and adds the covariance that remains. Cost O(P d^3 + n
d^2) an iteration for P patterns of gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.models.parametric.elliptical import distances, patterns


@dataclass(frozen=True, eq=False)
class Filled:
    """The expectations that one M step needs.

    Args:
        x: rows with gaps filled by regression `[n, d]`.
        remains: weighted sum of the covariances that remain in the gaps `[d, d]`.
        distance: squared Mahalanobis distance of what is there `[n]`.
        there: how many columns are there `[n]`.
        volume: half the log-determinant of what is there `[n]`.
    """

    x: Tensor
    remains: Tensor
    distance: Tensor
    there: Tensor
    volume: Tensor


def fill(x: Tensor, w: Tensor, mean: Tensor, scatter: Tensor) -> Filled:
    """The E step for rows `[n, d]` with weights `[n]`."""
    n, d = x.shape
    result = Filled(
        x.clone(),
        torch.zeros(d, d, dtype=x.dtype),
        torch.zeros(n, dtype=x.dtype),
        torch.zeros(n, dtype=x.dtype),
        torch.zeros(n, dtype=x.dtype),
    )
    for columns, rows in patterns(x):
        gaps = torch.ones(d, dtype=torch.bool)
        gaps[columns] = False
        empty = gaps.nonzero()[:, 0]
        result.there[rows] = float(len(columns))
        remain = scatter[empty[:, None], empty[None, :]]
        if len(columns):
            block = x[rows[:, None], columns[None, :]]
            inner = scatter[columns[:, None], columns[None, :]]
            result.distance[rows], result.volume[rows] = distances(block, mean[columns], inner)
            cross = scatter[empty[:, None], columns[None, :]]
            slope = torch.linalg.solve(inner, cross.T).T  # [gaps, there]
            result.x[rows[:, None], empty[None, :]] = mean[empty] + (block - mean[columns]) @ slope.T
            remain = remain - slope @ cross.T
        else:
            result.x[rows] = mean
        result.remains[empty[:, None], empty[None, :]] += w[rows].sum() * remain
    return result


def step(filled: Filled, w: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The M step: mean `[d]` and scatter `[d, d]`; `scale` `[n]` is 1 for the normal law."""
    pull = w * scale
    mean = (pull[:, None] * filled.x).sum(0) / pull.sum()
    z = filled.x - mean
    return mean, ((pull[:, None] * z).T @ z + filled.remains) / pull.sum()


def beginning(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Each column's own mean `[d]` and variance `[d]`; 0 and 1 where it has no value."""
    there = ~torch.isnan(x)
    pull = w[:, None] * there
    total = pull.sum(0)
    safe = total.clamp_min(1e-300)
    mean = (pull * torch.nan_to_num(x)).sum(0) / safe
    variance = (pull * (torch.nan_to_num(x) - mean).square()).sum(0) / safe
    return mean, torch.where(total > 0, variance, torch.ones_like(variance))

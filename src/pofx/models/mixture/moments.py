"""Gaussians as an exponential family: features of a row, natural parameters, expected features of a row with gaps.

With features t(x) = (x, x_i x_j), i <= j, the log-densities of K components are one matrix product of natural
parameters with features, and the sums that the M-step needs are one product of responsibilities with features: twice
n K d^2 / 2 multiplications an iteration, where whitening each row by each component takes twice n K d^2. Data are
feature-major, `[f, n]`. Rounding costs about 1e-16 |x|^2 / smallest variance; scores use whitening instead.
Rows with missing values contribute their exact conditional moments (Ghahramani and Jordan 1994).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pofx.models.mixture.gaussian import Gaussians, regression


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums over rows: `count` `[K]`, `first` `[K, d]`, `second` `[K, d(d+1)/2]` or squares alone `[K, d]`."""

    count: Tensor
    first: Tensor
    second: Tensor

    @staticmethod
    def zero(K: int, d: int, *, square: bool) -> Moments:
        """Nothing yet."""
        empty = torch.zeros(K, second_width(d, square=square) + d + 1, dtype=torch.float64)
        return Moments(empty[:, 0], empty[:, 1 : d + 1], empty[:, d + 1 :])

    def rows(self, part: slice) -> Moments:
        """Of some components."""
        return Moments(self.count[part], self.first[part], self.second[part])


def second_width(d: int, *, square: bool) -> int:
    """How many second-order features there are."""
    return d if square else d * (d + 1) // 2


def features(x: Tensor, *, square: bool) -> Tensor:
    """`[d, b] -> [f, b]`: x, then x_i^2, or x_i x_j for i <= j."""
    d, b = x.shape
    result = x.new_empty(d + second_width(d, square=square), b)
    result[:d] = x
    if square:
        torch.mul(x, x, out=result[d:])
        return result
    at = d
    for i in range(d):
        torch.mul(x[i:], x[i], out=result[at : at + d - i])
        at += d - i
    return result


def natural(block: Gaussians, *, square: bool) -> tuple[Tensor, Tensor]:
    """Constants `[K]` and coefficients `[K, f]` with log-density = constant + coefficients . features."""
    K, d = block.means.shape
    if square:
        precision = block.variances().reciprocal()
        linear, quadratic = precision * block.means, -0.5 * precision
    else:
        linear = (block.precision @ block.means[:, :, None])[:, :, 0]
        quadratic = (upper(block.precision) * halves(d)).expand(K, -1)
    constant = -0.5 * (block.log_determinant + d * math.log(2 * math.pi) + (linear * block.means).sum(1))
    return constant, torch.cat([linear, quadratic], 1)


@lru_cache(maxsize=16)
def triangle(d: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the upper triangle, in the order of `features`."""
    i, j = torch.triu_indices(d, d)
    return i, j


@lru_cache(maxsize=16)
def halves(d: int) -> Tensor:
    """-1/2 on the diagonal and -1 off it, for products counted once, `[d(d+1)/2]`."""
    i, j = triangle(d)
    return torch.where(i == j, -0.5, -1.0).double()


def upper(matrices: Tensor) -> Tensor:
    """`[..., d, d] -> [..., d(d+1)/2]`, in the order of `features`."""
    i, j = triangle(matrices.shape[-1])
    return matrices[..., i, j]


def symmetric(packed: Tensor, d: int) -> Tensor:
    """The inverse of `upper`."""
    i, j = triangle(d)
    matrices = packed.new_zeros(*packed.shape[:-1], d, d)
    matrices[..., i, j] = packed
    matrices[..., j, i] = packed
    return matrices


def add_incomplete(
    sums: Moments, block: Gaussians, known: list[int], x: Tensor, shares: Tensor, *, square: bool
) -> None:
    """Add the expected features of rows of which only some columns are known.

    Args:
        sums: added to, in place.
        block: the present Gaussians.
        known: the columns that have values.
        x: their values `[len(known), b]`.
        shares: responsibilities `[K, b]`.
    """
    K, d = block.means.shape
    rest = [j for j in range(d) if j not in known]
    slope, residual = _regression(block, known, rest)
    for k in range(K):
        filled = x.new_empty(d, x.shape[1])
        filled[known] = x
        shift = slope[k] @ (x - block.means[k, known][:, None]) if known else 0.0
        filled[rest] = block.means[k, rest][:, None] + shift
        count = shares[k].sum()
        sums.first[k] += filled @ shares[k]
        if square:
            sums.second[k] += filled.square() @ shares[k]
            sums.second[k, rest] += count * torch.diagonal(residual[k])
        else:
            spread = (filled * shares[k]) @ filled.mT
            spread[[[i] for i in rest], rest] += count * residual[k]
            sums.second[k] += upper(0.5 * (spread + spread.mT))


def _regression(block: Gaussians, known: list[int], rest: list[int]) -> tuple[Tensor, Tensor]:
    """Slopes `[K, rest, known]` and residual covariances `[K, rest, rest]`."""
    K = len(block)
    if block.kind in ("diagonal", "spherical") or not known:
        residual = block.marginal(rest).dense()
        return residual.new_zeros(K, len(rest), len(known)), residual
    slope, residual = regression(block.covariances, known, rest)
    return slope.expand(K, -1, -1), residual.expand(K, -1, -1)

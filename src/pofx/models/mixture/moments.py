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

    def of(self, part: slice) -> Moments:
        """Of some components."""
        return Moments(self.count[part], self.first[part], self.second[part])

    def plus(self, other: Moments) -> Moments:
        """The sum of both."""
        return Moments(self.count + other.count, self.first + other.first, self.second + other.second)


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


def completed(block: Gaussians, known: list[int], sums: Moments, *, square: bool) -> Moments:
    """Sums over all columns from sums over the known ones, for rows of which the other columns are missing.

    Given the known values z, the whole row has mean A z + b and covariance C on the missing columns, so its expected
    moments are affine in those of z: the rows themselves are not needed again.
    """
    K, d = block.means.shape
    rest = [j for j in range(d) if j not in known]
    if not rest:
        return sums
    count, z = sums.count, sums.first
    if square:
        first, second = z.new_empty(K, d), z.new_empty(K, d)
        means = block.means[:, rest]
        first[:, known], second[:, known] = z, sums.second
        first[:, rest] = count[:, None] * means
        second[:, rest] = count[:, None] * (means.square() + block.variances()[:, rest])
        return Moments(count, first, second)
    slope, residual = _regression(block, known, rest)
    A, b = z.new_zeros(K, d, len(known)), z.new_zeros(K, d)
    A[:, known, range(len(known))] = 1.0
    A[:, rest] = slope
    b[:, rest] = block.means[:, rest] - (slope @ block.means[:, known, None])[:, :, 0]
    linear = (A @ z[:, :, None])[:, :, 0]  # [K, d]
    cross = linear[:, :, None] * b[:, None, :]
    scatter = A @ symmetric(sums.second, len(known)) @ A.mT + cross + cross.mT
    scatter += count[:, None, None] * b[:, :, None] * b[:, None, :]
    scatter[:, [[i] for i in rest], rest] += count[:, None, None] * residual
    return Moments(count, linear + count[:, None] * b, upper(0.5 * (scatter + scatter.mT)))


def _regression(block: Gaussians, known: list[int], rest: list[int]) -> tuple[Tensor, Tensor]:
    """Slopes `[K, rest, known]` and residual covariances `[K, rest, rest]`."""
    K = len(block)
    if not known:
        residual = block.marginal(rest).dense()
        return residual.new_zeros(K, len(rest), 0), residual
    slope, residual = regression(block.covariances, known, rest)
    return slope.expand(K, -1, -1), residual.expand(K, -1, -1)

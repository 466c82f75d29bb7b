"""K Gaussians over the same real columns, with one of four covariance structures; marginals and conditionals keep it.

A NaN means "there is no value here": that column is integrated out. Scores whiten `x - mean` by the inverse Cholesky
factor (never by an inverse covariance), in blocks of bounded memory. Cost O(n K d^2) full, O(n K d) otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from pofx.errors import FitError

Kind = Literal["full", "tied", "diagonal", "spherical"]
KINDS: tuple[Kind, ...] = ("full", "tied", "diagonal", "spherical")
SCRATCH = 1 << 21  # numbers of scratch at once: 16 MB


@dataclass(frozen=True, eq=False)
class Gaussians:
    """K Gaussians in d dimensions.

    Args:
        kind: the structure of the covariances.
        means: `[K, d]`.
        covariances: full `[K, d, d]`, tied `[d, d]`, diagonal (variances) `[K, d]`, spherical (variances) `[K]`.
    """

    kind: Kind
    means: Tensor
    covariances: Tensor

    def __len__(self) -> int:
        return len(self.means)

    @property
    def width(self) -> int:
        """The number of columns d."""
        return self.means.shape[1]

    @property
    def free_parameters(self) -> int:
        """Means and covariances, counted."""
        K, d = self.means.shape
        triangle = d * (d + 1) // 2
        return K * d + {"full": K * triangle, "tied": triangle, "diagonal": K * d, "spherical": K * bool(d)}[self.kind]

    def dense(self) -> Tensor:
        """The covariances as matrices, `[K, d, d]`."""
        if self.kind == "full":
            return self.covariances
        if self.kind == "tied":
            return self.covariances.expand(len(self), -1, -1)
        return torch.diag_embed(self.variances())

    @property
    def general(self) -> Gaussians:
        """The same Gaussians, tied ones written as full ones and spherical ones as diagonal ones."""
        if self.kind == "tied":
            return Gaussians("full", self.means, self.dense())
        return Gaussians("diagonal", self.means, self.variances()) if self.kind == "spherical" else self

    def variances(self) -> Tensor:
        """The diagonals of the covariances, `[K, d]`."""
        if self.kind == "diagonal":
            return self.covariances
        if self.kind == "spherical":
            return self.covariances[:, None].expand(-1, self.width)
        return torch.diagonal(self.covariances, dim1=-2, dim2=-1).expand(len(self), -1)

    def log_density(self, x: Tensor) -> Tensor:
        """Log-density under each component, `[n, d] -> [n, K]`, nats; NaN columns are integrated out row by row."""
        missing = torch.isnan(x.detach())
        if not bool(missing.any()):
            return self._log_density(x)
        result = x.new_zeros(len(x), len(self))
        for absent, rows in patterns(missing):
            columns = [j for j in range(self.width) if not absent[j]]
            part = self.marginal(columns)._log_density(x[rows][:, columns])
            result = result.index_put((rows,), part)
        return result

    def _log_density(self, x: Tensor) -> Tensor:
        if self.width == 0:
            return x.new_zeros(len(x), len(self))
        factor = self._whitening()
        constant = -0.5 * (self.log_determinant.reshape(-1) + self.width * math.log(2 * math.pi))  # [K]
        centre = self.means.mean(0)
        step = max(1, SCRATCH // (len(self) * self.width))
        blocks = [self._distances(x[i : i + step] - centre, factor, centre) for i in range(0, max(len(x), 1), step)]
        return constant - 0.5 * torch.cat(blocks)

    @cached_property
    def lower(self) -> Tensor:
        """Lower Cholesky factors of full or tied covariances, `[K, d, d]` or `[d, d]`."""
        return cholesky(self.covariances)

    @cached_property
    def precision(self) -> Tensor:
        """Inverses of full or tied covariances, in their shape; for fitting, not for scores."""
        precision: Tensor = torch.cholesky_inverse(self.lower)
        return precision

    @cached_property
    def log_determinant(self) -> Tensor:
        """log |covariance|, `[K]`, or `[]` for tied."""
        if self.kind in ("diagonal", "spherical"):
            return torch.log(self.variances()).sum(1)
        return 2 * torch.log(torch.diagonal(self.lower, dim1=-2, dim2=-1)).sum(-1)

    def _whitening(self) -> Tensor:
        """W with W W^T = inverse covariance, `[K, d, d]`, `[d, d]` or (its diagonal) `[K, d]`."""
        if self.kind in ("diagonal", "spherical"):
            return self.variances().rsqrt()
        identity = torch.eye(self.width, dtype=self.lower.dtype, device=self.lower.device)
        inverse: Tensor = torch.linalg.solve_triangular(self.lower, identity.expand_as(self.lower), upper=False)
        return inverse.mT

    def _distances(self, x: Tensor, factor: Tensor, centre: Tensor) -> Tensor:
        """Squared Mahalanobis distances `[b, K]` of centred rows."""
        means = self.means - centre
        if self.kind == "full":
            wide = factor.permute(1, 0, 2).reshape(self.width, -1)  # [d, K d]
            white = x @ wide - torch.einsum("ki,kij->kj", means, factor).reshape(-1)
            return white.view(len(x), len(self), self.width).square().sum(-1)
        if self.kind == "tied":
            return ((x @ factor)[:, None, :] - means @ factor).square().sum(-1)
        return ((x[:, None, :] - means) * factor).square().sum(-1)

    def marginal(self, columns: list[int]) -> Gaussians:
        """The Gaussians of some columns, in the order given."""
        if self.kind == "spherical":
            covariances = self.covariances
        elif self.kind == "diagonal":
            covariances = self.covariances[:, columns]
        else:
            covariances = self.covariances[..., columns, :][..., columns]
        return replace(self, means=self.means[:, columns], covariances=covariances)

    def take(self, components: list[int]) -> Gaussians:
        """Some of the components."""
        if self.kind == "tied":
            return replace(self, means=self.means[components])
        return replace(self, means=self.means[components], covariances=self.covariances[components])

    def condition(self, known: list[int], values: Tensor) -> Gaussians:
        """The Gaussians of the other columns, in their order, given `values` `[len(known)]` of some."""
        rest = [j for j in range(self.width) if j not in known]
        others = self.marginal(rest)
        if self.kind in ("diagonal", "spherical") or not known or not rest:
            return others
        slope, covariances = regression(self.covariances, known, rest)
        shift = torch.einsum("...rk,...k->...r", slope, values - self.means[:, known])
        return replace(others, means=others.means + shift, covariances=covariances)

    def draw(self, component: Tensor, generator: torch.Generator) -> Tensor:
        """One row from each of the components named, `[n] -> [n, d]`."""
        noise = torch.randn(len(component), self.width, generator=generator, dtype=torch.float64)
        if self.kind in ("diagonal", "spherical"):
            return self.means[component] + self.variances().sqrt()[component] * noise
        x = torch.empty_like(noise)
        for k, rows in groups(component):
            lower = self.lower[k] if self.kind == "full" else self.lower
            x[rows] = self.means[k] + noise[rows] @ lower.mT
        return x


def together(blocks: list[Gaussians]) -> Gaussians:
    """The components of several blocks of one kind; tied covariances, which differ, become full."""
    if blocks[0].kind == "tied":
        blocks = [block.general for block in blocks]
    means = torch.cat([block.means for block in blocks])
    return Gaussians(blocks[0].kind, means, torch.cat([block.covariances for block in blocks]))


def groups(component: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Each component that occurs, with the indices of its rows in order."""
    order = torch.argsort(component, stable=True)
    present, counts = torch.unique(component, return_counts=True)
    yield from zip(present.tolist(), order.split(counts.tolist()), strict=True)


def cholesky(covariance: Tensor) -> Tensor:
    """Lower Cholesky factors `[..., d, d]`; raises `FitError` where a matrix is not positive definite."""
    lower: Tensor
    lower, info = torch.linalg.cholesky_ex(covariance)
    if bool((info != 0).any()):
        raise FitError(
            "a covariance matrix is not positive definite",
            got=f"component {int((info.reshape(-1) != 0).nonzero()[0, 0])}",
            remedy="raise `floor`, the smallest standard deviation of a component",
        )
    return lower


def regression(covariance: Tensor, known: list[int], rest: list[int]) -> tuple[Tensor, Tensor]:
    """Of `rest` on `known`: slopes `[..., rest, known]` and residual covariances `[..., rest, rest]`."""
    across = covariance[..., known, :][..., rest]  # [..., known, rest]
    lower = cholesky(covariance[..., known, :][..., known])
    half = torch.linalg.solve_triangular(lower, across, upper=False)
    slope = torch.linalg.solve_triangular(lower.mT, half, upper=True).mT
    residual = covariance[..., rest, :][..., rest] - half.mT @ half
    return slope, 0.5 * (residual + residual.mT)


def patterns(missing: Tensor) -> Iterator[tuple[list[bool], Tensor]]:
    """The different rows of a bool table `[n, d]`, each with the indices of the rows that are so."""
    kinds, member = torch.unique(missing, dim=0, return_inverse=True)
    for p, kind in enumerate(kinds.tolist()):
        yield kind, (member == p).nonzero()[:, 0]

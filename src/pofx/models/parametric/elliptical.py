"""The multivariate normal and Student t laws as models: exact marginals, conditionals, and rows with gaps.

Anderson (2003), chapter 2; Kotz & Nadarajah (2004), chapter 1. A row with NaN is scored under the exact marginal of
what it has: rows are grouped by which columns are there, and each group costs one Cholesky factor. Cost O(d^3) a
group and O(d^2) a row; memory O(d^2).
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from pofx.core.capabilities import Capability
from pofx.core.coded import Nothing
from pofx.core.contract import Density, Model
from pofx.core.named import Named
from pofx.models.parametric.family import numpy_random
from pofx.models.parametric.line import LOG_2PI
from pofx.spaces.table import Table

CAN: frozenset[Capability] = frozenset({"weights", "missing", "marginal", "condition"})


def patterns(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Groups of rows with the same gaps: which columns are there `[p]`, which rows `[m]`."""
    there = ~torch.isnan(x)
    if bool(there.all()):
        return [(torch.arange(x.shape[1]), torch.arange(len(x)))]
    kinds, group = torch.unique(there, dim=0, return_inverse=True)
    return [(kind.nonzero()[:, 0], (group == k).nonzero()[:, 0]) for k, kind in enumerate(kinds)]


def distances(x: Tensor, mean: Tensor, scatter: Tensor) -> tuple[Tensor, Tensor]:
    """Squared Mahalanobis distances `[n]` and half of the log-determinant, of rows without gaps `[n, p]`."""
    factor = torch.linalg.cholesky(scatter)
    z = torch.linalg.solve_triangular(factor, (x - mean).T, upper=False)  # [p, n]
    return z.square().sum(0), torch.log(factor.diagonal()).sum()


class _Elliptical(Density):
    """What both laws share: a centre, a matrix, and a density that depends on the Mahalanobis distance alone."""

    mean: Tensor
    scatter: Tensor
    capabilities = CAN

    @abstractmethod
    def _radial(self, distance: Tensor, d: int) -> Tensor:
        """Log-density from the squared distance `[n]` in d dimensions, without the determinant."""

    @abstractmethod
    def _like(self, space: Table, mean: Tensor, scatter: Tensor, distance: Tensor, known: int) -> Model:
        """The same law elsewhere, after `known` columns were seen at this squared distance."""

    @property
    def _names(self) -> tuple[str, ...]:
        return self._table().names

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        result = x.new_zeros(len(x))
        for columns, rows in patterns(x.detach()):
            if len(columns):
                block = x[rows[:, None], columns[None, :]]
                scatter = self.scatter[columns[:, None], columns[None, :]]
                distance, volume = distances(block, self.mean[columns], scatter)
                result = result.index_add(0, rows, self._radial(distance, len(columns)) - volume)
        return result

    def _marginal(self, names: tuple[str, ...]) -> Model:
        place = torch.tensor([self._names.index(name) for name in names])
        scatter = self.scatter[place[:, None], place[None, :]]
        return self._like(self._table().select(names), self.mean[place], scatter, torch.zeros(()), 0)

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        rest = [name for name in self._names if name not in names]
        known = ~torch.isnan(values)
        seen = [name for name, is_known in zip(names, known.tolist(), strict=True) if is_known]
        if not rest:
            return Nothing()
        if not seen:
            return self._marginal(tuple(rest))
        a = torch.tensor([self._names.index(name) for name in rest])
        b = torch.tensor([self._names.index(name) for name in seen])
        cross = self.scatter[a[:, None], b[None, :]]  # [a, b]
        inner = self.scatter[b[:, None], b[None, :]]
        away = values[known].to(self.mean) - self.mean[b]
        slope = torch.linalg.solve(inner, cross.T).T  # [a, b]
        scatter = self.scatter[a[:, None], a[None, :]] - slope @ cross.T
        distance = distances(away[None], torch.zeros_like(away), inner)[0][0]
        mean = self.mean[a] + slope @ away
        return self._like(self._table().select(rest), mean, 0.5 * (scatter + scatter.T), distance, len(seen))

    def _normals(self, n: int, generator: torch.Generator) -> Tensor:
        """Rows of the normal law with this matrix and mean zero, `[n, d]`."""
        z = torch.randn(n, len(self.mean), dtype=torch.float64, generator=generator)
        factor: Tensor = torch.linalg.cholesky(self.scatter)
        return z @ factor.T


class GaussianModel(_Elliptical):
    """The multivariate normal law.

    Args:
        space: a table of real columns.
        mean: `[d]`.
        scatter: the covariance, positive definite, `[d, d]`.
        free: how many numbers were fitted.
    """

    def __init__(self, space: Table, mean: Tensor, scatter: Tensor, free: int) -> None:
        super().__init__(space)
        self.register_buffer("mean", mean)
        self.register_buffer("scatter", scatter)
        self.free = free

    @property
    def free_parameters(self) -> int:
        return self.free

    def _radial(self, distance: Tensor, d: int) -> Tensor:
        return -0.5 * (distance + d * LOG_2PI)

    def _like(self, space: Table, mean: Tensor, scatter: Tensor, distance: Tensor, known: int) -> Model:
        return GaussianModel(space, mean, scatter, _count(len(mean)))

    def named(self) -> Named | None:
        return Named("normal", {"mean": self.mean, "covariance": self.scatter})

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.mean + self._normals(n, generator)


class StudentTModel(_Elliptical):
    """The multivariate Student t law.

    Args:
        space: a table of real columns.
        mean: the centre, `[d]` (the mean where freedom > 1).
        scatter: positive definite, `[d, d]`; the covariance is `freedom / (freedom - 2)` times it.
        freedom: degrees of freedom, > 0.
        free: how many numbers were fitted.
    """

    def __init__(self, space: Table, mean: Tensor, scatter: Tensor, freedom: float, free: int) -> None:
        super().__init__(space)
        self.register_buffer("mean", mean)
        self.register_buffer("scatter", scatter)
        self.freedom = freedom
        self.free = free

    @property
    def free_parameters(self) -> int:
        return self.free

    def _radial(self, distance: Tensor, d: int) -> Tensor:
        return t_radial(distance, torch.full_like(distance, float(d)), self.freedom)

    def _like(self, space: Table, mean: Tensor, scatter: Tensor, distance: Tensor, known: int) -> Model:
        freedom = self.freedom + known
        stretch = (self.freedom + float(distance)) / freedom
        return StudentTModel(space, mean, scatter * stretch, freedom, _count(len(mean)) + 1)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        z = self._normals(n, generator)
        power = numpy_random(generator).chisquare(self.freedom, n) / self.freedom
        return self.mean + z / torch.as_tensor(power).clamp_min(1e-200).sqrt()[:, None]


def t_radial(distance: Tensor, d: Tensor, freedom: float) -> Tensor:
    """Log-density of Student's law from squared distances `[n]` in `d` `[n]` dimensions, without the determinant."""
    half = torch.tensor(0.5 * freedom, dtype=distance.dtype, device=distance.device)
    constant = torch.lgamma(half + 0.5 * d) - torch.lgamma(half) - 0.5 * d * math.log(math.pi * freedom)
    return constant - (half + 0.5 * d) * torch.log1p(distance / freedom)


def _count(d: int) -> int:
    """Numbers in a mean and a symmetric matrix."""
    return d + d * (d + 1) // 2

"""The product kernels of stored rows, and what is computed from them once: the state behind a KDE model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pofx.models.kde.columns import Smooth

FAR = 1e100  # in bandwidths; further is no further, so that nothing overflows


@dataclass(frozen=True, eq=False)
class Product:
    """One kernel a row: the product of its columns' kernels.

    Args:
        columns: a numeric column's kernel, or None for a category, `[d]`.
        rows: values `[m, d]`; NaN where a row has no value.
        bandwidths: a numeric column's width, a category's lambda, `[d]`.
        factors: each row's widths are the bandwidths times this, `[m]`.
        base: centre and width of the kernel that stands in where a row has no value, `[d, 2]`.
        log_weights: `[m]`, not normalised.
        counts: how often each label of a category was seen `[size]`, None for numeric columns, `[d]`.
        joint: numeric columns with correlated Gaussian kernels.
        correlation: of these kernels `[r, r]`, or None.
    """

    columns: tuple[Smooth | None, ...]
    rows: Tensor
    bandwidths: Tensor
    factors: Tensor
    base: Tensor
    log_weights: Tensor
    counts: tuple[Tensor | None, ...]
    joint: tuple[int, ...] = ()
    correlation: Tensor | None = None

    def select(self, places: Sequence[int]) -> Product:
        """The marginal of some columns."""
        at = list(places)
        joint = tuple(new for new, old in enumerate(at) if old in self.joint)
        old = [self.joint.index(at[new]) for new in joint]
        return replace(
            self,
            columns=tuple(self.columns[k] for k in at),
            rows=self.rows[:, at],
            bandwidths=self.bandwidths[at],
            base=self.base[at],
            counts=tuple(self.counts[k] for k in at),
            joint=joint if self.correlation is not None else (),
            correlation=None if self.correlation is None or not old else self.correlation[old][:, old],
        )

    @cached_property
    def has_value(self) -> Tensor:
        """`[m, d]`."""
        return ~torch.isnan(self.rows)

    @cached_property
    def centres(self) -> Tensor:
        """Rows with the base centre in place of NaN, `[m, d]`."""
        return torch.where(self.has_value, self.rows, self.base[:, 0])

    @cached_property
    def widths(self) -> Tensor:
        """Each kernel's width in each numeric column, `[m, d]`."""
        return torch.where(self.has_value, self.factors[:, None] * self.bandwidths, self.base[:, 1])

    @cached_property
    def plain(self) -> tuple[int, ...]:
        """Numeric columns outside `joint` whose log-kernels are minus half a squared distance, for every row."""
        return tuple(
            k
            for k, column in enumerate(self.columns)
            if k not in self.joint and column is not None and column.is_quadratic and bool(self.has_value[:, k].all())
        )

    @cached_property
    def other(self) -> tuple[int, ...]:
        """Columns that are taken one by one."""
        return tuple(k for k in range(len(self.columns)) if k not in self.joint and k not in self.plain)

    @cached_property
    def triangle(self) -> Tensor | None:
        """Lower Cholesky factor of the correlation, `[r, r]`."""
        return None if self.correlation is None else torch.linalg.cholesky(self.correlation)

    @cached_property
    def _origin(self) -> Tensor:
        return self.centres.median(0).values

    def coordinates(self, x: Tensor) -> Tensor:
        """`[n, d]` to `[n, c]`, where a distance over a row's factor is that of its Gaussian exponent."""
        pieces = [x.new_zeros(len(x), 0)]
        for k in self.plain:
            column = self.columns[k]
            assert column is not None
            centre = column.coordinates(self._origin[k : k + 1])
            pieces.append((column.coordinates(x[:, k]) - centre) / self.bandwidths[k])
        if self.triangle is not None:
            at = list(self.joint)
            z = ((x[:, at] - self._origin[at]) / self.bandwidths[at]).clamp(-FAR, FAR)
            pieces.append(torch.linalg.solve_triangular(self.triangle, z.T, upper=False).T)
        return torch.cat(pieces, 1).clamp(-FAR, FAR)

    @cached_property
    def row_coordinates(self) -> Tensor:
        """`[m, c]`."""
        return self.coordinates(self.centres)

    @cached_property
    def log_peaks(self) -> Tensor:
        """Log-kernel of the columns in `coordinates` at each row itself, `[m]`."""
        total = torch.zeros_like(self.factors)
        for k in self.plain:
            column = self.columns[k]
            assert column is not None
            total = total + column.log_peak(self.centres[:, k], self.widths[:, k])
        if self.triangle is not None:
            width = torch.log(self.bandwidths[list(self.joint)]).sum() + torch.log(self.triangle.diagonal()).sum()
            size = len(self.joint)
            total = total - width - size * torch.log(self.factors) - 0.5 * size * math.log(2 * math.pi)
        return total

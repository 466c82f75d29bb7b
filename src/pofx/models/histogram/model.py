"""A sparse histogram of any dimension: marginal histograms times the ratio of a joint cell to their product.

    p(x) = prod_j m_j(x_j) * (C(cell) / prod_j M_j(cell_j) + a) / (N + a)

`m_j` is a column's histogram with fine cells, `M_j` its mass in the coarser cell of the joint histogram, `C` the count
of the joint cell among N rows, and a the pseudo-count with which it backs off to the product of the marginals: the
hierarchical form of P(cell) = (C + a prod M) / (N + a). With joint cells as fine as the marginals' and a = 0 it is the
textbook histogram; as a grows it becomes the independent product. The mass is one whatever the numbers.

Counts are all that is kept: two models with the same cells add up (`merge`), and rows can be added (`filled`).
Marginals, conditionals and, in one dimension, the distribution function are exact. Scoring costs O(d log k + log m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pofx.core.contract import Density
from pofx.errors import FitError, SpaceError
from pofx.models.histogram.axis import Axis, smoothed
from pofx.models.histogram.cells import count_of, log_ratio, merged
from pofx.spaces.table import Table


class HistogramModel(Density):
    """A histogram, fitted.

    Args:
        space: the table.
        sizes: the number of cells of each axis.
        edges: of all axes one after the other, `[sum(sizes) + d]`; -inf and inf at open ends.
        scales: of the lower and upper tail of each axis, `[d, 2]`.
        counts: of all axes' cells, `[sum(sizes)]`; rows without a value in a column are not counted there.
        groups: the joint histogram's coarser cell that each cell lies in, `[sum(sizes)]`.
        smoothing: pseudo-count of each marginal, `[d]`.
        joint: the axes of the joint histogram; none for an independent product.
        cells: its occupied cells in lexicographic order, `[m, len(joint)]`; one more than the axis' last group stands
            for "no value".
        cell_counts: `[m]`.
        joint_smoothing: the pseudo-count a; inf for an independent product.
    """

    capabilities = frozenset(
        {"weights", "discrete", "bounds", "periodic", "missing", "marginal", "condition", "cdf", "merge", "streaming"}
    )

    edges: Tensor
    scales: Tensor
    counts: Tensor
    groups: Tensor
    smoothing: Tensor
    cells: Tensor
    cell_counts: Tensor
    shares: Tensor

    def __init__(
        self,
        space: Table,
        sizes: Sequence[int],
        edges: Tensor,
        scales: Tensor,
        counts: Tensor,
        groups: Tensor,
        smoothing: Tensor,
        joint: Sequence[int],
        cells: Tensor,
        cell_counts: Tensor,
        joint_smoothing: float,
    ) -> None:
        super().__init__(space)
        self.sizes, self.joint, self.joint_smoothing = tuple(sizes), tuple(joint), joint_smoothing
        for name, value in (("edges", edges), ("scales", scales), ("counts", counts), ("groups", groups)):
            self.register_buffer(name, value)
        for name, value in (("smoothing", smoothing), ("cells", cells), ("cell_counts", cell_counts)):
            self.register_buffer(name, value)
        shares = [
            smoothed(column, self._edges(j), self._part(counts, j), smoothing[j])
            for j, column in enumerate(space.spaces)
        ]
        self.register_buffer("shares", torch.cat(shares), persistent=False)

    @property
    def free_parameters(self) -> int:
        return sum(self.sizes) - len(self.sizes) + len(self.cell_counts) * (len(self.joint) > 1)

    def axis(self, j: int) -> Axis:
        """Axis j with its smoothed probabilities."""
        return Axis(self._table().spaces[j], self._edges(j), self.scales[j], self._part(self.shares, j))

    # The contract -----------------------------------------------------------------------------------------------------

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        along = [self._along(j, x[:, j]) for j in range(len(self.sizes))]
        log_p = sum((log_marginal for _, log_marginal, _ in along), x.new_zeros(len(x)))
        if not self.joint:
            return log_p
        count = count_of(self.cells, self.cell_counts, torch.stack([along[j][0] for j in self.joint], 1))
        log_base = sum((along[j][2] for j in self.joint), x.new_zeros(len(x)))
        ratio = log_ratio(count, log_base, self._total(), self.joint_smoothing)
        return torch.where(log_p == -torch.inf, log_p, log_p + ratio)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        wanted = self._draw_cells(n, generator)  # [n, len(joint)], -1 is free
        columns = []
        for j in range(len(self.sizes)):
            axis, group = self.axis(j), self._part(self.groups, j)
            free = wanted.new_full((n,), -1)
            u = torch.rand(n, 2, generator=generator, dtype=torch.float64)
            k = _within(axis.share, group, wanted[:, self.joint.index(j)] if j in self.joint else free, u[:, 0])
            columns.append(axis.draw(k, u[:, 1]))
        return torch.stack(columns, 1) if columns else torch.zeros(n, 0, dtype=torch.float64)

    def _marginal(self, names: tuple[str, ...]) -> HistogramModel:
        table = self._table()
        kept = [table.index(name) for name in names]
        flagged = self._flagged()
        joint = [j for j in self.joint if j in kept and (j not in flagged or flagged[j] in kept)]
        return self._of_axes(kept, joint, self.cells, self.cell_counts, self.joint_smoothing)

    def _condition(self, names: tuple[str, ...], values: Tensor) -> HistogramModel:
        table = self._table()
        unknown = tuple(name for name, value in zip(names, values, strict=True) if bool(torch.isnan(value)))
        if unknown:
            left = self._marginal(tuple(name for name in table.names if name not in unknown))
            known = [k for k, name in enumerate(names) if name not in unknown]
            return left._condition(tuple(names[k] for k in known), values[known])
        matching = torch.ones(len(self.cells), dtype=torch.bool, device=self.cells.device)
        log_base, log_known = 0.0, 0.0
        for name, value in zip(names, values, strict=True):
            j = table.index(name)
            group, log_marginal, log_group = self._along(j, value[None])
            log_known += float(log_marginal)
            if j in self.joint:
                matching &= self.cells[:, self.joint.index(j)] == group
                log_base += float(log_group)
        smoothing = self.joint_smoothing * math.exp(log_base)
        count = float(self.cell_counts[matching].sum()) if self.joint else 1.0
        if log_known == -math.inf or (count == 0 and smoothing == 0):
            raise SpaceError(
                "these values have probability zero, so nothing can be conditioned on them",
                got=", ".join(f"{name}={float(value):.6g}" for name, value in zip(names, values, strict=True)),
                remedy="fit with smoothing > 0, or condition on other values",
            )
        kept = [j for j, name in enumerate(table.names) if name not in names]
        joint = [j for j in self.joint if j in kept]
        return self._of_axes(kept, joint, self.cells[matching], self.cell_counts[matching], smoothing)

    def _cdf(self, x: Tensor) -> Tensor:
        axis, group = self.axis(0), self._part(self.groups, 0)
        share = axis.share
        if self.joint:
            every = torch.arange(int(group.max()) + 1, device=group.device)
            mass = share.new_zeros(len(every)).index_add_(0, group, share)
            count = count_of(self.cells, self.cell_counts, every[:, None])
            ratio = torch.exp(log_ratio(count, torch.log(mass), self._total(), self.joint_smoothing))
            share = torch.where(share > 0, share * ratio[group], share)
        return axis.cdf(x, share)

    # Streaming --------------------------------------------------------------------------------------------------------

    def filled(self, rows: Tensor, weights: Tensor | None = None) -> HistogramModel:
        """The model with more rows counted, in the same cells; rows outside all cells are not.

        Args:
            rows: `[n, d]` in the model's space.
            weights: `[n]`, or None for ones.
        """
        tally = torch.ones(len(rows), dtype=torch.float64) if weights is None else weights
        places = [self._place(j, rows[:, j]) for j in range(len(self.sizes))]
        inside = torch.stack([place >= 0 for place in places]).all(0) & (tally > 0)
        counts = [
            self._part(self.counts, j) + torch.bincount(place[inside], tally[inside], size + 1)[:size]
            for j, (place, size) in enumerate(zip(places, self.sizes, strict=True))
        ]
        found = [self._group(j, places[j][inside]) for j in self.joint]
        fresh = torch.stack(found, 1) if found else self.cells.new_zeros(int(inside.sum()), 0)
        cells, cell_counts = self.cells, self.cell_counts
        if self.joint:
            cells, cell_counts = merged(torch.cat([cells, fresh]), torch.cat([cell_counts, tally[inside]]))
        return self._with(torch.cat(counts), cells, cell_counts)

    def merge(self, other: HistogramModel) -> HistogramModel:
        """The model of both models' rows; they must have the same cells and settings."""
        _require_same(self, other)
        cells, cell_counts = self.cells, self.cell_counts
        if self.joint:
            cells, cell_counts = merged(torch.cat([cells, other.cells]), torch.cat([cell_counts, other.cell_counts]))
        return self._with(self.counts + other.counts, cells, cell_counts)

    # Pieces -----------------------------------------------------------------------------------------------------------

    def _part(self, flat: Tensor, j: int) -> Tensor:
        start = sum(self.sizes[:j])
        return flat[start : start + self.sizes[j]]

    def _edges(self, j: int) -> Tensor:
        start = sum(self.sizes[:j]) + j
        return self.edges[start : start + self.sizes[j] + 1]

    def _total(self) -> float:
        return float(self.cell_counts.sum())

    def _place(self, j: int, x: Tensor) -> Tensor:
        """The cell on axis j, -1 outside, and one more than the last where there is no value."""
        missing = torch.isnan(x)
        return torch.where(missing, self.sizes[j], self.axis(j).place(torch.nan_to_num(x)))

    def _group(self, j: int, place: Tensor) -> Tensor:
        group = self._part(self.groups, j)
        return torch.cat([group, group.max()[None] + 1])[place]

    def _along(self, j: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Joint group, log of the marginal density and log of the group's mass; 0 and 0 where there is no value."""
        axis, group = self.axis(j), self._part(self.groups, j)
        place = self._place(j, x)
        regular, missing = (place >= 0) & (place < self.sizes[j]), place == self.sizes[j]
        k = torch.where(regular, place, 0)
        log_share = torch.log(axis.share[k]) + axis.log_density(torch.nan_to_num(x), k)
        log_marginal = torch.where(regular, log_share, torch.where(missing, 0.0, -torch.inf))
        mass = axis.share.new_zeros(int(group.max()) + 1).index_add_(0, group, axis.share)
        log_group = torch.where(regular, torch.log(mass[group[k]]), torch.zeros_like(x))
        return self._group(j, torch.where(regular, place, self.sizes[j])), log_marginal, log_group

    def _draw_cells(self, n: int, generator: torch.Generator) -> Tensor:
        """Joint cells by their counts, and free ones (-1) with probability a / (N + a)."""
        width, total = len(self.joint), self._total()
        free = self.cells.new_full((n, width), -1, dtype=torch.int64)
        if not width or total == 0 or math.isinf(self.joint_smoothing):
            return free
        u = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        below = torch.cumsum(self.cell_counts, 0)
        cell = torch.searchsorted(below, u[:, 0] * below[-1], right=True).clamp(max=len(below) - 1)
        observed = u[:, 1] < total / (total + self.joint_smoothing)
        return torch.where(observed[:, None], self.cells[cell].to(torch.int64), free)

    def _flagged(self) -> dict[int, int]:
        """Axes that lack values in some joint cells, with the axis of the flag that says so."""
        names = self._table().names
        flags = flag_axes(self._table())
        absent = [int(self._part(self.groups, j).max()) + 1 for j in self.joint]
        return {
            j: flags.get(j, len(names)) for k, j in enumerate(self.joint) if bool((self.cells[:, k] == absent[k]).any())
        }

    def _with(self, counts: Tensor, cells: Tensor, cell_counts: Tensor) -> HistogramModel:
        return HistogramModel(
            self._table(),
            self.sizes,
            self.edges,
            self.scales,
            counts,
            self.groups,
            self.smoothing,
            self.joint,
            cells,
            cell_counts,
            self.joint_smoothing,
        )

    def _of_axes(
        self, kept: list[int], joint: list[int], cells: Tensor, cell_counts: Tensor, smoothing: float
    ) -> HistogramModel:
        table = self._table()
        columns = [self.joint.index(j) for j in joint]
        cells, cell_counts = merged(cells[:, columns], cell_counts)
        return HistogramModel(
            table.select([table.names[j] for j in kept]),
            [self.sizes[j] for j in kept],
            torch.cat([self._edges(j) for j in kept]),
            self.scales[kept],
            torch.cat([self._part(self.counts, j) for j in kept]),
            torch.cat([self._part(self.groups, j) for j in kept]),
            self.smoothing[kept],
            [kept.index(j) for j in joint],
            cells if joint else cells[:0],
            cell_counts if joint else cell_counts[:0],
            smoothing if joint else math.inf,
        )


def flag_axes(table: Table) -> dict[int, int]:
    """Each column's flag, the column that says whether it has a value: named `x is` for `x`."""
    return {j: table.names.index(f"{name} is") for j, name in enumerate(table.names) if f"{name} is" in table.names}


def _within(share: Tensor, group: Tensor, wanted: Tensor, u: Tensor) -> Tensor:
    """A cell by its probability among those of the wanted group; of all where that is no group of this axis, `[n]`."""
    order = torch.argsort(group, stable=True)
    above = torch.cumsum(share[order], 0)
    last = torch.searchsorted(group[order], torch.arange(int(group.max()) + 1, device=group.device), right=True) - 1
    bounds = torch.cat([above.new_zeros(1), above[last]])
    regular = (wanted >= 0) & (wanted < len(last))
    g = torch.where(regular, wanted, 0)
    low = torch.where(regular, bounds[g], bounds[0])
    high = torch.where(regular, bounds[g + 1], bounds[-1])
    place = torch.searchsorted(above, low + u * (high - low), right=True).clamp(max=len(above) - 1)
    return order[torch.minimum(place, torch.where(regular, last[g], len(above) - 1))]


def _require_same(a: HistogramModel, b: HistogramModel) -> None:
    same = a.space == b.space and a.joint == b.joint and a.sizes == b.sizes
    same = same and a.joint_smoothing == b.joint_smoothing
    same = same and all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in ("edges", "scales", "groups", "smoothing")
    )
    if not same:
        raise FitError(
            "only histograms with the same cells and the same smoothing can be merged",
            remedy="fit both with explicit edges and a given smoothing, or use model.filled(rows)",
        )

"""Histogram: how many cells, where, and with how much smoothing; by rule, as told, or by held-out likelihood.

Columns reach it in the user's units. Rules: `pofx.models.histogram.rules`. The default chooses cells for every column
(`pofx.models.histogram.marginal`) and then which columns to count jointly, in coarser groups of those cells
(`pofx.models.histogram.joint`), so that in many dimensions it is the independent product of good histograms rather than
an empty array. Cost: O(d n log n) and some hundred passes over the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import torch

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.histogram.axis import Axis, smoothed
from pofx.models.histogram.cells import merged
from pofx.models.histogram.joint import Column, Joint, Search, search_joint
from pofx.models.histogram.marginal import (
    Cells,
    category_edges,
    choose_cells,
    edge_scales,
    snapped,
    step_of,
    tail_scales,
    told_edges,
    whole_axis,
    with_smoothing,
)
from pofx.models.histogram.model import HistogramModel, flag_axes
from pofx.models.histogram.rules import Array, Sorted, equal_edges, rule_edges
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import OTHER, Category
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

Rule = Literal["held_out", "freedman_diaconis", "scott", "sturges", "knuth", "bayesian_blocks"]


@register
@dataclass(frozen=True, kw_only=True)
class Histogram(Estimator):
    """A histogram of any number of columns, of any kind."""

    name: ClassVar[str] = "histogram"
    accepts: ClassVar[tuple[type[Scalar], ...]] = (Real, Positive, Interval, Circle, Integer, Category)
    capabilities = HistogramModel.capabilities
    standardise: ClassVar[bool] = False

    bins: Rule | int | tuple[int, ...] = "held_out"
    """A rule, a number of equal bins for every column, or one number for each column that is not a category."""
    edges: tuple[tuple[float, ...], ...] = ()
    """Explicit bin edges in the columns' own units, one tuple for each column that is not a category; beats `bins`."""
    smoothing: float | None = None
    """Pseudo-count with which cells back off: to a uniform law in one column, to independent columns jointly. 0 gives
    -inf in empty cells; None chooses it by the likelihood of rows left out."""
    tails: bool = True
    """Whether an unbounded column has probability beyond its outermost edges."""

    def __post_init__(self) -> None:
        if self.smoothing is not None and not (math.isfinite(self.smoothing) and self.smoothing >= 0):
            raise FitError("smoothing cannot be negative", got=str(self.smoothing), expected="0, or more, or None")
        told = self.bins if isinstance(self.bins, tuple) else (self.bins,) if isinstance(self.bins, int) else ()
        if any(bins < 1 for bins in told):
            raise FitError("a histogram needs at least one bin", got=str(self.bins))
        for edges in self.edges:
            if len(edges) < 2 or any(not a < b for a, b in pairwise(edges)):
                raise FitError("bin edges must be two or more increasing numbers", got=str(edges)[:60])

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        table = data.space
        assert isinstance(table, Table)
        deadline = plan.deadline()
        self._check_widths(table)
        recorder.start("histogram", len(table.names))
        cells = []
        for j, space in enumerate(table.spaces):
            held = None if validation is None else _column(validation, j)
            cells.append(self._cells(space, self._number(table, j), _column(data, j), held, seed, deadline))
            recorder.step(j + 1, table.names[j])
        recorder.finish()
        return _counted(table, cells, self._joint(table, cells, data, validation, deadline), data)

    def _check_widths(self, table: Table) -> None:
        numeric = sum(not isinstance(space, Category) for space in table.spaces)
        for told, what in ((self.bins, "bins"), (self.edges, "edges")):
            if isinstance(told, tuple) and told and len(told) != numeric:
                raise FitError(
                    f"{what} must have one entry for each column that is not a category",
                    got=f"{len(told)}",
                    expected=f"{numeric}",
                )

    def _number(self, table: Table, j: int) -> int:
        """Where column j stands among those that are not categories."""
        return sum(not isinstance(space, Category) for space in table.spaces[:j])

    def _cells(
        self, space: Scalar, number: int, data: Sorted, held: Sorted | None, seed: int, deadline: Deadline
    ) -> Cells:
        if isinstance(space, Category):
            return with_smoothing(space, category_edges(space), (1.0, 1.0), data, held, self.smoothing)
        if self.edges:
            told = np.array(self.edges[number], dtype=np.float64)
            edges = whole_axis(space, told_edges(space, told), self.tails)
            return with_smoothing(space, edges, edge_scales(told), data, held, self.smoothing)
        if not len(data.values):  # no row has a value here
            return Cells(whole_axis(space, np.array([0.5, 1.5]), self.tails), (1.0, 1.0), self.smoothing or 1.0)
        if self.bins == "held_out":
            return choose_cells(
                space, data, held, tails=self.tails, smoothing=self.smoothing, seed=seed, deadline=deadline
            )
        edges = whole_axis(space, self._ruled(space, data, number), self.tails)
        return with_smoothing(space, edges, tail_scales(data), data, held, self.smoothing)

    def _ruled(self, space: Scalar, data: Sorted, number: int) -> Array:
        if isinstance(self.bins, str):
            edges = rule_edges(data, self.bins)
        else:
            edges = equal_edges(data, self.bins if isinstance(self.bins, int) else self.bins[number])
        step = step_of(space, data)
        too_fine = step is not None and float(np.diff(edges).min()) < 0.5 * step
        return snapped(edges, data, step) if too_fine or isinstance(space, Integer) else edges

    def _joint(
        self, table: Table, cells: list[Cells], data: Data, validation: Data | None, deadline: Deadline
    ) -> Joint:
        flags = flag_axes(table)
        absent = {j for j in range(len(table.names)) if bool(torch.isnan(data.values[:, j]).any())}
        known = {j: flags.get(j, -1) for j in absent}
        axes = [_axis(table.spaces[j], cell, _column(data, j)) for j, cell in enumerate(cells)]
        search = _search(table, axes, known, data, None)
        if validation is not None and len(validation):
            search = _search(table, axes, known, data, _search(table, axes, known, validation, None))
        if self.bins == "held_out" and not self.edges:
            return search_joint(search, deadline) if self.smoothing != 0 else _fine(search, 0.0)
        return _fine(search, self.smoothing)


def _fine(search: Search, smoothing: float | None) -> Joint:
    """Joint cells as fine as the columns' own, for every column that can be told to have a value."""
    groups = {j: np.arange(len(c.share)) for j, c in enumerate(search.columns) if c.flag != -1}
    if len(groups) < 2:
        return Joint()
    if smoothing is None:
        return search.gain(groups)
    return Joint(groups, smoothing)


def _column(data: Data, j: int) -> Sorted:
    return Sorted.of(data.values[:, j].numpy(), None if data.weights is None else data.weights.numpy())


def _axis(space: Scalar, cell: Cells, data: Sorted) -> Axis:
    edges = torch.from_numpy(cell.edges)
    counts = torch.from_numpy(data.in_bins(cell.edges))
    share = smoothed(space, edges, counts, torch.tensor(cell.smoothing, dtype=torch.float64))
    return Axis(space, edges, torch.tensor(cell.scales, dtype=torch.float64), share)


def _search(table: Table, axes: list[Axis], flags: dict[int, int], data: Data, held: Search | None) -> Search:
    columns, inside = [], np.ones(len(data), dtype=bool)
    for j, axis in enumerate(axes):
        x = data.values[:, j]
        place = torch.where(torch.isnan(x), len(axis.share), axis.place(torch.nan_to_num(x))).numpy()
        inside &= place >= 0
        space = table.spaces[j]
        labels = (*map(str, space.labels), *([OTHER] if space.open else [])) if isinstance(space, Category) else ()
        share = axis.share.numpy()
        columns.append(Column(place, share, table.names[j], labels, flags.get(j), j in flags.values()))
    weights = np.ones(len(data)) if data.weights is None else data.weights.numpy().astype(np.float64)
    index = (inside & (weights > 0)).nonzero()[0]
    return Search(columns, weights, held).rows(index)


def _counted(table: Table, cells: list[Cells], joint: Joint, data: Data) -> HistogramModel:
    """An empty model with these cells, filled with the rows."""
    sizes = [len(cell.edges) - 1 for cell in cells]
    groups = [torch.from_numpy(joint.groups.get(j, np.zeros(size, dtype=np.int64))) for j, size in enumerate(sizes)]
    used = sorted(joint.groups)
    none, no_counts = merged(torch.zeros(0, len(used), dtype=torch.int64), torch.zeros(0, dtype=torch.float64))
    empty = HistogramModel(
        table,
        sizes,
        torch.from_numpy(np.concatenate([cell.edges for cell in cells])),
        torch.tensor([cell.scales for cell in cells], dtype=torch.float64),
        torch.zeros(sum(sizes), dtype=torch.float64),
        torch.cat(groups).to(torch.int64),
        torch.tensor([cell.smoothing for cell in cells], dtype=torch.float64),
        used,
        none,
        no_counts,
        joint.smoothing,
    )
    return empty.filled(data.values, data.weights)

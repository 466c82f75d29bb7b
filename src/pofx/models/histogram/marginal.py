"""The cells of one axis: by a rule, as told, or chosen by held-out likelihood.

Chosen cells: edges are equally spaced quantiles of a mixture of the uniform law on the range and the data's own law,
with weight 0, 1/2 or 1 on the data: equal widths, equal counts, and between. How many, which weight and which
pseudo-count is decided by the likelihood of the validation rows where there are any; else by that of the rows left out
in turn: fifths of the different values for a continuous column, single rows in closed form for whole numbers and for
columns rounded to a step, whose edges lie half-way between the steps. In a continuous column no row is predicted by
rows of the same value, so that ties cannot vote for ever finer cells. Candidates cost O(k log n) each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pofx.data.resolution import typical_step
from pofx.models.histogram.axis import SHAPE, Axis, line_ends, pseudo_counts
from pofx.models.histogram.rules import Array, Sorted
from pofx.rng import numpy_generator
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.symbolic import Category
from pofx.training.plan import Deadline

BINS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
ON_DATA = (0.0, 0.5, 1.0)
FOLDS = 5
SMOOTHINGS = (0.03, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FINEST = 1e-6  # of the range: no cell is narrower
TIED = 1.1  # rows a different value: above, the column was rounded, or has spikes
KNOTS = 20_000  # of the data's law, at which it is looked at


Scales = tuple[float, float]  # of the lower and the upper tail


@dataclass(frozen=True, eq=False)
class Cells:
    """Edges of an axis with its ends, the scales of its tails, and a pseudo-count."""

    edges: Array  # [k + 1]
    scales: Scales
    smoothing: float


def whole_axis(space: Scalar, edges: Array, tails: bool) -> Array:
    """Edges from end to end: what lies beyond the given ones becomes a cell, or an open end where there is no end."""
    low, high = line_ends(space)
    edges = edges.clip(low, high)
    inner = np.unique(edges)
    if not _counted(space) and inner[-1] < high:
        inner[-1] = np.nextafter(inner[-1], np.inf)  # the last bin is closed, cells are not
    before = [low] if low < inner[0] and (tails or math.isfinite(low)) else []
    after = [high] if high > inner[-1] and (tails or math.isfinite(high)) else []
    return np.concatenate([before, inner, after])


def told_edges(space: Scalar, edges: Array) -> Array:
    """A user's edges; among whole numbers, [a, b) holds a ... b - 1 and the last bin its right end too."""
    if not _counted(space):
        return edges
    moved = np.ceil(edges) - 0.5
    moved[-1] = np.floor(edges[-1]) + 0.5
    return moved


def snapped(edges: Array, data: Sorted, step: float | None) -> Array:
    """The same edges, half-way between whole numbers or rounding steps, and never closer than `FINEST` of the range."""
    if step is None:
        return _thinned(edges, FINEST * (data.high - data.low))
    k = np.ceil((edges - data.low) / step - 1 - 1e-6)  # to the nearest, and of two equally near ones to the lower
    k[0], k[-1] = min(k[0], -1.0), max(k[-1], np.round((data.high - data.low) / step))
    return np.asarray(data.low + step * (np.unique(k) + 0.5), dtype=np.float64)


def _thinned(edges: Array, narrowest: float) -> Array:
    """Edges without those closer than that to the one before, or to the last."""
    kept = [float(edges[0])]
    for edge in edges[1:-1]:
        if edge - kept[-1] >= narrowest and edges[-1] - edge >= narrowest:
            kept.append(float(edge))
    return np.array([*kept, float(edges[-1])])


def step_of(space: Scalar, data: Sorted) -> float | None:
    """The step that the column's values lie on: known, or seen in its ties; None where there is none."""
    if _counted(space):
        return 1.0
    known: float | None = getattr(space, "resolution", None)
    if known is not None or data.n <= TIED * len(data.values):
        return known
    return typical_step(torch.from_numpy(data.values), torch.from_numpy(data.counts))


def tail_scales(data: Sorted) -> Scales:
    """Tails as long as the mean excess over the outer twentieths."""
    return _scale(-data.values[::-1], data.counts[::-1]), _scale(data.values, data.counts)


def _scale(values: Array, counts: Array) -> float:
    summed = np.cumsum(counts)
    above = summed > 0.95 * summed[-1]
    start = values[max(int(np.argmax(above)) - 1, 0)]
    excess = float(np.average(values[above] - start, weights=counts[above]))
    spread = float(values[-1] - values[0])
    return (SHAPE - 1) * max(excess, 1e-3 * spread, 1e-9 * abs(float(values[-1])), 1e-300)


def edge_scales(edges: Array) -> Scales:
    """Tails for edges that a user told: a tenth of their range, so that they do not depend on the rows."""
    scale = (SHAPE - 1) * 0.1 * float(edges[-1] - edges[0])
    return scale, scale


def with_smoothing(
    space: Scalar, edges: Array, scales: Scales, data: Sorted, held: Sorted | None, smoothing: float | None
) -> Cells:
    """Cells with the given pseudo-count, or with the one that predicts best."""
    if smoothing is None:
        smoothing = SMOOTHINGS[int(np.argmax(_scores(space, edges, scales, SMOOTHINGS, data, held)))]
    return Cells(edges, scales, smoothing)


def choose_cells(
    space: Scalar,
    data: Sorted,
    held: Sorted | None,
    *,
    tails: bool,
    smoothing: float | None,
    seed: int,
    deadline: Deadline,
) -> Cells:
    """The cells that predict best."""
    step = step_of(space, data)
    parts = [(train, left_out, tail_scales(train)) for train, left_out in _parts(step, data, held, seed)]
    pseudo = SMOOTHINGS if smoothing is None else (smoothing,)
    best, chosen = -math.inf, (1, 0.0, pseudo[-1])
    for bins, on_data in _shapes(data):
        totals = np.zeros(len(pseudo))
        for train, left_out, scales in parts:
            edges = whole_axis(space, snapped(shaped_edges(space, train, bins, on_data), train, step), tails)
            totals += _scores(space, edges, scales, pseudo, train, left_out)
        k = int(np.argmax(totals))
        if totals[k] > best + 1e-9 * max(abs(totals[k]), 1.0):
            best, chosen = float(totals[k]), (bins, on_data, pseudo[k])
        if deadline.passed():
            break
    bins, on_data, s = chosen
    edges = whole_axis(space, snapped(shaped_edges(space, data, bins, on_data), data, step), tails)
    return Cells(edges, tail_scales(data), s)


def shaped_edges(space: Scalar, data: Sorted, bins: int, on_data: float) -> Array:
    """Equally spaced quantiles of a mixture of the uniform law and the data's."""
    low, high = line_ends(space)
    if not math.isfinite(high - low):
        low, high = data.low, data.high
    if not low < high:
        half = 0.5e-6 * abs(low) or 0.5
        return np.array([low - half, high + half])
    some = np.linspace(0, len(data.values) - 1, min(len(data.values), KNOTS)).astype(np.int64)
    values, law = data.values[some], 0.5 * (data.below[some] + data.below[some + 1]) / data.n
    inside = (values > low) & (values < high)
    x = np.concatenate([[low], values[inside], [high]])
    mixed = (1 - on_data) * (x - low) / (high - low) + on_data * np.concatenate([[0.0], law[inside], [1.0]])
    return np.asarray(np.interp(np.linspace(0, 1, bins + 1), mixed, x), dtype=np.float64)


def category_edges(space: Category) -> Array:
    """One cell a code."""
    return np.arange(space.size + 1, dtype=np.float64) - 0.5


def _shapes(data: Sorted) -> Iterator[tuple[int, float]]:
    for bins in BINS:
        if bins > max(len(data.values), 1):
            return
        yield from ((bins, on_data) for on_data in (ON_DATA if bins > 1 else (0.0,)))


def _parts(step: float | None, data: Sorted, held: Sorted | None, seed: int) -> list[tuple[Sorted, Sorted | None]]:
    """Pairs of rows to count and rows to predict; None is each of the counted rows, left out in turn."""
    if held is not None and step is None:
        fresh, _ = held.without(np.isin(held.values, data.values))
        held = fresh if len(fresh.values) else held
    if held is not None and len(held.values):
        return [(data, held)]
    if step is not None or len(data.values) < 2 * FOLDS:
        return [(data, None)]
    fold: NDArray[np.int64] = numpy_generator(seed).permutation(len(data.values)) % FOLDS
    return [data.without(fold == k) for k in range(FOLDS)]


def _scores(
    space: Scalar, edges: Array, scales: Scales, pseudo: tuple[float, ...], data: Sorted, held: Sorted | None
) -> Array:
    """For each pseudo-count, the log-likelihood of the held rows, or of each row left out in turn."""
    rows = data if held is None else held
    bounds, counts = torch.from_numpy(edges), torch.from_numpy(data.in_bins(edges))
    wanted = torch.from_numpy(rows.in_bins(edges))
    met = wanted > 0
    own = counts.clamp(max=1.0) if held is None else torch.zeros_like(counts)
    added = pseudo_counts(space, bounds, counts, torch.tensor(pseudo, dtype=torch.float64)[:, None])  # [s, k]
    total = (counts.sum() + added.sum(1, keepdim=True) - float(held is None)).clamp(min=1e-300)
    scores = torch.log(((counts - own + added) / total)[:, met]) @ wanted[met]
    return scores.numpy() + _log_densities(space, bounds, scales, wanted, rows)


def _log_densities(space: Scalar, bounds: torch.Tensor, scales: Scales, wanted: torch.Tensor, rows: Sorted) -> float:
    """Sum over rows of the log-density inside their cell: only the rows in the tails are looked at one by one."""
    width = torch.diff(bounds)
    closed = torch.isfinite(width)
    total = -float((wanted[closed] * torch.log(width[closed])).sum())
    if bool(closed.all()):
        return total
    axis = Axis(space, bounds, torch.tensor(scales, dtype=torch.float64), wanted)
    for open_, k in ((rows.values < float(bounds[1]), 0), (rows.values >= float(bounds[-2]), len(wanted) - 1)):
        if not bool(closed[k]) and open_.any():
            x = torch.from_numpy(rows.values[open_])
            density = axis.log_density(x, torch.full((len(x),), k))
            total += float((torch.from_numpy(rows.counts[open_]) * density).sum())
    return total


def _counted(space: Scalar) -> bool:
    return space.measure is Measure.COUNTING

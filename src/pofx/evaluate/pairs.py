"""The most dependent pairs of continuous columns: held-out points, samples, and the model's density on a grid."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from pofx.core.contract import Model
from pofx.runs.evidence import PairEvidence
from pofx.spaces.numeric import Circle, Interval, Positive, Real
from pofx.spaces.symbolic import Maybe, inner_space
from pofx.spaces.table import Table

PAIRS = 6
POINTS = 600
GRID = 48
HEAVY = 30  # a tail this many times the median is looked at on a log scale


def pair_evidence(model: Model, test: Tensor, drawn: Tensor, *, seed: int) -> tuple[PairEvidence, ...]:
    """Up to six pairs, the most rank-correlated first."""
    table = model.space
    assert isinstance(table, Table)
    line = [
        j for j, space in enumerate(table.spaces) if isinstance(inner_space(space), Real | Positive | Interval | Circle)
    ]
    scored = [(_dependence(table, test, i, j), i, j) for i, j in itertools.combinations(line[:40], 2)]
    best = sorted(scored, key=lambda item: -item[0])[:PAIRS]
    return tuple(_pair(model, table, test, drawn, i, j) for _, i, j in best)


def _regular(table: Table, x: Tensor, i: int, j: int) -> Tensor:
    keep = torch.ones(len(x), dtype=torch.bool)
    for k in (i, j):
        space = table.spaces[k]
        if isinstance(space, Maybe):
            keep &= space.flag(x[:, k]) == 0
    return keep


def _dependence(table: Table, x: Tensor, i: int, j: int) -> float:
    kept = x[_regular(table, x, i, j)][:, [i, j]]
    if len(kept) < 5 or any(len(torch.unique(kept[:, k])) < 2 for k in (0, 1)):
        return 0.0
    return abs(float(stats.spearmanr(kept.numpy()).statistic))


def _pair(model: Model, table: Table, test: Tensor, drawn: Tensor, i: int, j: int) -> PairEvidence:
    points, samples = (_thinned(x[_regular(table, x, i, j)][:, [i, j]]) for x in (test, drawn))
    x, y = table.names[i], table.names[j]
    grid: tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float | None, ...], ...]] = ((), (), ())
    if "marginal" in model.capabilities and len(points) and len(samples):
        both = torch.cat([points, samples]).numpy()
        grid = _density(model.marginal([x, y]), both)
    return PairEvidence(x, y, _tuples(points), _tuples(samples), *grid)


def _thinned(points: Tensor) -> Tensor:
    """At most POINTS rows, spread over all of them: rows of a file are often in some order."""
    if len(points) <= POINTS:
        return points
    return points[torch.linspace(0, len(points) - 1, POINTS).round().long()]


def _density(
    pair: Model, points: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float | None, ...], ...]]:
    table = pair.space
    assert isinstance(table, Table)
    axes = [_axis(points[:, k]) for k in (0, 1)]
    mesh = np.stack([grid.ravel() for grid in np.meshgrid(*axes)], 1)  # [GRID * GRID, 2]
    scores = pair.log_prob(torch.tensor(mesh)).reshape(len(axes[1]), len(axes[0])).numpy()
    rows = tuple(tuple(float(v) if np.isfinite(v) else None for v in row) for row in scores)
    return tuple(axes[0].tolist()), tuple(axes[1].tolist()), rows


def _axis(values: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values, [0.005, 0.995])
    if not high > low:
        low, high = values.min() - 0.5, values.max() + 0.5
    if low > 0 and high > HEAVY * np.median(values):
        return np.geomspace(low, high, GRID)  # the report draws it on a log scale
    margin = 0.05 * (high - low)
    low = low - margin if values.min() <= 0 else max(low - margin, values.min() * 0.5)
    return np.linspace(low, high + margin, GRID)


def _tuples(points: Tensor) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in points.tolist())

"""Where EM starts: k-means++ seeds (Arthur and Vassilvitskii 2007), Lloyd steps, short runs; the best one goes on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.models.mixture.components import Components
from pofx.models.mixture.em import NEVER, Fitted, Shape, Sums, iterate, prior_of, update, with_broad
from pofx.models.mixture.maximise import Prior
from pofx.models.mixture.moments import Moments, features, second_width
from pofx.models.mixture.rows import Rows, Segment, standardised
from pofx.rng import generator, split
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle
from pofx.spaces.symbolic import Category
from pofx.training.plan import Deadline

THINNED = 20_000  # rows that starts and short runs look at
SHORT = 12  # iterations of a short run
SPOTTED = 32  # labels a category may have to take part in seeding


def fit(
    rows: Rows,
    shape: Shape,
    *,
    floor: float,
    seed: int,
    restarts: int,
    tolerance: float,
    iterations: int,
    deadline: Deadline = NEVER,
    start: Components | None = None,
) -> Fitted:
    """EM from the best of a few starts, or from `start`."""
    prior = prior_of(rows, shape, floor)
    if start is not None:
        return iterate(rows, start, shape, prior, tolerance=tolerance, iterations=iterations, deadline=deadline)
    few = rows.thinned(THINNED)
    short = []
    for attempt in range(restarts if shape.K > 1 else 1):
        random = generator(split(seed, "start", shape.K, attempt))
        parts = begin(few, shape, prior, random, lloyd=0 if attempt % 2 else 8)
        short.append(iterate(few, parts, shape, prior, tolerance=tolerance, iterations=SHORT, deadline=deadline))
        if deadline.passed():
            break
    best = max(short, key=lambda fitted: fitted.trace[-1]).parts
    if few is not rows:
        loose = 10 * tolerance
        best = iterate(few, best, shape, prior, tolerance=loose, iterations=iterations, deadline=deadline).parts
    return iterate(rows, best, shape, prior, tolerance=tolerance, iterations=iterations, deadline=deadline)


def begin(rows: Rows, shape: Shape, prior: Prior, random: torch.Generator, *, lloyd: int) -> Components:
    """Components from a clustering of the rows."""
    points = encoded(rows)
    centres = seeds(points, rows.weights, shape.K, random)
    for _ in range(lloyd if shape.K > 1 else 0):
        centres = _moved(points, rows.weights, centres)
    member = nearest(points, centres)[1]
    shares = torch.zeros(shape.K, len(rows), dtype=torch.float64)
    shares[member, torch.arange(len(rows))] = rows.weights
    return from_shares(rows, shares, shape, prior)


def from_shares(rows: Rows, shares: Tensor, shape: Shape, prior: Prior) -> Components:
    """An M-step from responsibilities `[K, n]`, gaps filled with the column's mean, and a broad component added."""
    f = rows.width + second_width(rows.width, square=shape.square)
    total = torch.zeros(shape.K, f, dtype=torch.float64)
    columns = [column.moments(shape.K) for column in rows.columns]
    for part in Segment(0, len(rows), []).blocks(f):
        filled = torch.where(torch.isnan(rows.real[:, part]), prior.mean[:, None], rows.real[:, part])
        total.addmm_(shares[:, part], features(filled, square=shape.square).mT)
        for column, sums in zip(rows.columns, columns, strict=True):
            column.add(sums, shares[:, part], part)
    moments = Moments(shares.sum(1), total[:, : rows.width], total[:, rows.width :])
    parts = update(rows, None, Sums(-math.inf, moments.count, moments, columns), shape, prior)
    return with_broad(rows, parts, prior) if shape.outliers else parts


def encoded(rows: Rows) -> Tensor:
    """Rows as points `[n, f]` whose distances are worth clustering by."""
    spaces = rows.table.spaces
    return torch.cat([_encoded(space, rows.values[:, j], rows.weights) for j, space in enumerate(spaces)], 1)


def _encoded(space: Scalar, x: Tensor, weights: Tensor) -> Tensor:
    known = ~torch.isnan(x)
    if isinstance(space, Circle):
        angle = (torch.nan_to_num(x) - space.origin) * (2 * math.pi / space.period)
        return torch.stack([torch.cos(angle), torch.sin(angle)], 1) * known[:, None]
    if isinstance(space, Category):
        if space.size > SPOTTED:
            return x.new_zeros(len(x), 0)
        codes = torch.nan_to_num(x, nan=float(space.size)).long()
        return torch.nn.functional.one_hot(codes, space.size + 1)[:, :-1].double()
    return torch.nan_to_num(standardised(x, weights)).clamp(-5.0, 5.0)[:, None]


def seeds(points: Tensor, weights: Tensor, K: int, random: torch.Generator) -> Tensor:
    """k-means++: each next seed drawn in proportion to its squared distance from those before, `[K, f]`."""
    levels = torch.rand(K, generator=random, dtype=torch.float64)
    chosen = [_pick(weights, levels[0])]
    distance = (points - points[chosen[0]]).square().sum(1)
    for level in levels[1:]:
        chosen.append(_pick(weights * distance if float(distance.max()) > 0 else weights, level))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]


def _pick(mass: Tensor, level: Tensor) -> int:
    cumulative = torch.cumsum(mass, 0)
    return int(torch.searchsorted(cumulative, level * cumulative[-1], right=True).clamp(max=len(mass) - 1))


def nearest(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance to the nearest centre (up to a constant a point), and which it is, `[n]` each."""
    scores = centres.square().sum(1) - 2 * points @ centres.mT
    return scores.min(1)


def _moved(points: Tensor, weights: Tensor, centres: Tensor) -> Tensor:
    member = nearest(points, centres)[1]
    sums = torch.zeros_like(centres).index_add_(0, member, points * weights[:, None])
    count = torch.zeros(len(centres), dtype=torch.float64).index_add_(0, member, weights)
    return torch.where(count[:, None] > 0, sums / count.clamp(min=1e-300)[:, None], centres)

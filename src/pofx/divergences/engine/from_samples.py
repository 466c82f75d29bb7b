"""Ways to answer from two samples of a table, draws of a model among them: which estimator suits the columns."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

from torch import Tensor

from pofx.data.dataset import Data
from pofx.divergences.engine.parted import (
    FEW,
    FromPoints,
    by_cells,
    by_chain,
    by_points,
    is_sparse,
    parted,
    refuse_weights,
    weights_of,
)
from pofx.divergences.engine.question import Question
from pofx.divergences.entropies import cross_entropy, entropy
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.divergences.matching import carrier
from pofx.errors import PofxError
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.table import Table

SAMPLES = 10_000  # draws that stand for a model where a sample is needed
SOME_COLUMNS = 5  # from here on the bias of neighbours is a good part of the value
MANY_NOTE = "biased in so many columns: read it against the two halves"
MANY_COLUMNS = 8  # beyond, neighbours are too far away to tell a density from


def frequencies(ask: Question) -> Estimate | None:
    """Relative frequencies, where every column is counted."""
    table, p, q = samples(ask)
    parts = parted(table, p, q)
    if not parts.is_counted:
        return None
    found = by_cells(parts, ask.measure.cells, weights_of(ask.p.data), weights_of(ask.q.data))
    if ask.null and weights_of(ask.p.data) is None and len(p) > 1:
        one, two = halves(len(p), ask.seed)
        between = by_cells(parted(table, p[one], p[two]), ask.measure.cells, None, None)
        found = replace(found, null=between.value if math.isfinite(between.value) else None)
    return _sampled(ask, found)


def neighbours(ask: Question) -> Estimate | None:
    """Nearest neighbours; KL of mixed tables by the chain rule."""
    table, p, q = samples(ask)
    parts = parted(table, p, q)
    if parts.is_counted:
        return None
    weights = [weights_of(side.data) for side in (ask.p, ask.q)]
    if ask.measure.bounded and parts.is_continuous and any(w is not None for w in weights):
        return _sampled(ask, by_points(parts, _weighing(ask.measure.points, weights), ask.null, ask.seed))
    refuse_weights(ask.p.data, ask.q.data)
    if ask.measure.bounded and not parts.is_continuous:
        found = by_chain(parts, ask.measure.cells, ask.measure.points, ask.null, ask.seed)
        return None if found is None else _sampled(ask, found)
    return _sampled(ask, by_points(parts, ask.measure.points, ask.null, ask.seed))


def _weighing(points: FromPoints, weights: list[Tensor | None]) -> FromPoints:
    """Neighbours of weighted samples, for the measure that can: KL."""
    mine, other = (None if w is None else w.numpy() for w in weights)
    return functools.partial(points, weights=mine, other_weights=other)


def classifier(ask: Question) -> Estimate | None:
    """What a classifier can tell apart: a lower bound, at any number and kind of columns."""
    if ask.measure.classified is None:
        return None
    refuse_weights(ask.p.data, ask.q.data)
    table, p, q = samples(ask)
    return _sampled(ask, ask.measure.classified(table, p, q, ask.seed))


def against_model(ask: Question) -> Estimate | None:
    """KL of a sample from an exact model: its mean surprise under the model, which is exact, less its own entropy."""
    model, data = ask.q.model, ask.p.data
    if not ask.measure.bounded or data is None or model is None or model.likelihood is not Likelihood.EXACT:
        return None
    parts = parted(ask.table(), data.values, data.values[:0])
    if not (parts.is_counted or parts.is_continuous) or len(ask.table().names) >= SOME_COLUMNS:
        return None
    away, own = cross_entropy(data, model), entropy(data, seed=ask.seed)
    error = None if math.isinf(away.value) else math.hypot(away.std_error or 0.0, own.std_error or 0.0)
    method = f"mean surprise under {ask.q.label} less the entropy by {own.method}"
    between = None
    if ask.null and data.weights is None and len(data) > 2 * FEW:
        one, two = (Data(data.space, data.values[rows]) for rows in halves(len(data), ask.seed))
        alike = replace(ask, p=replace(ask.p, data=one), q=replace(ask.p, data=two), null=False)
        found = frequencies(alike) or neighbours(alike)
        between = found.value if found is not None and math.isfinite(found.value) else None
    nature = Nature.ASYMPTOTICALLY_UNBIASED
    return ask.told(away.value - own.value, nature, method, std_error=error, null=between, note=away.note)


def from_samples(ask: Question) -> Estimate | None:
    """The estimator from samples that suits the columns: frequencies, neighbours, else a classifier."""
    if ask.p.law is not None or ask.q.law is not None:
        return None
    if (found := against_model(ask)) is not None:
        return found
    table, p, q = samples(ask)
    parts = parted(table, p, q)
    if parts.is_counted and not (is_sparse(parts) and ask.measure.classified):
        return frequencies(ask)
    thin = parts.is_counted or len(table.names) > MANY_COLUMNS
    return (None if thin else neighbours(ask)) or classifier(ask) or neighbours(ask)


def samples(ask: Question) -> tuple[Table, Tensor, Tensor]:
    """Rows of both in P's table; draws where a side is a model."""
    table = ask.p.space or ask.q.space
    if table is None or ask.q.space is None or ask.p.space is None:
        raise PofxError("a law that only has a name cannot be sampled here", remedy="compare it within its own family")
    n = ask.draws or max([SAMPLES, *(len(side.data) for side in (ask.p, ask.q) if side.data is not None)])
    p = ask.p.rows(n, split(ask.seed, "P"))
    q = carrier(ask.q.space, table)(ask.q.rows(n, split(ask.seed, "Q")))
    return table, p, q


def _sampled(ask: Question, found: Estimate) -> Estimate:
    drawn = [side.label for side in (ask.p, ask.q) if side.model is not None]
    told = [f"draws stand for {' and '.join(drawn)}"] if drawn else []
    told += [MANY_NOTE] if "nearest neighbours" in found.method and len(ask.table().names) >= SOME_COLUMNS else []
    note = "; ".join([*told, *([found.note] if found.note else [])])
    return replace(found, direction=ask.direction, name=ask.functional.name, note=note)

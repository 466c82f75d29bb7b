"""Expectation-maximisation (Dempster, Laird and Rubin 1977): each iteration raises the penalised log-likelihood.

float64 throughout, in log space, in blocks of rows. Cost O(n K d^2) an iteration for full covariances, O(n K d) for
diagonal ones. The last component may be a broad one: the overall mean and shape, only wider, with a small learned
weight, so that no row is catastrophically improbable (Banfield and Raftery 1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.models.mixture.columns import first_of, with_last
from pofx.models.mixture.components import Components
from pofx.models.mixture.gaussian import Kind
from pofx.models.mixture.maximise import Prior, log_prior, log_prior_broad, maximise, maximise_broad, shape_of
from pofx.models.mixture.moments import Moments, completed, natural, second_width
from pofx.models.mixture.rows import Rows, Segment
from pofx.spaces.numeric import Real
from pofx.training.plan import Deadline

PSEUDO = 0.5  # pseudo-rows for each weight
LEAST = 10  # iterations that a spent budget still allows
NEVER = Deadline(None)


@dataclass(frozen=True)
class Shape:
    """What kind of mixture: K main components of a covariance kind, the prior's pseudo-rows, a broad one or not."""

    K: int
    kind: Kind
    strength: float
    outliers: bool

    @property
    def square(self) -> bool:
        """Whether squares are enough as second-order features."""
        return self.kind in ("diagonal", "spherical")


@dataclass(frozen=True, eq=False)
class Sums:
    """What the E-step hands to the M-step, and the log-likelihood at which it was computed."""

    log_likelihood: float
    count: Tensor  # [K]
    moments: Moments
    columns: list[Tensor]


def prior_of(rows: Rows, shape: Shape, floor: float) -> Prior:
    """The prior for these rows; `floor` is a share of each column's standard deviation."""
    x = rows.real
    known = (~torch.isnan(x)).double() * rows.weights
    count = known.sum(1).clamp(min=1e-12)
    mean = (torch.nan_to_num(x) * known).sum(1) / count
    centred = torch.nan_to_num(x - mean[:, None])
    covariance = (centred * rows.weights) @ centred.mT / torch.sqrt(torch.outer(count, count))
    variances = torch.diagonal(covariance)
    least = floor**2 * torch.where(variances > 0, variances, 1.0)
    steps = [s.resolution or 0.0 for s in rows.table.spaces if isinstance(s, Real)]
    least = torch.maximum(least, (0.5 * torch.tensor(steps, dtype=torch.float64)).square())
    return Prior(shape.K, shape.strength, mean, shape_of(covariance, rows.total, least), least, shape.square)


def expect(rows: Rows, parts: Components, prior: Prior) -> Sums:
    """One pass over the rows with the present components."""
    prepared = [column.prepare(head) for column, head in zip(rows.columns, parts.heads, strict=True)]
    columns = [column.moments(len(parts.log_weights)) for column in rows.columns]
    moments: Moments | None = None
    log_likelihood = 0.0
    for segment in rows.segments:
        value, sums = _expect_segment(rows, segment, parts, prior, prepared, columns)
        log_likelihood += value
        moments = sums if moments is None else moments.plus(sums)
    assert moments is not None
    return Sums(log_likelihood, moments.count, moments, columns)


def _expect_segment(
    rows: Rows, segment: Segment, parts: Components, prior: Prior, prepared: list[Tensor], columns: list[Tensor]
) -> tuple[float, Moments]:
    """Of rows that miss the same columns; `columns` are added to."""
    d, square = len(segment.known), prior.square
    complete = d == prior.d
    constants, coefficients = _natural(parts, prior) if complete else _natural_of(parts, segment.known, square)
    linear = [j for j, column in enumerate(rows.columns) if column.linear]
    coefficients = torch.cat([coefficients, *(prepared[j] for j in linear)], 1)
    looked_up = [(c, t, m) for c, t, m in zip(rows.columns, prepared, columns, strict=True) if not c.linear]
    total = torch.zeros_like(coefficients)
    count, log_likelihood = torch.zeros(len(total), dtype=torch.float64), 0.0
    for part in segment.blocks(coefficients.shape[1]):
        made = rows.features(segment, part, square=square)  # [f, b]
        joint = torch.addmm(constants[:, None], coefficients, made)  # [K, b]
        for column, table, _ in looked_up:
            joint += column.scores(table, part)
        log_likelihood += float(rows.weights[part] @ _normalise(joint))
        joint *= rows.weights[part]
        count += joint.sum(1)
        total.addmm_(joint, made.mT)
        for column, _, gathered in looked_up:
            column.add(gathered, joint, part)
    f = d + second_width(d, square=square)
    first, second, *others = total.split([d, f - d, *(columns[j].shape[1] for j in linear)], 1)
    for j, more in zip(linear, others, strict=True):
        columns[j] += more
    sums = Moments(count, first, second)
    return log_likelihood, sums if complete else completed(parts.one_block, segment.known, sums, square=square)


def _natural(parts: Components, prior: Prior) -> tuple[Tensor, Tensor]:
    """Of all components; the constants include the weights."""
    constants, coefficients = natural(parts.main, square=prior.square)
    if parts.broad is not None:
        wide = prior.natural_broad(parts.broad)
        constants, coefficients = torch.cat([constants, wide[0]]), torch.cat([coefficients, wide[1]])
    return constants + parts.log_weights, coefficients


def _natural_of(parts: Components, known: list[int], square: bool) -> tuple[Tensor, Tensor]:
    """The same of some columns."""
    constants, coefficients = natural(parts.one_block.marginal(known), square=square)
    return constants + parts.log_weights, coefficients


def _normalise(joint: Tensor) -> Tensor:
    """Turn log-joints `[K, b]` into responsibilities in place; return the log-densities `[b]`.

    Shares under e^-80 are taken for e^-80: they cannot matter, and tinier ones are slow to multiply.
    """
    top = joint.amax(0)
    joint.sub_(top).clamp_(min=-80.0).exp_()
    total = joint.sum(0)
    joint.div_(total)
    return top + torch.log(total)


def update(rows: Rows, parts: Components | None, sums: Sums, shape: Shape, prior: Prior) -> Components:
    """The M-step. Without present components, `sums` come from a hard assignment to the main ones."""
    K = shape.K
    main = maximise(shape.kind, None if parts is None else parts.main, sums.moments.of(slice(0, K)), prior)
    wide = None
    if parts is not None and parts.broad is not None:
        wide = maximise_broad(sums.moments.of(slice(K, None)), prior)
    count = sums.count + PSEUDO
    heads = []
    for j, (space, column) in enumerate(zip(rows.other_spaces, rows.columns, strict=True)):
        present = None if parts is None else parts.heads[j]
        head = column.update(present, sums.columns[j], shape.strength)
        heads.append(head if wide is None else with_last(space, first_of(space, head, K), column.overall()))
    return Components(torch.log(count / count.sum()), main, wide, tuple(heads))


def with_broad(rows: Rows, parts: Components, prior: Prior) -> Components:
    """Add a broad component of small weight."""
    share = PSEUDO / (rows.total + PSEUDO)
    log_weights = torch.cat([parts.log_weights + math.log1p(-share), parts.log_weights.new_tensor([math.log(share)])])
    pairs = zip(rows.other_spaces, parts.heads, rows.columns, strict=True)
    heads = tuple(with_last(space, head, column.overall()) for space, head, column in pairs)
    return Components(log_weights, parts.main, prior.broad(), heads)


def objective(rows: Rows, parts: Components, sums: Sums, shape: Shape, prior: Prior) -> float:
    """The penalised log-likelihood that EM never lowers."""
    value = sums.log_likelihood + PSEUDO * float(parts.log_weights.sum()) + log_prior(parts.main, prior)
    if parts.broad is not None:
        value += log_prior_broad(parts.broad, prior)
    for space, column, head in zip(rows.other_spaces, rows.columns, parts.heads, strict=True):
        value += column.log_prior(first_of(space, head, shape.K), shape.strength)
    return value


@dataclass(frozen=True, eq=False)
class Fitted:
    """Where EM ended: components, the objective a row at each iteration, and whether it had converged."""

    parts: Components
    trace: list[float]
    converged: bool


def iterate(
    rows: Rows,
    parts: Components,
    shape: Shape,
    prior: Prior,
    *,
    tolerance: float,
    iterations: int,
    deadline: Deadline = NEVER,
) -> Fitted:
    """Repeat E and M until the objective rises by less than `tolerance` a row, or an end is reached."""
    trace: list[float] = []
    for _ in range(iterations):
        sums = expect(rows, parts, prior)
        trace.append(objective(rows, parts, sums, shape, prior) / rows.total)
        if len(trace) > 1 and trace[-1] - trace[-2] < tolerance:
            return Fitted(parts, trace, True)
        if len(trace) >= LEAST and deadline.passed():
            break
        parts = update(rows, parts, sums, shape, prior)
    return Fitted(parts, trace, False)

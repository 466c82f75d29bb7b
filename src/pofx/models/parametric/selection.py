"""Which family: the one that gives held-out rows the most probability; a family that fails is noted, not fatal.

Rows are sorted before they are shuffled into folds, and whole weights repeated, so that neither the order of the rows
nor the difference between a row of weight three and three rows changes the choice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.models.parametric.families import candidates
from pofx.models.parametric.family import Family, Sample, Theta, counts, sample_of
from pofx.models.parametric.fitting import Fitted, fit_family
from pofx.models.parametric.model import ParametricModel, Tried, model_of
from pofx.rng import generator, split
from pofx.spaces.base import Scalar
from pofx.spaces.table import Table
from pofx.training.plan import Deadline
from pofx.training.recorder import Recorder

MOST = 10_000  # rows used for the choice; the chosen one is fitted to all
ENOUGH = 2_000  # held-out rows after which no further fold is looked at
BEHIND = 0.05, 10.0  # nats a row, and nats in all: how far a family may be behind before its folds are left undone
FAILURES = (ArithmeticError, RuntimeError, ValueError)  # of a fit; PofxError and LinAlgError are among them

Fold = tuple[Tensor, Tensor | None, Tensor, Tensor | None]  # training values and weights, held-out values and weights


def folds(x: Tensor, weights: Tensor | None, k: int, seed: int, most: int = MOST) -> list[Fold]:
    """Pairs of training rows and held-out rows of a column `[n]`, missing values left out.

    K of them, or as many as hold out `ENOUGH` rows; from at most `most` rows in all.
    """
    x, w = _units(x, weights)
    order = torch.randperm(len(x), generator=generator(split(seed, "folds")))[:most]
    k = min(k, len(order))
    if k < 2:
        return [(x, w, x, w)]
    parts = [order[start::k].sort().values for start in range(k)]
    pairs = []
    for held in range(min(k, -(-ENOUGH * k // len(order)))):
        kept = torch.cat([part for place, part in enumerate(parts) if place != held]).sort().values
        out = parts[held]
        pairs.append((x[kept], None if w is None else w[kept], x[out], None if w is None else w[out]))
    return pairs


def best_family(
    x: Tensor,
    weights: Tensor | None,
    table: Table,
    *,
    validation: tuple[Tensor, Tensor | None] | None,
    k: int,
    seed: int,
    deadline: Deadline,
    recorder: Recorder,
) -> tuple[Fitted, Tried]:
    """The family with the most held-out probability, fitted to all rows, and a record of all that were tried.

    Args:
        x: the column `[n]`, NaN where missing.
        weights: `[n]` or None.
        table: of that one column.
        validation: held-out values and weights; None for k-fold cross-validation.
        k: number of folds.
        seed: of the folds.
        deadline: after it no further family is tried.
        recorder: told of each family.
    """
    space = table.spaces[0]
    pairs = [against(x, weights, validation, seed)] if validation is not None else folds(x, weights, k, seed)
    suited, failed = screened(candidates(space), pairs, space, deadline)
    recorder.start("families", len(suited))
    scored: list[tuple[float, Family]] = []
    for done, (family, near) in enumerate(suited):
        if deadline.passed() and scored:
            failed.append((family.name, None, "not tried: the time was up"))
            continue
        score, reason = held_out(family, pairs, table, near)
        if score is None:
            failed.append((family.name, None, reason))
        else:
            scored.append((score, family))
        recorder.step(done + 1, family.name)
    recorder.finish()
    ranked = rank(scored, tie=0.5 / max(sum(len(held) for _, _, held, _ in pairs), 1))
    tried = (*((family.name, score, "") for score, family in ranked), *failed)
    return _first_that_fits(ranked, sample_of(x, weights, getattr(space, "resolution", None)), space, tried), tried


def screened(
    families: tuple[Family, ...], pairs: list[Fold], space: Scalar, deadline: Deadline
) -> tuple[list[tuple[Family, Theta | None]], list[tuple[str, float | None, str]]]:
    """The families worth cross-validating, with parameters to climb from, and the others with reasons.

    A family of two or three parameters gains little from having seen the rows it is scored on; one that is far behind
    the best on those very rows cannot lead on rows held out. With a single pair nothing is saved, and all are kept.
    """
    if len(pairs) == 1:
        return [(family, None) for family in families], []
    x, w, held, held_w = pairs[0]
    weights = None if w is None or held_w is None else torch.cat([w, held_w])
    sample = sample_of(torch.cat([x, held]), weights, getattr(space, "resolution", None))
    found: list[tuple[Family, Fitted]] = []
    failed: list[tuple[str, float | None, str]] = []
    for family in families:
        if deadline.passed() and found:
            failed.append((family.name, None, "not tried: the time was up"))
            continue
        try:
            found.append((family, fit_family(family, sample, space, errors=False)))
        except FAILURES as error:
            failed.append((family.name, None, str(error)))
    least = max((fit.log_likelihood for _, fit in found), default=0.0) - max(BEHIND[0] * sample.n, BEHIND[1])
    kept: list[tuple[Family, Theta | None]] = [
        (family, fit.theta) for family, fit in found if fit.log_likelihood >= least
    ]
    for family, fit in found:
        if fit.log_likelihood < least:
            score = fit.log_likelihood / sample.n
            failed.append((family.name, None, f"far behind on the training rows: {score:.6g} nats a row"))
    return kept, failed


def held_out(family: Family, pairs: list[Fold], table: Table, near: Theta | None = None) -> tuple[float | None, str]:
    """Mean log-probability of held-out rows over all folds, or None and the reason; climbs begin at `near`."""
    total = size = 0.0
    resolution = getattr(table.spaces[0], "resolution", None)
    try:
        for x, w, held, held_w in pairs:
            fitted = fit_family(family, sample_of(x, w, resolution), table.spaces[0], errors=False, near=near)
            near = fitted.theta
            model = model_of(fitted, table)
            with torch.no_grad():
                scores = model._log_prob(held[:, None], None)
            share = torch.ones_like(scores) if held_w is None else held_w
            total += float((share * scores).sum())
            size += float(share.sum())
    except FAILURES as error:
        return None, str(error)
    if total == -math.inf:
        return None, "a held-out row has probability zero"
    if not math.isfinite(total) or size == 0:
        return None, "the held-out score is not a number"
    return total / size, ""


def begin(family: Family, theta: Theta, table: Table) -> ParametricModel:
    """A model that only says where a climb begins."""
    return model_of(Fitted(family, theta, tuple(None for _ in theta), 0.0, 0.0), table)


def rank(scored: list[tuple[float, Family]], tie: float) -> list[tuple[float, Family]]:
    """Best first; of those within `tie` nats a row of the best, the one with the fewest parameters leads."""
    ordered = sorted(scored, key=lambda entry: -entry[0])
    if not ordered:
        return []
    near = [entry for entry in ordered if entry[0] >= ordered[0][0] - tie]
    leader = min(near, key=lambda entry: len(entry[1].free))
    return [leader, *(entry for entry in ordered if entry is not leader)]


def _first_that_fits(ranked: list[tuple[float, Family]], column: Sample, space: Scalar, tried: Tried) -> Fitted:
    for _, family in ranked:
        try:
            return fit_family(family, column, space)
        except FAILURES:
            continue
    raise FitError(
        "no family could be fitted",
        got="; ".join(f"{name}: {reason}" for name, _, reason in tried if reason)[:300],
        remedy="try a model without a family: kde or histogram",
    )


def against(x: Tensor, weights: Tensor | None, validation: tuple[Tensor, Tensor | None], seed: int) -> Fold:
    """One pair: training rows, at most `MOST`, against the validation rows."""
    train, w = _units(x, weights)
    held, held_w = _units(*validation)
    few = torch.randperm(len(train), generator=generator(split(seed, "rows")))[:MOST].sort().values
    return train[few], None if w is None else w[few], held, held_w


def _units(x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Present rows in increasing order; whole weights become repeated rows where that is not many more."""
    w = counts(weights, len(x))
    kept = ~torch.isnan(x) & (w > 0)
    x, w = x[kept], w[kept]
    order = torch.argsort(x, stable=True)
    x, w = x[order], w[order]
    if weights is None:
        return x, None
    whole = bool((w == w.round()).all()) and float(w.sum()) <= 10 * len(w) + 1e6
    return (torch.repeat_interleave(x, w.long()), None) if whole else (x, w)

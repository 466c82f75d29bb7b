"""Fit several models to the same rows, one after the other, each scored on the same validation rows.

Each model is fitted to train, to be chosen by its validation score; then, where the contest says so, with its own
choices settled, to train and validation together, to be tested. Test rows are scored once, at the end, elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.errors import FitError, PofxError
from pofx.evaluate.prepared import Prepared
from pofx.evaluate.scores import row_scores
from pofx.evaluate.shelf import Shelf
from pofx.likelihood import Likelihood
from pofx.models.stacking import Stacking, stack, stacking_weights
from pofx.rng import generator
from pofx.rng import split as split_seed
from pofx.runs.records import Failure
from pofx.training.history import Check
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Part, Recorder

FOLDS = 5
DRAWS, DRAWS_OF_PICTURES = 16, 1  # of a bound, on each validation row: pictures have many more values to average over


@dataclass(frozen=True, eq=False)
class Contender:
    """A model that was fitted: what it scored on validation, and how long it took."""

    name: str
    estimator: Estimator
    model: Model
    validation: Tensor
    """Log-probability of each validation row under the fit on train, `[n_validation]`; empty without a likelihood."""
    seconds: float
    checks: tuple[Check, ...] = ()
    """How the fit on train went, where it was trained by gradients and kept a history."""

    @property
    def validation_mean(self) -> float:
        """What the choice is made by; `-inf` without a likelihood."""
        return float(self.validation.mean()) if len(self.validation) else -float("inf")


def contest(
    chosen: Sequence[Estimator],
    prepared: Prepared,
    *,
    plan: Plan,
    seed: int,
    shelf: Shelf | None = None,
    recorder: Recorder = SILENT,
) -> tuple[list[Contender], list[Failure]]:
    """Fit every estimator; one that fails does not stop the others.

    Args:
        chosen: what to fit; a `Stacking` among them mixes the others.
        prepared: all rows, and their three parts.
        plan: time budget for all of them together.
        seed: of all that is random.
        shelf: keeps each finished model, and checkpoints of the one at work, so that a killed run goes on.
        recorder: told of progress.
    """
    deadline = plan.deadline()
    done: list[Contender] = []
    failed: list[Failure] = []
    singles = [each for each in chosen if not isinstance(each, Stacking)]
    fits = 2 if prepared.refit else 1
    for place, each in enumerate(singles):
        left = None if deadline.at is None else max(deadline.at - time.monotonic(), 0.05)
        share = replace(plan, seconds=None if left is None else left / (fits * (len(singles) - place)))
        part = Part(recorder, f"{place + 1}/{len(chosen)} {each.name}")
        try:
            done.append(_one(each, prepared, share, split_seed(seed, each.name), shelf, part))
        except PofxError as error:
            failed.append(Failure(each.name, str(error)))
    if len(singles) < len(chosen):
        done += _stacked(next(each for each in chosen if isinstance(each, Stacking)), done, failed, seed)
    recorder.finish()
    if not done:
        reasons = "; ".join(f"{failure.name}: {failure.reason}" for failure in failed)
        raise FitError("no model could be fitted", got=reasons, remedy="choose other models: pofx models")
    return done, failed


def _one(
    estimator: Estimator, prepared: Prepared, plan: Plan, seed: int, shelf: Shelf | None, recorder: Recorder
) -> Contender:
    kept = None if shelf is None else shelf.find(estimator)
    if kept is not None:
        return Contender(estimator.name, kept.estimator, kept.model, kept.validation, kept.seconds, kept.checks)
    began = time.perf_counter()
    data, split = prepared.data, prepared.split
    train, held = data.rows(split.train), data.rows(split.validation)
    bench = None if shelf is None else shelf.bench(estimator)
    recorder.start("", None)
    model = estimator.fit(train, validation=held, plan=replace(plan, folder=bench), seed=seed, recorder=recorder)
    draws = DRAWS if prepared.dims is None else DRAWS_OF_PICTURES
    scores = torch.from_numpy(row_scores(model, held, draws=draws, seed=seed))
    settled = estimator.settled(model)
    if prepared.refit:
        again = replace(plan, folder=None if bench is None else bench / "again")
        model = settled.fit(data.rows(split.fitted), plan=again, seed=seed, recorder=recorder)
    seconds = time.perf_counter() - began
    if shelf is None:
        return Contender(estimator.name, settled, model, scores, seconds)
    checks = shelf.checks(estimator)
    shelf.put(estimator, settled, model, scores, seconds, checks)
    return Contender(estimator.name, settled, model, scores, seconds, checks)


def _stacked(estimator: Stacking, parts: list[Contender], failed: list[Failure], seed: int) -> list[Contender]:
    """The mixture of the models already fitted: no model is fitted again for it."""
    exact = [part for part in parts if part.model.likelihood is Likelihood.EXACT]
    if len(exact) < 2:
        failed.append(Failure(estimator.name, "there are fewer than two exact models to mix"))
        return []
    began = time.perf_counter()
    scores = torch.stack([part.validation for part in exact], 1)
    model = stack([part.model for part in exact], stacking_weights(scores))
    recipe = Stacking(parts=tuple(part.name for part in exact))
    seconds = time.perf_counter() - began + sum(part.seconds for part in exact)
    return [Contender(estimator.name, recipe, model, _cross_fitted(scores, seed), seconds)]


def _cross_fitted(scores: Tensor, seed: int) -> Tensor:
    """Each validation row under weights that were found without it, so that the choice is not flattered."""
    n = len(scores)
    fold = torch.randperm(n, generator=generator(split_seed(seed, "stacking"))) % min(FOLDS, n)
    result = torch.empty(n, dtype=torch.float64)
    for k in range(min(FOLDS, n)):
        rest = scores[fold != k] if n > 1 else scores
        weights = stacking_weights(rest)
        result[fold == k] = torch.logsumexp(scores[fold == k] + weights.log(), 1)
    return result

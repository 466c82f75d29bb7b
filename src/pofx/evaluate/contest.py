"""Fit several models to the same rows, choose on validation, and score the winner's rivals on the same test rows.

Each model is fitted twice: on train, to be chosen by its validation score; then, with its own choices settled, on train
and validation together, to be tested. Test rows are scored once, at the end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import estimator as estimator_named
from pofx.core.registry import estimators
from pofx.data.dataset import Data
from pofx.data.split import Split
from pofx.errors import FitError, PofxError
from pofx.evaluate.shelf import Shelf
from pofx.likelihood import Likelihood
from pofx.models.stacking import Stacking, stack, stacking_weights
from pofx.rng import generator
from pofx.rng import split as split_seed
from pofx.runs.records import Failure
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Recorder

AUTO = ("independent", "histogram", "kde", "mixture", "stacking")
AUTO_REAL = ("gaussian",)  # added where every column is a real number
AUTO_MANY = ("flow",)  # added where a column is a real number, rows are many, and the package is there
MANY = 2_000  # rows: with fewer, a mixture has been ahead on every table measured, in a tenth of the time
FOLDS = 5
MOST_KERNELS = 50_000  # rows up to which `auto` tries a kernel density estimate: each score visits every stored row


@dataclass(frozen=True, eq=False)
class Contender:
    """A model that was fitted: what it scored on validation, and how long it took."""

    name: str
    estimator: Estimator
    model: Model
    validation: Tensor
    """Log-probability of each validation row under the fit on train, `[n_validation]`; empty without a likelihood."""
    seconds: float

    @property
    def validation_mean(self) -> float:
        """What the choice is made by; `-inf` without a likelihood."""
        return float(self.validation.mean()) if len(self.validation) else -float("inf")


def choose_models(names: Sequence[str], data: Data) -> list[Estimator]:
    """The estimators for `names`; `auto` stands for those that suit the columns."""
    assert isinstance(data.space, Table)
    chosen: list[str] = []
    for name in names:
        chosen += _auto(data) if name == "auto" else [name]
    return [estimator_named(name)() for name in dict.fromkeys(chosen)]


def _auto(data: Data) -> list[str]:
    names = [name for name in (*AUTO[:-1], *AUTO_REAL, *AUTO_MANY, AUTO[-1]) if name in estimators()]
    left_out = {failure.name for failure in left_out_by_auto(("auto",), data)}
    suited = [name for name in names if name not in AUTO_REAL or _suits(estimator_named(name)(), data)]
    suited = [name for name in suited if name not in AUTO_MANY or _worth_training(estimator_named(name)(), data)]
    return [name for name in suited if name not in left_out]


def left_out_by_auto(names: Sequence[str], data: Data) -> list[Failure]:
    """What `auto` does not try on so many rows, and why; asked for by name it is tried all the same."""
    if "auto" not in names or "kde" in names or len(data) <= MOST_KERNELS:
        return []
    return [Failure("kde", f"more than {MOST_KERNELS} rows, and each score visits every stored row: --models auto,kde")]


def _suits(estimator: Estimator, data: Data) -> bool:
    try:
        estimator.codec(data)
    except PofxError:
        return False
    return True


def _worth_training(estimator: Estimator, data: Data) -> bool:
    """Whether there are rows enough for networks, a real column to map, and the package of the extra `flows`."""
    if len(data) < MANY or find_spec("zuko") is None or not _suits(estimator, data):
        return False
    target = estimator.codec(data).target
    return isinstance(target, Table) and any(isinstance(space, Real) for space in target.spaces)


def contest(
    chosen: Sequence[Estimator],
    data: Data,
    split: Split,
    *,
    plan: Plan,
    seed: int,
    shelf: Shelf | None = None,
    recorder: Recorder = SILENT,
) -> tuple[list[Contender], list[Failure]]:
    """Fit every estimator; one that fails does not stop the others.

    Args:
        chosen: what to fit; a `Stacking` among them mixes the others.
        data: all rows.
        split: their three parts.
        plan: time budget for all of them together.
        shelf: keeps each finished model, so that a killed run goes on where it stopped.
    """
    deadline = plan.deadline()
    done: list[Contender] = []
    failed: list[Failure] = []
    singles = [each for each in chosen if not isinstance(each, Stacking)]
    recorder.start("fitting", len(chosen))
    for place, each in enumerate(singles):
        share = replace(
            plan, seconds=None if deadline.at is None else _left(deadline.at) / (2 * (len(singles) - place))
        )
        try:
            done.append(_one(each, data, split, share, split_seed(seed, each.name), shelf))
        except PofxError as error:
            failed.append(Failure(each.name, str(error)))
        recorder.step(place + 1, each.name)
    if len(singles) < len(chosen):
        done += _stacked(next(each for each in chosen if isinstance(each, Stacking)), done, failed, seed)
    recorder.finish()
    if not done:
        reasons = "; ".join(f"{failure.name}: {failure.reason}" for failure in failed)
        raise FitError("no model could be fitted", got=reasons, remedy="choose other models: pofx models")
    return done, failed


def _left(at: float) -> float:
    return max(at - time.monotonic(), 0.05)


def _one(estimator: Estimator, data: Data, split: Split, plan: Plan, seed: int, shelf: Shelf | None) -> Contender:
    kept = None if shelf is None else shelf.find(estimator)
    if kept is not None:
        return Contender(estimator.name, kept.estimator, kept.model, kept.validation, kept.seconds)
    began = time.perf_counter()
    train, held = data.rows(split.train), data.rows(split.validation)
    first = estimator.fit(train, validation=held, plan=plan, seed=seed)
    scores: Tensor = torch.zeros(0, dtype=torch.float64)
    if first.likelihood is Likelihood.EXACT:
        scores = first.log_prob(held.values)
    elif first.likelihood is Likelihood.LOWER_BOUND:
        scores = first.log_prob_bound(held.values, draws=16, seed=seed)
    settled = estimator.settled(first)
    final = settled.fit(data.rows(split.fitted), plan=plan, seed=seed)
    contender = Contender(estimator.name, settled, final, scores, time.perf_counter() - began)
    if shelf is not None:
        shelf.put(estimator, settled, final, scores, contender.seconds)
    return contender


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


def winner(contenders: Sequence[Contender]) -> Contender:
    """The best validation mean among the exact models; without any, the first model of the best kind there is."""
    kind = max(contender.model.likelihood for contender in contenders)
    rivals = [contender for contender in contenders if contender.model.likelihood is kind]
    return max(rivals, key=lambda contender: np.nan_to_num(contender.validation_mean, neginf=-1e300))

"""The leaderboard: every contender on the same test rows, best first.

A bound stands above an exact score only where it is higher, and then the order is certain; what has no score is last.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch

from pofx.core.store import describe
from pofx.data.dataset import Data
from pofx.evaluate.contest import Contender
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.scores import mean_score, paired, rank_key, row_scores
from pofx.likelihood import Likelihood
from pofx.runs.records import ModelRow
from pofx.training.recorder import SILENT, Part, Recorder

DRAWS = (64, 16, 4, 1)  # of a bound, the most that take no longer than
SECONDS = 20.0
TRIED = 200  # rows by which the time is told
OWN = 500  # as many samples of the chosen model's are scored in the same way


@dataclass(frozen=True, eq=False)
class Scored:
    """A contender's scores of the test rows."""

    contender: Contender
    scores: np.ndarray
    """`[n_test]`, nats; empty without a likelihood."""
    draws: int | None
    """Of a bound."""


def score_contenders(experiment: Experiment, recorder: Recorder = SILENT) -> list[Scored]:
    """Every contender on the test rows, best first: the one time that they are scored."""
    test = experiment.test
    scored = [_scored(each, test, Part(recorder, each.name)) for each in experiment.contenders]
    recorder.finish()
    return sorted(scored, key=lambda each: (len(each.scores) == 0, rank_key(mean_score(each.scores).value)))


def leaderboard(scored: list[Scored], dims: float | None) -> list[ModelRow]:
    """Lines of the leaderboard; paired differences are to the first.

    Args:
        scored: the contenders, best first.
        dims: values of one outcome, such as the pixels of a picture; None of a table.
    """
    return [_row(each, scored[0].scores, dims) for each in scored]


def _scored(each: Contender, test: Data, recorder: Recorder) -> Scored:
    draws = _draws(each, test) if each.model.likelihood is Likelihood.LOWER_BOUND else None
    return Scored(each, row_scores(each.model, test, draws=draws or 1, seed=0, recorder=recorder), draws)


def _draws(each: Contender, test: Data) -> int:
    """As many draws as there is time for."""
    some = test.rows(torch.arange(min(TRIED, len(test))))
    began = time.perf_counter()
    row_scores(each.model, some, draws=1, seed=0)
    one = (time.perf_counter() - began) * max(len(test), OWN) / max(len(some), 1)
    return next((draws for draws in DRAWS if draws * one <= SECONDS), 1)


def _row(each: Scored, best: np.ndarray, dims: float | None) -> ModelRow:
    contender, mean = each.contender, mean_score(each.scores)
    delta = paired(each.scores, best) if len(each.scores) else mean
    bits = None if dims is None or mean.value is None else -mean.value / dims / math.log(2)
    return ModelRow(
        name=contender.name,
        likelihood=contender.model.likelihood.word,
        log_prob=mean.value,
        std_error=mean.std_error,
        delta=delta.value,
        delta_std_error=delta.std_error,
        seconds=round(contender.seconds, 3),
        parameters=contender.model.free_parameters,
        validation=contender.validation_mean if np.isfinite(contender.validation_mean) else None,
        impossible=mean.impossible,
        bits_per_dim=bits,
        draws=each.draws,
        capabilities=tuple(sorted(contender.model.capabilities)),
        estimator=describe(contender.estimator, {}),
    )

"""The leaderboard: every contender on the same test rows, best first, exact scores above bounds above none."""

from __future__ import annotations

import numpy as np

from pofx.core.store import describe
from pofx.data.dataset import Data
from pofx.evaluate.contest import Contender
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.scores import mean_score, paired, rank_key
from pofx.likelihood import Likelihood
from pofx.runs.records import ModelRow

BOUND_DRAWS = 64


def leaderboard(experiment: Experiment) -> list[ModelRow]:
    """Test scores of every contender, best first; paired differences are to the best exact model."""
    test = experiment.data.rows(experiment.split.test)
    scores = {each.name: _test_scores(each, test) for each in experiment.contenders}
    means = {name: mean_score(values) for name, values in scores.items()}
    exact = [each.name for each in experiment.contenders if each.model.likelihood is Likelihood.EXACT]
    best = min(exact or list(scores), key=lambda name: rank_key(means[name].value))
    ordered = sorted(
        experiment.contenders, key=lambda each: (-int(each.model.likelihood), rank_key(means[each.name].value))
    )
    return [_row(each, scores, best) for each in ordered]


def _test_scores(each: Contender, test: Data) -> np.ndarray:
    if each.model.likelihood is Likelihood.EXACT:
        return np.asarray(each.model.log_prob(test.values).cpu().numpy())
    if each.model.likelihood is Likelihood.LOWER_BOUND:
        return np.asarray(each.model.log_prob_bound(test.values, draws=BOUND_DRAWS, seed=0).cpu().numpy())
    return np.zeros(0)


def _row(each: Contender, scores: dict[str, np.ndarray], best: str) -> ModelRow:
    own = scores[each.name]
    mean = mean_score(own)
    delta = paired(own, scores[best]) if len(own) else mean
    return ModelRow(
        name=each.name,
        likelihood=each.model.likelihood.word,
        log_prob=mean.value,
        std_error=mean.std_error,
        delta=delta.value,
        delta_std_error=delta.std_error,
        seconds=round(each.seconds, 3),
        parameters=each.model.free_parameters,
        validation=each.validation_mean if np.isfinite(each.validation_mean) else None,
        impossible=mean.impossible,
        capabilities=tuple(sorted(each.model.capabilities)),
        estimator=describe(each.estimator, {}),
    )

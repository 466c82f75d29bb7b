"""Per-row scores of several models on the same rows, as means and paired differences with standard errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pofx.core.contract import Model
from pofx.data.dataset import Data, on_end
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.training.recorder import SILENT, Recorder

NUMBERS = 1 << 21  # values scored at once
SYMBOLS = 1 << 17  # of sequences, whose networks keep much more of each


def row_scores(model: Model, data: Data, *, draws: int, seed: int, recorder: Recorder = SILENT) -> np.ndarray:
    """Log-probability of each row, nats `[n]`; of a bounded model its bound with so many draws; empty without either.

    Args:
        model: fitted.
        data: rows of the model's space; of pictures and sequences only a block is ever unpacked.
        draws: importance samples of a bound.
        seed: of a bound.
        recorder: told of progress.
    """
    if model.likelihood is Likelihood.NONE:
        return np.zeros(0)
    scores = np.zeros(len(data))
    recorder.start("scoring", len(data))
    for start, stop in _blocks(data):
        scores[start:stop] = _scores(model, data.block(start, stop), draws, split(seed, "rows", start))
        recorder.step(stop)
    recorder.finish()
    return scores


def as_rows_of(space: Space, x: Tensor) -> Data:
    """Outcomes in tensor form as data."""
    return on_end(Data(space, x))


def _blocks(data: Data) -> Iterator[tuple[int, int]]:
    """First rows and ends of blocks that fit into memory."""
    if data.ends is None:
        size = max(1, NUMBERS // max(1, math.prod(data.values.shape[1:])))
        yield from ((start, min(start + size, len(data))) for start in range(0, len(data), size))
        return
    start, longest = 0, 0
    for row, length in enumerate(data.lengths.tolist()):
        if row > start and max(longest, length) * (row + 1 - start) > SYMBOLS:
            yield start, row
            start, longest = row, 0
        longest = max(longest, length)
    if len(data):
        yield start, len(data)


def _scores(model: Model, values: Tensor, draws: int, seed: int) -> np.ndarray:
    if model.likelihood is Likelihood.EXACT:
        return np.asarray(model.log_prob(values).detach().cpu().numpy())
    return np.asarray(model.log_prob_bound(values, draws=draws, seed=seed).detach().cpu().numpy())


@dataclass(frozen=True)
class Mean:
    """A mean over rows; None where a row has probability zero, since minus infinity is no number to print."""

    value: float | None
    std_error: float | None
    impossible: int


def mean_score(scores: np.ndarray) -> Mean:
    """Mean and standard error of per-row log-probabilities `[n]`, nats."""
    impossible = int(np.isneginf(scores).sum())
    if impossible or not len(scores):
        return Mean(None, None, impossible)
    error = float(scores.std(ddof=1) / math.sqrt(len(scores))) if len(scores) > 1 else None
    return Mean(float(scores.mean()), error, 0)


def paired(scores: np.ndarray, reference: np.ndarray) -> Mean:
    """Mean of `scores - reference` row by row `[n]`, which is much surer than the difference of two means."""
    with np.errstate(invalid="ignore"):
        difference = scores - reference
    if not np.isfinite(difference).all():
        return Mean(None, None, int((~np.isfinite(difference)).sum()))
    return mean_score(difference)


def rank_key(mean: float | None) -> float:
    """For sorting, best first: a model with an impossible row, or without a likelihood, comes last."""
    return math.inf if mean is None else -mean

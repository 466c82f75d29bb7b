"""Per-row scores of several models on the same rows, as means and paired differences with standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


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

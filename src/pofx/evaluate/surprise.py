"""How surprising a row is: the share of the model's own samples that are at most as probable.

A small value says "the model would rarely draw a row this improbable". It is a p-value for one row, uniform on [0, 1]
over rows from the model itself. It does not detect every outlier: a row can be odd and yet probable.
"""

from __future__ import annotations

import math

import numpy as np

from pofx.core.contract import Model
from pofx.evaluate.scores import as_rows_of, row_scores
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.sequence import Sequence
from pofx.spaces.table import Table
from pofx.training.recorder import SILENT, Recorder

DRAWS, DRAWS_OF_PICTURES = 10_000, 500
VALUES = 1 << 25  # pixels of all pictures that are drawn at once: 256 MiB
SYMBOLS = 1 << 16  # of all sequences that are drawn: each is a pass through a network
LEAST = 16


def affordable(pictures: int, dims: int) -> int:
    """As many of so many pictures, of `dims` values each, as are kept in memory; of photographs few."""
    return min(pictures, max(LEAST, VALUES // dims))


def reference_scores(
    model: Model, *, seed: int, draws: int | None = None, bound_draws: int = 1, recorder: Recorder = SILENT
) -> np.ndarray:
    """Sorted log-probabilities of the model's own samples, `[draws]`; of a bounded model its bounds.

    Args:
        model: with a likelihood.
        seed: of the samples.
        draws: how many; 10,000 rows or 500 pictures when None, fewer of large pictures and of sequences.
        bound_draws: importance samples of each bound.
        recorder: told of progress.
    """
    samples = model.draw(draws or _many(model.space), seed=split(seed, "surprise"))
    return np.sort(row_scores(model, as_rows_of(model.space, samples), draws=bound_draws, seed=seed, recorder=recorder))


def _many(space: Space) -> int:
    """Draws that take seconds and not minutes."""
    if isinstance(space, Table):
        return DRAWS
    if isinstance(space, Sequence):
        return min(DRAWS_OF_PICTURES, max(LEAST, SYMBOLS // space.length))
    return affordable(DRAWS_OF_PICTURES, math.prod(space.event_shape))


def surprise(log_prob: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """`(1 + #{reference <= log_prob}) / (1 + draws)`, `[n]`, never zero (Phipson & Smyth 2010)."""
    return (1 + np.searchsorted(reference, log_prob, side="right")) / (1 + len(reference))

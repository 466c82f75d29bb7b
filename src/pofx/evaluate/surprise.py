"""How surprising a row is: the share of the model's own samples that are at most as probable.

A small value says "the model would rarely draw a row this improbable". It is a p-value for one row, uniform on [0, 1]
over rows from the model itself. It does not detect every outlier: a row can be odd and yet probable.
"""

from __future__ import annotations

import numpy as np
import torch

from pofx.core.contract import Model
from pofx.rng import split

DRAWS = 10_000


def reference_scores(model: Model, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Sorted log-probabilities of the model's own samples, `[draws]`."""
    samples = model.draw(draws, seed=split(seed, "surprise"))
    scores: torch.Tensor = model.log_prob(samples)
    return np.sort(scores.detach().cpu().numpy())


def surprise(log_prob: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """`(1 + #{reference <= log_prob}) / (1 + draws)`, `[n]`, never zero (Phipson & Smyth 2010)."""
    return (1 + np.searchsorted(reference, log_prob, side="right")) / (1 + len(reference))

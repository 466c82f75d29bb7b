"""Probability integral transforms of held-out rows under a model's own samples: flat where the model is right.

The transform is a randomised rank among the samples, so that ties, atoms and counts need no special case.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

BINS = 20


def ranks(values: np.ndarray, samples: np.ndarray, *, seed: int) -> np.ndarray:
    """Where each value stands among the samples, uniform on [0, 1] if both have the same law, `[n]`.

    Args:
        values: `[n]`, finite.
        samples: `[m]`, finite.
        seed: breaks ties.
    """
    ordered = np.sort(samples)
    below = np.searchsorted(ordered, values, side="left")
    at_most = np.searchsorted(ordered, values, side="right")
    u = np.random.default_rng(seed).random(len(values))
    return (below + u * (at_most - below + 1)) / (len(samples) + 1)


def flatness(transforms: np.ndarray, bins: int = BINS) -> tuple[tuple[float, ...], float | None]:
    """Shares in equal bins of [0, 1], and the p-value of a Kolmogorov-Smirnov test for a flat law."""
    if not len(transforms):
        return (), None
    counts, _ = np.histogram(transforms, bins=bins, range=(0, 1))
    return tuple((counts / len(transforms)).tolist()), float(stats.kstest(transforms, "uniform").pvalue)

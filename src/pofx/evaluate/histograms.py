"""Scores of held-out rows and of a model's own samples in common bins."""

from __future__ import annotations

import numpy as np


def score_edges(scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Edges of 40 bins for both; none where nothing is finite."""
    finite = np.concatenate([scores[np.isfinite(scores)], reference[np.isfinite(reference)]])
    if not len(finite):
        return np.zeros(0)
    low, high = np.quantile(finite, 0.002), finite.max()
    return np.linspace(low, high if high > low else low + 1, 41)


def shares(values: np.ndarray, edges: np.ndarray) -> tuple[float, ...]:
    """Share of the values in each bin; what lies beyond the ends is counted in the end bins."""
    if not len(edges) or not len(values):
        return ()
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return tuple((counts / len(values)).tolist())

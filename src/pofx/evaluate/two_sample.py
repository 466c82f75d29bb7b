"""Classifier two-sample test: can a classifier tell a model's samples from held-out rows? (Lopez-Paz & Oquab 2017)

Five-fold cross-validated accuracy of gradient-boosted trees; 0.5 is chance. The standard error is binomial.
"""

from __future__ import annotations

import numpy as np

from pofx.divergences.two_sample.classifier import FEWEST, Trees, held_out, judged
from pofx.runs.evidence import TwoSample

MOST = 2_000  # rows of each kind
TREES = Trees(iterations=100, leaves=31, rate=0.1, selected=False)


def c2st(real: np.ndarray, drawn: np.ndarray, *, seed: int) -> TwoSample | None:
    """Accuracy of telling `drawn` `[m, d]` from `real` `[n, d]`; None with fewer than 25 rows."""
    n = min(len(real), len(drawn), MOST)
    if n < FEWEST:
        return None
    random = np.random.default_rng(seed)
    rows = np.concatenate([real[random.permutation(len(real))[:n]], drawn[random.permutation(len(drawn))[:n]]])
    label = np.repeat([0, 1], n)
    method = "gradient-boosted trees, 5 folds"
    test = judged(held_out(rows, label, TREES, None, seed), label, method)
    return TwoSample(accuracy=test.accuracy, std_error=test.std_error, auc=test.auc, rows=n, classifier=method)

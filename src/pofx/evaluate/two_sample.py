"""Classifier two-sample test: can a classifier tell a model's samples from held-out rows? (Lopez-Paz & Oquab 2017)

Five-fold cross-validated accuracy of gradient-boosted trees; 0.5 is chance. The standard error is binomial.
"""

from __future__ import annotations

import math

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pofx.runs.records import TwoSample

MOST = 2_000  # rows of each kind
FEWEST = 25


def c2st(real: np.ndarray, drawn: np.ndarray, *, seed: int) -> TwoSample | None:
    """Accuracy of telling `drawn` `[m, d]` from `real` `[n, d]`; None with fewer than 25 rows."""
    n = min(len(real), len(drawn), MOST)
    if n < FEWEST:
        return None
    random = np.random.default_rng(seed)
    rows = np.concatenate([real[random.permutation(len(real))[:n]], drawn[random.permutation(len(drawn))[:n]]])
    label = np.repeat([0, 1], n)
    trees = HistGradientBoostingClassifier(max_iter=100, random_state=seed % 2**31)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed % 2**31)
    score = cross_val_predict(trees, rows, label, cv=folds, method="predict_proba")[:, 1]
    accuracy = float(((score > 0.5) == label).mean())
    return TwoSample(
        accuracy=accuracy,
        std_error=math.sqrt(0.25 / (2 * n)),
        auc=float(roc_auc_score(label, score)),
        rows=n,
        classifier="gradient-boosted trees, 5 folds",
    )

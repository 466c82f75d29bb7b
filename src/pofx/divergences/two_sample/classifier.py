"""Classifier two-sample test: can a classifier tell held-out rows of two samples apart, and what does that prove?

Accuracy and area under the ROC curve of gradient-boosted trees, cross-fitted in five folds: each row is judged by trees
that never saw it (Lopez-Paz & Oquab 2017, ICLR). From the same held-out log ratio T of a row come lower bounds that
hold for any classifier, good or bad:

    JS(P, Q)  >= ln 2 - balanced held-out cross entropy
    TV(P, Q)  >= 2 * balanced accuracy - 1
    KL(P||Q)  >= 1 + E_P T - E_Q exp T                 (Nguyen, Wainwright & Jordan 2010, IEEE TIT 56)

They hold in expectation; each is measured on finite rows, so it comes with a standard error. The Donsker-Varadhan form
E_P T - log E_Q exp T is tighter but its plug-in is biased upward, so it is not used. T is clipped to +- log of the
rows: any function gives a bound, and one far-off row must not decide. Limits: a bound says nothing from above; in many
dimensions with few rows the trees see little. Columns may be categorical (codes) and values missing (NaN). Cost: some
ten fits of small trees, at most `MOST` rows of each sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

from pofx.divergences.estimate import Estimate, Nature
from pofx.errors import SpaceError
from pofx.rng import numpy_generator, split

FEWEST = 25  # rows of each sample
MOST = 20_000
FOLDS = 5


@dataclass(frozen=True)
class Trees:
    """Gradient-boosted trees: how many, how deep, how slowly.

    Args:
        iterations: trees at most.
        leaves: of each tree.
        rate: learning rate.
        selected: the number of trees, from none, that does best on a fifth of the training rows, then fitted on all of
            them: probabilities near one half where nothing can be told.
    """

    iterations: int = 150
    leaves: int = 6
    rate: float = 0.07
    selected: bool = True

    def classifier(
        self, iterations: int, seed: int, categorical: Sequence[bool] | None
    ) -> HistGradientBoostingClassifier:
        """Unfitted trees."""
        return HistGradientBoostingClassifier(
            max_iter=iterations, max_leaf_nodes=self.leaves, learning_rate=self.rate, early_stopping=False,
            random_state=seed % 2**31, categorical_features=None if categorical is None else list(categorical),
        )  # fmt: skip


@dataclass(frozen=True)
class ClassifierTest:
    """What the classifier could tell, and what it said about each held-out row."""

    accuracy: float
    """Mean of both samples' shares of rows told right; 0.5 is chance."""
    std_error: float
    """Binomial, at chance."""
    auc: float
    p_value: float
    """Of the accuracy under chance, one-sided, normal; approximate, since the folds share training rows."""
    ratio_p: np.ndarray
    """Held-out log p/q of each row of the first sample, clipped, `[n]`."""
    ratio_q: np.ndarray
    """The same for the second sample, `[m]`."""
    method: str

    @property
    def rows(self) -> int:
        """Rows judged, of both samples."""
        return len(self.ratio_p) + len(self.ratio_q)


def classifier_test(
    x: np.ndarray, y: np.ndarray, *, categorical: Sequence[bool] | None = None, trees: Trees = Trees(),
    most: int = MOST, seed: int = 0,
) -> ClassifierTest:  # fmt: skip
    """Judge rows of `x` `[n, d]` and `y` `[m, d]` by trees that did not see them.

    Args:
        x, y: numbers; NaN is "missing"; categorical columns hold codes.
        categorical: `[d]`, which columns are labels.
        trees: the classifier.
        most: above so many rows of a sample, a random choice of them.
        seed: folds and choice.
    """
    a, b = _chosen(x, most, seed, "x"), _chosen(y, most, seed, "y")
    if a.shape[1] != b.shape[1]:
        raise SpaceError("two samples must have the same columns", got=f"{a.shape[1]} and {b.shape[1]} columns")
    rows = np.concatenate([a, b])
    if categorical is not None:
        rows = _few_labels(rows, np.asarray(categorical, dtype=bool))
    label = np.repeat([0, 1], [len(a), len(b)])
    return judged(held_out(rows, label, trees, categorical, seed), label, _method(trees, len(a) < len(x), a, b))


def _method(trees: Trees, chosen: bool, a: np.ndarray, b: np.ndarray) -> str:
    method = f"gradient-boosted trees of {trees.leaves} leaves, {FOLDS} folds"
    return f"{method}, on {len(a):,} and {len(b):,} rows chosen at random" if chosen else method


def _chosen(values: np.ndarray, most: int, seed: int, name: str) -> np.ndarray:
    rows = np.asarray(values, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if len(rows) < FEWEST:
        raise SpaceError("too few rows to train a classifier", got=f"{len(rows)}", expected=f"{FEWEST} of each sample")
    if np.isinf(rows).any():
        raise SpaceError("a value is infinite", where=f"row {int(np.isinf(rows).any(1).argmax()) + 1}")
    if len(rows) <= most:
        return rows
    return rows[numpy_generator(split(seed, "rows", name)).choice(len(rows), most, replace=False)]


def _few_labels(rows: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Codes 0 to 254 by frequency in both samples together: the trees take no more, the rarest share the last."""
    rows = rows.copy()
    for j in np.flatnonzero(categorical):
        seen = ~np.isnan(rows[:, j])
        _, code, counts = np.unique(rows[seen, j], return_inverse=True, return_counts=True)
        rank = np.empty(len(counts))
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        rows[seen, j] = np.minimum(rank[code], 254)
    return rows


def held_out(
    rows: np.ndarray, label: np.ndarray, trees: Trees, categorical: Sequence[bool] | None, seed: int
) -> np.ndarray:
    """Probability of label 1 for each row, as if both labels were equally frequent, by trees without it: `[n + m]`."""
    balance = len(label) / (2 * np.bincount(label))[label]
    weights = None if np.ptp(balance) == 0 else balance
    probability = np.full(len(label), 0.5)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**31)
    for train, test in folds.split(rows, label):
        own = None if weights is None else weights[train]
        count = _best_count(rows[train], label[train], own, trees, categorical, seed)
        if count:
            fitted = trees.classifier(count, seed, categorical).fit(rows[train], label[train], sample_weight=own)
            probability[test] = fitted.predict_proba(rows[test])[:, 1]
    return probability


def _best_count(
    rows: np.ndarray, label: np.ndarray, weights: np.ndarray | None, trees: Trees,
    categorical: Sequence[bool] | None, seed: int,
) -> int:  # fmt: skip
    """How many trees do best on a fifth of these rows; 0 if none helps."""
    if not trees.selected:
        return trees.iterations
    w = np.ones(len(label)) if weights is None else weights
    inner, outer = train_test_split(np.arange(len(label)), test_size=0.2, stratify=label, random_state=seed % 2**31)
    fitted = trees.classifier(trees.iterations, seed, categorical).fit(
        rows[inner], label[inner], sample_weight=w[inner]
    )
    stages = fitted.staged_predict_proba(rows[outer])
    losses = [log_loss(label[outer], p[:, 1], sample_weight=w[outer], labels=[0, 1]) for p in stages]
    best = int(np.argmin(losses))
    return best + 1 if losses[best] < math.log(2) else 0


def judged(probability: np.ndarray, label: np.ndarray, method: str) -> ClassifierTest:
    """Accuracy, area and log ratios from held-out probabilities of label 1, `[n + m]`."""
    n, m = np.bincount(label)
    right = (probability > 0.5) == label
    accuracy = float((right[label == 0].mean() + right[label == 1].mean()) / 2)
    error = math.sqrt((1 / n + 1 / m) / 16)
    most = math.log(len(label))
    with np.errstate(divide="ignore"):
        ratio = np.clip(np.log1p(-probability) - np.log(probability), -most, most)
    return ClassifierTest(
        accuracy, error, float(roc_auc_score(label, probability)), float(stats.norm.sf((accuracy - 0.5) / error)),
        ratio[label == 0], ratio[label == 1], method,
    )  # fmt: skip


def js_lower_bound(test: ClassifierTest) -> Estimate:
    """At most the Jensen-Shannon divergence, in expectation."""
    p, q = -np.logaddexp(0, -test.ratio_p), -np.logaddexp(0, test.ratio_q)  # held-out log-probability of the truth
    value = math.log(2) + float(p.mean() + q.mean()) / 2
    return _bound(test, "JS", value, math.hypot(_error(p), _error(q)) / 2, "P, Q", "nats")


def tv_lower_bound(test: ClassifierTest) -> Estimate:
    """At most the total variation distance, in expectation."""
    p, q = (test.ratio_p >= 0).astype(float), (test.ratio_q < 0).astype(float)
    return _bound(test, "TV", float(p.mean() + q.mean()) - 1, math.hypot(_error(p), _error(q)), "P, Q", "")


def kl_lower_bound(test: ClassifierTest, *, backward: bool = False) -> Estimate:
    """At most KL(P || Q), or KL(Q || P) `backward`, in expectation."""
    p, q = (-test.ratio_q, -test.ratio_p) if backward else (test.ratio_p, test.ratio_q)
    e = np.exp(q)
    value = 1 + float(p.mean() - e.mean())
    return _bound(test, "KL", value, math.hypot(_error(p), _error(e)), "Q || P" if backward else "P || Q", "nats")


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def _bound(test: ClassifierTest, name: str, value: float, error: float, direction: str, units: str) -> Estimate:
    """Zero is a bound too: a negative one is replaced by it, and said."""
    note = "" if value >= 0 else f"the classifier's own bound is {value:.2g}; zero is always one"
    return Estimate(
        max(value, 0.0), error, Nature.LOWER_BOUND, f"lower bound by held-out {test.method}", units=units,
        direction=direction, draws=test.rows, name=name, note=note,
    )  # fmt: skip

"""Classifier two-sample test: accuracy, and lower bounds that stay below the truth."""

import numpy as np
import pytest

from pofx.divergences.estimate import Nature
from pofx.divergences.two_sample.classifier import (
    Trees,
    classifier_test,
    js_lower_bound,
    kl_lower_bound,
    tv_lower_bound,
)
from pofx.errors import SpaceError

TRUTH = {"JS": 0.11142148, "TV": 0.38292492, "KL": 0.5}  # N(0, 1) against N(1, 1)
QUICK = Trees(iterations=40, rate=0.2)


def judged(shift, seed, n=400, m=300):
    random = np.random.default_rng(seed)
    return classifier_test(random.normal(size=n), random.normal(shift, 1, m), trees=QUICK, seed=seed)


def test_bounds_come_near_the_truth_from_below():
    tests = [judged(1.0, seed) for seed in range(3)]
    for bound in (js_lower_bound, tv_lower_bound, kl_lower_bound):
        found = [bound(t) for t in tests]
        truth = TRUTH[found[0].name]
        assert np.mean([e.value for e in found]) < truth + 0.5 * found[0].std_error
        assert np.mean([e.value for e in found]) > 0.5 * truth
        assert sum(e.value > truth + 2 * e.std_error for e in found) == 0
        assert found[0].nature is Nature.LOWER_BOUND and ">=" in str(found[0])
    assert all(t.p_value < 1e-6 and t.auc > 0.7 for t in tests)


def test_equal_laws_give_almost_nothing():
    tests = [judged(0.0, seed) for seed in range(4)]
    for bound in (js_lower_bound, tv_lower_bound, kl_lower_bound):
        assert sum(bound(t).value > 2.5 * bound(t).std_error for t in tests) == 0
        assert all(bound(t).value >= 0 for t in tests)
    assert np.mean([js_lower_bound(t).value for t in tests]) < 0.005
    assert sum(t.p_value < 0.05 for t in tests) <= 1


def test_labels_missing_values_and_uneven_sizes():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 400, (600, 2)).astype(float), random.integers(0, 400, (200, 2)).astype(float)
    y[:, 0] = np.where(random.random(200) < 0.7, 3.0, y[:, 0])
    x[random.random(600) < 0.5, 1] = np.nan
    test = classifier_test(x, y, categorical=[True, False], trees=QUICK, seed=1)
    assert test.accuracy > 0.7 and len(test.ratio_p) == 600 and len(test.ratio_q) == 200
    assert np.isfinite(test.ratio_p).all() and 0 < js_lower_bound(test).value < np.log(2)
    assert kl_lower_bound(test, backward=True).direction == "Q || P"


def test_no_overlap_and_odd_input():
    x = np.linspace(0, 1, 100)
    apart = classifier_test(x, x + 5, trees=QUICK)
    assert apart.accuracy == 1 and 0.6 < js_lower_bound(apart).value <= np.log(2) and np.isfinite(apart.ratio_q).all()
    with pytest.raises(SpaceError, match="too few rows"):
        classifier_test(x[:5], x)
    with pytest.raises(SpaceError, match="same columns"):
        classifier_test(np.zeros((30, 2)), np.zeros((30, 3)))

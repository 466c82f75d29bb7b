"""Energy distance: the published constant, both forms, weights, blocks, and odd input."""

import numpy as np
import pytest
from scipy import stats

from pofx.divergences.two_sample.energy import energy_distance
from pofx.errors import SpaceError

CONSTANT = 0.54180658  # N(0, 1) against N(1, 1)


def pair(shift=1.0, n=300, m=200, d=1, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(size=(m, d)) + np.r_[shift, np.zeros(d - 1)]


def naive(x, y, w, v, unbiased):
    def mean(a, b, s, t, same=False):
        weights = np.outer(s, t) * (1 - np.eye(len(a)) if same and unbiased else 1)
        return (weights * np.sqrt(((a[:, None] - b) ** 2).sum(-1))).sum() / weights.sum()

    return 2 * mean(x, y, w, v) - mean(x, x, w, w, True) - mean(y, y, v, v, True)


def test_equal_quantiles_give_the_constant():
    x = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert energy_distance(x, x + 1, unbiased=False).value == pytest.approx(CONSTANT, abs=2e-5)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("d", [1, 3])
def test_agrees_with_the_obvious_sums_weighted_or_not(unbiased, d):
    x, y = pair(d=d, n=70, m=50)
    x[:20], y[:20] = x[20:40], x[20:40]  # ties within and between
    random = np.random.default_rng(1)
    w, v = random.random(70), random.random(50)
    flat = energy_distance(x, y, unbiased=unbiased, block=16)
    assert flat.value == pytest.approx(naive(x, y, np.ones(70), np.ones(50), unbiased), abs=1e-12)
    weighted = energy_distance(x, y, unbiased=unbiased, x_weights=w, y_weights=3 * v)
    assert weighted.value == pytest.approx(naive(x, y, w, v, unbiased), abs=1e-12)


def test_sorting_and_blocks_agree_in_value_and_error():
    x, y = pair()
    line, plane = energy_distance(x, y), energy_distance(np.c_[x, 0 * x], np.c_[y, 0 * y], block=64)
    assert line.value == pytest.approx(plane.value, abs=1e-12)
    assert line.std_error == pytest.approx(plane.std_error, rel=1e-9)
    assert energy_distance(x, y, unbiased=False).value == pytest.approx(
        stats.energy_distance(x[:, 0], y[:, 0]) ** 2, abs=1e-12
    )


@pytest.mark.parametrize("pairs", [10**9, 6_500])
def test_unbiased_with_an_honest_error(pairs):
    found = []
    for seed in range(150):
        x, y = pair(n=120, m=100, seed=seed)
        found.append(energy_distance(np.c_[x, 0 * x], np.c_[y, 0 * y], pairs=pairs, seed=seed))
    values = np.array([e.value for e in found])
    assert abs(values.mean() - CONSTANT) < 4 * values.std() / np.sqrt(len(values))
    assert np.mean([e.std_error for e in found]) == pytest.approx(values.std(), rel=0.25)
    assert ("blocks of rows" in found[0].method) == (pairs == 6_500)


def test_the_same_law_is_zero_up_to_its_error_and_shifts_change_nothing():
    x, y = pair(shift=0.0, n=2000, m=1500)
    same = energy_distance(x, y)
    assert abs(same.value) < 4 * same.std_error
    moved = energy_distance(x + 1e6, y + 1e6)
    assert moved.value == pytest.approx(same.value, abs=1e-8)
    assert energy_distance(x, x, unbiased=False).value == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(
    ("x", "y", "weights", "told"),
    [
        (np.zeros((0, 2)), np.zeros((5, 2)), None, "too small"),
        (np.zeros((1, 2)), np.zeros((5, 2)), None, "too small"),
        (np.zeros((4, 2)), np.zeros((5, 3)), None, "same columns"),
        (np.array([[0.0], [np.nan]]), np.zeros((5, 1)), None, "row 2"),
        (np.zeros((3, 1)), np.zeros((5, 1)), np.array([1.0, -1.0, 1.0]), "no weights"),
        (np.zeros((3, 1)), np.zeros((5, 1)), np.array([1.0, 0.0, 0.0]), "no weights"),
    ],
    ids=["empty", "one", "columns", "missing", "negative", "one-weight"],
)
def test_what_has_no_answer_gets_one_line(x, y, weights, told):
    with pytest.raises(SpaceError, match=told) as error:
        energy_distance(x, y, x_weights=weights)
    assert "\n" not in str(error.value)

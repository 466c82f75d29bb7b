"""Maximum mean discrepancy: the published constant, blocks, kernels, bandwidths and errors."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pofx.divergences.two_sample.mmd import (
    Gaussian,
    InverseMultiquadric,
    Laplace,
    Mixture,
    bandwidths,
    median_distance,
    mmd_squared,
)

CONSTANT = 0.17726763  # N(0, 1) against N(1, 1), kernel exp(-r^2 / 2)
KERNELS = {
    "gaussian": (Gaussian(0.7), lambda r: np.exp(-(r**2) / (2 * 0.49))),
    "laplace": (Laplace(0.7), lambda r: np.exp(-r / 0.7)),
    "multiquadric": (InverseMultiquadric(0.7), lambda r: 1 / np.sqrt(1 + r**2 / 0.49)),
    "mixture": (
        Mixture((Gaussian(1.0), Laplace(2.0))),
        lambda r: (np.exp(-(r**2) / 2) + np.exp(-r / 2)) / 2,
    ),
}


def pair(shift=1.0, n=300, m=200, d=1, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(shift, 1, size=(m, d))


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("name", KERNELS)
def test_agrees_with_the_obvious_sums(name, unbiased):
    kernel, of = KERNELS[name]
    x, y = pair(d=3, n=60, m=50)

    def within(a):
        k = of(cdist(a, a))
        return (k.sum() - np.trace(k)) / (len(a) * (len(a) - 1)) if unbiased else k.mean()

    expected = within(x) + within(y) - 2 * of(cdist(x, y)).mean()
    assert mmd_squared(x, y, kernel, unbiased=unbiased).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("unbiased", [True, False])
def test_blocks_change_nothing(unbiased):
    x, y = pair(d=2, n=257, m=130)
    whole = mmd_squared(x, y, unbiased=unbiased)
    for block in (1000, 64, 7):
        cut = mmd_squared(x, y, unbiased=unbiased, block=block)
        assert cut.value == pytest.approx(whole.value, abs=1e-12)
        assert cut.std_error == pytest.approx(whole.std_error, abs=1e-12)


@pytest.mark.parametrize("pairs", [10**9, 6_500])
def test_unbiased_with_an_honest_error(pairs):
    found = [mmd_squared(*pair(n=120, m=100, seed=s), Gaussian(1.0), pairs=pairs, seed=s) for s in range(150)]
    values = np.array([e.value for e in found])
    assert abs(values.mean() - CONSTANT) < 4 * values.std() / np.sqrt(len(values))
    assert np.mean([e.std_error for e in found]) == pytest.approx(values.std(), rel=0.25)
    assert ("blocks of rows" in found[0].method) == (pairs == 6_500)


def test_weights_are_repeated_rows_in_the_biased_form():
    x, y = pair(n=20, m=30)
    counts = np.random.default_rng(1).integers(1, 4, 20)
    repeated = mmd_squared(np.repeat(x, counts, 0), y, Gaussian(1.0), unbiased=False).value
    weighted = mmd_squared(x, y, Gaussian(1.0), unbiased=False, x_weights=counts.astype(float)).value
    assert weighted == pytest.approx(repeated, abs=1e-12)


def test_bandwidth_follows_the_units_and_survives_one_repeated_point():
    x, y = pair(d=2)
    assert median_distance(1e6 * x, 1e6 * y, seed=0) == pytest.approx(1e6 * median_distance(x, y, seed=0))
    assert mmd_squared(1e-9 * x, 1e-9 * y).value == pytest.approx(mmd_squared(x, y).value, rel=1e-6)
    assert mmd_squared(np.ones((5, 1)), np.ones((6, 1))).value == 0
    assert len(bandwidths(x, y).kernels) == 5 and mmd_squared(x, y, bandwidths(x, y)).value > 0.05


def test_the_same_law_is_zero_up_to_its_error():
    same = mmd_squared(*pair(shift=0.0, n=1500, m=1000, d=3))
    assert abs(same.value) < 4 * same.std_error


def test_a_small_sample_against_a_very_large_one_keeps_the_cost():
    x, y = pair(n=4000, m=60)
    found = mmd_squared(x, y, Gaussian(1.0), pairs=100_000)
    assert "of 572 and 60 rows chosen at random" in found.method and "2 blocks" in found.method
    assert abs(found.value - CONSTANT) < 4 * found.std_error

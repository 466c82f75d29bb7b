"""Neighbour estimators from samples: known answers, invariances, ties, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import digamma

from pofx.divergences.engine.nearest import ratio
from pofx.divergences.engine.nearest import search as searching
from pofx.divergences.engine.nearest.divergence import kl
from pofx.divergences.engine.nearest.entropy import cross_entropy, entropy
from pofx.divergences.engine.nearest.information import mutual_information
from pofx.divergences.engine.nearest.search import Tree, balls_among_others
from pofx.divergences.estimate import Estimate, Nature
from pofx.errors import PofxError

NORMAL_ENTROPY = 0.5 * math.log(2 * math.pi * math.e)


def normals(n: int, d: int = 1, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    x[:, 0] += shift
    return x


X, Y = normals(4000), normals(4000, seed=1, shift=1.0)


def near(found: Estimate, truth: float, extra: float = 0.0) -> None:
    assert found.std_error is not None and found.std_error > 0
    assert abs(found.value - truth) < 3 * found.std_error + extra, found


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_search_is_exact_in_any_block_and_leaves_out_by_position(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).integers(0, 4, (60, 2)).astype(float)  # many ties
    monkeypatch.setattr(searching, "BUDGET", size)
    distance = np.sqrt(((x[:, None] - x) ** 2).sum(-1)) + np.where(np.eye(60) > 0, np.inf, 0.0)
    found = np.empty((60, 3))
    for rows, distances, indices in Tree(x).others(3):
        found[rows] = distances
        assert (indices != rows[:, None]).all()
    np.testing.assert_array_equal(found, np.sort(distance, 1)[:, :3])
    balls = balls_among_others(Tree(x), 3, np.full(60, 1 / 60))
    assert balls.use.sum() == pytest.approx(3) and balls.mass == pytest.approx(3 / 59)


def test_kl_is_the_published_formula() -> None:
    x, y = normals(50, 2), normals(70, 2, 1) * 2
    z = np.concatenate([x, y])
    found = kl(x, y, k=3)
    assert abs(found.value) < 3 and found.units == "nats" and found.nature is Nature.ASYMPTOTICALLY_UNBIASED
    x1, y1 = x[:, :1], y[:, :1]  # in one column the scale cancels altogether
    rho = np.sort(np.abs(x1 - x1.T), 1)[:, 3]
    nu = np.sort(np.abs(x1 - y1.T), 1)[:, 2]
    assert kl(x1, y1, k=3).value == pytest.approx(np.log(nu / rho).mean() + math.log(70 / 49), abs=1e-9)
    assert found.draws == len(z)


def test_one_dimensional_normals() -> None:
    near(kl(X, Y), 0.5)
    near(kl(Y, X), 0.5)
    near(entropy(X), NORMAL_ENTROPY)
    near(cross_entropy(X, Y), NORMAL_ENTROPY + 0.5)


@pytest.mark.parametrize(
    ("measure", "truth", "extra"),
    [
        (ratio.jensen_shannon, 0.11142148, 0.0),
        (ratio.total_variation, 0.38292492, 0.01),
        (ratio.hellinger_squared, 0.11750310, 0.0),
        (ratio.chi_square, math.e - 1, 0.0),
        (lambda x, y: ratio.renyi(x, y, 0.5), 0.25, 0.0),
        (lambda x, y: ratio.alpha_divergence(x, y, 0.5), 4 * (1 - math.exp(-1 / 8)), 0.0),
    ],
    ids=["JS", "TV", "Hellinger", "chi2", "Renyi", "alpha"],
)
def test_ratio_measures(measure: Callable[..., Estimate], truth: float, extra: float) -> None:
    near(measure(X, Y), truth, extra)


@pytest.mark.parametrize("measure", [ratio.jensen_shannon, ratio.total_variation, ratio.hellinger_squared])
def test_symmetric_measures_are_symmetric_and_bounded(measure: Callable[..., Estimate]) -> None:
    x, y = normals(300, 2), normals(200, 2, 1, 0.5)
    assert measure(x, y).value == pytest.approx(measure(y, x).value, abs=1e-12)
    most = math.log(2) if measure is ratio.jensen_shannon else 1.0
    far = measure(x, y + 100.0)
    assert 0.9 * most < far.value <= most
    same = [measure(normals(100, 1, s), normals(100, 1, s + 50)) for s in range(8)]
    assert all(0 <= e.value <= most for e in same) and all(e.note for e in same if e.value == 0)


def test_correlated_normals_in_five_columns() -> None:
    a = np.array([[1.0, 0.6, 0.3, 0.0, 0.0]] * 5) * np.tri(5, 5, 2)
    s0 = a @ a.T + np.eye(5)
    s1 = 1.3 * s0
    x = np.random.default_rng(0).multivariate_normal(np.zeros(5), s0, 5000)
    y = np.random.default_rng(1).multivariate_normal(np.full(5, 0.2), s1, 5000)
    shift = np.full(5, 0.2)
    truth = 0.5 * (5 / 1.3 + shift @ np.linalg.solve(s1, shift) - 5 + 5 * math.log(1.3))
    near(kl(x, y), truth, 0.05)  # the bias at d = 5: it decays as n^(-1/5)
    near(entropy(x), 5 * NORMAL_ENTROPY + 0.5 * np.linalg.slogdet(s0)[1], 0.05)


def test_units_do_not_matter() -> None:
    x, y = normals(400, 3), normals(500, 3, 1, 0.5)
    scale, shift = np.array([1e-6, 3.0, 7e5]), np.array([5.0, -100.0, 0.1])
    for measure in (kl, ratio.jensen_shannon, ratio.chi_square):
        assert measure(x * scale + shift, y * scale + shift).value == pytest.approx(measure(x, y).value, abs=1e-7)
    moved = entropy(x * scale + shift).value - entropy(x).value
    assert moved == pytest.approx(np.log(scale).sum(), abs=1e-7)
    u, v = x[:, :1] * 1e4 + 3, x[:, 1:] * np.array([2.0, 1e-3])
    assert mutual_information(u, v).value == pytest.approx(mutual_information(x[:, :1], x[:, 1:]).value, abs=1e-7)


def test_one_wild_value_does_not_flatten_a_column() -> None:
    x, y = normals(1000, 2), normals(1000, 2, 1, 1.0)
    calm = kl(x, y).value
    x[0, 0] = 1e12
    assert kl(x, y).value == pytest.approx(calm, abs=0.1)


def test_values_may_be_negative() -> None:  # trap 17
    found = [kl(normals(200, 1, s), normals(200, 1, s + 100)).value for s in range(10)]
    assert min(found) < 0 < max(found) and abs(np.mean(found)) < 0.06
    assert min(mutual_information(normals(100, 1, s), normals(100, 1, s + 50)).value for s in range(10)) < 0


def test_the_standard_error_is_calibrated() -> None:
    runs = [kl(normals(300, 1, s), normals(300, 1, s + 1000, 1.0)) for s in range(150)]
    ratio_of_errors = np.mean([e.std_error for e in runs]) / np.std([e.value for e in runs])
    assert 0.8 < ratio_of_errors < 1.35
    runs = [entropy(normals(300, 1, s)) for s in range(150)]
    assert 0.8 < np.mean([e.std_error for e in runs]) / np.std([e.value for e in runs]) < 1.35


def test_rounded_values_with_their_step() -> None:  # trap 18
    x, y = np.round(X, 1), np.round(Y, 1)
    assert kl(x, y, steps=0.05).value == pytest.approx(kl(X, Y).value, abs=0.03)
    assert entropy(x, steps=[0.05]).value == pytest.approx(entropy(X).value, abs=0.01)
    assert kl(x, y, steps=0.05, seed=3) == kl(x, y, steps=0.05, seed=3)
    assert ratio.jensen_shannon(x, y, steps=0.05).value == pytest.approx(0.1114, abs=0.02)


def test_ties_without_a_step_reach_past() -> None:
    x, y = np.round(X, 1), np.round(Y, 1)
    found = kl(x, y)
    assert found.value == pytest.approx(0.5, abs=0.1) and "repeated" in found.note
    few = X.copy()
    few[:100] = 0.25
    assert math.isfinite(entropy(few).value) and "100 rows" in entropy(few).note
    with pytest.raises(PofxError, match=r"most rows repeat others.*steps"):
        entropy(x)


def test_an_atom_in_both_is_compared_by_counts() -> None:
    random = np.random.default_rng(0)
    x, y = normals(4000), normals(4000, seed=1)
    x[random.random(4000) < 0.6], y[random.random(4000) < 0.3] = 0.0, 0.0
    near(kl(x, y), 0.6 * math.log(2) + 0.4 * math.log(0.4 / 0.7))


def test_weights_stand_for_the_distribution() -> None:
    s = 2 * normals(4000, seed=5)
    w = np.exp(-(s[:, 0] ** 2) * 3 / 8)
    near(kl(s, Y, weights=w), 0.5)
    near(kl(X, s, other_weights=w), 0.0, 0.01)
    near(entropy(s, weights=w), NORMAL_ENTROPY, 0.02)
    assert kl(X, Y, weights=np.full(4000, 7.0)).value == pytest.approx(kl(X, Y).value)
    half = np.arange(4000) < 2000
    assert kl(X, Y, weights=half * 1.0).value == pytest.approx(kl(X[:2000], Y).value)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_information_of_a_bivariate_normal(rho: float) -> None:
    x, e = normals(3000), normals(3000, seed=9)
    near(mutual_information(x, rho * x + math.sqrt(1 - rho * rho) * e), -0.5 * math.log(1 - rho * rho))


def test_information_is_the_published_formula() -> None:
    z = normals(80, 2)
    u, v = z[:, :1], z[:, 1:] + 0.5 * z[:, :1]
    sx, sy = (np.subtract(*np.quantile(c, [0.75, 0.25])) for c in (u, v))
    found = mutual_information(u, v, k=3).value
    assert sx > 0 and sy > 0
    from pofx.divergences.engine.nearest.sample import whitening

    a, b = (np.abs(c - c.T) for c in (whitening(u)(u), whitening(v)(v)))
    radius = np.sort(np.maximum(a, b), 1)[:, 3]
    inside = [(c < radius[:, None] * (1 - 1e-12)).sum(1) for c in (a, b)]
    expected = digamma(3) + digamma(80) - (digamma(inside[0]) + digamma(inside[1])).mean()
    assert found == pytest.approx(expected, abs=1e-12)


def test_information_with_labels_and_atoms() -> None:
    random = np.random.default_rng(0)
    a = random.integers(0, 5, 3000).astype(float)
    b = a + 2 * random.random(3000)
    truth = math.log(5) - 0.8 * math.log(2)
    near(mutual_information(a, b, discrete_x=True), truth)
    near(mutual_information(b, 97 - 13 * a, discrete_y=[True]), truth)
    near(mutual_information(a, b), truth, 0.01)  # atoms unflagged
    c = (a + random.integers(0, 2, 3000)) % 5
    near(mutual_information(a, c, discrete_x=True, discrete_y=True), math.log(2.5), 0.005)


def test_null_reads_as_nothing() -> None:
    for found in (kl(X, Y, null=True), ratio.jensen_shannon(X, Y, null=True), mutual_information(X, X + Y, null=True)):
        assert found.null is not None and abs(found.null) < 0.06 < found.value
    found = cross_entropy(X, Y, null=True)
    assert found.null == pytest.approx(NORMAL_ENTROPY, abs=0.06)
    assert kl(X, Y).null is None and kl(X, Y, null=True, seed=1).null != kl(X, Y, null=True, seed=2).null


def test_heavy_tails_are_flagged() -> None:
    found = ratio.alpha_divergence(X, Y * 0.3, 4.0)
    assert "heavy tails" in found.note


SAME = np.ones((30, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kl(np.empty((0, 1)), Y), "x is empty"),
        (lambda: kl(X[:1], Y), "x has too few rows for 5 neighbours; got 1 rows"),
        (lambda: kl(X, Y[:5]), "y has too few rows"),
        (lambda: kl(X, Y, k=0), "not a positive number"),
        (lambda: kl([0.0, math.nan, 1.0], Y), "x has values that are not finite.*row 1"),
        (lambda: kl(normals(50, 2), Y), "different columns; got 2 and 1"),
        (lambda: kl(SAME, SAME), "column 0 has one value in all rows.*remedy"),
        (lambda: kl(np.zeros(30), Y), "all rows of x are the same"),
        (lambda: kl(normals(9, 12), normals(3, 12), k=2), "12 rows cannot tell the scale of 12 columns"),
        (lambda: entropy(np.repeat(normals(99, 1), 2, 1)), "column 1 is a combination"),
        (lambda: entropy("abc"), "x is not a table of numbers"),
        (lambda: entropy(np.ones((2, 2, 2))), "wrong shape"),
        (lambda: kl(X, Y, weights=-np.ones(4000)), "weights of x are not usable.*-1"),
        (lambda: kl(X, Y, other_weights=np.ones(3)), r"weights of y are not usable; got shape \(3,\)"),
        (lambda: kl(X, Y, steps=-1.0), "half-widths"),
        (lambda: mutual_information(X, Y[:9]), "rows that belong together"),
        (lambda: mutual_information(X, Y, discrete_x=[True, False]), "one flag per column"),
        (lambda: mutual_information(X, Y, discrete_x=True), "no combination of discrete values occurs twice"),
        (lambda: ratio.renyi(X, Y, 1.0), "use kl"),
        (lambda: ratio.jensen_shannon(X[:3], Y, k=3), "too few rows"),
    ],
)
def test_bad_input_is_one_clear_line(call: Callable[[], Estimate], words: str) -> None:
    with pytest.raises(PofxError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)

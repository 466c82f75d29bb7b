"""The histogram: bin rules against numpy and brute force, the model against numpy, scipy and its own laws."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy import stats
from scipy.integrate import quad
from scipy.special import gammaln

from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.data.marron_wand import marron_wand
from pofx.errors import FitError, SpaceError
from pofx.models.histogram.cells import count_of, joint_keys, merged
from pofx.models.histogram.estimator import Histogram
from pofx.models.histogram.model import HistogramModel
from pofx.models.histogram.rules import Sorted, bayesian_blocks, equal_edges, knuth_score, rule_edges
from pofx.models.histogram.streaming import fill, merge
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table

PLAIN = {"smoothing": 0.0, "tails": False}


def _normal(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 2, n)


def _inner(model: Model) -> HistogramModel:
    inner = getattr(model, "inner", model)
    assert isinstance(inner, HistogramModel)
    return inner


# Rules --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "theirs"), [("freedman_diaconis", "fd"), ("scott", "scott"), ("sturges", "sturges")])
@pytest.mark.parametrize("n", [10, 137, 2000])
def test_the_classical_rules_are_numpys(rule: str, theirs: Any, n: int) -> None:
    for x in (_normal(n), np.random.default_rng(n).exponential(size=n), np.round(_normal(n))):
        np.testing.assert_allclose(
            rule_edges(Sorted.of(x), rule), np.histogram_bin_edges(x, bins=theirs), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("rule", ["freedman_diaconis", "scott", "sturges", "knuth", "bayesian_blocks"])
def test_rules_move_with_the_units_and_count_weights_as_repetition(rule: str) -> None:
    x = _normal(300)
    weights = np.random.default_rng(1).integers(0, 4, 300).astype(float)
    edges = rule_edges(Sorted.of(x), rule)
    np.testing.assert_allclose(rule_edges(Sorted.of(1000 * x - 7), rule), 1000 * edges - 7, rtol=1e-9)
    weighted = rule_edges(Sorted.of(x, weights), rule)
    np.testing.assert_allclose(weighted, rule_edges(Sorted.of(np.repeat(x, weights.astype(int))), rule), rtol=1e-12)


def test_knuth_is_the_best_of_all_numbers_of_bins() -> None:
    x = np.concatenate([_normal(200), _normal(100, 1) / 10])
    data = Sorted.of(x)

    def posterior(k: int) -> float:
        counts = np.histogram(x, bins=k)[0]
        n = len(x)
        prior = n * math.log(k) + gammaln(k / 2) - k * gammaln(0.5) - gammaln(n + k / 2)
        return float(prior + sum(gammaln(c + 0.5) for c in counts))

    best = max(range(1, 101), key=posterior)
    assert len(rule_edges(data, "knuth")) - 1 == best
    assert knuth_score(data.in_bins(equal_edges(data, 7))) == pytest.approx(posterior(7), rel=1e-12)


def _brute_force_blocks(values: np.ndarray, counts: np.ndarray) -> float:
    """The best penalised log-likelihood over all partitions of the values' own cells."""
    middles = 0.5 * (values[1:] + values[:-1])
    cuts = np.concatenate([[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]])
    penalty = 4 - math.log(73.53 * 0.05 * counts.sum() ** -0.478)
    m, best = len(values), -math.inf
    for inner in (choice for k in range(m) for choice in combinations(range(1, m), k)):
        ends = [0, *inner, m]
        score = 0.0
        for a, b in pairwise(ends):
            inside = counts[a:b].sum()
            score += inside * math.log(inside / (cuts[b] - cuts[a])) - penalty
        best = max(best, score)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_bayesian_blocks_finds_the_best_of_all_partitions(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.sort(np.concatenate([random.uniform(0, 1, 5), random.uniform(0.4, 0.42, 6)]))
    counts = random.integers(1, 9, len(values)).astype(float)
    edges = bayesian_blocks(Sorted(values, counts))
    inside = Sorted(values, counts).in_bins(edges)
    penalty = 4 - math.log(73.53 * 0.05 * counts.sum() ** -0.478)
    score = float(np.sum(inside * np.log(inside / np.diff(edges)) - penalty))
    assert score == pytest.approx(_brute_force_blocks(values, counts), rel=1e-12)
    assert len(edges) > 2


def test_bayesian_blocks_has_no_bias_at_the_ends_and_takes_zero_weights() -> None:
    even = np.arange(100.0)
    assert list(bayesian_blocks(Sorted.of(even))) == [-0.5, 99.5]  # half a cell beyond either end: density is 1 exactly
    with_nothing = Sorted.of(np.append(even, 1e6), np.append(np.ones(100), 0.0))
    assert list(bayesian_blocks(with_nothing)) == [-0.5, 99.5]
    step = np.concatenate([np.linspace(0, 1, 400), np.linspace(1, 2, 40)[1:]])
    edges = bayesian_blocks(Sorted.of(step))
    assert len(edges) == 3
    assert edges[1] == pytest.approx(1.0, abs=0.05)


def test_bayesian_blocks_of_many_values_are_found_on_groups() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(0, 1, 20_000), random.uniform(0.5, 0.6, 9_000)])
    edges = bayesian_blocks(Sorted.of(x))
    assert min(abs(edges - 0.5)) < 0.002
    assert min(abs(edges - 0.6)) < 0.002


# The model against numpy and scipy ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", ["freedman_diaconis", "knuth", "bayesian_blocks", 12])
def test_one_column_without_smoothing_is_scipys_rv_histogram(bins: Any) -> None:
    x = _normal(500)
    model = Histogram(bins=bins, **PLAIN).fit(x)
    data = Sorted.of(x)
    edges = rule_edges(data, bins) if isinstance(bins, str) else equal_edges(data, bins)
    law = stats.rv_histogram(np.histogram(x, edges), density=False)
    at = np.linspace(-6, 12, 301)
    np.testing.assert_allclose(np.exp(model.log_prob(at)), law.pdf(at), rtol=1e-10)
    np.testing.assert_allclose(model.cdf(at), law.cdf(at), atol=1e-12)
    u = np.linspace(0.0103, 0.9899, 50)  # at k / 500 an empty bin would leave the choice
    np.testing.assert_allclose(model.ppf(u), law.ppf(u), atol=1e-9)


def test_several_columns_without_smoothing_are_numpys_histogramdd() -> None:
    x = np.random.default_rng(0).normal(size=(400, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.3], [0, 0, 2]])
    model = Histogram(bins=(3, 5, 4), **PLAIN).fit(x)
    density, edges = np.histogramdd(x, bins=(3, 5, 4), density=True)
    place = [np.searchsorted(e, x[:, j], side="right").clip(1, len(e) - 1) - 1 for j, e in enumerate(edges)]
    np.testing.assert_allclose(np.exp(model.log_prob(x)), density[tuple(place)], rtol=1e-10)
    middle = np.stack(np.meshgrid(*[0.5 * (e[1:] + e[:-1]) for e in edges], indexing="ij"), -1).reshape(-1, 3)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(model.log_prob(middle), np.log(density.ravel()), rtol=1e-10)


def test_smoothing_is_the_back_off_to_the_product_of_marginals() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2))
    a = 5.0
    model = Histogram(bins=4, smoothing=a, tails=False).fit(x)
    counts, first, second = np.histogram2d(x[:, 0], x[:, 1], bins=4)
    one = (counts.sum(1) + a / 4) / (200 + a)
    two = (counts.sum(0) + a / 4) / (200 + a)
    mass = (counts + a * np.outer(one, two)) / (200 + a)
    middle = np.stack(np.meshgrid(*[0.5 * (e[1:] + e[:-1]) for e in (first, second)], indexing="ij"), -1).reshape(-1, 2)
    density = mass / np.outer(np.diff(first), np.diff(second))
    np.testing.assert_allclose(model.log_prob(middle), np.log(density.ravel()), rtol=1e-12)


def test_explicit_edges_in_user_units_and_whole_numbers() -> None:
    x = np.array([0, 0, 1, 4, 5, 9, 10, 10], dtype=float)
    space = Table(("x",), (Integer(0),), "vector")
    model = Histogram(edges=((0, 5, 10),), **PLAIN).fit(x, space=space)
    np.testing.assert_allclose(np.exp(model.log_prob(np.arange(11.0))), [4 / 8 / 5] * 5 + [4 / 8 / 6] * 6)
    assert model.log_prob([11.0])[0] == -np.inf
    real = Histogram(edges=((0.0, 2.0, 10.0),), **PLAIN).fit(x, space=Table(("x",), (Real(),), "vector"))
    np.testing.assert_allclose(np.exp(real.log_prob([1.0, 3.0, 10.0])), [3 / 8 / 2, 5 / 8 / 8, 5 / 8 / 8])


# Laws ---------------------------------------------------------------------------------------------------------------


LINES = {
    "real": (Real(), _normal(300), -np.inf, np.inf),
    "positive": (Positive(), np.exp(_normal(300) / 3), 0.0, np.inf),
    "interval": (Interval(-10.0, 20.0), _normal(300), -10.0, 20.0),
    "circle": (Circle(6.0, origin=1.0), np.mod(_normal(300), 6.0) + 1.0, 1.0, 7.0),
    "rounded": (Real(resolution=0.5), np.round(2 * _normal(300)) / 2, -np.inf, np.inf),
}


@pytest.mark.parametrize("bins", ["held_out", "scott", 5])
@pytest.mark.parametrize("name", LINES)
def test_the_mass_of_a_line_is_one_and_its_cdf_is_the_integral(name: str, bins: Any) -> None:
    space, x, low, high = LINES[name]
    model = Histogram(bins=bins).fit(x, space=Table(("x",), (space,), "vector"))
    inner = _inner(model)
    edges = [float(e) for e in inner.edges if math.isfinite(e)]
    total = 0.0
    for a, b in pairwise([low, *[e for e in edges if low < e < high], high]):
        total += quad(lambda v: float(np.exp(model.log_prob(np.array([v]))[0])), a, b, epsabs=1e-12)[0]
        if math.isfinite(b) and not (name == "circle" and b == high):  # there a circle begins again
            assert model.cdf([b])[0] == pytest.approx(total, abs=1e-9)
    assert total == pytest.approx(1.0, abs=1e-9)
    drawn = model.sample(3000, seed=0)
    assert np.isfinite(model.log_prob(drawn)).all()
    assert stats.kstest(drawn, model.cdf).pvalue > 1e-4


@pytest.mark.parametrize("space", [Integer(0), Integer(), Integer(0, 40)])
def test_the_mass_of_counts_is_one_with_tails_over_whole_numbers(space: Integer) -> None:
    x = np.random.default_rng(0).poisson(7.0, 200).astype(float)
    model = Histogram().fit(x, space=Table(("x",), (space,), "vector"))
    k = np.arange(-3000 if space.low is None else 0, 41 if space.high == 40 else 3000, dtype=float)
    p = np.exp(model.log_prob(k))
    assert p.sum() == pytest.approx(1.0, abs=1e-8)
    np.testing.assert_allclose(np.cumsum(p)[::40], model.cdf(k)[::40], atol=1e-8)
    drawn = model.sample(4000, seed=1)
    assert np.array_equal(drawn, np.round(drawn))
    assert abs(drawn.mean() - x.mean()) < 0.5
    assert model.log_prob([2.0])[0] > model.log_prob([39.0])[0] > -np.inf


def _mixed(n: int, seed: int = 0) -> tuple[pl.DataFrame, Table]:
    random = np.random.default_rng(seed)
    colour = random.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1])
    count = random.poisson(np.where(colour == "red", 1.0, 4.0))
    size = np.where(random.random(n) < 0.3 + 0.3 * (count > 2), np.nan, random.normal(count, 0.5))
    frame = pl.DataFrame({"colour": colour, "count": count, "size": size}).with_columns(pl.col("size").fill_nan(None))
    space = Table(("colour", "count", "size"), (Category(("red", "green", "blue")), Integer(0, 12), Maybe(Real())))
    return frame, space


@pytest.mark.parametrize("options", [{}, {"bins": "scott", "smoothing": 2.0}, {"bins": 3}])
def test_the_mass_of_a_mixed_table_with_missing_values_is_one(options: dict[str, Any]) -> None:
    frame, space = _mixed(800)
    model = Histogram(**options).fit(frame, space=space)
    inner = _inner(model)
    assert len(inner.joint) >= 2
    edges = inner._edges(3).numpy()  # of size
    points = [0.5 * (a + b) for a, b in pairwise(edges) if math.isfinite(b - a)]
    widths = [b - a for a, b in pairwise(edges) if math.isfinite(b - a)]
    tails = inner.axis(3).share[[0, -1]]
    total = 0.0
    for colour in range(4):
        for count in range(13):
            rows = torch.tensor([[colour, count, v] for v in [*points, np.nan]], dtype=torch.float64)
            p = torch.exp(model.log_prob(rows.requires_grad_(False)))
            total += float(p[:-1] @ torch.tensor(widths, dtype=torch.float64) + p[-1])
            for sign, k in ((-1, 0), (1, -1)):  # an open end: its density at excess 0 is 4 / scale of its mass
                edge = torch.tensor([[colour, count, edges[1] - 1e-9 if sign < 0 else edges[-2]]], dtype=torch.float64)
                total += float(torch.exp(model.log_prob(edge))[0]) * float(inner.scales[3, k]) / 4
    assert float(tails.min()) > 0
    assert total == pytest.approx(1.0, abs=1e-6)


def test_samples_of_a_mixed_table_follow_the_law() -> None:
    frame, space = _mixed(1500)
    model = Histogram().fit(frame, space=space)
    drawn = space.read(model.sample(20_000, seed=3)).numpy()
    observed = np.zeros((4, 13, 2))
    np.add.at(observed, (drawn[:, 0].astype(int), drawn[:, 1].astype(int), np.isnan(drawn[:, 2]).astype(int)), 1)
    pair = model.marginal(["colour", "count"])
    for missing in (0, 1):
        flagged = _inner(model).marginal(("colour", "count", "size is"))
        cells = np.array([[c, k, missing] for c in range(4) for k in range(13)], dtype=float)
        expected = 20_000 * torch.exp(flagged.log_prob(torch.tensor(cells))).numpy().reshape(4, 13)
        seen = expected > 5
        chi = ((observed[:, :, missing] - expected)[seen] ** 2 / expected[seen]).sum()
        assert stats.chi2.sf(chi, int(seen.sum())) > 1e-4
    both = np.array([[c, k] for c in range(4) for k in range(13)], dtype=float)
    assert np.exp(pair.log_prob(torch.tensor(both)).numpy()).sum() == pytest.approx(1.0, abs=1e-12)
    known = np.isfinite(drawn[:, 2]) & (drawn[:, 0] == 0)
    law = model.condition({"colour": "red"}).marginal(["size"])
    assert stats.kstest(drawn[known, 2], law.cdf).pvalue > 1e-4


def test_marginals_and_conditionals_are_sums_of_the_joint() -> None:
    frame, space = _mixed(800)
    frame, space = frame.drop("size"), space.select(["colour", "count"])
    model = Histogram(smoothing=0.7, bins=4).fit(frame, space=space)
    grid = torch.tensor([[c, k] for c in range(4) for k in range(13)], dtype=torch.float64)
    joint = torch.exp(model.log_prob(grid)).reshape(4, 13)
    count = torch.exp(model.marginal(["count"]).log_prob(torch.arange(13.0).double()))
    torch.testing.assert_close(joint.sum(0), count, rtol=1e-12, atol=1e-14)
    for code, label in enumerate(["red", "green", "blue"]):
        given = torch.exp(model.condition({"colour": label}).log_prob(torch.arange(13.0).double()))
        torch.testing.assert_close(given, joint[code] / joint[code].sum(), rtol=1e-10, atol=1e-14)
    swapped = model.marginal(["count", "colour"])
    torch.testing.assert_close(swapped.log_prob(grid[:, [1, 0]]), model.log_prob(grid), rtol=1e-12, atol=1e-12)
    back = model.condition({"count": 3}).cdf(torch.arange(4.0).double()).numpy()
    np.testing.assert_allclose(back, torch.cumsum(joint[:, 3] / joint[:, 3].sum(), 0).numpy(), atol=1e-12)


def test_conditioning_on_the_impossible_says_so() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    model = Histogram(bins=3, **PLAIN).fit(x)
    with pytest.raises(SpaceError, match="probability zero"):
        model.condition({model.space.names[0]: 99.0})


def test_weights_are_repetition_and_zero_is_absence() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(150, 2)) @ np.array([[1, 0.9], [0, 0.4]])
    weights = random.integers(0, 4, 150).astype(float)
    repeated = np.repeat(x, weights.astype(int), axis=0)
    at = random.normal(size=(100, 2))
    for options in ({}, {"bins": "knuth"}, {"bins": 4, "smoothing": 1.0}):
        weighted = Histogram(**options).fit(x, weights=weights, seed=1)  # type: ignore[arg-type]
        np.testing.assert_allclose(
            weighted.log_prob(at),
            Histogram(**options).fit(repeated, seed=1, space=weighted.space).log_prob(at),  # type: ignore[arg-type]
            rtol=1e-10,
        )


@pytest.mark.parametrize("options", [{"smoothing": 0.0}, {"smoothing": 1.5}, {"smoothing": 1.0, "tails": False}])
def test_filling_and_merging_equal_the_fit_of_the_whole(options: dict[str, Any]) -> None:
    x = np.random.default_rng(0).normal(size=(300, 2)) @ np.array([[1, 0.5], [0, 1]])
    space = Table(("a", "b"), (Real(), Real()), "numpy")
    estimator = Histogram(edges=((-3, -1, 0, 1, 3), (-2, 0, 2)), **options)
    whole, first, second = (estimator.fit(part, space=space) for part in (x, x[:100], x[100:]))
    at = np.random.default_rng(1).normal(size=(200, 2)) * 1.5
    np.testing.assert_allclose(merge(first, second).log_prob(at), whole.log_prob(at), rtol=1e-12)
    streamed = first
    for start in range(100, 300, 50):
        streamed = fill(streamed, torch.tensor(x[start : start + 50]))
    np.testing.assert_allclose(streamed.log_prob(at), whole.log_prob(at), rtol=1e-12)
    assert not np.array_equal(first.log_prob(at), whole.log_prob(at))
    with pytest.raises(FitError, match="same cells"):
        merge(first, Histogram(bins=3, **options).fit(x, space=space))


def test_units_shift_every_log_probability_exactly() -> None:
    x = np.exp(_normal(400) / 2)
    for space, change in ((Real(), lambda v: 1000 * v - 5), (Positive(), lambda v: 1000 * v)):
        table = Table(("x",), (space,), "vector")
        one, other = Histogram().fit(x, space=table), Histogram().fit(change(x), space=table)
        at = np.exp(_normal(100, 5) / 2)
        np.testing.assert_allclose(one.log_prob(at) - math.log(1000), other.log_prob(change(at)), atol=1e-7)


def test_a_model_is_stored_whole(tmp_path: Path) -> None:
    frame, space = _mixed(300)
    model = Histogram().fit(frame, space=space)
    save(model, tmp_path / "h.safetensors")
    again = load(tmp_path / "h.safetensors")
    assert np.array_equal(again.log_prob(frame), model.log_prob(frame))
    assert again.sample(20, seed=1).equals(model.sample(20, seed=1))
    assert again.free_parameters == model.free_parameters > 10


# Choosing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 5, 7, 10, 14])
def test_held_out_bins_come_near_the_truth_and_near_the_best_rule(k: int) -> None:
    f = marron_wand(k)
    x, y = f.sample(1000, seed=k), f.sample(20_000, seed=100 + k)
    rules = ["held_out", "freedman_diaconis", "scott", "sturges", "knuth", "bayesian_blocks"]
    loss = {rule: float(np.mean(f.log_prob(y) - Histogram(bins=rule).fit(x).log_prob(y))) for rule in rules}  # type: ignore[arg-type]
    assert -0.01 < loss["held_out"] < 0.08
    assert loss["held_out"] < min(loss.values()) + 0.015


def test_many_independent_columns_fall_back_to_the_product() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(400, 12)), random.normal(size=(1000, 12))
    for bins in ("held_out", 10):
        model = Histogram(bins=bins).fit(x)  # type: ignore[arg-type]
        apart = sum(model.marginal([name]).log_prob(y[:, j]) for j, name in enumerate(model.space.names))
        assert np.mean(model.log_prob(y) - apart) > -0.2
        assert np.isfinite(model.log_prob(10 * y)).all()


def test_dependence_is_found_in_two_and_in_many_columns() -> None:
    random = np.random.default_rng(0)
    x, y = (random.normal(size=(n, 6)) for n in (2000, 3000))
    for z in (x, y):
        z[:, 5] = z[:, 2] + 0.3 * z[:, 5]
    model = Histogram().fit(x)
    apart = sum(model.marginal([name]).log_prob(y[:, j]) for j, name in enumerate(model.space.names))
    gain = model.log_prob(y) - apart
    mutual = -0.5 * math.log(1 - 1 / 1.09)
    assert 0.75 * mutual < gain.mean() < mutual + 4 * gain.std() / math.sqrt(len(gain))
    assert {2, 5} <= set(_inner(model).joint)


def test_validation_rows_decide_where_given() -> None:
    x = _normal(400)
    narrow = np.full(200, 3.0) + np.random.default_rng(1).normal(size=200) * 1e-3
    plain, swayed = Histogram().fit(x), Histogram().fit(x, validation=narrow)
    assert swayed.log_prob(narrow).mean() > plain.log_prob(narrow).mean()


def test_ties_rounding_and_no_spread_stay_finite() -> None:
    table = Table(("x",), (Real(),), "vector")
    spiked = np.concatenate([np.zeros(500), _normal(500)])
    assert Histogram().fit(spiked, space=table).log_prob([0.0])[0] < math.log(1e6)
    for bins in ("held_out", "freedman_diaconis", "knuth", "bayesian_blocks", 4):
        same = Histogram(bins=bins).fit(np.full(20, 7.0), space=table)  # type: ignore[arg-type]
        assert np.isfinite(same.log_prob([7.0, 8.0])).all()
        assert Histogram(bins=bins).fit([1.5], space=table).log_prob([1.5])[0] > -np.inf  # type: ignore[arg-type]
    rounded = Table(("x",), (Real(resolution=1.0),), "vector")
    model = Histogram(bins=4000).fit(np.round(_normal(300) * 10), space=rounded)
    widths = torch.diff(_inner(model).edges)
    assert float(widths.min()) > 0.5
    chosen = _inner(Histogram().fit(np.round(_normal(5000) * 10), space=rounded))
    finite = chosen.edges[torch.isfinite(chosen.edges)]
    np.testing.assert_allclose(np.mod(finite.numpy(), 1.0), 0.5, atol=1e-6)


def test_an_empty_bin_is_a_choice() -> None:
    x = np.concatenate([_normal(100), [50.0]])
    assert Histogram(bins=20, smoothing=0.0).fit(x).log_prob([30.0])[0] == -np.inf
    assert Histogram(bins=20).fit(x).log_prob([30.0])[0] > -20
    assert Histogram(bins=20).fit(x).log_prob([500.0])[0] > -30
    assert Histogram(bins=20, tails=False).fit(x).log_prob([500.0])[0] == -np.inf


def test_a_label_never_seen_has_a_sensible_probability() -> None:
    space = Table(("x",), (Category(tuple("abcde")),))
    often = pl.DataFrame({"x": list("aaaabbbbcccc") * 20})
    p = np.exp(Histogram().fit(often, space=space).log_prob(pl.DataFrame({"x": ["a", "d", "zebra"]})))
    assert 0.3 < p[0] < 0.34
    assert 0 < p[1] < 0.02
    assert 0.001 < p[2] < 0.02
    letters = tuple(map(str, range(50)))
    rare = pl.DataFrame({"x": letters})
    q = np.exp(Histogram().fit(rare, space=Table(("x",), (Category(letters),))).log_prob(pl.DataFrame({"x": ["new"]})))
    assert q[0] > 0.2  # every label was new when it came (Good 1953)


# Cells and mistakes -------------------------------------------------------------------------------------------------


def test_cells_are_found_even_where_keys_would_overflow() -> None:
    random = np.random.default_rng(0)
    rows = torch.tensor(random.integers(0, 50_000, (300, 9)))
    rows = torch.cat([rows, rows[:40]])
    cells, counts = merged(rows, torch.ones(340, dtype=torch.float64))
    assert len(cells) == 300
    assert counts.sum() == 340
    assert cells.tolist() == sorted(cells.tolist())
    np.testing.assert_array_equal(count_of(cells, counts, rows[:60]), [2.0] * 40 + [1.0] * 20)
    changed = rows[:10].clone()
    changed[:, 4] += 1
    assert float(count_of(cells, counts, changed).sum()) == 0
    keys = joint_keys([rows])[0]
    assert torch.equal(torch.argsort(keys[:300]), torch.tensor(sorted(range(300), key=lambda i: rows[i].tolist())))


def test_mistakes_are_named() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(FitError, match="cannot be negative"):
        Histogram(smoothing=-1.0)
    with pytest.raises(FitError, match="at least one bin"):
        Histogram(bins=0)
    with pytest.raises(FitError, match="increasing"):
        Histogram(edges=((1.0, 1.0),))
    with pytest.raises(FitError, match=r"one entry for each column.*got 3; expected 2"):
        Histogram(bins=(2, 2, 2)).fit(x)
    with pytest.raises(FitError, match="only a histogram"):
        fill(_NotOne(), torch.zeros(1, 1))


class _NotOne(Model):
    free_parameters = 0

    def __init__(self) -> None:
        super().__init__(Table(("x",), (Real(),)))

    def _sample(self, n: int, generator: torch.Generator, given: Any) -> Any:
        return torch.zeros(n, 1)


def test_the_same_seed_gives_the_same_model_whatever_the_order_of_rows() -> None:
    x = np.random.default_rng(0).normal(size=(400, 2)) @ np.array([[1, 1], [0, 0.5]])
    at = x[:50] + 0.1
    one = Histogram().fit(x, seed=3)
    assert np.array_equal(one.log_prob(at), Histogram().fit(x, seed=3).log_prob(at))
    other = Histogram().fit(x[::-1].copy(), seed=3)
    np.testing.assert_allclose(one.log_prob(at), other.log_prob(at), rtol=1e-12)
    in_two = np.concatenate([one.log_prob(at[:7]), one.log_prob(at[7:])])
    np.testing.assert_allclose(in_two, one.log_prob(at), rtol=1e-13)


def test_rows_without_weight_or_value_do_no_harm() -> None:
    values = torch.tensor([[0.0, 1.0], [1.0, torch.nan], [2.0, 2.0], [2.0, torch.nan], [0.0, 3.0]], dtype=torch.float64)
    table = Table(("group", "v"), (Category((0, 1, 2), open=False), Maybe(Real())), "torch")
    data = Data(table, values, torch.tensor([1.0, 2.0, 0.0, 1.0, 1.0], dtype=torch.float64))
    model = Histogram(bins=2, smoothing=1.0).fit(data)
    again = Histogram(bins=2, smoothing=1.0).fit(Data(table, values[[0, 1, 1, 3, 4]]))
    assert torch.isfinite(model.log_prob(values)).all()
    torch.testing.assert_close(model.log_prob(values), again.log_prob(values), rtol=1e-12, atol=0)
    never = Data(table, torch.tensor([[0.0, torch.nan], [1.0, torch.nan]], dtype=torch.float64))
    assert torch.isfinite(Histogram().fit(never).log_prob(values)).all()

"""The kernel density estimate: its kernels, its bandwidths, its algebra, and what it does with odd data."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError, LikelihoodError
from pofx.models.kde import lattice
from pofx.models.kde.bandwidth import RULES, sheather_jones
from pofx.models.kde.columns import Lattice, Reflected, Ring, Smooth, smooth_column
from pofx.models.kde.estimator import KDE
from pofx.models.kde.kernels import KERNELS, KernelName
from pofx.models.kde.model import KDEModel
from pofx.models.kde.sums import log_kernel_sums
from pofx.rng import generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table
from pofx.training.plan import Plan

NAMES = list(KERNELS)


def normals(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def table(**columns: tuple[Scalar, list[float] | np.ndarray]) -> Data:
    values = torch.stack([torch.as_tensor(np.asarray(x, dtype=float)) for _, x in columns.values()], 1)
    return Data(Table(tuple(columns), tuple(space for space, _ in columns.values()), "torch"), values)


def kde(data: Data, **options: object) -> KDEModel:
    """The model itself, in coded units: for tables that need no codec."""
    model = KDE(**options).fit(data)  # type: ignore[arg-type]
    assert isinstance(model, KDEModel)
    return model


def mixed(n: int = 60, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    x = rng.standard_normal(n) + 3 * label
    return table(
        x=(Real(), x),
        y=(Real(), 0.8 * x + 0.5 * rng.standard_normal(n)),
        angle=(Circle(360.0), np.mod(20 * rng.standard_normal(n) + 90 * label, 360)),
        share=(Interval(0.0, 1.0), rng.beta(2, 1 + label)),
        count=(Integer(0), rng.poisson(2 + 3 * label)),
        label=(Category((0, 1)), label),
    )


# Kernels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_kernel_is_a_density_of_unit_deviation_with_its_cdf(name: str) -> None:
    kernel = KERNELS[name]

    def density(u: float) -> float:
        return float(torch.exp(kernel.log_density(torch.tensor([u], dtype=torch.float64)))[0])

    reach = min(kernel.reach, 40.0)
    points = [-1 / kernel.deviation, 0.0, 1 / kernel.deviation]
    mass = integrate.quad(density, -reach, reach, points=points, limit=200)[0]
    variance = integrate.quad(lambda u: u * u * density(u), -reach, reach, points=points, limit=200)[0]
    assert mass == pytest.approx(1, abs=1e-9)
    assert variance == pytest.approx(1, abs=1e-6)
    for u in (-3.0, -0.7, 0.0, 0.4, 1.3):
        below = integrate.quad(density, -reach, max(u, -reach), points=[p for p in points if p < u] or None)[0]
        assert float(kernel.cdf(torch.tensor(u, dtype=torch.float64))) == pytest.approx(below, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_kernel_draws_follow_its_cdf(name: str) -> None:
    draws = KERNELS[name].draw(4000, generator(1))
    assert stats.kstest(KERNELS[name].cdf(draws).numpy(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"gaussian", "exponential"}))
def test_compact_kernel_is_impossible_off_its_support(name: KernelName) -> None:
    model = KDE(bandwidth=0.1, kernel=name).fit(np.array([0.0, 1.0, 1.3]))
    assert model.log_prob(np.array([0.5]))[0] == -math.inf
    assert np.isfinite(model.log_prob(np.array([0.01]))[0])


def lattice_terms(low: float, high: float, width: float) -> np.ndarray:
    k = np.arange(max(low, -np.ceil(40 * width)), min(high, np.ceil(40 * width)) + 1)
    return np.exp(-0.5 * (k / width) ** 2)


@pytest.mark.parametrize("width", [0.2, 1.0, 11.9, 12.1, 50.0, 3000.0])
@pytest.mark.parametrize("ends", [(-math.inf, math.inf), (0.0, math.inf), (-3.0, 20.0), (-1000.0, 2.0)])
def test_discrete_gaussian_sums(width: float, ends: tuple[float, float]) -> None:
    low, high = (torch.tensor([end], dtype=torch.float64) for end in ends)
    total = float(lattice.log_total(low, high, torch.tensor([width], dtype=torch.float64)))
    assert total == pytest.approx(math.log(lattice_terms(*ends, width).sum()), abs=1e-12)


def test_discrete_gaussian_draws() -> None:
    n = 6000
    low, high, width = (torch.full((n,), value, dtype=torch.float64) for value in (-2.0, 3.0, 1.5))
    draws = lattice.draw(low, high, width, generator(0)).numpy()
    expected = lattice_terms(-2, 3, 1.5)
    counts = np.array([(draws == k).sum() for k in range(-2, 4)])
    assert counts.sum() == n
    assert stats.chisquare(counts, n * expected / expected.sum()).pvalue > 1e-4


def mass(column: Smooth, x: Tensor, row: float, width: float) -> float:
    kernels = column.log_kernel(x[:, None], torch.tensor([[row]]).double(), torch.tensor([[width]]).double())
    return float(torch.exp(kernels).mean())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("row", "width"), [(2.0, 0.05), (2.0, 0.4), (2.7, 0.9), (5.0, 3.0), (4.0, 50.0)])
def test_reflected_kernel_has_mass_one(name: str, row: float, width: float) -> None:
    column = Reflected(KERNELS[name], 2.0, 5.0)
    x = torch.linspace(2, 5, 60_001, dtype=torch.float64)
    assert 3.0 * mass(column, (x[1:] + x[:-1]) / 2, row, width) == pytest.approx(1, abs=2e-4)
    rows, widths = torch.tensor([[row]]).double(), torch.tensor([[width]]).double()
    ends = column.cdf(torch.tensor([[2.0], [5.0]]).double(), rows, widths)[:, 0]
    assert ends.tolist() == pytest.approx([0, 1], abs=1e-9)


@pytest.mark.parametrize("width", [1e-3, 0.3, 2.0, 40.0])
def test_circle_kernel_has_mass_one_and_no_seam(width: float) -> None:
    column = Ring(7.0, 1.0)
    x = torch.linspace(1, 8, 200_001, dtype=torch.float64)[:-1]
    assert 7.0 * mass(column, x, 1.0005, width) == pytest.approx(1, abs=1e-9)
    rows, widths = torch.tensor([1.0005]).double(), torch.tensor([width]).double()
    before, after = column.log_kernel(torch.tensor([1.0, 8.0]).double(), rows, widths).tolist()
    assert before == pytest.approx(after, rel=1e-9)


@pytest.mark.parametrize("width", [0.05, 0.8, 5.0, 300.0])
def test_circle_draws_follow_the_kernel(width: float) -> None:
    column, n = Ring(10.0, 0.0), 4000
    draws = column.draw(torch.full((n,), 9.9).double(), torch.full((n,), width).double(), generator(3))
    assert bool(((draws >= 0) & (draws < 10)).all())
    kappa = (10 / (2 * math.pi * width)) ** 2
    angle = torch.remainder(draws - 9.9 + 5, 10).sub(5) * (2 * math.pi / 10)
    assert stats.kstest(angle.numpy(), stats.vonmises(max(kappa, 1e-9)).cdf).pvalue > 1e-4


def test_integer_kernel_has_mass_one() -> None:
    x = torch.arange(0, 8, dtype=torch.float64)[:, None]
    for row, width in ((0.0, 0.3), (0.0, 3.0), (7.0, 100.0)):
        rows, widths = torch.tensor([[row]]).double(), torch.tensor([[width]]).double()
        column = Lattice(0.0, 7.0)
        kernels = torch.exp(column.log_kernel(x, rows, widths))[:, 0]
        assert float(kernels.sum()) == pytest.approx(1, abs=1e-12)
        assert column.cdf(x, rows, widths)[:, 0].tolist() == pytest.approx(kernels.cumsum(0).tolist(), abs=1e-12)


# Against other libraries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("gaussian", "gaussian"),
        ("epanechnikov", "epanechnikov"),
        ("box", "tophat"),
        ("triangular", "linear"),
        ("cosine", "cosine"),
        ("exponential", "exponential"),
    ],
)
def test_agrees_with_scikit_learn_in_one_dimension(ours: KernelName, theirs: str) -> None:
    x, query = normals(80, 1), np.linspace(-4, 4, 101)[:, None]
    peer = KernelDensity(bandwidth=0.4, kernel=theirs).fit(x).score_samples(query)
    mine = KDE(bandwidth=0.4 * KERNELS[ours].deviation, kernel=ours).fit(x).log_prob(query)
    reached = np.isfinite(mine)
    np.testing.assert_allclose(mine[reached], peer[reached], rtol=1e-7, atol=1e-7)
    assert peer[~reached].size == 0 or peer[~reached].max() < -30


def test_agrees_with_scikit_learn_in_several_dimensions_and_far_out() -> None:
    x, query = normals(50, 3), np.vstack([normals(20, 3, 1), [[60.0, 0, 0], [-900.0, 800, 5]]])
    peer = KernelDensity(bandwidth=0.5, rtol=1e-12).fit(x).score_samples(query)
    np.testing.assert_allclose(KDE(bandwidth=0.5).fit(x).log_prob(query), peer, rtol=1e-9)


def test_full_covariance_is_that_of_scipy_up_to_its_shrinkage() -> None:
    x = normals(5000, 2) @ np.array([[2.0, 1.0], [0.0, 0.5]])
    weights = np.random.default_rng(1).integers(1, 4, len(x)).astype(float)
    model = KDE(bandwidth=0.3, covariance="full").fit(x, weights=weights)
    peer = stats.gaussian_kde(np.repeat(x, weights.astype(int), 0).T, bw_method=0.3)
    b, c = model.inner.bandwidths.numpy(), model.inner.correlation.numpy()
    np.testing.assert_allclose(c * b * b[:, None], peer.covariance, rtol=2e-3)
    query = np.vstack([normals(20, 2, 2), [[40.0, -30.0]]])
    triangle = np.linalg.cholesky(c * b * b[:, None])  # scipy's with this very covariance, in whitened coordinates
    gaps = np.linalg.solve(triangle, (query[:, None] - x).reshape(-1, 2).T)
    log_kernels = stats.multivariate_normal(np.zeros(2)).logpdf(gaps.T).reshape(len(query), -1)
    theirs = special.logsumexp(log_kernels, 1, b=weights / weights.sum()) - np.linalg.slogdet(triangle)[1]
    np.testing.assert_allclose(model.log_prob(query), theirs, rtol=1e-9)


def test_beats_scikit_learn_on_a_table_it_was_not_tuned_for() -> None:
    x = load_wine().data[:, :6]
    order = np.random.default_rng(0).permutation(len(x))
    train, held = x[order[:140]], x[order[140:]]
    centre, scale = train.mean(0), train.std(0)
    search = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.1, 1, 10)}, cv=5).fit((train - centre) / scale)
    peer = search.best_estimator_.score_samples((held - centre) / scale) - np.log(scale).sum()
    assert KDE().fit(train).log_prob(held).mean() > peer.mean()


# Algebra ------------------------------------------------------------------------------------------------------------


def test_mass_of_a_mixed_table_is_one() -> None:
    data = table(
        x=(Interval(0.0, 1.0), [0.05, 0.5, 0.97, 0.6]),
        k=(Integer(0, 5), [0, 2, 5, 2]),
        label=(Category(("a", "b")), [0, 1, 1, 0]),
    )
    model = kde(data, adaptive=0.5)
    x = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    total = 0.0
    for k in range(6):
        for label in range(3):
            columns = [x, torch.full_like(x, k), torch.full_like(x, label)]
            total += float(torch.exp(model.log_prob(torch.stack(columns, 1))).mean())
    assert total == pytest.approx(1, abs=1e-5)


def missing_rows() -> tuple[Table, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal(40) * 2 + 10
    x[:12] = np.nan
    values = np.stack([x, rng.integers(0, 2, 40)], 1)
    return Table(("x", "label"), (Maybe(Real()), Category((0, 1), open=False)), "numpy"), values


def test_mass_with_missing_values_is_one_and_all_rows_count() -> None:
    space, values = missing_rows()
    model = KDE().fit(values, space=space)
    x = np.linspace(-30, 50, 8001)
    total = 0.0
    for label in (0.0, 1.0):
        density = np.exp(model.log_prob(np.stack([x, np.full_like(x, label)], 1)))
        total += integrate.simpson(density, x=x) + float(np.exp(model.log_prob(np.array([[np.nan, label]])))[0])
    assert total == pytest.approx(1, abs=1e-6)
    missing = sum(np.exp(model.log_prob(np.array([[np.nan, label]])))[0] for label in (0.0, 1.0))
    assert 0.15 < missing < 0.45


def test_samples_may_be_missing_and_lie_in_the_space() -> None:
    space, values = missing_rows()
    model = KDE().fit(values, space=space)
    draws = model.draw(2000, seed=0)
    assert bool(space.contains(draws).all())
    assert 0.2 < float(torch.isnan(draws[:, 0]).double().mean()) < 0.4


@pytest.mark.parametrize("adaptive", [0.0, 0.7])
@pytest.mark.parametrize("covariance", ["columns", "full"])
def test_chain_rule_of_marginals_and_conditionals(covariance: str, adaptive: float) -> None:
    data = mixed()
    model = kde(data, covariance=covariance, adaptive=adaptive)
    for known in (["x"], ["label", "y"], ["angle", "share", "count"]):
        row = data.values[5]
        given = {name: float(row[data.space.names.index(name)]) for name in known}
        places = [k for k, name in enumerate(data.space.names) if name not in known]
        condition = model.condition(given)
        joint = model.log_prob(data.values[7:9].clone().index_copy(1, *_columns(data, known, row)))
        marginal = model.marginal(known).log_prob(torch.tensor([list(given.values())], dtype=torch.float64))
        rest = condition.log_prob(data.values[7:9][:, places])
        torch.testing.assert_close(marginal + rest, joint, rtol=1e-9, atol=1e-9)


def _columns(data: Data, known: list[str], row: Tensor) -> tuple[Tensor, Tensor]:
    index = torch.tensor([data.space.names.index(name) for name in known])
    return index, row[index].expand(2, -1)


def test_marginal_is_the_joint_summed_over_a_label() -> None:
    model = kde(mixed())
    row = mixed().values[3:4]
    every = torch.cat([row, row, row])
    every[:, 5] = torch.arange(3)
    names = ["y", "x", "angle", "share", "count"]
    one = model.marginal(names).log_prob(row[:, [1, 0, 2, 3, 4]])
    torch.testing.assert_close(torch.logsumexp(model.log_prob(every), 0, keepdim=True), one)


def test_condition_off_every_kernel_says_so() -> None:
    model = KDE(bandwidth=0.1, kernel="box").fit(normals(10, 2))
    with pytest.raises(LikelihoodError, match="probability zero"):
        model.condition({model.space.names[0]: 50.0})


def test_conditional_has_no_training_rows_to_leave_out() -> None:
    model = kde(mixed()).condition({"label": 0})
    with pytest.raises(LikelihoodError, match="left_out"):
        model.log_prob_left_out()


def test_left_out_equals_a_fit_without_the_row() -> None:
    data = mixed(25)
    options = {"bandwidth": (0.5, 0.4, 20.0, 0.1, 1.5, 0.3)}
    scores = kde(data, **options).log_prob_left_out()
    for i in (0, 7, 24):
        others = data.rows((torch.arange(25) != i).nonzero()[:, 0])
        assert scores[i] == pytest.approx(float(kde(others, **options).log_prob(data.values[i : i + 1])), rel=1e-12)


def test_left_out_of_a_single_row_is_impossible() -> None:
    assert KDE(bandwidth=1.0).fit(np.array([3.0]), space=Table(("x",), (Real(),), "vector")).log_prob_left_out()[0] == (
        -math.inf
    )


@pytest.mark.parametrize("kernel", ["gaussian", "biweight"])
@pytest.mark.parametrize("space", [Real(), Interval(-6.0, 6.0), Integer(-9, None)])
def test_cdf_is_the_sum_or_integral_of_the_density(space: Scalar, kernel: KernelName) -> None:
    x = np.round(normals(30, 1)[:, 0] * 2)
    model = kde(table(x=(space, x)), kernel=kernel, adaptive=0.4)
    if isinstance(space, Integer):
        k = torch.arange(-9, 20, dtype=torch.float64)
        torch.testing.assert_close(model.cdf(k[:, None]), torch.exp(model.log_prob(k[:, None])).cumsum(0))
        return
    grid = torch.linspace(-6 if isinstance(space, Interval) else -30, 6, 30_001, dtype=torch.float64)[:, None]
    density = torch.exp(model.log_prob(grid))
    summed = torch.cumulative_trapezoid(density, grid[:, 0])
    torch.testing.assert_close(model.cdf(grid[1:])[::1000], summed[::1000], rtol=1e-4, atol=1e-4)


def test_samples_of_one_column_follow_the_cdf() -> None:
    model = KDE(kernel="epanechnikov", adaptive=0.5).fit(np.random.default_rng(0).gumbel(size=100))
    assert stats.kstest(model.cdf(model.sample(3000, seed=0)), "uniform").pvalue > 1e-4


def test_samples_of_correlated_kernels_have_the_covariance_of_the_model() -> None:
    x = normals(400, 3) @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.3]])
    model = KDE(bandwidth=0.8, covariance="full").fit(x)
    wanted = np.cov(x.T, ddof=0) + np.cov(x.T) * 0.64
    draws = model.sample(40_000, seed=0)
    scale = np.sqrt(np.diag(wanted))
    np.testing.assert_allclose(np.cov(draws.T) / scale / scale[:, None], wanted / scale / scale[:, None], atol=0.05)


def test_scores_do_not_depend_on_the_batch() -> None:
    x = normals(3000, 3)
    model = KDE(covariance="full").fit(x[:1500])
    whole = model.log_prob(x)
    pieces = np.concatenate([model.log_prob(x[k : k + 700]) for k in range(0, 3000, 700)])
    np.testing.assert_allclose(whole, pieces, rtol=1e-12)
    np.testing.assert_allclose(whole[[5]], model.log_prob(x[[5]]), rtol=1e-12)


def test_gradients_reach_the_query_and_stay_finite() -> None:
    data = table(x=(Real(), normals(20, 1)[:, 0]), y=(Real(), normals(20, 1, 1)[:, 0]))
    for options in ({}, {"kernel": "triweight"}, {"covariance": "full", "adaptive": 0.5}):
        model = kde(data, **options)
        x = torch.tensor([[0.3, -0.2], [500.0, 0.0]], dtype=torch.float64, requires_grad=True)
        model.log_prob(x)[:1].sum().backward()
        assert x.grad is not None
        assert bool(torch.isfinite(x.grad).all())
        step = torch.tensor([[1e-6, 0.0]], dtype=torch.float64)
        slope = (model.log_prob(x[:1].detach() + step) - model.log_prob(x[:1].detach() - step)) / 2e-6
        assert float(x.grad[0, 0]) == pytest.approx(float(slope), rel=1e-4)
        assert bool(torch.isfinite(torch.autograd.grad(model.log_prob(x)[0], x)[0]).all())


def test_saved_and_loaded_model_scores_the_same(tmp_path: Path) -> None:
    for data, options in ((mixed(), {"adaptive": 0.5}), (mixed(), {"covariance": "full"})):
        model = kde(data, **options)
        save(model, tmp_path / "model")
        again = load(tmp_path / "model")
        assert torch.equal(again.log_prob(data.values), model.log_prob(data.values))


# Bandwidths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [1e-12, 3.7, 1e9])
def test_rules_are_equivariant(rule: str, scale: float) -> None:
    x = torch.as_tensor(np.concatenate([normals(150, 1)[:, 0], 4 + 0.3 * normals(100, 1, 1)[:, 0]]))
    ones = torch.ones_like(x)
    assert RULES[rule](scale * x - 5 * scale, ones) == pytest.approx(scale * RULES[rule](x, ones), rel=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_rules_take_counts_for_repetitions(rule: str) -> None:
    x = torch.as_tensor(normals(60, 1)[:, 0])
    counts = torch.as_tensor(np.random.default_rng(0).integers(1, 4, 60).astype(float))
    repeated = x.repeat_interleave(counts.long())
    assert RULES[rule](x, counts) == pytest.approx(RULES[rule](repeated, torch.ones_like(repeated)), rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_near_the_best_bandwidth_of_a_normal_law(rule: str) -> None:
    x = torch.as_tensor(normals(2000, 1)[:, 0])
    assert 0.75 < RULES[rule](x, torch.ones_like(x)) / (1.06 * 2000**-0.2) < 1.4


@pytest.mark.parametrize("rule", [*RULES, "likelihood_cv"])
def test_every_rule_survives_ties_and_equal_values(rule: str) -> None:
    for x in (np.full(20, 3.0), np.array([1.0, 2.0]), np.repeat([0.0, 1.0, 5.0], 40), np.r_[np.zeros(80), 1e-9, 7.0]):
        model = KDE(bandwidth=rule).fit(table(x=(Real(), x)))  # type: ignore[arg-type]
        assert bool((model.bandwidths > 0).all())
        assert bool(torch.isfinite(model.log_prob(torch.as_tensor(x)[:, None])).all())


def test_sheather_jones_equals_the_sum_over_all_pairs() -> None:
    x = np.concatenate([normals(80, 1)[:, 0], 5 + 0.2 * normals(60, 1, 1)[:, 0]])
    n, gaps = len(x), x[:, None] - x
    scale = min(x.std(ddof=1), np.subtract(*np.percentile(x, [75, 25])) / 1.349)

    def functional(g: float, hermite: list[float], power: int) -> float:
        u = gaps / g
        return float((np.polyval(hermite, u) * stats.norm.pdf(u)).sum()) / (n * (n - 1) * g**power)

    fourth = functional(1.24 * scale * n ** (-1 / 7), [1, 0, -6, 0, 3], 5)
    sixth = -functional(1.23 * scale * n ** (-1 / 9), [1, 0, -15, 0, 45, 0, -15], 7)
    h = sheather_jones(torch.as_tensor(x), torch.ones(n, dtype=torch.float64))
    g = 1.357 * (fourth / sixth) ** (1 / 7) * h ** (5 / 7)
    implied = (1 / (2 * math.sqrt(math.pi) * n * functional(g, [1, 0, -6, 0, 3], 5))) ** 0.2
    assert implied == pytest.approx(h, rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"covariance": "full"}, {"bandwidth": "sheather_jones"}])
def test_fit_does_not_depend_on_units(options: dict[str, object]) -> None:
    x = normals(80, 2) @ np.array([[1.0, 0.7], [0.0, 0.4]])
    space = Table(("a", "b"), (Real(), Real()), "numpy")
    scale = np.array([1e150, 1e-150])
    one = KDE(**options).fit(x, space=space).log_prob(x)  # type: ignore[arg-type]
    other = KDE(**options).fit(x * scale, space=space).log_prob(x * scale)  # type: ignore[arg-type]
    np.testing.assert_allclose(other + np.log(scale).sum(), one, rtol=1e-7)


@pytest.mark.parametrize("options", [{}, {"covariance": "full"}, {"bandwidth": "scott", "adaptive": 0.5}])
def test_weights_are_repetitions_and_zero_is_absence(options: dict[str, object]) -> None:
    data = mixed(40)
    counts = torch.as_tensor(np.random.default_rng(0).integers(0, 4, 40).astype(float))
    weighted = kde(Data(data.space, data.values, counts), **options)
    repeated = kde(Data(data.space, data.values.repeat_interleave(counts.long(), 0)), **options)
    torch.testing.assert_close(weighted.log_prob(data.values), repeated.log_prob(data.values), rtol=1e-9, atol=1e-9)
    assert len(weighted.rows) == int((counts > 0).sum())


def test_only_ratios_of_weights_that_are_no_counts_matter() -> None:
    x, weights = normals(60, 1), np.random.default_rng(1).uniform(0.1, 3, 60)
    one, other = (KDE().fit(x, weights=w).log_prob(x) for w in (weights, weights * 0.037))
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize("weights", [None, "survey"])
def test_repeated_rows_do_not_make_the_bandwidth_collapse(weights: str | None) -> None:
    x = normals(200, 2)
    once = kde(table(a=(Real(), x[:, 0]), b=(Real(), x[:, 1])), adaptive=0.0)
    if weights is None:
        index = np.random.default_rng(0).integers(0, 200, 200)  # a bootstrap sample: most rows have a twin
        again = kde(table(a=(Real(1e-9), x[index, 0]), b=(Real(1e-9), x[index, 1])), adaptive=0.0)
    else:
        counts = torch.as_tensor(np.random.default_rng(0).integers(200, 400, 200).astype(float))
        again = kde(Data(once.space, once.rows, counts), adaptive=0.0)
    assert bool((again.bandwidths > 0.5 * once.bandwidths).all())


def test_no_width_is_chosen_below_half_the_rounding_step() -> None:
    x = np.round(normals(400, 1)[:, 0] * 2)  # whole numbers that the user calls real
    model = kde(table(x=(Real(1.0), x)))
    assert float((model.factors * model.bandwidths[0]).min()) >= 0.5 - 1e-12
    assert model.log_prob(torch.zeros(1, 1)).item() < 0


def test_adaptive_kernels_help_in_heavy_tails() -> None:
    x = stats.cauchy.ppf(np.random.default_rng(0).uniform(size=900))
    train, held = x[:600], x[600:]
    adaptive = KDE().fit(train).log_prob(held).mean()
    assert adaptive > KDE(adaptive=0.0).fit(train).log_prob(held).mean() + 0.1
    assert adaptive > stats.cauchy.logpdf(held).mean() - 0.25


def test_correlated_kernels_are_found_where_they_help() -> None:
    x = normals(400, 1) + 0.05 * normals(400, 3, 1)
    model = KDE().fit(x[:300])
    assert model.inner.correlation is not None
    assert model.log_prob(x[300:]).mean() > KDE(covariance="columns").fit(x[:300]).log_prob(x[300:]).mean() + 0.3


def test_bandwidths_of_labels_follow_their_meaning() -> None:
    rng = np.random.default_rng(0)
    label, noise = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    x = rng.standard_normal(300) + 6 * label
    space = Category(("a", "b", "c"), open=False)
    model = kde(table(x=(Real(), x), label=(space, label), noise=(space, noise)))
    assert float(model.bandwidths[1]) < 0.05
    assert float(model.bandwidths[2]) > 0.3


def test_a_new_label_has_a_small_positive_probability() -> None:
    model = kde(mixed())
    assert float(model.marginal(["label"]).log_prob(torch.tensor([[2.0]]))) == pytest.approx(math.log(0.5 / 61.5))


def test_many_labels_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 500, 400)
    data = table(label=(Category(tuple(range(1000))), label), x=(Real(), rng.standard_normal(400)))
    scores = kde(data).log_prob(data.values)
    assert bool(torch.isfinite(scores).all())


# Odd and bad input --------------------------------------------------------------------------------------------------


def test_one_row_has_a_density() -> None:
    for space in (Real(), Real(0.1), Interval(0.0, 5.0), Circle(10.0), Integer(), Category(("a", "b"))):
        model = kde(table(x=(space, [1.0])))
        assert math.isfinite(float(model.log_prob(torch.ones(1, 1))))


def test_more_columns_than_rows() -> None:
    x = normals(5, 12)
    for covariance in ("auto", "full"):
        assert np.isfinite(KDE(covariance=covariance).fit(x).log_prob(x)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"kernel": "exponential"}, {"covariance": "full"}, {"kernel": "box"}])
def test_far_queries_are_finite_or_impossible_never_nan(options: dict[str, object]) -> None:
    model = KDE(**options).fit(normals(30, 2))  # type: ignore[arg-type]
    scores = model.log_prob(np.array([[1e300, 0.0], [-1e300, 1e300], [1e9, 1.0], [1e160, -1e160]]))
    assert not np.isnan(scores).any()
    assert (scores < -20).all()


def test_positive_columns_are_modelled_by_their_logarithm() -> None:
    x = np.random.default_rng(0).lognormal(0, 1, 400)
    space = Table(("x",), (Positive(),), "vector")
    model = KDE().fit(x[:300], space=space)
    assert model.log_prob(np.array([-1.0]))[0] == -math.inf
    assert model.log_prob(x[300:]).mean() > stats.lognorm(1).logpdf(x[300:]).mean() - 0.1


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, (1.0, -2.0), "silvermann"])
def test_a_bandwidth_that_is_none_is_refused(bad: object) -> None:
    with pytest.raises(FitError, match="bandwidth"):
        KDE(bandwidth=bad)  # type: ignore[arg-type]


def test_options_that_do_not_fit_the_table_are_refused() -> None:
    with pytest.raises(FitError, match=r"one bandwidth a column.*x, y, angle"):
        KDE(bandwidth=(1.0, 2.0)).fit(mixed())
    with pytest.raises(FitError, match="is a probability"):
        KDE(bandwidth=(1.0, 1.0, 1.0, 1.0, 1.0, 1.5)).fit(mixed())
    with pytest.raises(FitError, match="without missing values"):
        KDE(covariance="full").fit(missing_rows()[1], space=missing_rows()[0])
    with pytest.raises(FitError, match="independent columns"):
        KDE(covariance="full", bandwidth="sheather_jones").fit(normals(20, 2))
    with pytest.raises(FitError, match="Gaussian"):
        KDE(covariance="full", kernel="box")
    with pytest.raises(FitError, match="between 0 and 1"):
        KDE(adaptive=2.0)


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self, what: str, total: int | None) -> None:
        self.heard.append("start")

    def step(self, done: int, note: str = "") -> None:
        self.heard.append("step")

    def finish(self) -> None:
        self.heard.append("finish")


def test_a_spent_budget_still_gives_a_model_and_progress_is_told() -> None:
    x, listener = normals(600, 4), Listener()
    model = KDE().fit(x, plan=Plan(seconds=0.0), recorder=listener)
    assert listener.heard == ["start", "step", "finish"]
    assert np.isfinite(model.log_prob(x)).all()


def test_choice_among_many_rows_is_near_that_of_the_theory() -> None:
    x = normals(9000, 1)
    model = KDE(adaptive=0.0).fit(x)
    assert 0.6 < float(model.inner.bandwidths[0]) / (1.06 * 9000**-0.2) < 1.4
    other = KDE(adaptive=0.0).fit(x, seed=1)
    assert float(other.inner.bandwidths[0]) == pytest.approx(float(model.inner.bandwidths[0]), rel=0.2)


def test_log_kernel_sums_of_nothing() -> None:
    model = kde(mixed())
    assert log_kernel_sums(torch.zeros(0, 6, dtype=torch.float64), model.product).shape == (0,)
    assert isinstance(smooth_column(Circle(1.0), "gaussian"), Ring)


def test_same_seed_same_model() -> None:
    x = normals(1500, 2)
    one, other = (KDE().fit(x, seed=3) for _ in range(2))
    assert np.array_equal(one.log_prob(x), other.log_prob(x))
    assert np.array_equal(one.sample(9, seed=1), other.sample(9, seed=1))


def test_estimator_is_immutable_and_hashable() -> None:
    assert hash(KDE(bandwidth=(0.1, 0.2))) == hash(KDE(bandwidth=(0.1, 0.2)))
    assert isinstance(KDE().fit(normals(10, 1)), Model)

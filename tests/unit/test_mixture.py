"""Mixtures: against scipy, scikit-learn and closed forms; exact marginals, conditionals and samples; hard data."""

from __future__ import annotations

import itertools
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
import torch
from sklearn.datasets import load_wine
from sklearn.mixture import GaussianMixture
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.mixture.columns import column, concentration, interval_moments, overall_frequencies
from pofx.models.mixture.components import Components, apart, pooled
from pofx.models.mixture.em import Shape, iterate, prior_of
from pofx.models.mixture.estimator import Mixture
from pofx.models.mixture.gaussian import KINDS, Gaussians, Kind
from pofx.models.mixture.heads import CategoryHead, CircleHead, IntegerHead
from pofx.models.mixture.maximise import at_least
from pofx.models.mixture.model import MixtureModel, mixture
from pofx.models.mixture.moments import features, natural, symmetric, upper
from pofx.models.mixture.rows import ready
from pofx.models.mixture.select import bic
from pofx.models.mixture.start import begin
from pofx.rng import generator
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT

MIXED = Table(
    ("a", "b", "c", "label", "count", "angle", "few"),
    (Real(), Real(), Real(), Category(("x", "y", "z")), Integer(0, None), Circle(360.0), Integer(-1, 2)),
    "torch",
)


def mixed_rows(n: int, seed: int = 0) -> Tensor:
    """Two clusters in every column."""
    random = generator(seed)
    side = (torch.rand(n, generator=random) < 0.4).double()
    x = torch.randn(n, 3, generator=random, dtype=torch.float64)
    x[:, 1] += 0.8 * x[:, 0]
    x = x + 4 * side[:, None]
    label = (torch.rand(n, generator=random) * 2 + side).floor().double()
    count = (2 + 9 * side + torch.randn(n, generator=random)).round().clamp(min=0).double()
    angle = torch.remainder(350 + 90 * side + 20 * torch.randn(n, generator=random), 360).double()
    few = (torch.rand(n, generator=random) * 3 - 1 + side).floor().double()
    return torch.cat([x, torch.stack([label, count, angle, few], 1)], 1)


def with_gaps(x: Tensor, share: float = 0.2, seed: int = 1) -> Tensor:
    gone = torch.rand(x.shape, generator=generator(seed)) < share
    return torch.where(gone, torch.nan, x)


def some_gaussians(kind: Kind, K: int, d: int) -> Gaussians:
    random = generator(3)
    A = torch.randn(K, d, d, generator=random, dtype=torch.float64)
    dense = A @ A.mT + torch.eye(d)
    means = torch.randn(K, d, generator=random, dtype=torch.float64) * 2
    variances = torch.diagonal(dense, dim1=1, dim2=2)
    covariances = {"full": dense, "tied": dense[0], "diagonal": variances, "spherical": variances[:, 0]}[kind]
    return Gaussians(kind, means, covariances)


def gaussian_model(kind: Kind, K: int, d: int) -> MixtureModel:
    table = Table(tuple("abcdefgh"[:d]), (Real(),) * d, "torch")
    weights = torch.log_softmax(torch.randn(K, generator=generator(5), dtype=torch.float64), 0)
    return mixture(table, Components(weights, some_gaussians(kind, K, d), None, ()))


@cache
def mixed_model(members: int = 1) -> Model:
    """A fitted mixture of a mixed table with a broad component."""
    estimator = Mixture(k=3, covariance="full", shrinkage=1.0, members=members, tolerance=1e-3)
    return estimator.fit(Data(MIXED, mixed_rows(300)))


# Scores --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_scores_agree_with_scipy_and_sklearn(kind: Kind) -> None:
    model = gaussian_model(kind, 3, 4)
    block = model.parts.main
    x = torch.randn(50, 4, generator=generator(1), dtype=torch.float64) * 3
    dense = block.dense().numpy()
    parts = [scipy.stats.multivariate_normal(m, c).logpdf(x) for m, c in zip(block.means.numpy(), dense, strict=True)]
    expected = scipy.special.logsumexp(np.stack(parts, 1) + model.log_weights.numpy(), axis=1)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)
    names = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}
    peer = GaussianMixture(3, covariance_type=names[kind])
    peer.weights_, peer.means_ = np.exp(model.log_weights.numpy()), block.means.numpy()
    precision = np.linalg.cholesky(np.linalg.inv(dense))
    root = {"full": precision, "tied": precision[0]}
    flat = 1 / np.sqrt(np.abs(block.covariances.numpy()))
    peer.precisions_cholesky_ = root.get(kind, flat)
    np.testing.assert_allclose(model.log_prob(x), peer.score_samples(x.numpy()), rtol=1e-9)
    peer.covariances_ = block.covariances.numpy()
    assert model.free_parameters == peer._n_parameters()
    rows = ready(Data(model.space, x))
    assert bic(model.parts, rows) == pytest.approx(peer.bic(x.numpy()), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_exponential_family_form_agrees_with_whitening(kind: Kind) -> None:
    block = some_gaussians(kind, 3, 4)
    x = torch.randn(20, 4, generator=generator(2), dtype=torch.float64)
    square = kind in ("diagonal", "spherical")
    constant, coefficients = natural(block, square=square)
    fast = constant + (coefficients @ features(x.mT, square=square)).mT
    torch.testing.assert_close(fast, block.log_density(x), rtol=1e-10, atol=1e-10)
    matrices = block.dense()
    torch.testing.assert_close(symmetric(upper(matrices), 4), matrices)


def test_a_missing_value_is_integrated_out() -> None:
    model = gaussian_model("full", 3, 3)
    x = torch.tensor([[0.3, math.nan, -1.0], [math.nan, math.nan, math.nan], [0.1, 0.2, 0.3]], dtype=torch.float64)
    scores = model.parts.log_joint(x, model.space).logsumexp(1)  # type: ignore[arg-type]
    two = model.marginal(["a", "c"])
    assert float(scores[0]) == pytest.approx(float(two.log_prob(x[:1, [0, 2]])[0]), abs=1e-12)
    assert float(scores[1]) == pytest.approx(0.0, abs=1e-12)
    by_hand = scipy.integrate.quad(lambda y: math.exp(model.log_prob(torch.tensor([[0.3, y, -1.0]]))[0]), -30, 30)[0]
    assert float(scores[0]) == pytest.approx(math.log(by_hand), abs=1e-7)


def test_scores_are_differentiable_and_do_not_depend_on_the_batch() -> None:
    model = gaussian_model("full", 3, 2)
    x = torch.randn(70, 2, generator=generator(4), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: model.log_prob(v), (x[:3].detach().requires_grad_(),))
    one_by_one = torch.cat([model.log_prob(x[i : i + 1].detach()) for i in range(len(x))])
    torch.testing.assert_close(one_by_one, model.log_prob(x.detach()), rtol=1e-12, atol=1e-12)


# Total mass, marginals, conditionals, samples -----------------------------------------------------------------------


def test_discrete_columns_sum_to_one() -> None:
    table = Table(("k", "j", "n"), (Category(("x", "y")), Integer(-1, 2), Integer(0, None)), "torch")
    random = generator(0)
    few = torch.randint(0, 2, (60, 1), generator=random)
    x = torch.cat([few, torch.randint(-1, 3, (60, 1), generator=random), 3 + 5 * few], 1).double()
    model = Mixture(k=2, shrinkage=0.5).fit(Data(table, x))
    every = torch.tensor(list(itertools.product(range(3), range(-1, 3), range(300))), dtype=torch.float64)
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1.0, abs=1e-9)
    unseen = torch.tensor([[2.0, 0.0, 8.0]], dtype=torch.float64)  # a label that no row had
    assert 0 < float(model.marginal(["k"]).log_prob(unseen[:, :1]).exp()[0]) < 0.05


@pytest.mark.parametrize("own_tables", [True, False])
def test_whole_numbers_sum_to_one_whatever_the_range(own_tables: bool) -> None:
    for low, high in [(None, None), (0, None), (None, 7), (0, 7), (3, 3)]:
        head = IntegerHead(
            low, high, torch.tensor([3.0]), torch.zeros(2, 1).double(), torch.tensor([2.0, -40.0]).double(),
            torch.tensor([0.25, 9.0]).double(), torch.tensor([0.9 if own_tables else 0.1, 0.0]).double(),
        )  # fmt: skip
        every = torch.arange(-400 if low is None else low, (400 if high is None else high) + 1, dtype=torch.float64)
        torch.testing.assert_close(head.log_density(every).exp().sum(0), torch.ones(2).double(), rtol=0, atol=1e-12)


def test_an_angle_integrates_to_one_and_agrees_with_scipy() -> None:
    head = CircleHead(24.0, -12.0, torch.tensor([0.5, 3.0]).double(), torch.tensor([0.0, 700.0]).double())
    hours = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:-1]
    torch.testing.assert_close(head.log_density(hours).exp().mean(0) * 24, torch.ones(2).double(), rtol=0, atol=1e-9)
    angle = (hours.numpy() + 12) * 2 * np.pi / 24
    expected = scipy.stats.vonmises(700.0, loc=3.0).logpdf(angle) + math.log(2 * np.pi / 24)
    near = np.abs(angle - 3.0) < 0.5
    np.testing.assert_allclose(head.log_density(hours)[:, 1].numpy()[near], expected[near], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(head.log_density(hours + 24), head.log_density(hours), rtol=1e-9, atol=1e-8)


def test_a_density_in_one_and_two_dimensions_integrates_to_one() -> None:
    x = np.concatenate([np.linspace(-1, 1, 40), [50.0]])
    model = Mixture(k=2, covariance="full", shrinkage=1.0).fit(x)
    grid = np.linspace(-400, 500, 2_000_001)
    assert np.trapezoid(np.exp(model.log_prob(grid)), grid) == pytest.approx(1.0, abs=1e-6)
    plane = gaussian_model("full", 3, 2)
    u = torch.linspace(-20, 20, 401, dtype=torch.float64)
    cells = torch.cartesian_prod(u, u)
    assert float(plane.log_prob(cells).exp().sum()) * 0.01 == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_joint_is_marginal_times_conditional(kind: Kind) -> None:
    model = Mixture(k=3, covariance=kind, shrinkage=1.0, tolerance=1e-3).fit(Data(MIXED, mixed_rows(200)))
    x = mixed_rows(4, seed=9)
    random = np.random.default_rng(0)
    for row in x:
        known = sorted(random.choice(7, random.integers(1, 7), replace=False))
        names = [MIXED.names[j] for j in known]
        rest = [j for j in range(7) if j not in known]
        given = model.condition({name: float(row[j]) if name != "label" else "xyz"[int(row[j])]
                                 for name, j in zip(names, known, strict=True)})  # fmt: skip
        total = model.marginal(names).log_prob(row[None, known]) + given.log_prob(row[None, rest])
        torch.testing.assert_close(total, model.log_prob(row[None]), rtol=1e-10, atol=1e-9)


def test_marginals_keep_the_order_asked_for_and_nothing_known_changes_nothing() -> None:
    model = mixed_model(members=2)
    x = mixed_rows(5, seed=3)
    there = model.marginal(["few", "c", "a"])
    back = there.marginal(["a", "few"])
    torch.testing.assert_close(back.log_prob(x[:, [0, 6]]), model.marginal(["a", "few"]).log_prob(x[:, [0, 6]]))
    nothing = model._condition(("a", "few"), torch.tensor([math.nan, math.nan], dtype=torch.float64))
    rest = [1, 2, 3, 4, 5]
    names = [MIXED.names[j] for j in rest]
    torch.testing.assert_close(nothing.log_prob(x[:, rest]), model.marginal(names).log_prob(x[:, rest]))


@pytest.mark.parametrize("name", ["label", "count", "few"])
def test_samples_of_discrete_columns_follow_their_probabilities(name: str) -> None:
    model = mixed_model()
    x = model.sample(40_000, seed=1)
    assert bool(MIXED.contains(x).all())
    drawn, counts = torch.unique(x[:, MIXED.index(name)], return_counts=True)
    expected = model.marginal([name]).log_prob(drawn[:, None]).exp().numpy() * len(x)
    common = expected > 10
    cells = np.append(counts.numpy()[common], len(x) - counts.numpy()[common].sum())
    wanted = np.append(expected[common], len(x) - expected[common].sum())
    keep = wanted > 1
    statistic = ((cells - wanted)[keep] ** 2 / wanted[keep]).sum()
    assert scipy.stats.chi2.sf(statistic, keep.sum() - 1) > 1e-4


def test_samples_of_continuous_columns_follow_the_density() -> None:
    model = mixed_model()
    x = model.sample(40_000, seed=1)
    assert scipy.stats.kstest(x[:, 0].numpy(), lambda v: model.marginal(["a"]).cdf(v)).pvalue > 1e-4
    density = model.marginal(["angle"])
    grid = np.linspace(0, 360, 20_001)
    heights = density.log_prob(torch.tensor(grid[:, None])).exp().numpy()
    below = scipy.integrate.cumulative_trapezoid(heights, grid, initial=0)
    assert scipy.stats.kstest(x[:, 5].numpy(), lambda v: np.interp(v, grid, below)).pvalue > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_exact_mean_and_covariance(kind: Kind) -> None:
    model = gaussian_model(kind, 3, 3)
    block, w = model.parts.main, model.log_weights.exp()
    mean = w @ block.means
    outer = block.dense() + block.means[:, :, None] * block.means[:, None]
    exact = torch.einsum("k,kij->ij", w, outer) - torch.outer(mean, mean)
    x = model.sample(200_000, seed=2)
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=0.03)
    torch.testing.assert_close(torch.cov(x.mT), exact, rtol=0.03, atol=0.1)


def test_cdf_of_one_real_column() -> None:
    model = Mixture(k=2, covariance="full", shrinkage=1.0).fit(np.concatenate([np.arange(30.0), 100 + np.arange(9.0)]))
    assert "cdf" in model.capabilities
    area = scipy.integrate.quad(lambda v: math.exp(model.log_prob([v])[0]), -500, 17.0, limit=200)[0]
    assert float(model.cdf([17.0])[0]) == pytest.approx(area, abs=1e-7)
    assert "cdf" not in gaussian_model("full", 2, 2).capabilities


# Fitting --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outliers", [True, False])
def test_the_penalised_likelihood_never_falls(kind: Kind, outliers: bool) -> None:
    weights = torch.randint(1, 4, (150,), generator=generator(8)).double()
    rows = ready(Data(MIXED, with_gaps(mixed_rows(150)), weights))
    shape = Shape(3, kind, 0.7, outliers)
    prior = prior_of(rows, shape, 1e-3)
    parts = begin(rows, shape, prior, generator(0), lloyd=0)
    trace = iterate(rows, parts, shape, prior, tolerance=-1.0, iterations=40).trace
    assert len(trace) == 40
    assert min(np.diff(trace)) > -1e-11
    assert trace[-1] > trace[0] + 1e-3


def test_one_component_is_the_closed_form() -> None:
    x = mixed_rows(200)[:, :3]
    model = Mixture(k=1, covariance="full", shrinkage=1e-9, outliers=False).fit(x.numpy())
    expected = scipy.stats.multivariate_normal(x.mean(0), np.cov(x.numpy().T, bias=True)).logpdf(x)
    np.testing.assert_allclose(model.log_prob(x.numpy()), expected, atol=1e-5)


def test_em_ends_where_sklearn_ends() -> None:
    x = mixed_rows(400)[:, :3].numpy()
    x = (x - x.mean(0)) / x.std(0)
    peer = GaussianMixture(2, tol=1e-10, max_iter=2000, random_state=0).fit(x)
    model = Mixture(k=2, covariance="full", shrinkage=1e-9, outliers=False, tolerance=1e-10, max_iterations=2000).fit(x)
    # ours has half a pseudo-row for each weight, theirs 1e-6 on each variance
    np.testing.assert_allclose(model.log_prob(x), peer.score_samples(x), atol=5e-3)


def test_missing_values_reach_the_maximum_likelihood_of_a_monotone_pattern() -> None:
    random = np.random.default_rng(0)
    u = random.normal(size=400)
    v = 2 * u + random.normal(size=400)
    seen = u < 0.5  # v is missing where u is large: the mean of the values seen is badly biased
    table = Table(("u", "v"), (Real(), Maybe(Real())), "torch")
    x = torch.tensor(np.stack([u, np.where(seen, v, np.nan)], 1))
    settings = {"k": 1, "covariance": "full", "shrinkage": 1e-9, "outliers": False, "tolerance": 1e-13}
    model = Mixture(**settings, max_iterations=5000).fit(Data(table, x))  # type: ignore[arg-type]
    slope, intercept = np.polyfit(u[seen], v[seen], 1)
    inner, codec = model.inner, model.codec  # type: ignore[attr-defined]
    mean = inner.parts.main.means[0, 1] * codec.codecs[1].inner.scale + codec.codecs[1].inner.shift
    assert float(mean) == pytest.approx(intercept + slope * u.mean(), abs=1e-4)


def test_all_fits_of_one_table_agree_whatever_the_order_repetition_or_zero_weights() -> None:
    x = with_gaps(mixed_rows(80), 0.1)
    weights = torch.randint(0, 3, (80,), generator=generator(2)).double()
    repeated = x.repeat_interleave(weights.long(), 0)
    mixed = repeated[torch.randperm(len(repeated), generator=generator(3))]
    estimator = Mixture(k=3, covariance="full", shrinkage=1.0, members=2, tolerance=1e-4)
    y = mixed_rows(20, seed=5)
    fit = [_fit_coded(estimator, x, weights), _fit_coded(estimator, repeated, None), _fit_coded(estimator, mixed, None)]
    scores = [model.log_prob(y) for model in fit]
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(scores[1], scores[2], rtol=1e-6, atol=1e-6)


def _fit_coded(estimator: Mixture, x: Tensor, weights: Tensor | None) -> MixtureModel:
    """Coded rows, in which NaN means "no value here", straight to `_fit`."""
    data = Data(MIXED, x, weights)
    model = estimator._fit(data, validation=None, plan=Plan(), seed=0, start=None, recorder=SILENT)
    assert isinstance(model, MixtureModel)
    return model


def test_relative_weights_are_counts_of_mean_one() -> None:
    x = mixed_rows(60)
    estimator = Mixture(k=2, covariance="full", shrinkage=1.0, tolerance=1e-3)
    halves = _fit_coded(estimator, x, torch.full((60,), 0.25).double())
    torch.testing.assert_close(halves.log_prob(x), _fit_coded(estimator, x, None).log_prob(x))


def test_the_same_seed_gives_the_same_model_and_the_global_generators_stay() -> None:
    x = mixed_rows(100)[:, :3].numpy()
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  # read, to see that it stays
    one = Mixture(k=3, covariance="full", shrinkage=1.0).fit(x, seed=4).log_prob(x)
    two = Mixture(k=3, covariance="full", shrinkage=1.0).fit(x, seed=4).log_prob(x)
    assert (one == two).all()
    assert bool((torch.get_rng_state() == before[0]).all())
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_units_do_not_matter() -> None:
    x = mixed_rows(120)[:, :3].numpy()
    estimator = Mixture(k=3, covariance="full", shrinkage=1.0)
    shifted = estimator.fit(x * [1000.0, 1.0, 0.01] + [5.0, 1e4, 0.0])
    plain = estimator.fit(x).log_prob(x)
    there = shifted.log_prob(x * [1000.0, 1.0, 0.01] + [5.0, 1e4, 0.0])
    np.testing.assert_allclose(there, plain - math.log(10.0), atol=1e-6)


def test_rounded_gaussians_reach_the_maximum_likelihood() -> None:
    x = torch.tensor(np.random.default_rng(0).normal(6.3, 1.7, 500)).round().clamp(min=3)
    data = column(Integer(3, None), x, torch.ones(500).double())
    assert not data.own_tables  # type: ignore[attr-defined]
    moments = data.moments(1)
    data.add(moments, torch.ones(1, 500).double(), slice(0, 500))
    head = data.update(None, moments, 1e-9)
    for _ in range(2000):
        head = data.update(head, moments, 1e-9)

    def loss(shape: np.ndarray) -> float:
        mean, sd, mix = shape[0], math.exp(shape[1]), 1 / (1 + math.exp(-shape[2]))
        shapes = (torch.tensor([v]).double() for v in (mean, sd, mix))
        trial = IntegerHead(3, None, head.levels, head.log_shares, *shapes)  # type: ignore[attr-defined]
        return -float(trial.log_density(x).sum()) - 0.5 * math.log(mix * (1 - mix))

    best = scipy.optimize.minimize(loss, [5.0, 0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    mine = -float(head.log_density(x).sum()) - 0.5 * math.log(float(head.mix * (1 - head.mix)))  # type: ignore[attr-defined]
    assert mine <= best.fun + 1e-3


def test_spiky_whole_numbers_get_tables() -> None:
    x = torch.tensor(np.random.default_rng(0).choice([0.0, 5.0, 10.0], 300))
    data = column(Integer(0, None), x, torch.ones(300).double())
    assert data.own_tables  # type: ignore[attr-defined]
    head = data.update(None, torch.tensor([[100.0, 0.0, 0.0, 0.0], [10.0, 10.0, 10.0, 0.0]]).double(), 1.0)
    assert float(head.log_density(torch.tensor([0.0]).double())[0, 0]) > math.log(0.95)


def test_interval_moments_agree_with_scipy() -> None:
    low = torch.tensor([-1.0, 2.0, -9.0, 0.0, 30.0, -math.inf]).double()
    high = torch.tensor([0.5, 2.2, -8.5, math.inf, 31.0, -3.0]).double()
    first, second = interval_moments(low, high)
    for a, b, one, two in zip(low.tolist(), high.tolist(), first.tolist(), second.tolist(), strict=True):
        law = scipy.stats.truncnorm(a, b)
        assert one == pytest.approx(law.mean(), rel=1e-9)
        assert two == pytest.approx(law.moment(2), rel=1e-6)


def test_concentrations_invert_the_bessel_ratio() -> None:
    kappa = torch.tensor([0.0, 1e-3, 0.5, 3.0, 40.0, 1e3, 1e5]).double()
    length = torch.special.i1e(kappa) / torch.special.i0e(kappa)
    torch.testing.assert_close(concentration(length), kappa, rtol=1e-6, atol=1e-9)


def test_overall_frequencies_leave_room_for_labels_never_seen() -> None:
    shares = overall_frequencies(torch.tensor([90.0, 9.0, 1.0, 0.0, 0.0]).double())
    assert float(shares.sum()) == pytest.approx(1.0)
    assert float(shares[3]) == pytest.approx(1.5 / 101 / 2)
    assert float(overall_frequencies(torch.tensor([5.0, 5.0]).double())[0]) == pytest.approx(0.5)


# Hard data ----------------------------------------------------------------------------------------------------------


def test_covariances_respect_the_floor() -> None:
    flat = torch.tensor([[1.0, 1.0], [1.0, 1.0]]).double()
    lifted = at_least(flat[None], torch.tensor([0.01, 0.01]).double())[0]
    torch.testing.assert_close(torch.linalg.eigvalsh(lifted), torch.tensor([0.01, 2.0]).double())
    table = Table(("a", "b"), (Real(0.5), Real()), "torch")
    x = torch.tensor([[1.0, 2.0]] * 20 + [[3.0, 2.5], [9.0, 9.0]]).double()
    model = Mixture(k=3, covariance="full", shrinkage=0.01).fit(Data(table, x))
    narrowest = model.inner.parts.main.variances()[:, 0].min().sqrt() * model.codec.codecs[0].scale  # type: ignore[attr-defined]
    assert float(narrowest) >= 0.25 - 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "rows",
    [
        np.array([[9999.0], [0.0]]),  # sklearn#30382
        np.ones((30, 2)) + np.array([0.0, 1.0]) * np.arange(30)[:, None],  # one constant column
        np.repeat([[1.0, 2.0], [3.0, 5.0]], 20, axis=0),  # duplicates only
        np.array([[1.0, 2.0, 4.0]]),  # one row
        np.random.default_rng(0).normal(size=(6, 20)),  # more columns than rows
        np.random.default_rng(0).normal(size=(40, 2)) * 1e-12 + 1.0,  # tiny spread
        np.vstack([np.random.default_rng(0).normal(size=(40, 2)), [[1e6, -1e6]]]),  # one far row
        np.outer(np.arange(12.0), [1.0, 2.0, 3.0]),  # on a line
    ],
)
def test_hard_rows_get_finite_scores(kind: Kind, rows: np.ndarray) -> None:
    space = Table(tuple(f"c{j}" for j in range(rows.shape[1])), (Real(),) * rows.shape[1], "numpy")
    model = Mixture(k=8, covariance=kind, shrinkage=0.1, tolerance=1e-3).fit(Data(space, torch.tensor(rows)))
    scores = model.log_prob(np.vstack([rows, rows + 1.0]))
    assert np.isfinite(scores).all()
    assert np.isfinite(model.sample(50, seed=0)).all()


def test_columns_with_gaps_everywhere() -> None:
    x = with_gaps(mixed_rows(120), 0.5)
    x[0] = math.nan
    model = _fit_coded(Mixture(k=3, covariance="full", shrinkage=1.0, tolerance=1e-3), x, None)
    assert bool(torch.isfinite(model.log_prob(mixed_rows(20, seed=2))).all())


def test_a_row_from_nowhere_is_no_catastrophe() -> None:
    x = np.random.default_rng(0).normal(size=(500, 4))
    far = np.full((1, 4), 25.0)
    plain = Mixture(k=2, covariance="full", shrinkage=1.0, outliers=False).fit(x).log_prob(far)[0]
    caught = Mixture(k=2, covariance="full", shrinkage=1.0).fit(x).log_prob(far)[0]
    assert plain < -800
    assert caught > -200


# Choices -------------------------------------------------------------------------------------------------------------


def test_choices_beat_sklearn_where_rows_are_few() -> None:
    x = load_wine().data
    order = np.random.default_rng(0).permutation(len(x))
    train, held, test = x[order[:100]], x[order[100:140]], x[order[140:]]
    model = Mixture(covariance="diagonal", shrinkage=1.0, members=4).fit(train, validation=held)
    peers = [GaussianMixture(k, covariance_type="diag", random_state=0).fit(train) for k in range(1, 6)]
    best = min(peers, key=lambda peer: peer.bic(train))
    assert model.log_prob(test).mean() > best.score(test) + 0.5


def test_bic_finds_the_number_of_clusters() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2)) + 8 * random.integers(0, 3, (300, 1))
    model = Mixture(criterion="bic", covariance="spherical", outliers=False).fit(x)
    assert len(model.inner.means) == 3  # type: ignore[attr-defined]


class Listener:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, what: str, total: int | None) -> None: ...

    def step(self, done: int, note: str = "") -> None:
        self.notes.append(note)

    def finish(self) -> None: ...


def test_a_spent_budget_still_gives_a_model_and_progress_is_told() -> None:
    listener = Listener()
    x = mixed_rows(100)[:, :3].numpy()
    model = Mixture().fit(x, plan=Plan(seconds=0.0), recorder=listener)
    assert np.isfinite(model.log_prob(x)).all()
    assert len(listener.notes) == 1
    assert listener.notes[0].startswith("k=1 full: -")


def test_a_warm_start_goes_on_from_where_it_was() -> None:
    x = mixed_rows(200)
    estimator = Mixture(k=3, covariance="tied", shrinkage=1.0, members=2, tolerance=1e-4)
    first = estimator.fit(Data(MIXED, x))
    again = estimator.fit(Data(MIXED, x), start=first)
    assert again.inner.members == 2  # type: ignore[attr-defined]
    assert float((again.log_prob(x) - first.log_prob(x)).mean()) > -1e-2
    with pytest.raises(FitError, match="other columns"):
        estimator.fit(x[:, :3].numpy(), start=first)


def test_an_average_of_mixtures_is_their_mixture() -> None:
    spaces = list(MIXED.spaces[3:])
    members = [
        mixed_model(),
        Mixture(k=3, covariance="full", shrinkage=9.0, tolerance=1e-3).fit(Data(MIXED, mixed_rows(300))),
    ]
    parts = [model.inner.parts for model in members]  # type: ignore[attr-defined]
    whole = mixture(members[0].codec.target, pooled(parts, spaces), 2)  # type: ignore[attr-defined]
    x = mixed_rows(30, seed=7)
    z = members[0].codec.encode(x)[0]  # type: ignore[attr-defined]
    separate = torch.stack([p.log_joint(z, whole.space).logsumexp(1) for p in parts])
    torch.testing.assert_close(whole.log_prob(z), separate.logsumexp(0) - math.log(2))
    back = apart(whole.parts, 2, spaces)
    torch.testing.assert_close(back[1].log_joint(z, whole.space), parts[1].log_joint(z, whole.space))  # type: ignore[arg-type]


def test_stored_and_loaded_models_score_the_same(tmp_path: Path) -> None:
    model = mixed_model(members=2)
    save(model, tmp_path / "m")
    x = mixed_rows(20, seed=4)
    assert bool((load(tmp_path / "m").log_prob(x) == model.log_prob(x)).all())


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"shrinkage": 0.0}, {"floor": -1.0}, {"restarts": 0}, {"members": 0}, {"tolerance": 0.0}]
)
def test_wrong_options_teach(wrong: dict[str, float]) -> None:
    with pytest.raises(FitError):
        Mixture(**wrong).fit(np.arange(10.0))  # type: ignore[arg-type]


def test_heads_draw_what_they_score() -> None:
    head = CategoryHead(torch.log(torch.tensor([[0.1, 0.9], [0.7, 0.3]]).double()))
    component = torch.tensor([0, 1]).repeat(5000)
    drawn = head.draw(component, generator(0))
    assert float(drawn[0::2].mean()) == pytest.approx(0.9, abs=0.02)
    assert float(drawn[1::2].mean()) == pytest.approx(0.3, abs=0.02)

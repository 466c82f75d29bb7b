"""The multivariate normal and Student t laws against SciPy, scikit-learn and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.covariance import LedoitWolf

from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.parametric.covariance import floored, moments, shrinkage, shrunk
from pofx.models.parametric.elliptical import GaussianModel, StudentTModel
from pofx.models.parametric.gaussian import Gaussian
from pofx.models.parametric.student import StudentT
from pofx.spaces.numeric import Integer, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table
from pofx.training.plan import Plan

NAMES = ("a", "b", "c")
MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
SCATTER = torch.tensor([[2.0, 0.8, -0.3], [0.8, 1.0, 0.1], [-0.3, 0.1, 0.5]], dtype=torch.float64)
BOTH = pytest.mark.parametrize("kind", ["gaussian", "student"])


def table(names: tuple[str, ...] = NAMES) -> Table:
    return Table(names, (Real(),) * len(names), "torch")


def law(kind: str) -> GaussianModel | StudentTModel:
    return (
        GaussianModel(table(), MEAN, SCATTER, 9)
        if kind == "gaussian"
        else StudentTModel(table(), MEAN, SCATTER, 4.5, 10)
    )


def scipys(kind: str, columns: list[int]) -> Any:
    mean, scatter = MEAN[columns].numpy(), SCATTER[columns][:, columns].numpy()
    if kind == "gaussian":
        return stats.multivariate_normal(mean, scatter)
    return stats.multivariate_t(mean, scatter, df=4.5)


def rows(n: int, seed: int = 0, kind: str = "gaussian") -> torch.Tensor:
    return law(kind).draw(n, seed=seed)


def fit(estimator: Gaussian | StudentT, x: torch.Tensor, weights: torch.Tensor | None = None) -> Any:
    """Straight to `_fit`: no standardisation, gaps allowed."""
    nothing: Any = None
    names = tuple(f"x{j}" for j in range(x.shape[1]))
    return estimator._fit(
        Data(table(names), x, weights), validation=nothing, plan=Plan(), seed=0, start=nothing, recorder=nothing
    )


@BOTH
def test_log_prob_is_scipys(kind: str) -> None:
    x = rows(50)
    np.testing.assert_allclose(law(kind).log_prob(x), scipys(kind, [0, 1, 2]).logpdf(x.numpy()), rtol=1e-10)


@BOTH
def test_a_gap_is_integrated_out(kind: str) -> None:
    x = rows(30)
    x[:10, 1] = math.nan
    x[10:20, [0, 2]] = math.nan
    x[29] = math.nan
    found = law(kind)._log_prob(x, None)
    np.testing.assert_allclose(found[:10], scipys(kind, [0, 2]).logpdf(x[:10][:, [0, 2]].numpy()), rtol=1e-10)
    np.testing.assert_allclose(found[10:20], scipys(kind, [1]).logpdf(x[10:20, 1:2].numpy()), rtol=1e-10)
    assert float(found[29]) == 0.0


@BOTH
def test_marginal_and_condition_make_the_joint(kind: str) -> None:
    x, m = rows(20), law(kind)
    marginal = m.marginal(["c", "a"])
    np.testing.assert_allclose(marginal.log_prob(x[:, [2, 0]]), scipys(kind, [2, 0]).logpdf(x[:, [2, 0]].numpy()))
    for row in x:
        rest = m.condition({"a": float(row[0]), "c": float(row[2])})
        both = rest.log_prob(row[1:2][None]) + marginal.log_prob(row[[2, 0]][None])
        assert float(both) == pytest.approx(float(m.log_prob(row[None])), rel=1e-10)


@BOTH
def test_samples_have_the_law(kind: str) -> None:
    x = law(kind).draw(20_000, seed=3)
    factor = torch.linalg.cholesky(SCATTER)
    z = torch.linalg.solve_triangular(factor, (x - MEAN).T, upper=False)
    distance = z.square().sum(0).numpy()
    expected = stats.chi2(3).cdf if kind == "gaussian" else stats.f(3, 4.5, scale=3).cdf
    assert stats.kstest(distance, expected).pvalue > 1e-4
    assert stats.kstest(z[1].numpy(), stats.norm.cdf if kind == "gaussian" else stats.t(4.5).cdf).pvalue > 1e-4


@BOTH
def test_store_and_gradient(kind: str, tmp_path: Any) -> None:
    m, x = law(kind), rows(5)
    save(m, tmp_path / "m")
    assert torch.equal(load(tmp_path / "m").log_prob(x), m.log_prob(x))
    x.requires_grad_(True)
    m.log_prob(x).sum().backward()
    step = 1e-5
    moved = x.detach().clone()
    moved[2, 1] += step
    assert x.grad is not None
    slope = float((m.log_prob(moved) - m.log_prob(x.detach()))[2]) / step
    assert float(x.grad[2, 1]) == pytest.approx(slope, abs=1e-3)


# Fitting ------------------------------------------------------------------------------------------------------------


def test_full_gaussian_is_the_sample_moments() -> None:
    x = rows(200)
    m = fit(Gaussian(), x)
    np.testing.assert_allclose(m.mean, x.mean(0))
    np.testing.assert_allclose(m.scatter, np.cov(x.numpy().T, bias=True))
    assert m.free_parameters == 9


def test_units_shift_the_score() -> None:
    x = rows(100).numpy()
    scale = np.array([1000.0, 1e-3, 1.0])
    for estimator in (Gaussian(), Gaussian(covariance="diagonal"), Gaussian(covariance="shrunk"), StudentT()):
        near, far = estimator.fit(x), estimator.fit(x * scale + 5)
        np.testing.assert_allclose(far.log_prob(x * scale + 5), near.log_prob(x), rtol=1e-6, atol=1e-6)


def test_shrinkage_is_ledoit_and_wolfs() -> None:
    x = rows(40)
    theirs = LedoitWolf().fit(x.numpy())
    share = shrinkage(x, torch.ones(40).double())
    assert share == pytest.approx(theirs.shrinkage_, rel=1e-10)
    np.testing.assert_allclose(shrunk(moments(x, torch.ones(40).double())[1], share), theirs.covariance_)
    np.testing.assert_allclose(fit(Gaussian(covariance="shrunk"), x).scatter, theirs.covariance_)


@pytest.mark.parametrize("estimator", [Gaussian(), Gaussian(covariance="shrunk"), StudentT()], ids=["g", "s", "t"])
def test_fewer_rows_than_columns(estimator: Gaussian | StudentT) -> None:
    random = np.random.default_rng(0)
    train, test = random.normal(size=(15, 30)), random.normal(size=(50, 30))
    score = estimator.fit(train).log_prob(test).mean()
    assert score > stats.norm.logpdf(test).sum(1).mean() - 8


@pytest.mark.parametrize("estimator", [Gaussian(), Gaussian(covariance="diagonal"), StudentT()], ids=["g", "d", "t"])
def test_columns_that_coincide_or_have_no_spread(estimator: Gaussian | StudentT) -> None:
    x = torch.cat([rows(60), rows(60)[:, :1], torch.full((60, 1), 7.0).double()], 1)
    m = fit(estimator, x)
    assert bool(torch.isfinite(m.log_prob(x)).all())
    assert bool(torch.isfinite(m.draw(20, seed=0)).all())
    one = fit(estimator, x[:1])
    assert bool(torch.isfinite(one.log_prob(x)).all())


def test_no_direction_is_narrower_than_half_the_resolution() -> None:
    space = Table(("a", "b"), (Real(0.2), Real(0.4)), "torch")
    x = rows(50)[:, :1].repeat(1, 2)
    m = Gaussian().fit(Data(space, x))
    far = m.inner.scatter if hasattr(m, "inner") else m.scatter
    scales = torch.tensor([float(c.scale) for c in m.codec.codecs]).double()
    unit = far * scales[:, None] * scales[None, :] / torch.tensor([[0.01, 0.02], [0.02, 0.04]]).double()
    assert float(torch.linalg.eigvalsh(unit).min()) >= 1 - 1e-6 or float(unit.diagonal().min()) >= 1
    mended = floored(torch.zeros(2, 2).double(), torch.tensor([0.1, 0.2]).double())
    np.testing.assert_allclose(mended, [[0.01, 0], [0, 0.04]], atol=1e-15)


@pytest.mark.parametrize("estimator", [Gaussian(), Gaussian(covariance="shrunk"), StudentT()], ids=["g", "s", "t"])
def test_whole_weights_are_repetitions(estimator: Gaussian | StudentT) -> None:
    x = rows(60)
    weights = torch.tensor([0.0, 1.0, 3.0]).repeat(20).double()
    a, b = fit(estimator, x, weights), fit(estimator, torch.repeat_interleave(x, weights.long(), 0).flip(0))
    np.testing.assert_allclose(a.log_prob(x), b.log_prob(x), rtol=1e-7)


def test_gaps_by_expectation_maximisation_reach_the_maximum() -> None:
    """The gradient of the exact observed likelihood vanishes at the fit, and dropping rows is worse."""
    x = rows(300, seed=1)
    x[(torch.rand(300, 3, generator=torch.Generator().manual_seed(0)) < 0.3)] = math.nan
    m = fit(Gaussian(), x)
    mean, factor = m.mean.clone().requires_grad_(True), torch.linalg.cholesky(m.scatter).requires_grad_(True)
    total = GaussianModel(m.space, mean, factor.tril() @ factor.tril().T, 0)._log_prob(x, None).mean()
    total.backward()
    assert mean.grad is not None
    assert factor.grad is not None
    assert float(mean.grad.abs().max()) < 1e-4
    assert float(factor.grad.tril().abs().max()) < 1e-4
    complete = x[~torch.isnan(x).any(1)]
    assert float(m._log_prob(x, None).mean()) > float(fit(Gaussian(), complete)._log_prob(x, None).mean())


def test_gaps_that_depend_on_another_column_do_not_bias() -> None:
    """Missing at random: b is seen only where a is large, and still its mean is found, through the regression."""
    x = law("gaussian").draw(4000, seed=2)
    x[x[:, 0] < 1.0, 1] = math.nan
    assert float(fit(Gaussian(), x).mean[1]) == pytest.approx(-2.0, abs=0.1)
    assert float(torch.nanmean(x[:, 1])) > -1.7


def test_student_t_finds_the_maximum() -> None:
    x = rows(400, seed=5, kind="student")
    m = fit(StudentT(), x)

    def negative(theta: np.ndarray) -> float:
        factor = np.zeros((3, 3))
        factor[np.tril_indices(3)] = theta[4:]
        shape = factor @ factor.T + 1e-12 * np.eye(3)
        return -float(stats.multivariate_t(theta[1:4], shape, df=math.exp(theta[0])).logpdf(x.numpy()).mean())

    begin = np.concatenate([[math.log(8.0)], x.median(0).values, np.eye(3)[np.tril_indices(3)]])
    found = optimize.minimize(negative, begin, method="BFGS", options={"gtol": 1e-6})
    assert -float(m.log_prob(x).mean()) == pytest.approx(found.fun, abs=1e-5)
    assert m.freedom == pytest.approx(math.exp(found.x[0]), rel=0.02)


def test_student_t_with_gaps_and_fixed_freedom() -> None:
    x = rows(400, seed=6, kind="student")
    x[:150, 2] = math.nan
    m = fit(StudentT(freedom=3.0), x)
    assert m.freedom == 3.0
    assert m.free_parameters == 9
    mean = m.mean.clone().requires_grad_(True)
    StudentTModel(m.space, mean, m.scatter, 3.0, 0)._log_prob(x, None).mean().backward()
    assert mean.grad is not None
    assert float(mean.grad.abs().max()) < 1e-4


def test_on_normal_rows_the_tails_go() -> None:
    x = rows(500)
    t, g = fit(StudentT(), x), fit(Gaussian(), x)
    assert t.freedom > 20
    assert float(t.log_prob(x).mean()) == pytest.approx(float(g.log_prob(x).mean()), abs=0.01)


def test_labels_and_missing_values_beside_real_columns() -> None:
    space = Table(("a", "b", "k"), (Maybe(Real()), Real(), Category(("u", "v"), False)), "torch")
    x = torch.cat([rows(200)[:, :2], torch.arange(200).remainder(4).eq(0).double()[:, None]], 1)
    x[::5, 0] = math.nan
    for estimator in (Gaussian(), StudentT()):
        m = estimator.fit(Data(space, x))
        scores = m.log_prob(x)
        assert bool(torch.isfinite(scores).all())
        grid = torch.linspace(-15, 20, 4001).double()
        at = torch.stack([grid, torch.zeros(4001).double(), torch.zeros(4001).double()], 1)
        seen = float(torch.trapezoid(m.log_prob(at).exp(), grid))
        missing = float(m.log_prob(torch.tensor([[math.nan, 0.0, 0.0]]).double()).exp())
        marginal = float(m.marginal(["b", "k"]).log_prob(torch.tensor([[0.0, 0.0]]).double()).exp())
        assert seen + missing == pytest.approx(marginal, rel=1e-3)
        assert m.draw(100, seed=0)[:, 0].isnan().double().mean() == pytest.approx(0.2, abs=0.15)
        rest = m.condition({"k": "v", "b": -2.0})
        assert bool(torch.isfinite(rest.log_prob(torch.tensor([[1.0]]).double())).all())


def test_refusals() -> None:
    with pytest.raises(FitError, match="degrees of freedom"):
        StudentT(freedom=0.0)
    with pytest.raises(FitError, match="column of numbers"):
        Gaussian().fit(Data(Table(("k",), (Category(("u",)),), "torch"), torch.zeros(3, 1).double()))
    with pytest.raises(ValueError, match="does not accept"):
        Gaussian().fit(Data(Table(("k",), (Integer(),), "torch"), torch.zeros(3, 1).double()))

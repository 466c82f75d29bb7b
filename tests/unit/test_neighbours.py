"""SciPy's and torch's distributions as models, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
import torch.distributions as td
from torch import tensor

from pofx.core.contract import Model
from pofx.core.registry import estimator
from pofx.core.store import load, save
from pofx.errors import SpaceError, StoreError
from pofx.neighbours.scipy_laws import law_from
from pofx.neighbours.scipy_stats import from_scipy, to_scipy
from pofx.neighbours.torch_distributions import from_torch, to_torch
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.multivariate_normal([0, 1], [[1, 0.5], [0.5, 2]], 300)
TWO_HUMPS = np.concatenate([RANDOM.normal(0, 1, 300), RANDOM.normal(6, 0.5, 200)])

SCIPY = {
    "norm": scipy.stats.norm(1, 2),
    "norm without parameters": scipy.stats.norm,
    "gamma": scipy.stats.gamma(2.0, loc=0, scale=3.0),
    "gamma near zero": scipy.stats.gamma(0.01),
    "shifted": scipy.stats.expon(loc=3),
    "beta": scipy.stats.beta(0.5, 0.5),
    "uniform": scipy.stats.uniform(3, 2),
    "heavy tail": scipy.stats.pareto(0.01),
    "spike inside": scipy.stats.dgamma(0.5),
    "circle": scipy.stats.vonmises(3, loc=1, scale=2),
    "poisson": scipy.stats.poisson(3),
    "negative binomial": scipy.stats.nbinom(3, 0.2, loc=-2),
    "a list of probabilities": scipy.stats.poisson_binom([0.1, 0.6, 0.7]),
    "values": scipy.stats.rv_discrete(values=([1, 2, 7], [0.2, 0.3, 0.5])),
    "histogram": scipy.stats.rv_histogram(np.histogram(TWO_HUMPS, bins=[-4, -1, 0, 0.5, 9]), density=False),
    "new normal": scipy.stats.Normal(mu=1, sigma=2),
    "new standard normal": scipy.stats.Normal(),
    "new uniform": scipy.stats.Uniform(a=1, b=2),
    "new logistic": scipy.stats.Logistic(),
    "new binomial": scipy.stats.Binomial(n=10, p=0.3),
    "multivariate normal": scipy.stats.multivariate_normal([0, 1], [[1, 0.5], [0.5, 2]]),
    "multivariate normal of one": scipy.stats.multivariate_normal(1, 4),
    "multivariate t": scipy.stats.multivariate_t([0, 1], [[1, 0.5], [0.5, 2]], df=4),
    "kernels": scipy.stats.gaussian_kde(TABLE.T, bw_method=0.3, weights=np.arange(1.0, 301.0)),
    "kernels of one": scipy.stats.gaussian_kde(TWO_HUMPS),
}

SPACES = {
    "norm": Real(),
    "gamma": Positive(),
    "shifted": Real(),
    "uniform": Interval(3, 5),
    "circle": Circle(4 * math.pi, 1 - 2 * math.pi),
    "poisson": Integer(0, None),
    "negative binomial": Integer(-2, None),
    "values": Integer(1, 7),
    "new binomial": Integer(0, 10),
    "multivariate t": Real(),
}


@pytest.fixture(params=list(SCIPY))
def scipy_name(request) -> str:
    return request.param


def reference(distribution: object, x: np.ndarray) -> np.ndarray:
    discrete = any("Discrete" in kind.__name__ or "discrete" in kind.__name__ for kind in type(distribution).__mro__)
    whole = discrete or isinstance(distribution, scipy.stats.rv_discrete)
    score = distribution.logpmf if whole else distribution.logpdf
    return score(x.T if isinstance(distribution, scipy.stats.gaussian_kde) else x)


def stored(model: Model, tmp_path) -> Model:
    save(model, tmp_path / "model")
    return load(tmp_path / "model")


def test_scipy_scores_samples_and_storage(scipy_name, tmp_path):
    distribution = SCIPY[scipy_name]
    model = from_scipy(distribution)
    x = model.sample(200, seed=1)
    scores = model.log_prob(x)
    assert scores.shape == (200,)
    assert np.isfinite(scores).all()
    with np.errstate(all="ignore"):
        expected = reference(distribution, x)
    ordinary = np.isfinite(expected)
    assert ordinary.mean() > 0.5
    np.testing.assert_allclose(scores[ordinary], expected[ordinary], rtol=1e-12)
    again = stored(model, tmp_path)
    np.testing.assert_allclose(again.log_prob(x), scores, rtol=1e-12)
    np.testing.assert_array_equal(again.sample(9, seed=3), model.sample(9, seed=3))


@pytest.mark.parametrize("name", list(SPACES))
def test_scipy_supports_become_spaces(name):
    model = from_scipy(SCIPY[name])
    assert set(model.space.spaces) == {SPACES[name]}


def test_scipy_samples_follow_the_law_and_leave_the_global_generator():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the global generator is what this is about
    x = from_scipy(scipy.stats.gamma(2.0, scale=3.0)).sample(4000, seed=0)
    assert scipy.stats.kstest(x, scipy.stats.gamma(2.0, scale=3.0).cdf).pvalue > 1e-4
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_scipy_quantiles_are_scipy_s():
    for name in ("gamma", "beta", "poisson", "histogram", "new logistic"):
        distribution = SCIPY[name]
        model = from_scipy(distribution)
        levels = np.array([0.001, 0.2, 0.5, 0.999])
        quantile = distribution.icdf if hasattr(distribution, "icdf") else distribution.ppf
        np.testing.assert_allclose(model.ppf(levels), quantile(levels), rtol=1e-9, atol=1e-12)


def test_a_point_of_infinite_density_gives_a_large_number():
    scores = from_scipy(scipy.stats.beta(0.5, 0.5)).log_prob([0.0, 1.0, -0.1, 1.1])
    assert (scores[:2] > 15).all()
    assert np.isfinite(scores[:2]).all()
    assert (scores[2:] == -np.inf).all()


def test_a_circle_has_mass_one():
    model = from_scipy(SCIPY["circle"])
    x = np.linspace(0, 4 * math.pi, 2001)[:-1]
    assert np.exp(model.log_prob(x)).mean() * 4 * math.pi == pytest.approx(1)
    np.testing.assert_allclose(model.log_prob(x + 4 * math.pi), model.log_prob(x), rtol=1e-9)


@pytest.mark.parametrize(
    ("distribution", "said"),
    [
        (scipy.stats.norm([0, 1], 2), "one model is one distribution; got parameters of 2"),
        (scipy.stats.Normal(mu=[0, 1]), "one model is one distribution"),
        (scipy.stats.norm(0, -1), "out of range"),
        (scipy.stats.gamma, "gamma needs its parameters"),
        (scipy.stats.poisson(3, loc=0.5), "whole numbers; got 0.5"),
        (scipy.stats.rv_discrete(values=([1, 1.5, 2], [0.2, 0.3, 0.5])), "whole numbers"),
        (scipy.stats.multivariate_normal([0, 0], [[1, 1], [1, 1]], allow_singular=True), "singular"),
        (scipy.stats.dirichlet([1, 2, 3]), "not a SciPy distribution that pofx can take"),
        (3, "got int"),
    ],
)
def test_what_scipy_distributions_are_refused(distribution, said):
    with pytest.raises(SpaceError, match=said):
        from_scipy(distribution)


class Triangle(scipy.stats.rv_continuous):
    def _pdf(self, x):
        return 2 * x

    def _cdf(self, x):
        return x**2


def test_distributions_by_hand_work_and_are_not_stored(tmp_path):
    narrowed = type(scipy.stats.norm)(a=0.0, name="norm")  # has the name of another one
    mixed = scipy.stats.Mixture([scipy.stats.Normal(), scipy.stats.Normal(mu=5)], weights=[0.3, 0.7])
    for distribution in (Triangle(a=0, b=1)(), 2 * scipy.stats.Normal() + 1, mixed, narrowed()):
        model = from_scipy(distribution)
        x = model.sample(5, seed=0)
        np.testing.assert_allclose(model.log_prob(x), distribution.logpdf(x), rtol=1e-9)
        with pytest.raises(StoreError, match="cannot be stored"):
            save(model, tmp_path / "model")


def test_a_stored_name_is_looked_up_among_distributions_only():
    for record in (
        {"kind": "named", "name": "bootstrap", "args": (1.0,), "kwds": {}},
        {"kind": "object", "name": "gaussian_kde", "kwds": {}},
    ):
        with pytest.raises(StoreError, match=f"no distribution '{record['name']}'"):
            law_from(record)


def test_no_rows_are_drawn_when_none_are_asked_for():
    for distribution in SCIPY.values():
        assert len(from_scipy(distribution).sample(0, seed=0)) == 0
    for distribution in TORCH.values():
        assert len(from_torch(distribution).sample(0, seed=0)) == 0


def test_scipy_there_and_back():
    for distribution in SCIPY.values():
        model = from_scipy(distribution)
        x = model.sample(5, seed=0)
        np.testing.assert_allclose(from_scipy(to_scipy(model)).log_prob(x), model.log_prob(x), rtol=1e-12)
    fitted = estimator("gaussian")().fit(TABLE)
    assert from_scipy(to_scipy(fitted)) is fitted


@pytest.fixture(scope="module")
def humps() -> Model:
    return estimator("kde")(bandwidth="silverman").fit(TWO_HUMPS)


def test_a_model_as_a_continuous_scipy_distribution(humps):
    law = to_scipy(humps)
    assert isinstance(law, scipy.stats.rv_continuous)
    x = np.array([[-1.0, 0.0], [3.0, 6.0]])
    np.testing.assert_allclose(law.logpdf(x).ravel(), humps.log_prob(x.ravel()), rtol=1e-12)
    np.testing.assert_allclose(law.pdf(x), np.exp(law.logpdf(x)))
    np.testing.assert_allclose(law.cdf(x).ravel(), humps.cdf(x.ravel()), rtol=1e-12)
    np.testing.assert_allclose(law.ppf(law.cdf(x)), x, atol=1e-9)
    np.testing.assert_allclose(law.interval(0.9), humps.interval(0.9), rtol=1e-9)
    assert law.logpdf(0.0).shape == ()
    assert law.cdf(law.support()[0]) == 0
    moved = law(loc=1, scale=2)
    np.testing.assert_allclose(moved.cdf(2 * x + 1), law.cdf(x), rtol=1e-12)
    drawn = law.rvs(size=(500, 2), random_state=0)
    assert drawn.shape == (500, 2)
    assert np.ndim(law.rvs(random_state=np.random.default_rng(0))) == 0
    np.testing.assert_array_equal(drawn, law.rvs(size=(500, 2), random_state=0))
    assert scipy.stats.kstest(drawn.ravel(), law.cdf).pvalue > 1e-4


def test_moments_of_a_model_as_scipy_has_them(humps):
    law = to_scipy(humps)
    assert law.mean() == pytest.approx(TWO_HUMPS.mean(), abs=1e-9)  # kernels do not move the mean
    assert law.var() == pytest.approx(law.expect(lambda x: (x - law.mean()) ** 2), rel=1e-6)
    assert law.moment(3) == pytest.approx(law.expect(lambda x: x**3), rel=1e-6)
    assert law.entropy() == pytest.approx(-law.expect(law.logpdf), rel=1e-6)
    away = to_scipy(estimator("parametric")(family="normal").fit(TWO_HUMPS * 1e-3 + 1e6))
    assert away.std() == pytest.approx(TWO_HUMPS.std() * 1e-3, rel=1e-6)
    normal = to_scipy(estimator("parametric")(family="normal").fit(TWO_HUMPS))
    np.testing.assert_allclose(normal.stats(moments="sk"), 0, atol=1e-9)


def test_a_model_as_a_discrete_scipy_distribution():
    k = RANDOM.poisson(3, 500)
    model = estimator("parametric")(family="poisson").fit(k)
    law = to_scipy(model)
    assert isinstance(law, scipy.stats.rv_discrete)
    expected = scipy.stats.poisson(k.mean())
    values = np.arange(9)
    np.testing.assert_allclose(law.pmf(values), expected.pmf(values), rtol=1e-6)
    np.testing.assert_allclose(law.cdf([2, 2.5]), expected.cdf([2, 2.5]), rtol=1e-6)
    assert law.pmf(0.5) == 0
    assert law.ppf(0.5) == expected.ppf(0.5)
    assert law.mean() == pytest.approx(k.mean(), rel=1e-6)
    assert law.var() == pytest.approx(k.mean(), rel=1e-6)
    np.testing.assert_allclose(law(loc=2).pmf(values + 2), law.pmf(values))
    assert set(law.rvs(size=50, random_state=0)) <= set(range(20))


def test_several_columns_as_a_scipy_distribution():
    model = estimator("gaussian")().fit(TABLE)
    law = to_scipy(model)
    assert law.dim == 2
    np.testing.assert_array_equal(law.logpdf(TABLE[:6].reshape(2, 3, 2)).ravel(), model.log_prob(TABLE[:6]))
    assert np.ndim(law.pdf(TABLE[0])) == 0
    assert law.rvs(random_state=0).shape == (2,)
    assert law.rvs((3, 4), random_state=0).shape == (3, 4, 2)
    np.testing.assert_array_equal(law.rvs(5, random_state=7), model.sample(5, seed=7))
    with pytest.raises(SpaceError, match=r"expected \[..., 2\]"):
        law.logpdf(TABLE[:5, :1])
    counts = estimator("independent")(candidates=("parametric",)).fit(RANDOM.poisson([2.0, 5.0], (200, 2)))
    both = to_scipy(counts)
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(60)), -1)
    assert both.pmf(grid).sum() == pytest.approx(1, abs=1e-6)
    assert not hasattr(both, "pdf")


@pytest.mark.parametrize("to", [to_scipy, to_torch])
def test_what_is_not_numbers_is_refused(to):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"kind": ["a", "b"] * 50, "size": TABLE[:100, 0]})
    model = estimator("gaussian")().fit(frame)
    with pytest.raises(SpaceError, match="column 'kind', category of 2"):
        to(model)
    to(model.marginal(["size"]))


def test_scipy_has_no_mixed_measure():
    model = from_torch(td.Independent(td.Normal(torch.zeros(2), 1.0), 1))
    x = np.column_stack([RANDOM.poisson(3, 100), RANDOM.normal(size=100)])
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"count": x[:, 0].astype(int), "size": x[:, 1]})
    mixed = estimator("independent")(candidates=("parametric",)).fit(frame)
    with pytest.raises(SpaceError, match="real and counted columns together"):
        to_scipy(mixed)
    assert to_torch(mixed).sample((3,)).shape == (3, 2)
    assert to_scipy(model).dim == 2


# torch --------------------------------------------------------------------------------------------------------------

TORCH = {
    "normal": td.Normal(1.0, 2.0),
    "log-normal": td.LogNormal(0.0, 1.0),
    "student": td.StudentT(3.0),
    "exponential": td.Exponential(2.0),
    "gamma": td.Gamma(2.0, 3.0),
    "kumaraswamy": td.Kumaraswamy(tensor(2.0), tensor(3.0)),
    "uniform": td.Uniform(1.0, 3.0),
    "pareto": td.Pareto(1.0, 2.0),
    "von mises": td.VonMises(tensor(1.0), tensor(3.0)),
    "bernoulli": td.Bernoulli(logits=tensor(0.3)),
    "binomial": td.Binomial(5, tensor(0.3)),
    "geometric": td.Geometric(tensor(0.3)),
    "negative binomial": td.NegativeBinomial(tensor(3.0), tensor(0.4)),
    "poisson": td.Poisson(tensor(3.0)),
    "categorical": td.Categorical(tensor([0.2, 0.8])),
    "one-hot": td.OneHotCategorical(tensor([0.2, 0.8])),
    "multinomial": td.Multinomial(5, tensor([0.2, 0.3, 0.5])),
    "multivariate normal": td.MultivariateNormal(torch.zeros(2), tensor([[1.0, 0.5], [0.5, 2.0]])),
    "low rank": td.LowRankMultivariateNormal(torch.zeros(3), torch.ones(3, 1), torch.ones(3)),
    "independent": td.Independent(td.Uniform(tensor([0.0, 1.0]), tensor([1.0, 3.0])), 1),
    "mixture": td.MixtureSameFamily(
        td.Categorical(tensor([0.3, 0.7])), td.Normal(tensor([0.0, 5.0]), tensor([1.0, 0.1]))
    ),
    "mixture of rows": td.MixtureSameFamily(
        td.Categorical(tensor([0.3, 0.7])),
        td.Independent(td.Normal(torch.arange(6.0).reshape(2, 3), torch.ones(2, 3)), 1),
    ),
    "transformed": td.TransformedDistribution(
        td.Normal(0.0, 1.0), [td.AffineTransform(1.0, 2.0), td.SigmoidTransform()]
    ),
}


@pytest.mark.parametrize("name", list(TORCH))
def test_torch_scores_samples_and_storage(name, tmp_path):
    distribution = TORCH[name]
    before = torch.get_rng_state()
    model = from_torch(distribution)
    x = model.sample(300, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    d = distribution.event_shape.numel()
    assert x.shape == (300, d)
    assert bool(model.space.contains(x).all())
    scores = model.log_prob(x)
    assert scores.shape == (300,)
    assert scores.dtype == torch.float64
    expected = distribution.log_prob((x if distribution.event_shape else x[:, 0]).float())
    torch.testing.assert_close(scores, expected.double(), rtol=1e-4, atol=1e-4)
    again = stored(model, tmp_path)
    assert torch.equal(again.log_prob(x), scores)
    assert torch.equal(again.sample(9, seed=3), model.sample(9, seed=3))
    assert type(to_torch(model)) is type(distribution)


def test_torch_supports_become_spaces():
    assert from_torch(TORCH["independent"]).space.spaces == (Interval(0, 1), Interval(1, 3))
    assert from_torch(TORCH["gamma"]).space.spaces == (Positive(),)
    assert from_torch(TORCH["von mises"]).space.spaces == (Circle(2 * math.pi, -math.pi),)
    assert from_torch(TORCH["multinomial"]).space.spaces == (Integer(0, 5),) * 3
    assert from_torch(TORCH["pareto"]).log_prob([0.5]) == -np.inf


def test_impossible_counts_have_probability_zero():
    """torch's own multinomial gives 0.18 to three counts of five."""
    model = from_torch(TORCH["multinomial"])
    scores = model.log_prob(np.array([[1, 1, 3], [1, 1, 1], [5, 0, 0], [6, -1, 0]]))
    np.testing.assert_allclose(np.exp(scores), [20 * 0.2 * 0.3 * 0.125, 0, 0.2**5, 0], rtol=1e-6)


def test_saturated_samples_have_a_finite_density():
    """Trap L4: torch's own log_prob of what a TanhTransform draws is NaN where it rounds to 1."""
    distribution = td.TransformedDistribution(td.Normal(0.0, 30.0), [td.TanhTransform()])
    model = from_torch(distribution)
    x = model.sample(500, seed=0)
    assert bool((x.abs() > 1 - 1e-15).any())
    assert bool(torch.isfinite(model.log_prob(x)).all())
    x = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    model.log_prob(x).sum().backward()
    assert bool(torch.isfinite(x.grad).all())


def test_quantiles_that_torch_lacks():
    """Trap L13: StudentT and Beta have no cdf nor icdf in torch, Gamma no icdf."""
    levels = np.array([0.01, 0.5, 0.9])
    for distribution, expected in [
        (td.StudentT(3.0), scipy.stats.t(3)),
        (td.Beta(2.0, 3.0), scipy.stats.beta(2, 3)),
        (td.Gamma(2.0, 3.0), scipy.stats.gamma(2, scale=1 / 3)),
    ]:
        model = from_torch(distribution)
        np.testing.assert_allclose(model.ppf(levels), expected.ppf(levels), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(model.cdf([0.3, 0.6]), expected.cdf([0.3, 0.6]), rtol=1e-6)


@pytest.mark.parametrize(
    ("distribution", "said"),
    [
        (td.Normal(torch.zeros(3), 1.0), "batch_shape .3.; expected batch_shape .*; remedy: for independent columns"),
        (td.Dirichlet(torch.ones(3)), "Dirichlet are not rows of free numbers; got support Simplex"),
        (td.LKJCholesky(3), "an outcome must be a number or a row"),
        (td.MixtureSameFamily(td.Categorical(tensor([0.3, 0.7])), td.Uniform(tensor([0.0, 5.0]), 6.0)), "same support"),
        (3, "not a torch distribution"),
    ],
)
def test_what_torch_distributions_are_refused(distribution, said):
    with pytest.raises(SpaceError, match=said):
        from_torch(distribution)


class Halved(td.Normal):
    """Not a listed family, though it derives from one."""


def test_other_torch_families_work_and_are_not_stored(tmp_path):
    for distribution in (
        Halved(0.0, 1.0),
        td.TransformedDistribution(td.LogNormal(0.0, 1.0), [td.ExpTransform().inv]),
        td.Independent(Halved(torch.zeros(2), 1.0), 1),
    ):
        model = from_torch(distribution)
        x = model.sample(5, seed=0)
        expected = scipy.stats.norm.logpdf(x.numpy()).sum(1)
        np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-4, atol=1e-4)
        with pytest.raises(StoreError, match="cannot be stored"):
            save(model, tmp_path / "model")


class Broad(td.Normal):
    def log_prob(self, value):
        return super().log_prob(value)[:, None]


def test_nothing_is_broadcast():
    """Trap L11: scores are one a row, whatever shapes would fit together."""
    model = from_torch(td.Bernoulli(logits=tensor(0.3)))
    assert model.log_prob(torch.ones(100)).shape == model.log_prob(torch.ones(100, 1)).shape == (100,)
    with pytest.raises(SpaceError, match="does not have the columns"):
        model.log_prob(torch.ones(100, 100))
    with pytest.raises(ValueError, match="one score a row"):
        from_torch(Broad(0.0, 1.0)).log_prob(torch.ones(4))
    law = to_torch(estimator("gaussian")().fit(TABLE))
    assert law.log_prob(torch.zeros(5, 1, 2)).shape == (5, 1)
    for wrong in (torch.zeros(5, 1), torch.zeros(()), torch.zeros(2, 5)):
        with pytest.raises(SpaceError, match="nothing is broadcast"):
            law.log_prob(wrong)


def test_a_model_as_a_torch_distribution(humps):
    model = estimator("gaussian")().fit(TABLE)
    law = to_torch(model)
    assert (law.batch_shape, law.event_shape) == ((), (2,))
    assert law.sample().shape == (2,)
    assert law.sample((3, 4)).shape == (3, 4, 2)
    assert bool(law.support.check(law.sample((3,))).all())
    assert "x1, x2" in repr(law)
    x = torch.tensor(TABLE[:7])
    assert torch.equal(law.log_prob(x), torch.tensor(model.log_prob(TABLE[:7])))
    one = to_torch(humps)
    assert one.event_shape == ()
    assert one.log_prob(torch.zeros(2, 3)).shape == (2, 3)
    levels = torch.tensor([[0.1, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(one.cdf(one.icdf(levels)), levels)
    column = to_torch(estimator("gaussian")().fit(TABLE[:, :1]))
    assert (column.event_shape, column.sample((4,)).shape) == ((1,), (4, 1))


def test_gradients_flow_through_a_model():
    law = to_torch(estimator("gaussian")().fit(TABLE))
    x = torch.tensor(TABLE[:4], dtype=torch.float32, requires_grad=True)
    law.log_prob(x).sum().backward()
    normal = torch.distributions.MultivariateNormal(tensor(TABLE.mean(0)), tensor(np.cov(TABLE.T, bias=True)))
    z = torch.tensor(TABLE[:4], requires_grad=True)
    normal.log_prob(z).sum().backward()
    torch.testing.assert_close(x.grad.double(), z.grad, rtol=0.05, atol=0.05)


def test_a_model_draws_its_seed_from_torch_s_generator():
    law = to_torch(estimator("gaussian")().fit(TABLE))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        first, second = law.sample((2,)), law.sample((2,))
        torch.manual_seed(5)
        assert torch.equal(first, law.sample((2,)))
        assert not torch.equal(first, second)


def test_torch_there_and_back():
    fitted = estimator("gaussian")().fit(TABLE)
    assert from_torch(to_torch(fitted)) is fitted
    model = from_torch(TORCH["mixture"])
    x = model.sample(5, seed=0)
    assert torch.equal(from_torch(to_torch(model)).log_prob(x), model.log_prob(x))
    across = from_torch(to_torch(from_scipy(SCIPY["gamma"])))
    np.testing.assert_allclose(across.log_prob([1.0]), SCIPY["gamma"].logpdf([1.0]))

"""Every univariate family against SciPy, against itself (mass, cdf, samples, maximum), and through the estimator."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.parametric import selection
from pofx.models.parametric.categorical import fit_categorical, smoothed
from pofx.models.parametric.censored import fit_censored
from pofx.models.parametric.estimator import Parametric, summary
from pofx.models.parametric.families import FAMILIES, candidates, family_for, names
from pofx.models.parametric.family import Family, Frame, sample_of
from pofx.models.parametric.fitting import fit_family
from pofx.models.parametric.maximise import log_likelihood
from pofx.models.parametric.model import ParametricModel
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan

INF = math.inf
LINE = {
    "normal": (1.5, 2.0),
    "laplace": (1.5, 2.0),
    "logistic": (1.5, 2.0),
    "cauchy": (1.5, 2.0),
    "student_t": (4.0, 1.5, 2.0),
    "gumbel_right": (1.5, 2.0),
    "gumbel_left": (1.5, 2.0),
    "skew_normal": (3.0, 1.5, 2.0),
    "uniform": (-1.0, 4.0),
}
POSITIVE = {
    "exponential": (2.0,),
    "gamma": (2.5, 0.7),
    "weibull": (1.7, 3.0),
    "lognormal": (0.4, 0.8),
    "pareto": (2.0, 3.5),
    "lomax": (3.0, 2.0),
    "inverse_gaussian": (1.5, 4.0),
    "rayleigh": (2.0,),
    "half_normal": (2.0,),
    "log_logistic": (3.0, 2.0),
    "inverse_gamma": (3.0, 2.0),
}
UNIT = {"uniform": (), "beta": (2.0, 3.5), "logit_normal": (0.4, 0.9), "kumaraswamy": (2.0, 3.5), "triangular": (0.3,)}
CIRCLE = {"uniform": (), "von_mises": (1.0, 2.0), "wrapped_normal": (1.0, 0.8), "wrapped_cauchy": (1.0, 0.6)}
COUNT = {
    "poisson": (3.4,),
    "negative_binomial": (5.0, 2.5),
    "geometric": (0.2,),
    "logarithmic": (0.8,),
    "zipf": (1.6,),
    "zero_inflated_poisson": (3.0, 0.3),
    "binomial": (0.3, 12.0),
    "beta_binomial": (2.0, 3.0, 12.0),
    "uniform": (12.0,),
    "rounded_normal": (3.2, 2.5, 0.0, INF),
    "rounded_logistic": (3.2, 1.5, 0.0, 12.0),
    "rounded_laplace": (-1.2, 2.5, -INF, INF),
}
SPACES: dict[Frame, tuple[Scalar, ...]] = {
    Frame.LINE: (Real(),),
    Frame.POSITIVE: (Positive(),),
    Frame.UNIT: (Interval(0.0, 1.0),),
    Frame.CIRCLE: (Circle(2 * math.pi),),
    Frame.COUNT: (Integer(0), Integer(0, 12), Integer()),
}
TABLES = {Frame.LINE: LINE, Frame.POSITIVE: POSITIVE, Frame.UNIT: UNIT, Frame.CIRCLE: CIRCLE, Frame.COUNT: COUNT}
CASES = [(family, TABLES[family.frame][family.name]) for family in FAMILIES]
EACH = pytest.mark.parametrize(("family", "theta"), CASES, ids=[f"{f.frame.name}-{f.name}" for f, _ in CASES])


def table(space: Scalar) -> Table:
    return Table(("x",), (space,), "vector")


def space_of(family: Family, theta: tuple[float, ...]) -> Scalar:
    if family.frame is not Frame.COUNT:
        return SPACES[family.frame][0]
    known = dict(zip([p.name for p in family.parameters], theta, strict=True))
    low, high = known.get("low", 0.0), known.get("high", known.get("trials", INF))
    return Integer(None if low == -INF else int(low), None if high == INF else int(high))


def model(family: Family, theta: tuple[float, ...], space: Scalar | None = None) -> ParametricModel:
    names_ = [p.name for p in family.parameters]
    space = space or space_of(family, theta)
    return ParametricModel(
        table(space), family.name, dict(zip(names_, theta, strict=True)), dict.fromkeys(names_), 1.0, 0.0
    )


def draws(family: Family, theta: tuple[float, ...], n: int, seed: int = 0) -> torch.Tensor:
    return model(family, theta).draw(n, seed=seed)[:, 0]


def test_every_family_has_a_case() -> None:
    assert {(f.frame, f.name) for f in FAMILIES} == {(frame, n) for frame, t in TABLES.items() for n in t}


IN_SCIPY = [(f, theta) for f, theta in CASES if type(f.law(*theta)).__module__.startswith("scipy.")]


@pytest.mark.parametrize(("family", "theta"), IN_SCIPY, ids=[f"{f.frame.name}-{f.name}" for f, _ in IN_SCIPY])
def test_log_prob_is_scipys(family: Family, theta: tuple[float, ...]) -> None:
    """The others are compared with the derivative of their cdf, below."""
    law: Any = family.law(*theta)
    x = draws(family, theta, 200)
    expected = law.logpmf(x.numpy()) if family.frame is Frame.COUNT else law.logpdf(x.numpy())
    np.testing.assert_allclose(model(family, theta).log_prob(x.numpy()), expected, rtol=1e-9, atol=1e-10)


@EACH
def test_cdf_is_the_integral_of_the_density(family: Family, theta: tuple[float, ...]) -> None:
    m = model(family, theta)
    if family.frame is Frame.COUNT:
        k = np.arange(-60, 400, dtype=float)
        k = k[space_of(family, theta).contains(torch.tensor(k)).numpy()]
        running = np.cumsum(np.exp(m.log_prob(k)))
        np.testing.assert_allclose(m._cdf(torch.tensor(k)), running, atol=1e-9)
        assert running[-1] == pytest.approx(1.0, abs=1e-9 if family.name != "zipf" else 1e-3)
        return
    levels = np.quantile(draws(family, theta, 4000).numpy(), [0.01, 0.2, 0.5, 0.8, 0.99])
    nodes, weights = np.polynomial.legendre.leggauss(64)
    cuts = np.unique(np.concatenate([np.linspace(a, b, 25) for a, b in pairwise(levels)]))
    half = np.diff(cuts) / 2
    x = cuts[:-1, None] + half[:, None] * (nodes + 1)  # [pieces, nodes]
    mass = (np.exp(m.log_prob(x.ravel())).reshape(x.shape) * weights).sum(1) * half
    cumulative = m._cdf(torch.tensor(cuts)).numpy()
    np.testing.assert_allclose(np.diff(cumulative), mass, atol=2e-5)  # a kink inside a piece costs most of this


@EACH
def test_samples_follow_the_cdf(family: Family, theta: tuple[float, ...]) -> None:
    n = 4000
    x = draws(family, theta, n, seed=1)
    assert bool(space_of(family, theta).contains(x).all())
    values, counts = torch.unique(x, return_counts=True)
    empirical = torch.cumsum(counts, 0) / n
    gap = (empirical - model(family, theta)._cdf(values)).abs().max()
    assert float(gap) < math.sqrt(math.log(2 / 1e-6) / (2 * n))  # Dvoretzky, Kiefer, Wolfowitz, Massart


@EACH
def test_fit_is_the_maximum_and_near_the_truth(family: Family, theta: tuple[float, ...]) -> None:
    x = draws(family, theta, 3000, seed=2)
    space = space_of(family, theta)
    sample = sample_of(x, None)
    fitted = fit_family(family, sample, space)
    assert fitted.log_likelihood >= log_likelihood(family, sample, theta) - 1e-9
    for k in family.free:
        error = fitted.errors[k]
        if error is not None:
            assert abs(fitted.theta[k] - theta[k]) < 5 * error
        if not family.regular or family.name == "triangular":
            continue
        for factor in (1 - 1e-3, 1 + 1e-3):
            beside = tuple(v * factor if j == k else v for j, v in enumerate(fitted.theta))
            assert log_likelihood(family, sample, beside) < fitted.log_likelihood + 1e-9


SCIPY_FITS = {
    "student_t": (stats.t, {}),
    "logistic": (stats.logistic, {}),
    "gumbel_right": (stats.gumbel_r, {}),
    "gumbel_left": (stats.gumbel_l, {}),
    "cauchy": (stats.cauchy, {}),
    "skew_normal": (stats.skewnorm, {}),
    "gamma": (stats.gamma, {"floc": 0}),
    "weibull": (stats.weibull_min, {"floc": 0}),
    "inverse_gamma": (stats.invgamma, {"floc": 0}),
    "inverse_gaussian": (stats.invgauss, {"floc": 0}),
    "lomax": (stats.lomax, {"floc": 0}),
    "log_logistic": (stats.fisk, {"floc": 0}),
    "beta": (stats.beta, {"floc": 0, "fscale": 1}),
}


@pytest.mark.parametrize("name", SCIPY_FITS)
def test_fit_is_never_below_scipys(name: str) -> None:
    family = next(f for f in FAMILIES if f.name == name)
    x = draws(family, TABLES[family.frame][name], 300, seed=3)
    law, fixed = SCIPY_FITS[name]
    theirs = law(*law.fit(x.numpy(), **fixed)).logpdf(x.numpy()).sum()
    assert fit_family(family, sample_of(x, None), SPACES[family.frame][0]).log_likelihood >= theirs - 1e-6


def test_standard_errors_in_closed_form() -> None:
    x = draws(family_for("normal", Real()), (1.5, 2.0), 500)
    found = summary(Parametric(family="normal").fit(x.numpy()))
    sd = float(x.std(correction=0))
    assert found["standard_errors"]["mean"] == pytest.approx(sd / math.sqrt(500))
    assert found["standard_errors"]["sd"] == pytest.approx(sd / math.sqrt(1000))
    counts = draws(family_for("poisson", Integer(0)), (3.4,), 400)
    found = summary(Parametric(family="poisson").fit(counts.numpy(), space=table(Integer(0))))
    assert found["standard_errors"]["mean"] == pytest.approx(math.sqrt(float(counts.mean()) / 400))


def test_summary_has_the_criteria() -> None:
    x = draws(family_for("gamma", Positive()), (2.5, 0.7), 200).numpy()
    fitted = Parametric(family="gamma").fit(x, space=table(Positive()))
    found = summary(fitted)
    total = fitted.log_prob(x).sum()
    assert found["log_likelihood"] == pytest.approx(total)
    assert found["aic"] == pytest.approx(4 - 2 * total)
    assert found["bic"] == pytest.approx(2 * math.log(200) - 2 * total)
    assert found["n"] == 200


@pytest.mark.parametrize("name", [*LINE, *POSITIVE])
@pytest.mark.parametrize("factor", [1000.0, 1e-6])
def test_scaling_shifts_the_likelihood_exactly(name: str, factor: float) -> None:
    family = family_for(name, Positive() if name in POSITIVE else Real())
    x = draws(family, TABLES[family.frame][name], 100, seed=4)
    space = SPACES[family.frame][0]
    near = fit_family(family, sample_of(x, None), space)
    far = fit_family(family, sample_of(factor * x, None), space)
    assert far.log_likelihood == pytest.approx(near.log_likelihood - 100 * math.log(factor), rel=1e-9, abs=1e-6)


def test_interval_and_circle_use_the_columns_own_ends() -> None:
    u = draws(family_for("beta", Interval(0.0, 1.0)), (2.0, 3.5), 300)
    wide = Parametric(family="beta").fit((10 + 5 * u).numpy(), space=table(Interval(10.0, 15.0)))
    plain = Parametric(family="beta").fit(u.numpy(), space=table(Interval(0.0, 1.0)))
    np.testing.assert_allclose(
        wide.log_prob((10 + 5 * u).numpy()), plain.log_prob(u.numpy()) - math.log(5), rtol=1e-6, atol=1e-8
    )
    angle = np.degrees(draws(family_for("von_mises", Circle(2 * math.pi)), (1.0, 2.0), 300).numpy())
    round_ = Parametric(family="von_mises").fit(angle, space=table(Circle(360.0)))
    assert summary(round_)["parameters"]["location"] == pytest.approx(math.degrees(1.0), abs=10)
    np.testing.assert_allclose(round_.log_prob(angle), round_.log_prob(angle + 720.0), rtol=1e-9)
    turned = Parametric(family="von_mises").fit(angle, space=table(Circle(360.0, origin=-180.0)))
    np.testing.assert_allclose(round_.log_prob(angle), turned.log_prob(angle), rtol=1e-7)
    grid = np.linspace(-180, 180, 7)[:-1]
    assert np.all(np.diff(turned.inner._cdf(torch.tensor(grid)).numpy()) > 0)


@EACH
def test_whole_weights_are_repetitions(family: Family, theta: tuple[float, ...]) -> None:
    x = draws(family, theta, 60, seed=5)
    weights = torch.tensor([0.0, 1.0, 3.0]).repeat(20).double()
    repeated = torch.repeat_interleave(x, weights.long())
    space = space_of(family, theta)
    a = fit_family(family, sample_of(x, weights), space)
    b = fit_family(family, sample_of(repeated.flip(0), None), space)
    assert a.theta == b.theta
    assert a.log_likelihood == b.log_likelihood
    assert a.n == b.n == 80


def test_best_does_not_depend_on_the_order_or_the_spelling_of_weights() -> None:
    x = draws(family_for("gamma", Positive()), (2.5, 0.7), 120)
    weights = torch.tensor([1.0, 2.0, 0.0]).repeat(40).double()
    space = Table(("x",), (Positive(),), "torch")
    a = Parametric().fit(Data(space, x[:, None], weights), seed=3)
    b = Parametric().fit(Data(space, torch.repeat_interleave(x, weights.long()).flip(0)[:, None]), seed=3)
    assert summary(a) == summary(b)


# Degenerate rows ----------------------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("kind", ["all equal", "mostly tied"])
def test_ties_never_make_infinity_or_nan(family: Family, theta: tuple[float, ...], kind: str) -> None:
    space = space_of(family, theta)
    base = draws(family, theta, 40, seed=6)
    x = {"all equal": base[:1].repeat(10), "mostly tied": torch.cat([base[:1].repeat(60), base])}
    fitted = fit_family(family, sample_of(x[kind], None), space)
    again = model(family, fitted.theta, space)
    scores = again.log_prob(x[kind].numpy())
    assert np.isfinite(scores).all()
    assert scores.max() < 40
    assert math.isfinite(fitted.log_likelihood)
    assert bool(space.contains(again.draw(50, seed=0)[:, 0]).all())


@pytest.mark.parametrize("name", [*LINE, *POSITIVE])
def test_no_scale_under_half_the_resolution(name: str) -> None:
    """Rows that are all the same say nothing under the step they were rounded to: its mass is about one at most."""
    space = Positive(resolution=0.5) if name in POSITIVE else Real(resolution=0.5)
    family = family_for(name, space)
    fitted = fit_family(family, sample_of(torch.full((50,), 7.0).double(), None, 0.5), space)
    mass = 0.5 * math.exp(fitted.log_likelihood / 50)
    assert mass <= (1.7 if family.regular else 3.8)  # half a normal of scale 1/2 step has 1.6


def test_a_far_centre_keeps_its_precision() -> None:
    z = draws(family_for("student_t", Real()), (4.0, 0.0, 1.0), 400)
    near, far = (fit_family(family_for("student_t", Real()), sample_of(z + shift, None), Real()) for shift in (0, 1e9))
    assert far.theta[1] - 1e9 == pytest.approx(near.theta[1], abs=1e-5)
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-3)


def test_under_dispersed_counts_are_nearly_poisson() -> None:
    k = torch.tensor([3.0, 4.0, 3.0, 4.0, 3.0, 5.0]).double()
    negative_binomial = fit_family(family_for("negative_binomial", Integer(0)), sample_of(k, None), Integer(0))
    poisson = fit_family(family_for("poisson", Integer(0)), sample_of(k, None), Integer(0))
    assert negative_binomial.log_likelihood == pytest.approx(poisson.log_likelihood, abs=1e-4)


def test_nothing_but_zeros_leaves_room_for_a_one() -> None:
    for family in candidates(Integer(0)):
        fitted = fit_family(family, sample_of(torch.zeros(30).double(), None), Integer(0))
        one = model(family, fitted.theta, Integer(0)).log_prob(np.array([1.0]))[0]
        assert -80 < one < math.log(0.2), family.name


def test_tails_of_rounded_laws_stay_finite() -> None:
    family = family_for("rounded_normal", Integer())
    far = model(family, (0.0, 1.0, -INF, INF)).log_prob(np.array([-60.0, 60.0]))
    np.testing.assert_allclose(far, stats.norm.logcdf(-59.5), rtol=1e-9)


# The estimator ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "name", "theta"),
    [
        (Real(), "student_t", (2.5, 1.5, 2.0)),
        (Real(), "gumbel_left", (1.5, 2.0)),
        (Positive(), "lognormal", (0.4, 0.8)),
        (Positive(), "weibull", (4.0, 3.0)),
        (Interval(0.0, 1.0), "triangular", (0.3,)),
        (Circle(2 * math.pi), "wrapped_cauchy", (1.0, 0.6)),
        (Integer(0), "negative_binomial", (5.0, 2.5)),
        (Integer(0), "zipf", (1.6,)),
        (Integer(0, 12), "binomial", (0.3, 12.0)),
    ],
)
def test_best_finds_the_family(space: Scalar, name: str, theta: tuple[float, ...]) -> None:
    x = draws(family_for(name, space), theta, 2000, seed=7)
    found = summary(Parametric().fit(x.numpy(), space=table(space)))
    assert found["family"] == name
    scores = [score for _, score, _ in found["tried"] if score is not None]
    assert scores[1:] == sorted(scores[1:], reverse=True)
    assert {entry[0] for entry in found["tried"]} == {f.name for f in candidates(space)}


def test_ties_go_to_fewer_parameters() -> None:
    x = draws(family_for("normal", Real()), (1.5, 2.0), 500)
    found = summary(Parametric().fit(x.numpy()))
    assert found["family"] == "normal"


def test_best_uses_the_validation_rows() -> None:
    random = np.random.default_rng(0)
    space = table(Real())
    found = Parametric().fit(random.normal(size=200), space=space, validation=random.standard_cauchy(200))
    assert summary(found)["family"] in ("cauchy", "student_t")


def test_one_failing_family_is_noted_and_does_not_stop_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    good = selection.fit_family

    def broken(family: Family, *rest: Any, **more: Any) -> Any:
        if family.name == "logistic":
            raise FitError("it broke")
        return good(family, *rest, **more)

    monkeypatch.setattr(selection, "fit_family", broken)
    found = summary(Parametric().fit(np.random.default_rng(0).normal(size=50)))
    assert ["logistic", None, "it broke"] in found["tried"]
    assert found["family"] != "logistic"


def test_a_spent_budget_still_gives_a_model() -> None:
    found = summary(Parametric().fit(np.random.default_rng(0).normal(size=50), plan=Plan(seconds=0.0)))
    assert found["family"] == "normal"
    assert [reason for _, score, reason in found["tried"] if score is None] != []


def test_best_on_every_space_with_little_data() -> None:
    spaces = [Real(), Positive(), Interval(0, 9), Circle(9.0), Integer(0), Integer(), Integer(0, 9), Grid(0.5, 0.0)]
    for space in spaces:
        for rows in ([3.0], [1.0, 2.0]):
            fitted = Parametric().fit(np.array(rows), space=table(space))
            assert np.isfinite(fitted.log_prob(np.array([1.0, 2.0, 5.0]))).all()


def test_candidates_give_the_whole_space_a_probability() -> None:
    for space in (Real(), Positive(), Interval(0.0, 1.0), Circle(1.0), Integer(0), Integer(), Integer(0, 5)):
        assert candidates(space)
        assert "pareto" not in {f.name for f in candidates(space)}
    assert {f.name for f in candidates(Integer())} == {"rounded_normal", "rounded_logistic", "rounded_laplace"}


@pytest.mark.parametrize(
    ("name", "space", "rows", "message"),
    [
        ("gamma", Real(), [1.0, -2.0], "gives no probability to a value; got -2"),
        ("poisson", Real(), [1.0, 2.0], "lives on whole numbers"),
        ("normal", Integer(0), [1.0, 2.0], "lives on the real line"),
        ("normal", Positive(), [1.0, 2.0], "expected exponential"),
        ("binomial", Integer(0), [1.0, 2.0], "lives on whole numbers"),
        ("gama", Positive(), [1.0, 2.0], "did you mean 'gamma'"),
        ("gamma", Category(("a", "b")), ["a", "b"], "does not describe labels"),
    ],
)
def test_wrong_families_are_refused_in_one_line(name: str, space: Scalar, rows: list[Any], message: str) -> None:
    with pytest.raises(FitError) as caught:
        Parametric(family=name).fit({"x": rows}, space=Table(("x",), (space,), "polars"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_positive_family_on_the_line_is_zero_below_zero() -> None:
    fitted = Parametric(family="gamma").fit(np.array([1.0, 2.0, 4.0]), space=table(Real()))
    scores = fitted.log_prob(np.array([-1.0, 0.0, 1.0]))
    assert scores[0] == scores[1] == -INF
    assert np.isfinite(scores[2])


def test_missing_values_are_left_out() -> None:
    x = torch.tensor([[1.0], [math.nan], [3.0], [math.nan]]).double()
    space = Table(("x",), (Real(),), "torch")
    none: Any = None
    fitted = Parametric(family="normal")._fit(
        Data(space, x), validation=none, plan=Plan(), seed=0, start=none, recorder=none
    )
    assert isinstance(fitted, ParametricModel)
    assert fitted.estimates == {"mean": 2.0, "sd": 1.0}
    assert fitted._log_prob(x, None)[1] == 0.0


def test_log_prob_is_differentiable_also_beside_values_outside() -> None:
    rows = torch.tensor([1.0, 2.0, 4.0]).double()
    fitted = Parametric(family="gamma").fit(rows, space=Table(("x",), (Real(),), "torch"))
    x = torch.tensor([[-1.0], [2.0]], dtype=torch.float64, requires_grad=True)
    fitted.log_prob(x)[1].backward()
    shape, scale = summary(fitted)["parameters"].values()
    assert x.grad is not None
    assert x.grad[:, 0].tolist() == pytest.approx([0.0, (shape - 1) / 2 - 1 / scale])


@EACH
def test_store_round_trip(family: Family, theta: tuple[float, ...], tmp_path: Any) -> None:
    m = model(family, theta)
    save(m, tmp_path / "m")
    x = draws(family, theta, 20)
    again = load(tmp_path / "m")
    assert isinstance(again, ParametricModel)
    assert torch.equal(again.log_prob(x), m.log_prob(x))
    assert torch.equal(again.draw(5, seed=1), m.draw(5, seed=1))


def test_many_rows_are_quick_and_bounded() -> None:
    x = draws(family_for("student_t", Real()), (4.0, 1.5, 2.0), 100_000)
    fitted = fit_family(family_for("student_t", Real()), sample_of(x, None), Real())
    assert fitted.theta == pytest.approx((4.0, 1.5, 2.0), rel=0.04)


def test_names_are_all_there() -> None:
    assert {"normal", "weibull", "von_mises", "negative_binomial", "categorical"} <= set(names())


# Censored values ----------------------------------------------------------------------------------------------------


def test_censored_agrees_with_scipy() -> None:
    random = np.random.default_rng(0)
    x = stats.weibull_min(1.7, scale=3.0).rvs(size=300, random_state=random)
    exact, right, left = x[(x < 4) & (x > 1)], np.full((x >= 4).sum(), 4.0), np.full((x <= 1).sum(), 1.0)
    between = np.stack([exact[:20] - 0.2, exact[:20] + 0.3], 1)
    data = stats.CensoredData(exact[20:], left=left, right=right, interval=between)
    shape, _, scale = stats.weibull_min.fit(data, floc=0)
    found = fit_censored("weibull", exact[20:], left=left, right=right, interval=between).summary()
    assert found["parameters"] == pytest.approx({"shape": shape, "scale": scale}, rel=1e-3)
    assert found["log_likelihood"] == pytest.approx(_total(shape, scale, data), abs=1e-3)


def _total(shape: float, scale: float, data: stats.CensoredData) -> float:
    law = stats.weibull_min(shape, scale=scale)
    below, above = data._interval.T
    return float(
        law.logpdf(data._uncensored).sum()
        + law.logcdf(data._left).sum()
        + law.logsf(data._right).sum()
        + np.log(law.cdf(above) - law.cdf(below)).sum()
    )


def test_censored_exponential_in_closed_form() -> None:
    found = fit_censored("exponential", [1.0, 2.0, 3.0], right=[4.0, 4.0]).summary()
    assert found["parameters"]["scale"] == pytest.approx(14 / 3, rel=1e-6)
    assert found["standard_errors"]["scale"] == pytest.approx(14 / 3 / math.sqrt(3), rel=1e-3)
    far = fit_censored("exponential", [1e6, 2e6, 3e6], right=[4e6, 4e6]).summary()
    assert far["parameters"]["scale"] == pytest.approx(14e6 / 3, rel=1e-6)
    assert far["log_likelihood"] == pytest.approx(found["log_likelihood"] - 3 * math.log(1e6))


def test_without_censored_values_it_is_the_plain_fit() -> None:
    x = draws(family_for("normal", Real()), (50.0, 2.0), 100).numpy()
    found, plain = fit_censored("normal", x).summary(), summary(Parametric(family="normal").fit(x))
    assert found["parameters"] == pytest.approx(plain["parameters"], rel=1e-6)
    assert found["standard_errors"] == pytest.approx(plain["standard_errors"], rel=1e-3)
    assert found["log_likelihood"] == pytest.approx(plain["log_likelihood"])


def test_counts_cannot_be_censored() -> None:
    with pytest.raises(FitError):
        fit_censored("poisson", [1.0], space=Integer(0))


# Labels -------------------------------------------------------------------------------------------------------------


def labels(codes: list[int], size: int, *, is_open: bool, weights: Any = None) -> Any:
    column = Category(tuple(range(size - is_open)), is_open)
    data = Data(Table(("x",), (column,), "torch"), torch.tensor(codes).double()[:, None], weights)
    return fit_categorical(data)


def test_categorical_sums_to_one_and_follows_the_shares() -> None:
    m = labels([0] * 600 + [1] * 300 + [2] * 100, 4, is_open=True)
    p = m.log_shares.exp()
    assert float(p.sum()) == pytest.approx(1.0)
    assert p[:3].tolist() == pytest.approx([0.6, 0.3, 0.1], abs=0.005)
    assert 0 < float(p[3]) < 0.002
    drawn = m.draw(20_000, seed=0)[:, 0].long()
    met = np.bincount(drawn[drawn < 3], minlength=3)
    assert stats.chisquare(met, p[:3].numpy() / float(p[:3].sum()) * met.sum()).pvalue > 1e-4


def test_singletons_give_their_share_to_what_was_never_met() -> None:
    """Good and Turing: half of the rows are labels met once, so half of what comes next is new."""
    count = torch.cat([torch.ones(50_000), torch.full((500,), 100.0), torch.zeros(1)]).double()
    p = smoothed(count)
    assert float(p.sum()) == pytest.approx(1.0)
    assert float(p[-1]) == pytest.approx(0.5, abs=0.02)
    assert 0 < float(p[0]) < 1e-5
    assert float(p[50_000]) == pytest.approx(0.001, rel=0.02)


def test_a_hundred_thousand_labels_each_met_once() -> None:
    p = smoothed(torch.cat([torch.ones(100_000), torch.zeros(1)]).double())
    assert 0.99 < float(p[-1]) < 1.0
    assert bool((p > 0).all())


def test_known_labels_without_rows_share_the_unseen_mass() -> None:
    p = smoothed(torch.tensor([500.0, 500.0, 0.0, 0.0]).double())
    assert float(p[2]) == float(p[3]) > 0
    assert float(p[2]) < 1e-3


def test_few_rows_of_two_labels_are_smoothed_as_jeffreys_would() -> None:
    assert smoothed(torch.tensor([1.0, 0.0]).double()).tolist() == pytest.approx([0.75, 0.25])
    assert smoothed(torch.tensor([0.0, 0.0]).double()).tolist() == [0.5, 0.5]
    assert float(smoothed(torch.tensor([1000.0, 0.0]).double())[1]) < 1e-3


def test_leave_one_out_choice_of_strength_beats_its_neighbours() -> None:
    random = np.random.default_rng(0)
    truth = random.dirichlet(np.full(50, 0.7))
    train, test = random.multinomial(300, truth), random.multinomial(100_000, truth)
    chosen = float((torch.tensor(test) * smoothed(torch.tensor(train).double()).log()).sum()) / 100_000
    for strength in (0.01, 100.0):
        fixed = np.log((train + strength) / (300 + 50 * strength))
        assert chosen > float((test * fixed).sum()) / 100_000


def test_categorical_weights_missing_and_store(tmp_path: Any) -> None:
    a = labels([0, 1, 2], 4, is_open=True, weights=torch.tensor([3.0, 1.0, 0.0]).double())
    b = labels([0, 0, 0, 1], 4, is_open=True)
    assert torch.equal(a.log_shares, b.log_shares)
    save(a, tmp_path / "m")
    again = load(tmp_path / "m")
    x = torch.tensor([[0.0], [3.0]]).double()
    assert torch.equal(again.log_prob(x), a.log_prob(x))
    assert a._log_prob(torch.tensor([[math.nan]]).double(), None).tolist() == [0.0]

"""Flows of tables: exact inverses, far rows, gaps, labels, rounding, settings, and what they gain."""

from __future__ import annotations

import math
import sys
import time

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from pofx.core.coded import CodedDensity
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError, LikelihoodError, MissingExtra, SpaceError
from pofx.evaluate.entries import entries
from pofx.laws.cases import CASES
from pofx.models.flow import rational
from pofx.models.flow.estimator import Flow
from pofx.models.flow.layers import Kind
from pofx.models.flow.margins import Margins
from pofx.models.flow.model import FlowModel, sample_and_log_prob
from pofx.models.flow.network import Network
from pofx.models.parametric.gaussian import Gaussian
from pofx.nets.spline import AffineSpline
from pofx.rng import generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Positive, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table
from pofx.training.plan import Plan

KINDS: tuple[Kind, ...] = ("spline", "coupling_spline", "maf", "coupling", "gaussianisation", "continuous")
TRIANGULAR: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "gaussianisation")


def bent(kind: Kind, width: int = 3, others: tuple[Scalar, ...] = (), *, linear: bool = True) -> Network:
    """A network whose maps are far from the identity they begin as."""
    net = Network(width, others, kind, count=2, hidden=16, depth=2, bins=6, linear=linear, seed=1)
    random = generator(7)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
    return net.eval()


def rows(n: int, width: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    return scale * torch.randn(n, width, generator=generator(seed), dtype=torch.float64)


def moons(n: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    angle, side = np.pi * random.random(n), random.integers(0, 2, n)
    x = np.stack([np.cos(angle), np.sin(angle)], 1) * np.where(side, -1, 1)[:, None] + np.outer(side, [1.0, 0.5])
    return x + 0.1 * random.normal(size=(n, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_the_inverse_is_the_inverse(kind: Kind) -> None:
    net, x, none = bent(kind), rows(200, 3), torch.zeros(200, 0, dtype=torch.float64)
    with torch.no_grad():
        z = net.to_noise(x, none)
        back, score = net.from_noise(z, torch.ones_like(x, dtype=torch.bool), none)
        again = net(x, none)
    limit = 1e-5 if kind == "continuous" else 1e-9
    assert float(((back - x).abs() / (1 + x.abs())).max()) < limit
    assert float((score - again).abs().max()) < 10 * limit
    assert float((z - x).abs().mean()) > 0.1  # it is no identity


@pytest.mark.parametrize("kind", KINDS)
def test_the_volume_is_the_jacobian(kind: Kind) -> None:
    net, x, none = bent(kind), rows(4, 3), torch.zeros(1, 0, dtype=torch.float64)
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: net.to_noise(v[None], none)[0], row)
        z = net.to_noise(row[None], none)
        expected = torch.linalg.slogdet(jacobian)[1] - 0.5 * z.square().sum() - 1.5 * math.log(2 * math.pi)
        limit = 1e-5 if kind == "continuous" else 1e-9
        assert net(row[None], none).item() == pytest.approx(expected.item(), abs=limit)


@pytest.mark.parametrize("kind", TRIANGULAR)
def test_a_gap_is_left_out_exactly(kind: Kind) -> None:
    """Whatever pattern of gaps, what remains is a bijection whose volume is that of the values that exist."""
    net, x, none = bent(kind), rows(4, 3), torch.zeros(1, 0, dtype=torch.float64)
    kept = [0, 2]
    for row in x:

        def short(v: Tensor) -> Tensor:
            return net.to_noise(torch.stack([v[0], torch.tensor(torch.nan).double(), v[1]])[None], none)[0, kept]

        jacobian = torch.autograd.functional.jacobian(short, row[kept])
        expected = torch.linalg.slogdet(jacobian)[1] - 0.5 * short(row[kept]).square().sum() - math.log(2 * math.pi)
        gapped = row.clone()
        gapped[1] = torch.nan
        assert net(gapped[None], none).item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_far_rows_have_finite_scores(kind: Kind) -> None:
    net = bent(kind)
    x = torch.tensor([[1e6, -1e6, 1e6], [1e150, 0.0, -1e150], [5.0, -5.0, 5.0]], dtype=torch.float64)
    with torch.no_grad():
        scores = net(x, torch.zeros(3, 0, dtype=torch.float64))
    assert bool(torch.isfinite(scores).all())
    assert float(scores[1]) < float(scores[0]) < float(scores[2])


@pytest.mark.parametrize("kind", KINDS)
def test_one_dimension_integrates_to_one(kind: Kind) -> None:
    net = bent(kind, 1, linear=False)
    t = torch.linspace(-12, 12, 6_001, dtype=torch.float64)
    with torch.no_grad():
        density = torch.exp(net(torch.sinh(t)[:, None], torch.zeros(len(t), 0, dtype=torch.float64))) * torch.cosh(t)
    assert float(torch.trapezoid(density, t)) == pytest.approx(1.0, abs=1e-5)


def test_margins_invert_and_are_smooth_where_they_bend() -> None:
    margins = Margins(1)
    margins.set(rows(100, 1), torch.ones(100, dtype=torch.float64), torch.zeros(1))
    x = torch.tensor([-1e9, -50.0, -1.0, 0.0, 3.0, 7.0, 1e12], dtype=torch.float64)[:, None].requires_grad_()
    y, stretch = margins(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(margins.inverse(y), x, rtol=1e-9)
    assert torch.allclose(slope.log(), stretch, atol=1e-9)


def test_one_outlier_does_not_squeeze_the_others() -> None:
    x = np.random.default_rng(0).normal(size=400)
    spoilt = np.append(x, 1e6)
    clean, odd = Flow(members=1, steps=40).fit(x), Flow(members=1, steps=40).fit(spoilt)
    assert float(np.mean(odd.log_prob(x))) == pytest.approx(float(np.mean(clean.log_prob(x))), abs=0.1)
    assert np.isfinite(odd.log_prob(np.array([1e6, -1e12]))).all()


def test_moons_are_better_than_a_normal_law() -> None:
    train, test = moons(400, 0), moons(400, 1)
    flow, normal = Flow(members=1, steps=200, hidden=16, layers=2, learning_rate=0.02).fit(train), Gaussian().fit(train)
    assert np.mean(flow.log_prob(test)) > np.mean(normal.log_prob(test)) + 0.5


def test_ties_of_a_rounded_column_make_no_spike() -> None:
    """Half of the rows share one recorded value: its density times the step stays a probability."""
    data = CASES["ties"].make(0)
    model = Flow(members=1, steps=200, noise=0.0, learning_rate=0.01).fit(data)
    assert float(np.exp(model.log_prob(np.array([0.3]))[0])) * 0.1 < 0.65


def gappy(n: int = 160, seed: int = 0) -> Data:
    random = generator(seed)
    label = torch.randint(0, 3, (n,), generator=random).double()
    x = 3 * label + torch.randn(n, generator=random, dtype=torch.float64)
    y = torch.exp(0.5 * x + 0.2 * torch.randn(n, generator=random, dtype=torch.float64))
    y = torch.where(torch.rand(n, generator=random) < 0.25, torch.nan, y)
    count = torch.poisson(2 + label, generator=random)
    space = Table(("k", "x", "y", "n"), (Category(("a", "b", "c")), Real(), Maybe(Positive()), Integer(0)))
    return Data(space, torch.stack([label, x, y, count], 1))


def test_mixed_tables_follow_their_labels() -> None:
    model = Flow(members=1, steps=60).fit(gappy())
    drawn = model.sample(600, seed=3)
    means = drawn.group_by("k").agg(pl.col("x").mean()).sort("k").filter(pl.col("k").is_in(["a", "b", "c"]))["x"]
    assert means.to_list() == pytest.approx([0.0, 3.0, 6.0], abs=0.7)
    assert 0.15 < drawn["y"].null_count() / 600 < 0.35
    assert np.isfinite(model.log_prob(drawn)).all()


def test_a_label_never_met_is_scored_and_many_labels_are_learned() -> None:
    x = np.random.default_rng(0).normal(size=200)
    labels = [f"town {k % 40}" for k in range(200)]
    space = Table(("town", "x"), (Category(tuple(f"town {k}" for k in range(41))), Real()))
    frame = pl.DataFrame({"town": labels, "x": x})
    model = Flow(members=1, steps=5).fit(frame, space=space)
    seldom = model.log_prob(pl.DataFrame({"town": ["town 40", "elsewhere"], "x": [0.0, 0.0]}))
    assert np.isfinite(seldom).all()


def test_samples_and_scores_in_one_pass() -> None:
    model = Flow(members=1, steps=20).fit(gappy())
    x, score = sample_and_log_prob(model, 50, seed=5)
    assert torch.equal(torch.isnan(x), torch.isnan(model.draw(50, seed=5)))
    assert torch.allclose(torch.nan_to_num(x), torch.nan_to_num(model.draw(50, seed=5)))
    assert np.allclose(score, model.log_prob(x), atol=1e-8)
    with pytest.raises(LikelihoodError, match="not a flow"):
        sample_and_log_prob(Gaussian().fit(moons(20, 0)), 5, seed=0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_stored_bit_for_bit(kind: Kind, tmp_path) -> None:  # type: ignore[no-untyped-def]
    x = moons(80, 0)
    before = torch.get_rng_state()
    model = Flow(members=1, kind=kind, steps=3).fit(x, seed=4)
    save(model, tmp_path / "flow.safetensors")
    read = load(tmp_path / "flow.safetensors")
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(read.log_prob(x), model.log_prob(x))
    assert np.array_equal(read.sample(9, seed=1), model.sample(9, seed=1))
    assert not np.array_equal(Flow(members=1, kind=kind, steps=3).fit(x, seed=5).log_prob(x), model.log_prob(x))


def test_a_settled_flow_takes_the_chosen_steps_and_holds_nothing_out() -> None:
    x = moons(200, 0)
    open_ended = Flow(members=1, hidden=8, depth=1, layers=1, learning_rate=0.03)
    model = open_ended.fit(x[:150], validation=x[150:])
    settled = open_ended.settled(model)
    assert isinstance(settled, Flow)
    assert settled.steps is not None and settled.layers is not None and settled.hidden is not None
    assert settled.settled(settled.fit(x)) == settled


def test_the_budget_is_kept() -> None:
    began = time.monotonic()
    Flow(members=1, steps=100_000).fit(moons(300, 0), plan=Plan(seconds=1.0))
    assert time.monotonic() - began < 4.0


def test_what_a_flow_refuses_it_refuses_in_one_line() -> None:
    with pytest.raises(FitError, match="needs a column of real numbers"):
        Flow().fit(CASES["categories"].make(0))
    two = Table(("x", "y"), (Real(), Maybe(Real())))
    values = rows(60, 2)
    values[::3, 1] = torch.nan
    with pytest.raises(FitError, match="rotations mix columns"):
        Flow(kind="gaussianisation").fit(Data(two, values))
    with pytest.raises(FitError, match="layers is a whole number"):
        Flow(layers=0)


def test_without_zuko_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(MissingExtra, match=r"pip install pofx\[flows\]"):
        Flow(members=1, steps=1).fit(moons(40, 0))


@pytest.mark.parametrize(("n", "there"), [(1999, False), (2000, True)])
def test_auto_takes_a_flow_where_rows_are_many(n: int, there: bool) -> None:
    data = Data(Table(("x", "y"), (Real(), Real())), rows(n, 2))
    assert ("flow" in [estimator.name for estimator in entries(("auto",), data)[0]]) is there


def test_auto_takes_no_flow_without_a_real_column() -> None:
    data = Data(Table(("n",), (Integer(0),)), torch.arange(600).double()[:, None] % 7)
    assert "flow" not in [estimator.name for estimator in entries(("auto",), data)[0]]


def test_the_gradient_of_the_spline_is_its_derivative() -> None:
    """Against the same map with every operation recorded."""
    bins, random = 5, generator(3)
    x = 3 * torch.randn(4, 50, generator=random, dtype=torch.float64)
    parameters = torch.randn(rational.size(bins), 4, 50, generator=random, dtype=torch.float64)
    by_y, by_log = torch.randn(2, 4, 50, generator=random, dtype=torch.float64)
    x.requires_grad_()
    parameters.requires_grad_()
    boxes = parameters[2 : 2 + 2 * bins].unflatten(0, (2, bins)).permute(2, 3, 0, 1)
    known = AffineSpline(parameters[0], parameters[1], boxes, parameters[2 + 2 * bins :].permute(1, 2, 0), 5.0)
    for (y, log), (y2, log2) in [(rational.forward(x, parameters, bins, 5.0), known.call_and_ladj(x))]:
        assert torch.allclose(y, y2, atol=1e-12) and torch.allclose(log, log2, atol=1e-12)
        ours = torch.autograd.grad((by_y * y + by_log * log).sum(), [x, parameters])
        theirs = torch.autograd.grad((by_y * y2 + by_log * log2).sum(), [x, parameters])
        assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(ours, theirs, strict=True))
        assert torch.allclose(rational.inverse(y, parameters, bins, 5.0), x, atol=1e-9)


def test_an_average_is_the_mean_probability_of_its_flows_and_is_drawn_from() -> None:
    x = moons(300, 0)
    model = Flow(members=3, steps=30, layers=1, hidden=16, learning_rate=0.02).fit(x)
    assert isinstance(model, CodedDensity)
    inner = model.inner
    assert isinstance(inner, FlowModel)
    z = model.codec.encode(torch.tensor(x))[0]
    none = torch.zeros(len(z), 0, dtype=torch.float64)
    with torch.no_grad():
        each = torch.stack([torch.exp(net(z, none)) for net in inner.nets])
        assert torch.allclose(torch.exp(inner._log_prob(z, None)), each.mean(0))
    assert float((each[0] - each[1]).abs().max()) > 1e-3
    drawn = model.sample(2_000, seed=1)
    assert np.mean(drawn, 0) == pytest.approx(x.mean(0), abs=0.15)
    assert np.cov(drawn.T)[0, 1] == pytest.approx(np.cov(x.T)[0, 1], abs=0.15)


def told(n: int, seed: int = 0) -> tuple[np.ndarray, pl.DataFrame]:
    """Rows whose mean and spread depend on a number and a label."""
    random = np.random.default_rng(seed)
    given = pl.DataFrame({"c": random.uniform(-2, 2, n), "k": random.choice(["a", "b"], n)})
    mean, spread = law(given["c"].to_numpy(), given["k"].to_numpy())
    return mean + spread * random.normal(size=n), given


def law(c: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.sin(c) + 2.0 * (k == "b"), 0.3 * np.exp(0.5 * c)


def test_conditions_shape_mean_and_spread_and_the_mass_stays_one(tmp_path) -> None:  # type: ignore[no-untyped-def]
    x, given = told(1_500)
    model = Flow(members=1, steps=200, hidden=32, noise=0.05, learning_rate=0.01).fit(x, given=given)
    t = np.linspace(-12, 12, 4_001)
    for c, k in ((-1.0, "a"), (0.0, "b"), (1.5, "a")):
        here = pl.DataFrame({"c": np.full(len(t), c), "k": [k] * len(t)})
        p = np.exp(model.log_prob(t, given=here))
        mean, spread = law(np.array(c), np.array(k))
        found = np.trapezoid(p * t, t)
        assert np.trapezoid(p, t) == pytest.approx(1.0, abs=1e-4)
        assert found == pytest.approx(mean, abs=0.15)
        assert np.sqrt(np.trapezoid(p * (t - found) ** 2, t)) == pytest.approx(spread, rel=0.25)
        drawn = model.sample(1_000, seed=0, given=here[:1_000])
        assert float(np.mean(drawn)) == pytest.approx(found, abs=0.12)
    save(model, tmp_path / "flow.safetensors")
    read = load(tmp_path / "flow.safetensors")
    assert read.given_space == model.given_space is not None
    assert np.array_equal(read.log_prob(x, given=given), model.log_prob(x, given=given))


def test_conditions_that_do_not_fit_are_refused_in_one_line() -> None:
    x, given = told(60)
    model = Flow(members=1, steps=2).fit(x, given=given)
    with pytest.raises(SpaceError, match="condition was not met"):
        model.log_prob(x[:1], given=pl.DataFrame({"c": [0.0], "k": ["never"]}))
    with pytest.raises(SpaceError, match="one condition a row"):
        model.log_prob(x[:3], given=given[:2])
    with pytest.raises(SpaceError, match="needs conditions"):
        model.log_prob(x[:3])
    frame = pl.DataFrame({"x": x, "label": ["u", "v", "w"] * 20})
    with pytest.raises(FitError, match="real columns alone"):
        Flow(members=1, steps=2).fit(frame, given=given)
    with pytest.raises(LikelihoodError, match="under their conditions"):
        sample_and_log_prob(model, 5, seed=0)


def test_validation_rows_with_a_label_never_met_are_left_out() -> None:
    x, given = told(200)
    space = Table(("c", "k"), (Real(), Category(("a", "b"))))
    train = Data(Table(("x",), (Real(),)), torch.tensor(x)[:, None], given=space.read(given), given_space=space)
    odd = train.given.clone()  # type: ignore[union-attr]
    odd[::2, 1] = 2.0
    model = Flow(members=1, hidden=4, layers=1, depth=1, learning_rate=0.03).fit(
        train, given=True, validation=Data(train.space, train.values, given=odd, given_space=space)
    )
    assert np.isfinite(model.log_prob(x, given=given)).all()


def test_conditions_of_every_kind_are_taken() -> None:
    x, _ = told(120)
    random = np.random.default_rng(1)
    space = Table(
        ("r", "p", "m", "n", "w", "k"),
        (Real(), Positive(), Maybe(Real()), Integer(0), Circle(24.0), Category(("a", "b", "c"))),
    )
    gaps = np.where(random.random(120) < 0.3, np.nan, random.normal(size=120))
    columns = [random.normal(size=120), random.gamma(2.0, size=120), gaps, random.poisson(3.0, 120)]
    columns += [random.uniform(0, 24, 120), random.integers(0, 3, 120)]
    given = torch.tensor(np.stack(columns, 1).astype(float))
    data = Data(Table(("x",), (Real(),)), torch.tensor(x)[:, None], given=given, given_space=space)
    model = Flow(members=1, steps=5).fit(data, given=True)
    assert bool(torch.isfinite(model.log_prob(data.values, given=given)).all())


AWKWARD = {
    "three rows": np.array([[0.0, 1.0], [2.0, 3.5], [1.0, -1.0]]),
    "a constant column": np.column_stack([np.random.default_rng(0).normal(size=80), np.full(80, 3.0)]),
    "a column twice": np.repeat(np.random.default_rng(0).normal(size=(80, 1)), 2, 1),
    "far rows": np.vstack([np.random.default_rng(0).normal(size=(80, 2)), [[1e12, -1e12], [-1e12, 1e12]]]),
    "equal rows": np.tile([[1.0, 2.0], [3.0, 4.0]], (40, 1)),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_rows_make_no_nan_and_far_rows_never_raise(name: str) -> None:
    x = AWKWARD[name]
    model = Flow(members=2, hidden=8).fit(x, plan=Plan(seconds=1.0))
    assert np.isfinite(model.log_prob(x)).all()
    drawn = model.sample(200, seed=0)
    assert np.isfinite(drawn).all() and np.isfinite(model.log_prob(drawn)).all()
    if name != "a constant column":
        scores = model.log_prob(x[0] + np.array([[1e3], [1e9], [1e15]]))
        assert not np.isnan(scores).any() and scores[0] > scores[1] > scores[2]


def test_a_tiny_budget_is_kept_by_all_members() -> None:
    began = time.monotonic()
    model = Flow().fit(moons(3_000, 0), plan=Plan(seconds=0.1))
    assert time.monotonic() - began < 4.0
    assert np.isfinite(model.log_prob(moons(50, 1))).all()


def test_a_killed_fit_goes_on_where_it_was(tmp_path) -> None:  # type: ignore[no-untyped-def]
    x, plan = moons(120, 0), Plan(folder=tmp_path)
    flow = Flow(members=2, steps=6, hidden=8)
    first = flow.fit(x, plan=plan)
    assert (tmp_path / "member0" / "checkpoint.safetensors").exists()
    (tmp_path / "member1" / "checkpoint.safetensors").unlink()
    assert np.array_equal(flow.fit(x, plan=plan).log_prob(x), first.log_prob(x))


def test_wide_tables_fit_and_draw() -> None:
    x = np.random.default_rng(0).normal(size=(300, 50)) @ np.random.default_rng(1).normal(size=(50, 50))
    model = Flow(members=1, steps=2).fit(x)
    assert isinstance(model, CodedDensity) and isinstance(model.inner, FlowModel)
    drawn = model.sample(20, seed=0)
    assert drawn.shape == (20, 50) and np.isfinite(model.log_prob(drawn)).all()

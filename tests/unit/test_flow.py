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

from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError, LikelihoodError, MissingExtra
from pofx.evaluate.contest import choose_models
from pofx.laws.cases import CASES
from pofx.models.flow.estimator import Flow
from pofx.models.flow.layers import Kind
from pofx.models.flow.margins import Margins
from pofx.models.flow.model import FlowModel, sample_and_log_prob
from pofx.models.flow.network import Network
from pofx.models.parametric.gaussian import Gaussian
from pofx.rng import generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Integer, Positive, Real
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
            parameter += 0.3 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
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
    clean, odd = Flow(steps=40).fit(x), Flow(steps=40).fit(spoilt)
    assert float(np.mean(odd.log_prob(x))) == pytest.approx(float(np.mean(clean.log_prob(x))), abs=0.1)
    assert np.isfinite(odd.log_prob(np.array([1e6, -1e12]))).all()


def test_moons_are_better_than_a_normal_law() -> None:
    train, test = moons(400, 0), moons(400, 1)
    flow, normal = Flow(steps=200, hidden=16, layers=2, learning_rate=0.02).fit(train), Gaussian().fit(train)
    assert np.mean(flow.log_prob(test)) > np.mean(normal.log_prob(test)) + 0.5


def test_ties_of_a_rounded_column_make_no_spike() -> None:
    """Half of the rows share one recorded value: its density times the step stays a probability."""
    data = CASES["ties"].make(0)
    model = Flow(steps=200, noise=0.0, learning_rate=0.01).fit(data)
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
    model = Flow(steps=60).fit(gappy())
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
    model = Flow(steps=5).fit(frame, space=space)
    seldom = model.log_prob(pl.DataFrame({"town": ["town 40", "elsewhere"], "x": [0.0, 0.0]}))
    assert np.isfinite(seldom).all()


def test_samples_and_scores_in_one_pass() -> None:
    model = Flow(steps=20).fit(gappy())
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
    model = Flow(kind=kind, steps=3).fit(x, seed=4)
    save(model, tmp_path / "flow.safetensors")
    read = load(tmp_path / "flow.safetensors")
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(read.log_prob(x), model.log_prob(x))
    assert np.array_equal(read.sample(9, seed=1), model.sample(9, seed=1))
    assert not np.array_equal(Flow(kind=kind, steps=3).fit(x, seed=5).log_prob(x), model.log_prob(x))


def test_a_settled_flow_takes_the_chosen_steps_and_holds_nothing_out() -> None:
    x = moons(200, 0)
    open_ended = Flow(hidden=8, depth=1, layers=1, learning_rate=0.03)
    model = open_ended.fit(x[:150], validation=x[150:])
    settled = open_ended.settled(model)
    assert isinstance(settled, Flow)
    assert settled.steps is not None and settled.layers is not None and settled.hidden is not None
    assert settled.settled(settled.fit(x)) == settled


def test_the_budget_is_kept() -> None:
    began = time.monotonic()
    Flow(steps=100_000).fit(moons(300, 0), plan=Plan(seconds=1.0))
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
        Flow(steps=1).fit(moons(40, 0))


@pytest.mark.parametrize(("n", "there"), [(1999, False), (2000, True)])
def test_auto_takes_a_flow_where_rows_are_many(n: int, there: bool) -> None:
    data = Data(Table(("x", "y"), (Real(), Real())), rows(n, 2))
    assert ("flow" in [estimator.name for estimator in choose_models(("auto",), data)]) is there


def test_auto_takes_no_flow_without_a_real_column() -> None:
    data = Data(Table(("n",), (Integer(0),)), torch.arange(600).double()[:, None] % 7)
    assert "flow" not in [estimator.name for estimator in choose_models(("auto",), data)]


def test_wide_tables_fit_and_draw() -> None:
    x = np.random.default_rng(0).normal(size=(300, 50)) @ np.random.default_rng(1).normal(size=(50, 50))
    model = Flow(steps=2).fit(x)
    assert isinstance(model.inner, FlowModel)  # type: ignore[attr-defined]
    drawn = model.sample(20, seed=0)
    assert drawn.shape == (20, 50) and np.isfinite(model.log_prob(drawn)).all()

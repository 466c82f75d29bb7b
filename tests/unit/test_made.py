"""Masked autoregressive networks: nothing is seen too early, total mass is one, and dependence is learnt."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
import torch

from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError, LikelihoodError
from pofx.models.made.canonical import Canonical
from pofx.models.made.estimator import MADE
from pofx.models.made.fitting import orders_of
from pofx.models.made.gaussians import Gaussians
from pofx.models.made.margins import fit_margins
from pofx.models.made.network import Network
from pofx.nets.masked import Masked
from pofx.rng import generator
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table

QUICK = {"steps": 60, "hidden": 24, "components": 4}
LABELS = Table(
    ("a", "b", "c"), (Category(("x", "y"), False), Category(("p", "q", "r"), False), Category((1, 2), False))
)
GAPS = Table(("k", "x"), (Category(("u", "v"), open=False), Maybe(Real())))
MIXED = Table(
    ("turn", "real", "count", "label"), (Circle(24.0), Real(0.1), Integer(0), Category(("n", "y"), open=False))
)


def labels(n: int = 400) -> Data:
    random = generator(1)
    a = torch.randint(2, (n,), generator=random)
    b = (a + torch.randint(2, (n,), generator=random)) % 3
    c = (a + b + (torch.rand(n, generator=random) < 0.1)) % 2
    return Data(LABELS, torch.stack([a, b, c], 1).double())


def gaps(n: int = 300) -> Data:
    random = generator(2)
    k = torch.randint(2, (n,), generator=random).double()
    x = 3 * k + torch.randn(n, generator=random, dtype=torch.float64)
    return Data(GAPS, torch.stack([k, torch.where(torch.rand(n, generator=random) < 0.2 + 0.3 * k, torch.nan, x)], 1))


def mixed(n: int = 300) -> Data:
    random = generator(3)
    h = torch.randn(n, generator=random, dtype=torch.float64)
    real = ((h + 0.3 * torch.randn(n, generator=random, dtype=torch.float64)) * 10).round() / 10
    columns = [torch.remainder(6 + 3 * h, 24), real, torch.exp(1 + 0.5 * h).floor(), (h > 0).double()]
    return Data(MIXED, torch.stack(columns, 1))


# The network ---------------------------------------------------------------------------------------------------------


def shaken(module: torch.nn.Module) -> None:
    """Random weights everywhere, so that no zero hides a connection."""
    random = generator(7)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=random))


def test_a_masked_network_sees_what_comes_before_and_nothing_else():
    into, out_of = [0, 0, 3, 1, 2, 2], [2, 0, 1, 3, 3, 1]
    net = Masked(into, out_of, 12, 2, 0.0, generator(0)).double().eval()
    x = torch.randn(1, 6, generator=generator(1), dtype=torch.float64)
    assert bool((net(x) == 0).all())
    shaken(net)
    slopes = torch.autograd.functional.jacobian(net, x)[0, :, 0]  # [outputs, inputs]
    before = torch.tensor(into)[None] < torch.tensor(out_of)[:, None]
    assert bool((slopes[~before] == 0).all()) and bool((slopes[before] != 0).all())


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)])
def test_each_column_depends_on_all_before_it_and_on_none_behind(order):
    data = mixed(60)
    margins = fit_margins(data.values[:, [1, 2]], torch.ones(60).double(), torch.tensor([0.1, 1.0]), 3)
    net = Network(MIXED, margins, (), order, 16, 2, 0.0, 0).double().eval()
    shaken(net)
    x = data.values[:5]
    for j, column in enumerate(order):
        changed = x.clone()
        changed[:, column] = torch.tensor([3.0, 0.7, 9.0, 1.0])[column]
        changed[:, column] += (changed[:, column] == x[:, column]) * torch.tensor([1.0, 0.1, 1.0, -1.0])[column]
        moved = (net(changed) != net(x)).any(0)
        assert not bool(moved[list(order[:j])].any()) and bool(moved[list(order[j:])].all())


def test_the_first_weights_are_those_of_the_seed():
    a, b, c = (Masked([0, 1], [0, 1], 8, 1, 0.0, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(a.enter.weight, b.enter.weight) and not torch.equal(a.enter.weight, c.enter.weight)


# Margins and heads ---------------------------------------------------------------------------------------------------


def test_margins_follow_the_columns_and_keep_their_floor():
    random = generator(4)
    x = torch.randn(2000, 2, generator=random, dtype=torch.float64)
    x[:, 1] = (torch.where(x[:, 1] > 0, 5.0, -5.0) + x[:, 1]).round()
    x[::7, 0] = torch.nan
    margins = fit_margins(x, torch.ones(2000).double(), torch.tensor([0.0, 1.0]), 8)
    head = Gaussians(margins)
    score = head.log_prob(head.initial(x).expand(2000, -1), x)
    assert bool((score[::7, 0] == 0).all()) and float(score[:, 0][score[:, 0] != 0].mean()) > -1.45
    assert float(margins.floor[1]) >= 0.5 and float(head.floor.min()) > 0
    rank = margins.normal(x)[1::7, 0]
    assert abs(float(rank.mean())) < 0.1 and abs(float(rank.std()) - 1) < 0.1


def test_no_parameters_make_a_spike_on_ties():
    margins = fit_margins(torch.zeros(50, 1).double(), torch.ones(50).double(), torch.tensor([0.2]), 5)
    head = Gaussians(margins)
    parameters = torch.zeros(1, head.size, dtype=torch.float64)
    parameters[:, 10:] = -1e6  # the narrowest that there is
    assert float(head.log_prob(parameters, torch.zeros(1, 1).double()).exp()) <= 1 / (0.1 * math.sqrt(2 * math.pi))


def test_a_mixture_draws_what_it_scores():
    x = torch.cat(
        [torch.randn(300, 1, generator=generator(5)) - 4, torch.randn(100, 1, generator=generator(6))]
    ).double()
    head = Gaussians(fit_margins(x, torch.ones(400).double(), torch.zeros(1), 5))
    drawn = head.sample(torch.zeros(20_000, head.size, dtype=torch.float64), generator(8))[:, 0]
    grid = torch.linspace(-12, 8, 4001, dtype=torch.float64)
    density = head.log_prob(torch.zeros(4001, head.size, dtype=torch.float64), grid[:, None])[:, 0].exp()
    below = torch.trapezoid(density[:1601], grid[:1601])  # below -4
    assert abs(float(torch.trapezoid(density, grid)) - 1) < 1e-6
    assert abs(float((drawn < -4).double().mean() - below)) < 0.015


# Orders and forms ----------------------------------------------------------------------------------------------------


def test_canonical_form_knows_neither_order_nor_codes():
    turned = Table(("c", "a", "b"), (Category((2, 1), False), Category(("y", "x"), False), LABELS.spaces[1]))
    x = labels().values
    y = torch.stack([1 - x[:, 2], 1 - x[:, 0], x[:, 1]], 1)
    one, other = Canonical(LABELS), Canonical(turned)
    assert one.table == other.table and torch.equal(one.encode(x), other.encode(y))
    assert torch.equal(other.decode(other.encode(y)), y)
    open_ended = Canonical(Table(("k",), (Category(("b", "a")),)))
    z = torch.tensor([[0.0], [1.0], [2.0], [torch.nan]])
    assert open_ended.encode(z)[:3, 0].tolist() == [1, 0, 2] and bool(torch.isnan(open_ended.encode(z)[3, 0]))


def test_a_column_with_gaps_comes_after_the_label_that_says_so():
    gates = (3, -1, 3, -1, 1)
    orders = orders_of(Table(tuple("abcde"), (Real(),) * 5), gates, 30, 0)
    assert len(set(orders)) > 10 and all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert all(order.index(gate) < order.index(j) for order in orders for j, gate in enumerate(gates) if gate >= 0)


# The model -----------------------------------------------------------------------------------------------------------


def test_probabilities_of_all_outcomes_add_up_to_one_and_are_drawn():
    model = MADE(orders=3, **QUICK).fit(labels())
    every = torch.tensor(list(itertools.product(range(2), range(3), range(2))), dtype=torch.float64)
    p = model.log_prob(every).exp()
    assert abs(float(p.sum()) - 1) < 1e-12
    drawn = model.draw(20_000, seed=3)
    share = torch.stack([(drawn == row).all(1).double().mean() for row in every])
    assert float((share - p).abs().max()) < 5 * float((p * (1 - p) / 20_000).sqrt().max())


def test_mass_is_one_where_values_may_be_missing_in_any_order():
    model = MADE(orders=4, **QUICK).fit(gaps())
    grid = torch.linspace(-12, 15, 5401, dtype=torch.float64)
    total, empty = 0.0, 0.0
    for k in (0.0, 1.0):
        rows = torch.stack([torch.full_like(grid, k), grid], 1)
        total += float(torch.trapezoid(model.log_prob(rows).exp(), grid))
        empty += float(model.log_prob(torch.tensor([[k, torch.nan]], dtype=torch.float64)).exp())
    assert abs(total + empty - 1) < 1e-6
    drawn = model.draw(8000, seed=1)
    assert abs(float(torch.isnan(drawn[:, 1]).double().mean()) - empty) < 0.025


def test_orders_are_averaged_in_probability():
    model = MADE(orders=3, **QUICK).fit(labels()).inner
    x = labels(40).values
    each = torch.stack([net(model.canonical.encode(x)).sum(1).detach() for net in model.nets])
    assert len(model.nets) == 3 and float((each[0] - each[1]).abs().max()) > 1e-4
    assert torch.allclose(model.log_prob(x).detach(), each.exp().mean(0).log(), atol=1e-12, rtol=0)


def test_parts_of_one_order_add_up_and_several_have_none():
    data = mixed()
    model = MADE(orders=1, **QUICK).fit(data)
    parts = model.log_prob_parts(data.values)
    assert parts.shape == (300, 4) and torch.allclose(parts.sum(1), model.log_prob(data.values), atol=1e-9)
    with pytest.raises(LikelihoodError):
        MADE(orders=2, steps=0).fit(data).log_prob_parts(data.values)


def test_a_score_depends_on_its_own_row_alone():
    data = mixed()
    model = MADE(**QUICK).fit(data)
    whole = model.log_prob(data.values)
    assert torch.allclose(whole.flip(0), model.log_prob(data.values.flip(0)), atol=1e-11, rtol=1e-12)
    alone = torch.cat([model.log_prob(row[None]) for row in data.values[:5]])
    assert torch.allclose(alone, whole[:5], atol=1e-11, rtol=1e-12)


def test_samples_lie_in_the_space_and_hang_together():
    data = mixed()
    model = MADE(steps=150, orders=2, hidden=24, components=4).fit(data)
    drawn = model.draw(2000, seed=0)
    assert bool(data.space.contains(drawn).all())
    assert float(drawn[drawn[:, 3] == 1, 1].mean() - drawn[drawn[:, 3] == 0, 1].mean()) > 1.0
    assert torch.equal(drawn, model.draw(2000, seed=0))


def test_dependence_that_no_correlation_shows_is_learnt():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 1500)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.05 * random.normal(size=(1500, 2))
    how = {"orders": 1, "hidden": 24, "components": 6, "noise": 0.1, "batch": 128}
    model, apart = MADE(steps=300, **how).fit(ring[:1000]), MADE(steps=0, **how).fit(ring[:1000])
    assert model.log_prob(ring[1000:]).mean() > apart.log_prob(ring[1000:]).mean() + 0.5


def test_a_frame_with_gaps_labels_and_whole_weights():
    frame = pl.DataFrame({"x": [1.5, None, 2.5, 3.0] * 20, "k": ["a", "b", None, "a"] * 20, "n": [1, 2, 3, 9] * 20})
    model = MADE(**QUICK).fit(frame, weights=np.arange(80) % 3)
    assert np.isfinite(model.log_prob(frame)).all() and model.sample(5, seed=0).shape == (5, 3)


def test_a_stored_model_answers_the_same(tmp_path):
    data = gaps()
    model = MADE(**QUICK).fit(data)
    save(model, tmp_path / "made.safetensors")
    again = load(tmp_path / "made.safetensors")
    assert torch.equal(again.log_prob(data.values), model.log_prob(data.values))
    assert torch.equal(again.draw(20, seed=1).nan_to_num(-9), model.draw(20, seed=1).nan_to_num(-9))


def test_settled_takes_the_steps_that_were_best():
    estimator = MADE(hidden=16, orders=2)
    settled = estimator.settled(estimator.fit(labels(120)))
    assert settled.steps is not None and settled.orders == 2 and settled.hidden == 16


@pytest.mark.parametrize("wrong", [{"orders": 0}, {"components": 0}, {"dropout": 1.0}, {"learning_rate": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(FitError):
        MADE(**wrong)

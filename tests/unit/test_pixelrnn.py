"""Row LSTM and Diagonal BiLSTM: order without blind spots, mass, draws that are the law's, completion, the store."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch

from pofx.core.store import load, save
from pofx.core.warp import LAW
from pofx.data.dataset import Data
from pofx.errors import FitError, SpaceError
from pofx.models.pixelcnn.law import UNIFORMS
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.pixelcnn.raster import fill
from pofx.models.pixelrnn.estimator import Kind, PixelRNN
from pofx.nets.diagonal_lstm import DiagonalLSTM, skew, straight
from pofx.nets.recurrent import Recurrent, cell
from pofx.nets.row_lstm import RowLSTM
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.training.plan import Plan

KINDS: tuple[Kind, ...] = ("row", "diagonal")
SMALL = PixelRNN(hidden=8, depth=2, steps=3, batch=16, components=3, bins=16)


def pictures(space: Image, n: int, seed: int = 0) -> Data:
    """Dark pictures, every other row of which is black."""
    x = torch.rand(n, *space.event_shape, generator=generator(seed)).square() * space.levels
    x[:, :, 1::2] = 0
    return Data(space, space.compact(x.floor()))


def bent(space: Image, kind: Kind) -> PixelModel:
    """A model far from where it begins."""
    model = PixelModel(space, replace(SMALL, kind=kind, pixels="categorical"), 0)
    model.law.settle(pictures(space, 60).values, None)
    random = generator(7)
    with torch.no_grad():
        for parameter in model.net.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_knows_every_place_before_it_and_none_after(kind: Kind) -> None:
    size = (5, 6)
    net = PixelRNN(kind=kind, hidden=8).reader(2, size, 0, generator(0)).double()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    x = torch.randn(1, 2, *size, generator=generator(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: net(y, None)[0].sum(0).flatten(), x)
    moved = jacobian[:, 0].abs().sum(1).flatten(1) > 0
    assert torch.equal(moved, torch.ones(30, 30).tril(-1).bool())


def test_the_diagonal_layer_alone_sees_all_places_up_to_its_own() -> None:
    layer = DiagonalLSTM(3, generator(0)).double()
    x = torch.randn(1, 3, 4, 5, generator=generator(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: layer(y)[0].sum(0).flatten(), x)
    moved = jacobian[:, 0].abs().sum(1).flatten(1) > 0
    assert torch.equal(moved, torch.ones(20, 20).tril().bool())


def test_the_row_layer_alone_sees_a_triangle_and_the_left() -> None:
    layer = RowLSTM(3, generator(0)).double()
    x = torch.randn(1, 3, 3, 7, generator=generator(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: layer(y)[0, :, 2, 4].sum(), x)
    seen = [row.nonzero()[:, 0].tolist() for row in jacobian[0].abs().sum(0) > 0]
    assert seen == [[0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5], [2, 3, 4]]


def test_the_diagonal_states_are_those_of_a_loop_over_places() -> None:
    units, height, width = 3, 4, 5
    layer = DiagonalLSTM(units, generator(0)).double()
    x = torch.randn(2, units, height, width, generator=generator(1), dtype=torch.float64)
    gates = layer.to_state(x).movedim(1, -1)  # [n, H, W, 8 units]
    carry = (layer.carry_left, layer.carry_right)
    zero = torch.zeros(2, units, dtype=torch.float64)
    states, memories = {}, {}
    for way, columns in ((0, range(width)), (1, reversed(range(width)))):
        step = 1 - 2 * way
        order = list(columns)
        for r, c in product(range(height), order):
            beside, above = states.get((way, r, c - step), zero), states.get((way, r - 1, c), zero)
            mine = gates[:, r, c, 4 * units * way : 4 * units * (way + 1)]
            both = torch.cat([beside, above], 1) @ carry[way]
            states[way, r, c], memories[way, r, c] = cell(mine + both, memories.get((way, r, c - step), zero))
    found = layer(x)
    for r, c in product(range(height), range(width)):
        wanted = states[0, r, c] + states.get((1, r - 1, c), zero)
        torch.testing.assert_close(found[:, :, r, c], wanted, atol=1e-12, rtol=0)


def test_skewed_rows_come_back_straight() -> None:
    x = torch.arange(24.0).reshape(2, 3, 4)
    skewed = skew(x)
    assert skewed.shape == (2, 3, 6)
    assert skewed[0].tolist() == [[0, 1, 2, 3, 0, 0], [0, 4, 5, 6, 7, 0], [0, 0, 8, 9, 10, 11]]
    assert torch.equal(straight(skewed, 4), x)


@pytest.mark.parametrize("space", [Image(1, 2, 3, 1), Image(3, 1, 2, 1)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_total_mass_and_draws_of_tiny_pictures(kind: Kind, space: Image) -> None:
    model = bent(space, kind)
    x = torch.tensor(list(product(range(space.levels), repeat=space.dims)), dtype=torch.float64)
    share = model.log_prob(x.reshape(-1, *space.event_shape)).exp()
    assert float(share.sum()) == pytest.approx(1, abs=1e-12)
    code = model.draw(3000, seed=1).flatten(1) @ (space.levels ** torch.arange(space.dims - 1, -1, -1).double())
    found = torch.bincount(code.long(), minlength=len(x))
    kept = share * 3000 > 5
    excess = ((found - 3000 * share).square() / (3000 * share))[kept].sum()
    assert float(excess) < int(kept.sum()) + 5 * math.sqrt(2 * int(kept.sum()))


@pytest.mark.parametrize("space", [Image(1, 4, 5, 4), Image(3, 3, 2, 5), Image(1, 1, 4, 2), Image(1, 4, 1, 2)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_drawn_with_kept_states_as_without(kind: Kind, space: Image) -> None:
    model, n = bent(space, kind), 4
    begun = torch.full((n, *space.event_shape), torch.nan, dtype=torch.float64)
    u = torch.rand(n, space.channels, UNIFORMS, *space.event_shape[1:], generator=generator(2), dtype=torch.float64)
    with torch.no_grad():
        quick = fill(model.law, model.net, begun, u, None, LAW)
        slow = torch.zeros_like(begun)
        for h, w, c in product(range(space.height), range(space.width), range(space.channels)):
            said = model.net(model.law.known(slow, torch.float64), None)[c][:, :, h, w]
            slow[:, c, h, w] = model.law.draw(c, said, (h, w), slow[:, :c, h, w], u[:, c, :, h, w], LAW)
    assert torch.equal(quick, slow)


@pytest.mark.parametrize("kind", KINDS)
def test_the_walk_says_what_the_pass_says(kind: Kind) -> None:
    size = (5, 6)
    net = PixelRNN(kind=kind, hidden=8).reader(2, size, 3, generator(0)).double()
    assert isinstance(net, Recurrent)
    x = torch.randn(3, 2, *size, generator=generator(1), dtype=torch.float64)
    told = torch.randn(3, 3, generator=generator(2), dtype=torch.float64)
    with torch.no_grad():
        whole, walk, made = net(x, told), net.walk(3, told), torch.zeros(3, 8, *size).double()
        for row in range(size[0]):
            walk.begin(row)
            for column in range(size[1]):
                made[:, :, row, column] = walk.at(column)
                walk.put(column, x[:, :, row, column])
    torch.testing.assert_close(made, whole, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_parts_completion_and_the_store(kind: Kind, tmp_path: Path) -> None:
    space = Image(2, 4, 3, 3)
    data = pictures(space, 40)
    model = replace(SMALL, kind=kind).fit(data, seed=1)
    x = data.values[:12].double()
    score = model.log_prob(x)
    torch.testing.assert_close(model.log_prob_parts(x).flatten(1).sum(1), score, atol=1e-10, rtol=1e-12)
    alone = torch.cat([model.log_prob(x[i : i + 1]) for i in range(12)])
    torch.testing.assert_close(alone, score, atol=1e-10, rtol=1e-12)
    begun = x.clone()
    begun[:, :, 2:] = torch.nan
    made = torch.from_numpy(model.complete(begun, seed=3)).movedim(-1, 1).double()
    assert torch.equal(made[:, :, :2], x[:, :, :2])
    begun[0, 0, 0, 0] = torch.nan
    with pytest.raises(SpaceError, match="row 1: a picture is known after a place where it is not"):
        model.complete(begun, seed=3)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    torch.testing.assert_close(again.log_prob(x), score, atol=0, rtol=0)
    assert torch.equal(again.draw(3, seed=0), model.draw(3, seed=0))


class Killer:
    """A recorder that is interrupted after so many steps."""

    def __init__(self, at: int) -> None:
        self.at = at

    def start(self, what: str, total: int | None) -> None: ...

    def step(self, done: int, note: str = "") -> None:
        if done == self.at:
            raise KeyboardInterrupt

    def finish(self) -> None: ...


@pytest.mark.parametrize("kind", KINDS)
def test_training_gains_and_goes_on_where_it_was_killed(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pofx.training.report.SHORTEST", 0.0)
    monkeypatch.setattr("pofx.training.report.PART", 0.0)
    space = Image(1, 6, 6, 2)
    place = torch.randint(6, (300,), generator=generator(0))
    x = torch.zeros(300, 1, 6, 6, dtype=torch.uint8)
    x[torch.arange(300), 0, :, place] = 3
    recipe, data = replace(SMALL, kind=kind, steps=40, learning_rate=1e-2, depth=1), Data(space, x)
    whole = recipe.fit(data, seed=2)
    with pytest.raises(KeyboardInterrupt):
        recipe.fit(data, seed=2, plan=Plan(folder=tmp_path), recorder=Killer(20))
    resumed = recipe.fit(data, seed=2, plan=Plan(folder=tmp_path))
    test = x[:20].double()
    torch.testing.assert_close(resumed.log_prob(test), whole.log_prob(test), atol=0, rtol=0)
    begun = replace(recipe, steps=0).fit(data, seed=2)
    assert float(whole.log_prob(test).mean()) > float(begun.log_prob(test).mean()) + 5


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(FitError, match="row or diagonal"):
        PixelRNN(kind="column")  # type: ignore[arg-type]

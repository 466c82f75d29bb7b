"""Gated PixelCNN: order without blind spots, mass, draws that are the law's, completion, conditions, odd pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pofx.core.store import load, save
from pofx.core.warp import LAW, Warp
from pofx.data.dataset import Data
from pofx.data.images.labels import conditions
from pofx.errors import FitError, SpaceError
from pofx.models.pixelcnn.choice import law_of
from pofx.models.pixelcnn.estimator import PixelCNN
from pofx.models.pixelcnn.law import UNIFORMS
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.pixelcnn.options import Pixels
from pofx.models.pixelcnn.raster import fill
from pofx.nets.gated import Gated
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.training.plan import Plan

LAWS: tuple[Pixels, ...] = ("categorical", "logistics")
SMALL = PixelCNN(hidden=10, depth=1, steps=4, batch=16, components=3, bins=16)
TINY = {
    "grey": Image(1, 2, 2, 2),
    "bits": Image(1, 2, 3, 1),
    "colour": Image(3, 1, 2, 1),
    "two channels": Image(2, 2, 2, 1),
    "pixel": Image(1, 1, 1, 3),
}
ODD = {
    "colour": Image(3, 4, 5, 5),
    "strip": Image(1, 1, 9, 8),
    "column": Image(2, 7, 1, 2),
    "pixel": Image(1, 1, 1, 3),
    "deep": Image(2, 2, 3, 16),
}


def pictures(space: Image, n: int, seed: int = 0) -> Data:
    """Dark pictures, every other row of which is black."""
    x = torch.rand(n, *space.event_shape, generator=generator(seed)).square() * space.levels
    x[:, :, 1::2] = 0
    return Data(space, space.compact(x.floor()))


def bent(space: Image, pixels: Pixels, recipe: PixelCNN = SMALL) -> PixelModel:
    """A model far from where it begins."""
    model = PixelModel(space, replace(recipe, pixels=pixels), 0)
    model.law.settle(pictures(space, 60).values, None)
    random = generator(7)
    with torch.no_grad():
        for parameter in model.net.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
    return model.eval()


def bars(n: int, seed: int = 0) -> tuple[Data, Tensor]:
    """Pictures of 6 x 6 with one bright column or row, and which."""
    random = generator(seed)
    place, kind = torch.randint(6, (n,), generator=random), torch.randint(2, (n,), generator=random)
    x = torch.zeros(n, 6, 6, dtype=torch.float64)
    x[torch.arange(n), :, place] = 15
    x = torch.where(kind[:, None, None] == 1, x, x.mT)
    x -= (x > 0) * torch.randint(3, x.shape, generator=random)
    space = Image(1, 6, 6, 4)
    return Data(space, space.compact(x[:, None])), kind


def test_a_place_knows_every_place_before_it_and_none_after() -> None:
    size = (5, 6)
    net = Gated(2, 8, 2, size, 0, generator(0)).double()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    x = torch.randn(1, 2, *size, generator=generator(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: net(y, None)[0].sum(0).flatten(), x)
    moved = jacobian[:, 0].abs().sum(1).flatten(1) > 0  # [place, place]
    assert torch.equal(moved, torch.ones(30, 30).tril(-1).bool())


@pytest.mark.parametrize("pixels", LAWS)
def test_a_value_knows_all_values_before_it_and_none_after(pixels: Pixels) -> None:
    space = Image(3, 2, 3, 3)
    model = bent(space, pixels)
    x = pictures(space, 1).values.double()
    places = list(product(range(2), range(3), range(3)))
    everything = torch.zeros(0)
    for j in range(-1, len(places)):
        other = x.clone()
        if j >= 0:
            row, column, channel = places[j]
            other[0, channel, row, column] = 7 - other[0, channel, row, column]
        said = model.net(model.law.known(other, torch.float64), None)
        laws = torch.cat(
            [model.law.table(c, said[c][:, :, h, w], (h, w), other[:, :c, h, w]) for h, w, c in places]
        )  # [value, levels]
        if j < 0:
            everything = laws
            continue
        found = ((laws - everything).abs().amax(1) > 0).tolist()
        assert found == [i > j for i in range(len(places))], places[j]


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("pixels", LAWS)
def test_total_mass_and_draws_of_tiny_pictures(pixels: Pixels, name: str) -> None:
    space = TINY[name]
    model = bent(space, pixels)
    x = torch.tensor(list(product(range(space.levels), repeat=space.dims)), dtype=torch.float64)
    share = model.log_prob(x.reshape(-1, *space.event_shape)).exp()
    assert float(share.sum()) == pytest.approx(1, abs=1e-12)
    code = model.draw(3000, seed=1).flatten(1) @ (space.levels ** torch.arange(space.dims - 1, -1, -1).double())
    found = torch.bincount(code.long(), minlength=len(x))
    kept = share * 3000 > 5
    excess = ((found - 3000 * share).square() / (3000 * share))[kept].sum()
    assert float(excess) < int(kept.sum()) + 5 * math.sqrt(2 * int(kept.sum()))


@pytest.mark.parametrize("pixels", LAWS)
@pytest.mark.parametrize(
    ("space", "warp"),
    [
        (Image(1, 5, 6, 4), LAW),
        (Image(3, 3, 4, 8), LAW),
        (Image(2, 2, 3, 16), LAW),
        (Image(3, 3, 2, 5), Warp(temperature=0.7, top_p=0.9)),
    ],
    ids=["grey", "colour", "deep", "warped"],
)
def test_drawn_with_what_is_kept_as_without(pixels: Pixels, space: Image, warp: Warp) -> None:
    model, n = bent(space, pixels), 4
    begun = torch.full((n, *space.event_shape), torch.nan, dtype=torch.float64)
    u = torch.rand(n, space.channels, UNIFORMS, *space.event_shape[1:], generator=generator(2), dtype=torch.float64)
    with torch.no_grad():
        quick = fill(model.law, model.net, begun, u, None, warp)
        slow = torch.zeros_like(begun)
        for h, w, c in product(range(space.height), range(space.width), range(space.channels)):
            said = model.net(model.law.known(slow, torch.float64), None)[c][:, :, h, w]
            slow[:, c, h, w] = model.law.draw(c, said, (h, w), slow[:, :c, h, w], u[:, c, :, h, w], warp)
    assert torch.equal(quick, slow)
    assert bool(space.contains(quick).all())


@pytest.mark.parametrize("pixels", LAWS)
def test_parts_add_up_and_neither_batch_nor_order_moves_a_score(pixels: Pixels) -> None:
    space = Image(3, 4, 5, 8)
    model, x = bent(space, pixels), pictures(space, 30, 1).values.double()
    score = model.log_prob(x)
    parts = model.log_prob_parts(x)
    assert parts.shape == x.shape
    torch.testing.assert_close(parts.flatten(1).sum(1), score, atol=1e-10, rtol=1e-12)
    alone = torch.cat([model.log_prob(x[i : i + 1]) for i in range(30)])
    torch.testing.assert_close(alone, score, atol=1e-10, rtol=1e-12)
    torch.testing.assert_close(model.log_prob(x.flip(0)).flip(0), score, atol=1e-10, rtol=1e-12)
    table = torch.stack([model.law.table(0, torch.zeros(1, model.law.per(0)).double(), (0, 0), x[:1, :0, 0, 0])])
    assert float(table.exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("pixels", LAWS)
def test_completion_keeps_what_is_known(pixels: Pixels) -> None:
    space = Image(2, 4, 3, 3)
    model, x = bent(space, pixels), pictures(space, 5).values.double()
    begun = x.clone()
    begun[:, :, 2:] = torch.nan
    begun[0] = torch.nan
    begun[1, 1, 1, 2] = torch.nan  # the last channel of the last known pixel
    begun[2] = x[2]
    made = torch.from_numpy(model.complete(begun, seed=3)).movedim(-1, 1).double()
    known = ~torch.isnan(begun)
    assert torch.equal(made[known], begun[known])
    assert bool(space.contains(made).all())
    greedy = [model.complete(begun, seed=seed, warp=Warp(temperature=0.0)) for seed in (0, 1)]
    assert (greedy[0] == greedy[1]).all()
    begun[3, 0, 0, 0] = torch.nan
    with pytest.raises(SpaceError, match="row 4: a picture is known after a place where it is not"):
        model.complete(begun, seed=3)
    begun = torch.full_like(x, torch.nan)
    begun[1, 0, 0, 0] = 0.5
    with pytest.raises(SpaceError, match="row 2: this is no picture"):
        model.complete(begun, seed=3)


def test_classes_are_learned() -> None:
    data, kind = bars(300)
    given, space = conditions(["lies" if k else "stands" for k in kind.tolist()], [])
    labelled = replace(data, given=given, given_space=space)
    model = replace(SMALL, hidden=16, steps=100, learning_rate=1e-2).fit(labelled, given=True, seed=1)
    test, kind = bars(100, 5)
    words = ["lies" if k else "stands" for k in kind.tolist()]
    other = ["stands" if k else "lies" for k in kind.tolist()]
    right, wrong = (model.log_prob(test.values.double(), given=told) for told in (words, other))
    assert float((right > wrong).double().mean()) > 0.9
    assert model.draw(4, seed=0, given=words[:4]).shape == (4, 1, 6, 6)
    assert model.log_prob_parts(test.values[:4].double(), given=words[:4]).shape == (4, 1, 6, 6)
    with pytest.raises(SpaceError, match="conditional"):
        model.log_prob(test.values.double())


@pytest.mark.parametrize("pixels", LAWS)
def test_training_gains_on_single_pixels(pixels: Pixels) -> None:
    test = bars(200, 9)[0].values.double()
    recipe = replace(SMALL, pixels=pixels, hidden=16, bins=64, learning_rate=1e-2)
    begun, trained = (replace(recipe, steps=steps).fit(bars(600)[0], seed=1).log_prob(test) for steps in (0, 60))
    assert float(trained.mean()) > float(begun.mean()) + 5


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("pixels", LAWS)
def test_every_size_is_fitted_scored_drawn_and_kept(pixels: Pixels, name: str, tmp_path: Path) -> None:
    space = ODD[name]
    data = pictures(space, 40)
    model = replace(SMALL, pixels=pixels).fit(data, seed=1)
    x = data.values[:5].double()
    assert bool(torch.isfinite(model.log_prob(x)).all())
    drawn = model.draw(3, seed=0)
    assert bool(space.contains(drawn).all())
    assert model.sample(0, seed=0).shape[0] == 0
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    torch.testing.assert_close(again.log_prob(x), model.log_prob(x), atol=0, rtol=0)
    assert torch.equal(again.draw(3, seed=0), drawn)
    assert again.free_parameters == model.free_parameters > 0


@pytest.mark.parametrize("pixels", LAWS)
@pytest.mark.parametrize("x", [torch.zeros(1, 1, 4, 4), torch.zeros(50, 1, 4, 4), torch.full((40, 1, 4, 4), 255.0)])
def test_pictures_without_any_variety(pixels: Pixels, x: Tensor) -> None:
    data = Data(Image(1, 4, 4), x.to(torch.uint8))
    model = replace(SMALL, pixels=pixels).fit(data, seed=1)
    there, elsewhere = model.log_prob(x[:1].double()), model.log_prob(255 - x[:1].double())
    assert bool(torch.isfinite(there) & torch.isfinite(elsewhere))
    assert float(there) > float(elsewhere)
    assert model.draw(2, seed=0).shape == (2, 1, 4, 4)


def test_the_law_goes_by_the_data() -> None:
    space = Image(1, 8, 8, 8)
    smooth = torch.randint(256, (50, 1, 8, 8), generator=generator(0))
    assert law_of("auto", smooth, space) == "logistics"
    assert law_of("auto", torch.where(smooth < 50, 0, smooth), space) == "categorical"
    assert law_of("auto", smooth // 16 * 16, space) == "categorical"
    assert law_of("logistics", smooth // 16 * 16, space) == "logistics"


def test_weights_are_repetitions() -> None:
    data, _ = bars(40)
    weighted = replace(data, weights=(torch.arange(40) < 20).double())
    model = SMALL.fit(weighted, seed=1)
    assert torch.equal(model.log_prob(data.values.double()), SMALL.fit(data.rows(torch.arange(20)), seed=1).log_prob(
        data.values.double()
    ))  # fmt: skip


class Killer:
    """A recorder that is interrupted after so many steps."""

    def __init__(self, at: int) -> None:
        self.at = at

    def start(self, what: str, total: int | None) -> None: ...

    def step(self, done: int, note: str = "") -> None:
        if done == self.at:
            raise KeyboardInterrupt

    def finish(self) -> None: ...


def test_a_fit_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pofx.training.report.SHORTEST", 0.0)
    monkeypatch.setattr("pofx.training.report.PART", 0.0)
    recipe, data = replace(SMALL, steps=12), bars(60)[0]
    whole = recipe.fit(data, seed=2)
    with pytest.raises(KeyboardInterrupt):
        recipe.fit(data, seed=2, plan=Plan(folder=tmp_path), recorder=Killer(6))
    resumed = recipe.fit(data, seed=2, plan=Plan(folder=tmp_path))
    x = data.values.double()
    torch.testing.assert_close(resumed.log_prob(x), whole.log_prob(x), atol=0, rtol=0)
    assert (tmp_path / "history.jsonl").exists()


def test_the_same_seed_gives_the_same_model_and_settles() -> None:
    before = torch.get_rng_state()
    data = bars(60)[0]
    recipe = replace(SMALL, steps=None)
    one, two = (recipe.fit(data, seed=5, plan=Plan(0.5)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    settled = recipe.settled(one)
    assert isinstance(settled, PixelCNN)
    assert settled.steps is not None
    assert settled.pixels == "categorical"
    x = data.values[:3].double()
    assert bool(torch.isfinite(two.log_prob(x)).all())
    one, two = (SMALL.fit(data, seed=5).log_prob(x) for _ in range(2))
    torch.testing.assert_close(one, two, atol=0, rtol=0)


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"pixels": "gaussian"}, {"bins": 1}, {"average": -1.0}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FitError):
        PixelCNN(**wrong)  # type: ignore[arg-type]

"""Flows of pictures: exact inverses, volumes, mass and order, odd sizes, and what they gain."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pofx.core.coded import CodedBound
from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError, LikelihoodError
from pofx.likelihood import Likelihood
from pofx.models.flow.estimator import Flow
from pofx.models.flow.pictures.margin import Margin
from pofx.models.flow.pictures.model import PictureFlow, picture_flow, sample_and_bound
from pofx.models.flow.pictures.network import PictureKind, PictureNet
from pofx.models.flow.pictures.raster import Raster
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan

KINDS: tuple[PictureKind, ...] = ("raster", "pyramid", "multiscale")
SPACES = {
    "grey": Image(1, 6, 8, 8),
    "odd": Image(1, 5, 7, 4),
    "colour": Image(3, 4, 4, 5),
    "strip": Image(1, 1, 9, 8),
    "column": Image(2, 7, 1, 2),
    "pixel": Image(1, 1, 1, 3),
    "bits": Image(1, 4, 4, 1),
    "deep": Image(2, 2, 3, 16),
}
SHIFT: dict[PictureKind, float] = {"raster": 0.3, "pyramid": 0.3, "multiscale": 0.03}
SMALL = Flow(hidden=12, layers=1, picture_bins=8, steps=4, picture_batch=32)
PAIR = Image(1, 1, 2, 2)


def pictures(space: Image, n: int, seed: int = 0) -> Tensor:
    """Dark pictures, half of whose rows are black, in their compact form."""
    x = torch.rand(n, *space.event_shape, generator=generator(seed)).square() * space.levels
    x[:, :, 1::2] = 0
    return space.compact(x.floor())


def bent(kind: PictureKind, space: Image) -> PictureNet:
    """A network whose map is far from the one it begins as, in float64."""
    net = PictureNet(space.event_shape, space.levels, kind, 12, 2, 16, 0)  # type: ignore[arg-type]
    net.settle(pictures(space, 60), None)
    random = generator(7)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += SHIFT[kind] * torch.randn(parameter.shape, generator=random)
    return net.double().eval()


def noisy(space: Image, n: int, seed: int = 1) -> Tensor:
    """Dequantised pictures, `[n, C, H, W]` in the unit cube."""
    x = pictures(space, n, seed)
    return (x + torch.rand(x.shape, generator=generator(seed), dtype=torch.float64)) / space.levels


def bars(n: int, seed: int = 0) -> Data:
    """Pictures of 6 x 6 with one bright column or row."""
    random = generator(seed)
    place = torch.randint(6, (n,), generator=random)
    x = torch.zeros(n, 6, 6, dtype=torch.float64)
    x[torch.arange(n), :, place] = 1.0
    x = torch.where(torch.rand(n, 1, 1, generator=random) < 0.5, x, x.mT)
    x = (15 * x - 3 * x * torch.rand(x.shape, generator=random, dtype=torch.float64)).round()
    space = Image(1, 6, 6, 4)
    return Data(space, space.compact(x[:, None]))


def pairs(n: int, seed: int = 0) -> Data:
    """Two pixels of two bits that are mostly equal."""
    random = generator(seed)
    first = torch.randint(4, (n,), generator=random).clamp(min=1)
    second = torch.where(torch.rand(n, generator=random) < 0.8, first, torch.randint(4, (n,), generator=random))
    return Data(PAIR, torch.stack([first, second], 1).reshape(n, 1, 1, 2).to(torch.uint8))


ALL_PAIRS = torch.tensor(list(product(range(4), repeat=2)), dtype=torch.float64).reshape(16, 1, 1, 2)


@pytest.fixture(scope="module")
def models() -> dict[PictureKind, Model]:
    """Models of pairs."""
    recipe = Flow(hidden=12, layers=1, picture_batch=32, steps=60, picture_rate=1e-2)
    return {kind: replace(recipe, pictures=kind).fit(pairs(400), seed=3) for kind in KINDS}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_inverse_is_the_inverse_and_brings_the_density(kind: PictureKind, name: str) -> None:
    space = SPACES[name]
    net, z = bent(kind, space), noisy(space, 20)
    with torch.no_grad():
        noise = net.to_noise(z)
        back, score = net.from_noise(noise)
        torch.testing.assert_close(back, z, atol=2e-8, rtol=0)
        assert torch.equal((back * space.levels).floor(), (z * space.levels).floor())
        torch.testing.assert_close(score, net(z), atol=1e-6, rtol=0)
        drawn, score = net.from_noise(torch.randn(z.shape, generator=generator(2), dtype=torch.float64))
        torch.testing.assert_close(score, net(drawn), atol=1e-6, rtol=1e-9)
    assert bool(((drawn >= 0) & (drawn <= 1)).all())


@pytest.mark.parametrize("space", [Image(1, 2, 4, 3), Image(2, 2, 2, 2), Image(1, 3, 1, 4)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_density_is_the_volume_of_the_map(kind: PictureKind, space: Image) -> None:
    net = bent(kind, space)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    for z in noisy(space, 3):
        one = z[None]
        jacobian = torch.autograd.functional.jacobian(lambda x: net.to_noise(x).flatten(), one)
        noise = net.to_noise(one).detach()
        normal = -0.5 * (noise.square() + math.log(2 * math.pi)).sum()
        volume = torch.linalg.slogdet(jacobian.reshape(space.dims, space.dims))[1]
        assert float(normal + volume) == pytest.approx(float(net(one)), abs=1e-6)


def test_a_pixel_of_the_raster_knows_all_before_it_and_none_after() -> None:
    space = Image(2, 5, 12, 3)
    net = bent("raster", space).flow
    assert isinstance(net, Raster)
    x = pictures(space, 1).long()
    places = list(product(range(5), range(12), range(2)))
    with torch.no_grad():
        before = net.logits(x)
        for j, (row, column, channel) in enumerate(places):
            other = x.clone()
            other[0, channel, row, column] = 7 - other[0, channel, row, column]
            moved = (net.logits(other) - before).abs().amax(2)[0]  # [C, H, W]
            found = [bool(moved[c, h, w] > 0) for h, w, c in places]
            assert found == [i > j for i in range(len(places))], (row, column, channel)


@pytest.mark.parametrize("kind", KINDS)
def test_total_mass_of_a_tiny_picture(models: dict[PictureKind, Model], kind: PictureKind) -> None:
    model = models[kind]
    assert model.likelihood is Likelihood.LOWER_BOUND
    bounds = model.log_prob_bound(ALL_PAIRS.repeat(400, 1, 1, 1), seed=1).reshape(400, 16).numpy()
    mass = np.exp(bounds).mean(0)
    error = np.exp(bounds).std(0).sum() / 20
    assert mass.sum() == pytest.approx(1, abs=1e-9 + 4 * error)
    assert (bounds.mean(0) <= np.log(mass) + 1e-12).all()
    shares = np.bincount((model.draw(4000, seed=5).flatten(1) @ torch.tensor([4.0, 1.0]).double()).long(), minlength=16)
    np.testing.assert_allclose(shares / 4000, mass, atol=0.03)
    assert mass.reshape(4, 4).trace() > 0.6


@pytest.mark.parametrize("kind", ["raster", "pyramid"])
def test_conditional_histograms_lose_nothing_to_the_noise(models: dict[PictureKind, Model], kind: PictureKind) -> None:
    one, other = (models[kind].log_prob_bound(ALL_PAIRS, seed=seed) for seed in (0, 1))
    torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_come_with_their_bound_and_a_file_keeps_the_model(
    models: dict[PictureKind, Model], kind: PictureKind, tmp_path: Path
) -> None:
    model = models[kind]
    x, score = sample_and_bound(model, 50, seed=4)
    assert bool(PAIR.contains(x).all())
    if kind != "multiscale":  # whose bound goes by the noise
        torch.testing.assert_close(score, model.log_prob_bound(x, seed=9), atol=1e-9, rtol=0)
    z, density = picture_flow(model).sample_and_log_prob(50, generator(4))
    torch.testing.assert_close(density, picture_flow(model).log_prob(z), atol=1e-8, rtol=0)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, CodedBound)
    torch.testing.assert_close(again.log_prob_bound(x, seed=1), model.log_prob_bound(x, seed=1), atol=0, rtol=0)
    assert again.free_parameters == model.free_parameters > 0


@pytest.mark.parametrize("kind", KINDS)
def test_noise_and_pictures_of_a_model(models: dict[PictureKind, Model], kind: PictureKind) -> None:
    inner = picture_flow(models[kind])
    z = noisy(PAIR, 30)
    back, score = inner.from_noise(inner.to_noise(z))
    torch.testing.assert_close(back, z, atol=1e-7, rtol=0)
    torch.testing.assert_close(score, inner.log_prob(z), atol=1e-7, rtol=0)
    assert inner.from_noise(inner.to_noise(z[:0]))[1].shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
def test_neither_the_batch_nor_the_order_of_rows_moves_a_score(kind: PictureKind) -> None:
    space = SPACES["grey"]
    net, z = bent(kind, space), noisy(space, 40)
    with torch.no_grad():
        alone = torch.cat([net(z[i : i + 1]) for i in range(40)])
        torch.testing.assert_close(net(z), alone, atol=1e-8, rtol=1e-10)
        torch.testing.assert_close(net(z.flip(0)).flip(0), alone, atol=1e-8, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_training_gains_on_single_pixels(kind: PictureKind) -> None:
    recipe = Flow(pictures=kind, hidden=12, layers=1, picture_bins=12, picture_batch=16, picture_rate=1e-2)
    test = bars(200, seed=9)
    begun, trained = (
        replace(recipe, steps=steps).fit(bars(600), seed=1).log_prob_bound(test.values, seed=2).mean()
        for steps in (0, 60)
    )
    assert float(trained) > float(begun) + 2


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_size_is_fitted_scored_and_drawn(kind: PictureKind, name: str) -> None:
    space = SPACES[name]
    data = Data(space, pictures(space, 40))
    model = replace(SMALL, pictures=kind).fit(data, seed=1)
    assert bool(torch.isfinite(model.log_prob_bound(data.values[:5], seed=0)).all())
    assert bool(space.contains(model.draw(3, seed=0)).all())
    assert model.sample(0, seed=0).shape[0] == 0


@pytest.mark.parametrize("x", [torch.zeros(1, 1, 4, 4), torch.zeros(50, 1, 4, 4), torch.full((40, 1, 4, 4), 255.0)])
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_without_any_variety(kind: PictureKind, x: Tensor) -> None:
    data = Data(Image(1, 4, 4), x.to(torch.uint8))
    model = replace(SMALL, pictures=kind).fit(data, seed=1)
    there, elsewhere = (model.log_prob_bound(y, seed=0) for y in (x.double(), 255 - x.double()))
    assert bool(torch.isfinite(there).all() & torch.isfinite(elsewhere).all())
    assert float(there.mean()) > float(elsewhere.mean())


def test_the_same_seed_gives_the_same_model_and_the_global_generator_rests() -> None:
    before = torch.get_rng_state()
    one, two = (SMALL.fit(bars(40), seed=5).log_prob_bound(bars(4, 1).values, seed=0) for _ in range(2))
    torch.testing.assert_close(one, two, atol=0, rtol=0)
    assert torch.equal(before, torch.get_rng_state())


def test_training_keeps_its_place_and_tells_bits_and_settles(tmp_path: Path) -> None:
    said: list[str] = []

    class Ears:
        def start(self, what: str, total: int | None) -> None: ...
        def step(self, done: int, note: str = "") -> None:
            said.append(note)

        def finish(self) -> None: ...

    recipe = replace(SMALL, steps=None)
    model = recipe.fit(bars(40), seed=1, plan=Plan(1.0, tmp_path), recorder=Ears())
    assert (tmp_path / "checkpoint.safetensors").exists() and (tmp_path / "history.jsonl").exists()
    assert any("bits/dim" in note for note in said)
    settled = recipe.settled(model)
    assert isinstance(settled, Flow) and settled.steps is not None and settled.hidden == 12


def test_weights_count_as_repetitions() -> None:
    x, weights = pictures(SPACES["odd"], 6), torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0, 1.0], dtype=torch.float64)
    one, two = Margin(1, 16, 5), Margin(1, 16, 5)
    one.count(x, weights)
    two.count(x.repeat_interleave(weights.long(), 0), None)
    torch.testing.assert_close(one.mass, two.mass, atol=1e-12, rtol=0)
    data = Data(SPACES["odd"], x, weights)
    assert bool(torch.isfinite(SMALL.fit(data).log_prob_bound(x, seed=0)).all())


def test_the_counted_law_makes_pixels_uniform() -> None:
    space = Image(1, 20, 20, 8)
    margin = Margin(1, 256, 12)
    margin.count(pictures(space, 50), None)
    z = noisy(space, 50, seed=0)
    y, log_slope = margin.up(z)
    assert float(y.mean()) == pytest.approx(0.5, abs=0.01) and float(y.std()) == pytest.approx(12**-0.5, abs=0.01)
    torch.testing.assert_close(margin.down(y), z, atol=1e-14, rtol=0)
    steps = margin.up((z * 256).floor() / 256 + 0.9 / 256)[0] - margin.up((z * 256).floor() / 256 + 0.1 / 256)[0]
    torch.testing.assert_close(steps * 256 / 0.8, torch.exp(log_slope), rtol=1e-8, atol=0)
    assert margin.edges[0, 0] == 0 and margin.edges[0, -1] == 1 and bool((torch.diff(margin.edges) > 0).all())


@pytest.mark.parametrize(
    "wrong", [{"picture_bins": 1}, {"picture_rate": 0.0}, {"picture_batch": 0}, {"layers": 0}, {"hidden": 0}], ids=str
)
def test_impossible_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(FitError):
        Flow(**wrong)  # type: ignore[arg-type]


def test_what_is_refused_and_what_is_no_flow() -> None:
    conditions = Table(("label",), (Category(("a",)),))
    with pytest.raises(FitError, match="no rows"):
        SMALL.fit(Data(PAIR, torch.zeros(0, 1, 1, 2, dtype=torch.uint8)))
    with pytest.raises(FitError, match="raster or pyramid"):
        replace(SMALL, pictures="spiral").fit(pairs(40))  # type: ignore[arg-type]
    with pytest.raises(FitError, match="no conditions"):
        SMALL.fit(replace(pairs(40), given=torch.zeros(40, 1).double(), given_space=conditions), given=True)
    model = SMALL.fit(pairs(40))
    with pytest.raises(LikelihoodError, match="bound"):
        model.log_prob(ALL_PAIRS)
    with pytest.raises(LikelihoodError, match="not a flow of pictures"):
        picture_flow(SMALL.fit(np.random.default_rng(0).normal(size=(40, 2))))
    assert isinstance(picture_flow(model), PictureFlow)

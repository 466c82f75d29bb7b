"""Autoencoders: codes, reconstructions in the user's units, and no probability."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pofx.core.estimator import Estimator
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.errors import FitError, LikelihoodError, SpaceError
from pofx.likelihood import Likelihood
from pofx.models.autoencoder.codes import Codes
from pofx.models.autoencoder.estimator import Autoencoder
from pofx.models.flow.estimator import Flow
from pofx.models.mixture.estimator import Mixture
from pofx.nets.conv import Down, Up, sizes
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.training.plan import Plan


def rows(n: int = 300) -> np.ndarray:
    """Four columns that two hidden numbers make, in different units."""
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 2)) @ random.normal(size=(2, 4)) + 0.1 * random.normal(size=(n, 4))
    return x * [1.0, 10.0, 100.0, 1000.0] + 7


def table(n: int = 300) -> pl.DataFrame:
    """A label, a count, an angle-free number and a gap that follow one hidden number."""
    random = np.random.default_rng(1)
    hidden = random.normal(size=n)
    gap = [None if u < 0.2 else 5 * h for u, h in zip(random.random(n), hidden, strict=True)]
    label, count = np.where(hidden > 0, "up", "down"), (10 + 3 * hidden).round().astype(int)
    return pl.DataFrame({"c": label, "n": count, "gap": gap})


def test_a_linear_autoencoder_spans_the_principal_components() -> None:
    x = rows()
    model = Autoencoder(codes=2, depth=0, latent=None, steps=600, learning_rate=3e-2).fit(x, seed=0)
    errors = np.array(list(Codes(model).errors(x).values())) / x.std(0)
    z = (x - x.mean(0)) / x.std(0)
    best = np.sqrt((np.linalg.svd(z, compute_uv=False)[2:] ** 2).sum() / z.size)
    assert np.sqrt((errors**2).mean()) == pytest.approx(best, rel=0.03)


def test_errors_are_in_each_columns_units() -> None:
    x = rows()
    codes = Codes(Autoencoder(codes=2, latent=None, steps=100).fit(x, seed=0))
    back = np.asarray(codes.reconstruct(x))
    found = codes.errors(x)
    np.testing.assert_allclose(list(found.values()), np.sqrt(((x - back) ** 2).mean(0)), rtol=1e-9)
    assert all(error < 0.7 * spread for error, spread in zip(found.values(), x.std(0), strict=True))


def test_labels_counts_and_gaps_come_back() -> None:
    frame = table()
    codes = Codes(Autoencoder(codes=2, latent=None, steps=400).fit(frame, seed=0))
    found = codes.errors(frame)
    assert found["c"] < 0.1 and found["n"] < 1.5 and found["gap"] < 2.5
    back = codes.reconstruct(frame)
    assert set(back["c"].unique()) <= {"up", "down"}
    assert back["n"].dtype.is_integer()
    assert (back["gap"].is_null() == frame["gap"].is_null()).mean() > 0.9


def test_a_plain_autoencoder_has_no_distribution() -> None:
    model = Autoencoder(codes=2, latent=None, steps=5).fit(rows(50))
    assert model.likelihood is Likelihood.NONE
    for ask in (
        lambda: model.sample(3, seed=0),
        lambda: model.log_prob(rows(3)),
        lambda: model.log_prob_bound(rows(3), seed=0),
    ):
        with pytest.raises(LikelihoodError) as caught:
            ask()
        assert caught.value.remedy
    assert Codes(model).encode(rows(3)).shape == (3, 2)


@pytest.mark.parametrize("latent", ["gaussian", "kde", Mixture(k=2, covariance="full")], ids=lambda v: str(v)[:8])
def test_a_density_on_the_codes_makes_a_sampler(latent: str | Estimator, tmp_path: Path) -> None:
    x = rows()
    model = Autoencoder(codes=2, latent=latent, steps=300).fit(x, seed=0)
    drawn = np.asarray(model.sample(2000, seed=1))
    np.testing.assert_allclose((drawn.mean(0) - x.mean(0)) / x.std(0), 0, atol=0.2)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(np.corrcoef(x.T)[0, 1], abs=0.15)
    save(model, tmp_path / "model")
    read = load(tmp_path / "model")
    assert torch.equal(read.draw(20, seed=2), model.draw(20, seed=2))
    assert read.free_parameters == model.free_parameters
    assert getattr(read.inner, "recipe", None) == getattr(model.inner, "recipe", 0)
    assert getattr(getattr(read.inner, "recipe", None), "latent", None) == latent
    assert np.array_equal(Codes(read).encode(x), Codes(model).encode(x))


def test_mixed_tables_are_sampled_within_their_space() -> None:
    frame = table(150)
    model = Autoencoder(steps=50, latent="gaussian").fit(frame, seed=0)
    assert model.space.contains(model.draw(50, seed=0)).all()


@pytest.mark.parametrize("net", ["dense", "conv"])
def test_pictures_come_back_within_few_levels(net: str) -> None:
    space = Image(1, 7, 6, 8)
    slope = torch.rand(200, 1, 1, 1, generator=generator(0), dtype=torch.float64)
    x = (255 * slope * torch.linspace(0, 1, 6, dtype=torch.float64).expand(200, 1, 7, 6)).round()
    model = Autoencoder(codes=2, latent=None, net=net, hidden=32, depth=1, channels=8, steps=300).fit(  # type: ignore[arg-type]
        Data(space, space.compact(x)), seed=0
    )
    codes = Codes(model)
    assert codes.errors(x)["pixels"] < 20
    assert codes.reconstruct(x).dtype == np.uint8


def test_the_same_seed_gives_the_same_codes_and_no_global_generator_moves() -> None:
    before = torch.get_rng_state()
    recipe = Autoencoder(codes=1, latent="gaussian", steps=20)
    first, again, other = (Codes(recipe.fit(rows(60), seed=seed)).encode(rows(5)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_a_time_budget_is_kept_by_both_parts() -> None:
    import time

    started = time.monotonic()
    Autoencoder(latent="mixture").fit(rows(2000), seed=0, plan=Plan(2.0))
    assert time.monotonic() - started < 8


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(FitError):
        Autoencoder(codes=0)
    with pytest.raises(FitError, match="no model 'mixtur'"):
        Autoencoder(latent="mixtur").fit(rows(40))
    with pytest.raises(FitError, match="no density on the codes"):
        Autoencoder(latent=Autoencoder()).fit(rows(40))
    with pytest.raises(FitError, match="neither a name nor an estimator"):
        Autoencoder(latent=3).fit(rows(40))  # type: ignore[arg-type]
    codes = Codes(Autoencoder(codes=1, latent=None, steps=2).fit(table(60)))
    with pytest.raises(SpaceError):
        codes.encode(pl.DataFrame({"c": ["up"], "n": [0.5], "gap": [1.0]}))


@pytest.mark.parametrize("size", [(1, 1), (7, 6), (28, 28), (33, 20)], ids=str)
def test_convolutions_take_any_size(size: tuple[int, int]) -> None:
    down, up = Down(2, *size, (3, 4), 5), Up(5, 6, *size, (3, 4), 7)
    x = torch.rand(2, 2, *size, generator=generator(0))
    assert up(down(x)).shape == (2, 6 * size[0] * size[1])
    assert sizes(*size, 2)[-1] == (-(-size[0] // 4), -(-size[1] // 4))


class Stop:
    """A recorder that is interrupted once a network has made so many steps in the stage of that number."""

    def __init__(self, at: int, stage: int = 1) -> None:
        self.at, self.stage, self.seen = at, stage, 0

    def start(self, what: str, total: int | None) -> None:
        self.seen += what == "training"

    def step(self, done: int, note: str = "") -> None:
        if self.seen == self.stage and done >= self.at:
            self.at = 1 << 30
            raise KeyboardInterrupt

    def finish(self) -> None: ...


@pytest.mark.parametrize("stage", [1, 2], ids=["in_the_network", "in_the_density"])
def test_a_killed_fit_goes_on_to_the_same_numbers(stage: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pofx.training.report.SHORTEST", 0.0)
    monkeypatch.setattr("pofx.training.report.PART", 0.0)
    recipe = Autoencoder(codes=2, steps=40, hidden=8, latent=Flow(layers=1, hidden=8, members=1, bins=4, steps=30))
    whole = recipe.fit(rows(80), seed=3)
    stop = Stop(15, stage)
    with pytest.raises(KeyboardInterrupt):
        recipe.fit(rows(80), seed=3, plan=Plan(folder=tmp_path), recorder=stop)
    resumed = recipe.fit(rows(80), seed=3, plan=Plan(folder=tmp_path))
    assert np.array_equal(Codes(whole).encode(rows(80)), Codes(resumed).encode(rows(80)))
    assert torch.equal(whole.draw(20, seed=1), resumed.draw(20, seed=1))

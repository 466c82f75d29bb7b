"""VAEs: a bound that is one, exact where the law is known, for tables and pictures of all kinds."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.data.images.binarise import sampled
from pofx.errors import FitError, LikelihoodError, SpaceError
from pofx.likelihood import Likelihood
from pofx.models.autoencoder.codes import Codes
from pofx.models.mixture.estimator import Mixture
from pofx.models.vae.binarised import binarised, binarised_once, fit_binarised
from pofx.models.vae.estimator import VAE
from pofx.models.vae.fitting import Objective
from pofx.models.vae.inspect import terms, units_used, use_in_words
from pofx.models.vae.model import VAEModel
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.training.plan import Plan

BITS = Image(1, 2, 2, 1)
ALL_BITS = torch.tensor(list(product((0.0, 1.0), repeat=4)), dtype=torch.float64).reshape(16, 1, 2, 2)


def bars(n: int, size: int = 4, bits: int = 1, seed: int = 0) -> Data:
    """Pictures with one bright column or one bright row."""
    random = generator(seed)
    place = torch.randint(size, (n,), generator=random)
    x = torch.zeros(n, size, size, dtype=torch.float64)
    x[torch.arange(n), :, place] = 1.0
    x = torch.where(torch.rand(n, 1, 1, generator=random) < 0.5, x, x.mT)
    top = 2**bits - 1
    x = (top * x - 0.15 * top * torch.rand(x.shape, generator=random, dtype=torch.float64)).round().abs()
    return Data(Image(1, size, size, bits), x[:, None])


def pairs(n: int, seed: int = 0) -> Data:
    """Pictures of four bits that hang together."""
    first = torch.rand(n, 2, generator=generator(seed), dtype=torch.float64) < torch.tensor([0.3, 0.6])
    same = torch.rand(n, 2, generator=generator(seed + 1)) < 0.9
    return Data(BITS, torch.cat([first, first == same], 1).double().reshape(n, 1, 2, 2))


def linear(n: int = 400) -> np.ndarray:
    """Two hidden numbers seen through a 5 x 2 matrix and noise."""
    random = np.random.default_rng(3)
    return random.normal(size=(n, 2)) @ random.normal(size=(2, 5)) + 0.5 * random.normal(size=(n, 5))


def linear_vae(steps: int) -> VAEModel:
    """A linear-Gaussian VAE: factor analysis."""
    recipe = VAE(latent=2, depth=0, variance="column", steps=steps, learning_rate=2e-2, average=0.0)
    model = recipe.fit(linear(), seed=1)
    inner = getattr(model, "inner", model)
    assert isinstance(inner, VAEModel)
    return inner


def exact_law(model: VAEModel) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of what a linear decoder makes of normal numbers."""
    matrix = model.net.decoder.layers[-1].weight.detach().double().numpy()[:5]  # type: ignore[union-attr, index]
    offset = model.offset.detach().double().numpy()
    spread = np.exp(offset[5:]) + model.recipe.floor
    return offset[:5], matrix @ matrix.T + np.diag(spread**2)


def standard() -> Tensor:
    """The training rows in the model's own units."""
    x = torch.as_tensor(linear())
    return (x - x.mean(0)) / x.std(0, correction=0)


def test_bounds_rise_with_draws_to_the_exact_value_of_a_linear_gaussian_vae() -> None:
    x = standard()[:100]
    rough = linear_vae(40)
    exact = multivariate_normal(*exact_law(rough)).logpdf(x.numpy())
    bounds = {
        draws: np.stack([rough.log_prob_bound(x, draws=draws, seed=seed).numpy() for seed in range(4)])
        for draws in (1, 8, 64)
    }
    gaps = {draws: float((exact - bound).mean()) for draws, bound in bounds.items()}
    error = float((exact - bounds[64]).std()) / math.sqrt(bounds[64].size)
    assert gaps[1] > gaps[8] > gaps[64] > -4 * error
    assert abs(gaps[64]) < 0.02


def test_a_linear_gaussian_vae_reaches_the_likelihood_of_factor_analysis() -> None:
    from sklearn.decomposition import FactorAnalysis

    x = standard().numpy()
    best = FactorAnalysis(2, tol=1e-3, max_iter=5000, svd_method="lapack").fit(x).score(x)
    assert multivariate_normal(*exact_law(linear_vae(500))).logpdf(x).mean() == pytest.approx(best, abs=0.06)


@pytest.mark.parametrize(
    "recipe",
    [VAE(), VAE(samples=4), VAE(levels=2), VAE(levels=3), VAE(flow=3), VAE(levels=2, flow=2), VAE(net="conv")],
    ids=["plain", "importance", "two_levels", "three_levels", "flow", "ladder_flow", "conv"],
)
def test_importance_weights_sum_to_one_and_samples_follow_them(recipe: VAE) -> None:
    small = replace(recipe, latent=2, hidden=16, depth=1, channels=4, steps=150, batch=64, learning_rate=5e-3)
    model = small.fit(pairs(300), seed=2)
    weights = model.log_prob_bound(ALL_BITS.repeat(2000, 1, 1, 1), seed=3).exp()
    probability = weights.reshape(2000, 16).mean(0).numpy()
    assert probability.sum() == pytest.approx(1, abs=0.04)
    drawn = model.draw(4000, seed=4).flatten(1) @ torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)
    shares = torch.bincount(drawn.long(), minlength=16).numpy() / 4000
    np.testing.assert_allclose(shares, probability, atol=0.03)


def test_missing_labels_and_numbers_have_mass_one() -> None:
    random = np.random.default_rng(0)
    colour = random.choice(["red", "green"], size=200)
    size = np.where(random.random(200) < 0.3, None, random.choice(["big", "small"], size=200))
    model = VAE(steps=100, latent=2, hidden=16, depth=1).fit(pl.DataFrame({"colour": colour, "size": size}), seed=0)
    outcomes = pl.DataFrame(
        list(product(["red", "green", "new"], ["big", "small", None, "new"])), ["colour", "size"], orient="row"
    )
    weights = np.exp(model.log_prob_bound(pl.concat([outcomes] * 2000), seed=1))
    assert weights.sum() / 2000 == pytest.approx(1, abs=0.04)


def test_a_value_that_is_not_there_has_no_factor() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(200, 2))
    frame = pl.DataFrame(
        {"a": x[:, 0], "b": [None if gap else v for gap, v in zip(x[:, 0] > 0.5, x[:, 1], strict=True)]}
    )
    model = VAE(steps=100, latent=2, hidden=16, depth=1).fit(frame, seed=0)
    inner = model.inner  # type: ignore[attr-defined]
    z = model.codec.encode(model.space.read(frame))[0]  # type: ignore[attr-defined, operator]
    assert torch.isnan(z).any()
    assert inner.gaps == (2,)
    score, _ = inner(z, torch.zeros(len(z), inner.width, dtype=torch.float64))
    numbers = inner.head.log_prob(torch.zeros(len(z), inner.head.size, dtype=torch.float64), z)
    assert (numbers[torch.isnan(z[:, 2]), 2] == 0).all() and torch.isfinite(score).all()
    assert np.isfinite(model.log_prob_bound(frame, seed=0)).all()


def test_a_vae_of_a_mixed_table_beats_independent_columns() -> None:
    random = np.random.default_rng(5)
    hidden = random.normal(size=600)
    frame = pl.DataFrame(
        {
            "x": 100 + 20 * (hidden + 0.3 * random.normal(size=600)),
            "n": np.floor(np.exp(1 + 0.6 * hidden + 0.2 * random.normal(size=600))).astype(int),
            "c": np.where(hidden + 0.3 * random.normal(size=600) > 0, "yes", "no"),
        }
    )
    from pofx.core.registry import estimator

    train, test = frame[:500], frame[500:]
    ours = VAE().fit(train, seed=0).log_prob_bound(test, draws=64, seed=0).mean()
    theirs = estimator("independent")().fit(train).log_prob(test).mean()
    assert ours > theirs + 0.8


def test_terms_are_in_the_users_units_and_their_difference_is_the_bound() -> None:
    x = 1000 * linear(200)[:, :3] + 5
    model = VAE(steps=100, latent=2, hidden=16, depth=1).fit(x, seed=0)
    both = [terms(model, x, seed=seed) for seed in range(20)]
    bounds = np.mean([model.log_prob_bound(x, seed=seed) for seed in range(20)])
    assert np.mean([t.bound for t in both]) == pytest.approx(bounds, abs=0.15)
    assert all((t.prior >= 0).all() for t in both)
    assert both[0].reconstruction.mean() < -15  # three columns of spread 1,000 cannot have a density near one


@pytest.mark.parametrize("bits", [1, 4, 8], ids=str)
def test_pictures_are_learnt_better_than_pixel_by_pixel(bits: int) -> None:
    train, test = bars(500, bits=bits), bars(100, bits=bits, seed=9)
    model = VAE(steps=500, latent=4, hidden=32, depth=1, learning_rate=1e-2, batch=64).fit(train, seed=0)
    bound = model.log_prob_bound(test.values, draws=16, seed=0).mean()
    shares = torch.stack([(train.values == level).double().mean(0) for level in range(2**bits)]) + 1e-3
    alone = shares.log().gather(0, test.values.long()).flatten(1).sum(1).mean()
    assert bound > alone + 1
    assert model.space.contains(model.draw(50, seed=1)).all()
    codes = Codes(model)
    assert codes.encode(test.values).shape == (100, 4)
    assert codes.errors(test.values)["pixels"] < 0.35 * (2**bits - 1)
    assert np.array_equal(codes.decode(codes.encode(test.values)), codes.reconstruct(test.values))


def test_larger_pictures_of_any_size_and_colour_go_through_convolutions() -> None:
    space = Image(3, 21, 18, 8)
    x = torch.randint(256, (40, *space.event_shape), generator=generator(0)).to(torch.uint8)
    model = VAE(steps=3, latent=3, hidden=8, depth=1, channels=4, components=1).fit(Data(space, x), seed=0)
    assert isinstance(model, VAEModel)
    assert type(model.net.encoder).__name__ == "Down"
    assert model.draw(2, seed=0).shape == (2, 3, 21, 18)
    assert torch.isfinite(model.log_prob_bound(x[:3].double(), seed=0)).all()


def test_the_same_seed_gives_the_same_model_and_no_global_generator_moves() -> None:
    before = torch.get_rng_state()
    recipe = VAE(steps=30, latent=2, hidden=8, depth=1, levels=2, flow=1)
    first, again, other = (recipe.fit(pairs(100), seed=seed) for seed in (5, 5, 6))
    bound = [model.log_prob_bound(ALL_BITS, seed=1).numpy() for model in (first, again, other)]
    assert np.array_equal(bound[0], bound[1]) and not np.array_equal(bound[0], bound[2])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("recipe", [VAE(levels=2, flow=1), VAE(variance="column")], ids=["ladder_flow", "column"])
def test_a_model_read_from_its_file_answers_the_same(recipe: VAE, tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": linear(100)[:, 0], "n": np.arange(100) % 7, "c": ["a", "b"] * 50})
    model = replace(recipe, steps=10, latent=2, hidden=8, depth=1).fit(frame, seed=0)
    save(model, tmp_path / "model")
    read = load(tmp_path / "model")
    assert np.array_equal(read.log_prob_bound(frame, seed=1), model.log_prob_bound(frame, seed=1))
    assert torch.equal(read.draw(20, seed=2), model.draw(20, seed=2))
    assert read.free_parameters == model.free_parameters
    assert read.inner.recipe == model.inner.recipe  # type: ignore[attr-defined]


def test_blocks_do_not_change_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pairs(100)
    model = VAE(steps=5, latent=2, hidden=8, depth=1).fit(data, seed=0)
    whole = model.log_prob_bound(data.values, draws=2, seed=1).numpy()
    monkeypatch.setattr("pofx.models.vae.model.NUMBERS", 1)
    np.testing.assert_allclose(model.log_prob_bound(data.values, draws=2, seed=1).numpy(), whole, atol=1e-5)


class Heard:
    """A recorder that keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, what: str, total: int | None) -> None:
        self.notes.append(what)

    def step(self, done: int, note: str = "") -> None:
        self.notes.append(note)

    def finish(self) -> None: ...


def test_collapse_is_said_and_free_bits_prevent_it() -> None:
    noise = np.random.default_rng(0).normal(size=(300, 3))
    heard = Heard()
    model = VAE(steps=200, latent=2, hidden=16, depth=1, learning_rate=1e-2).fit(noise, seed=0, recorder=heard)
    assert any("2 of 2 latent numbers carry nothing" in note for note in heard.notes)
    assert use_in_words(model, noise).startswith("0 of 2 latent numbers in use")
    free = VAE(steps=200, latent=2, hidden=16, depth=1, learning_rate=1e-2, free_bits=0.3).fit(noise, seed=0)
    assert (units_used(free, noise) > 0.15).all()


def test_beta_weighs_the_prior_term() -> None:
    data = bars(300)
    kl = [
        float(
            terms(
                VAE(steps=200, latent=3, hidden=16, depth=1, beta=beta).fit(data, seed=0), data.values, seed=0
            ).prior.mean()
        )
        for beta in (0.2, 4.0)
    ]
    assert kl[0] > 2 * kl[1]


def test_rows_without_weight_are_no_rows() -> None:
    x = linear(60)[:, :2]
    extra = np.concatenate([x, 1e3 + x])
    weights = np.concatenate([np.ones(60), np.zeros(60)])
    recipe = VAE(steps=20, latent=1, hidden=8, depth=1)
    first = recipe.fit(x, seed=0).log_prob_bound(x, seed=0)
    np.testing.assert_allclose(recipe.fit(extra, weights=weights, seed=0).log_prob_bound(x, seed=0), first, atol=1e-4)


def test_a_choice_of_steps_is_settled_and_held() -> None:
    model = VAE(latent=1, hidden=8, depth=1).fit(linear(100)[:, :2], seed=0)
    settled = VAE().settled(model)
    assert isinstance(settled, VAE)
    assert settled.steps is not None and settled.latent == 1 and settled.hidden == 8


def test_binarisation_is_drawn_anew_in_training_and_once_for_tests() -> None:
    grey = Data(Image(1, 4, 4, 8), bars(400, bits=8).values.to(torch.uint8))
    assert torch.equal(*(binarised_once(grey.values, Image(1, 4, 4, 8), seed=3) for _ in range(2)))
    half = torch.full((20_000, 1, 1, 1), 51, dtype=torch.uint8)
    assert float(binarised(half, Image(1, 1, 1, 8), generator(0)).mean()) == pytest.approx(0.2, abs=0.01)
    model = fit_binarised(VAE(steps=60, latent=2, hidden=16, depth=1), grey, seed=0)
    assert model.space == Image(1, 4, 4, 1)
    with pytest.raises(SpaceError, match="2 bits or more"):
        fit_binarised(VAE(), pairs(10))


@pytest.mark.parametrize(
    "options",
    [{"latent": 0}, {"hidden": 0}, {"samples": 0}, {"beta": math.nan}, {"samples": 2, "free_bits": 0.1},
     {"levels": 2, "depth": 0}],
    ids=str,
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(FitError):
        VAE(**options)  # type: ignore[arg-type]


def test_what_a_vae_cannot_do_it_says() -> None:
    model: Model = VAE(steps=2, latent=1, hidden=4, depth=1).fit(linear(50), seed=0)
    assert model.likelihood is Likelihood.LOWER_BOUND
    with pytest.raises(LikelihoodError, match="log_prob_bound"):
        model.log_prob(linear(5))
    with pytest.raises(LikelihoodError, match="no codes"):
        Codes(Mixture(k=1, covariance="full").fit(linear(50)))


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


@pytest.mark.parametrize("plain", [True, False], ids=["table", "drawn_anew"])
def test_a_killed_fit_goes_on_to_the_same_numbers(plain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pofx.training.report.SHORTEST", 0.0)
    monkeypatch.setattr("pofx.training.report.PART", 0.0)
    recipe = VAE(steps=60, latent=2, hidden=8, depth=1, warmup=1.0, batch=32, average=0.9)
    data = linear(100) if plain else sampled(Data(Image(1, 4, 4, 8), bars(100, bits=8).values), seed=1)
    rows = data if isinstance(data, np.ndarray) else data.values
    whole = recipe.fit(data, seed=3)
    with pytest.raises(KeyboardInterrupt):
        recipe.fit(data, seed=3, plan=Plan(folder=tmp_path), recorder=Stop(25))
    resumed = recipe.fit(data, seed=3, plan=Plan(folder=tmp_path))
    bounds = [model.log_prob_bound(rows, seed=0) for model in (whole, resumed)]
    assert torch.equal(*map(torch.as_tensor, bounds))


def test_the_importance_weighted_loss_is_the_log_of_the_mean_weight() -> None:
    data = pairs(40)
    model = VAE(samples=5, latent=2, hidden=8, depth=1, warmup=0.0, average=0.9).untrained(data, seed=0)
    loss = Objective(model, 10, Plan().deadline(), None)(data.values, generator(4))
    noise = torch.randn(5 * 40, 2, generator=generator(4))
    score, found = model(data.values.repeat(5, 1, 1, 1), noise)
    weights = (score - found.excess.sum(1)).reshape(5, 40)
    torch.testing.assert_close(loss, -(weights.exp().mean(0)).log().mean())


def test_the_kl_term_is_warmed_up_by_steps() -> None:
    data = pairs(40)
    model = VAE(latent=2, hidden=8, depth=1, warmup=0.5, average=0.9).untrained(data, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    loss = Objective(model.train(), 10, Plan().deadline(), None)
    losses = [loss(data.values, generator(4)).item() for _ in range(8)]
    steps = np.diff(losses)
    np.testing.assert_allclose(steps[:5], steps[0], rtol=1e-3)
    assert steps[0] > 0 and losses[5] == losses[6] == losses[7]


def test_in_a_ladder_the_lower_prior_follows_the_upper_level() -> None:
    model = VAE(levels=2, latent=2, hidden=8, depth=1, average=0.9).untrained(pairs(40), seed=0)
    priors: dict[int, list[Tensor]] = {0: [], 1: []}
    for shift in (0.0, 1.0):

        def pick(level: int, prior: object, above: object, shift: float = shift) -> Tensor:
            priors[level].append(prior.mean)  # type: ignore[attr-defined]
            return prior.mean + shift  # type: ignore[attr-defined, no-any-return]

        model.net.walk(pick, 3, torch.zeros(3, 4, dtype=torch.float64))
    assert not priors[1][0].any() and torch.equal(*priors[1])
    assert not torch.allclose(*priors[0])


@pytest.mark.parametrize("variance", ["row", "column"])
def test_spreads_are_said_row_by_row_or_learnt_by_column(variance: str) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 1)).repeat(2, 1)
    x[:, 1] += random.normal(size=300) * np.exp(x[:, 0])
    model = VAE(steps=100, latent=2, hidden=16, depth=1, variance=variance).fit(x, seed=0)  # type: ignore[arg-type]
    inner = model.inner if hasattr(model, "inner") else model
    assert isinstance(inner, VAEModel)
    numbers = inner.head.heads[0].split(inner._numbers(inner.net.follow(torch.randn(50, 2, generator=generator(0)))))  # type: ignore[operator]
    assert (float(numbers[1].detach().std(0).max()) < 1e-6) == (variance == "column")


def test_half_precision_in_training_is_near_single_and_scores_stay_a_bound() -> None:
    data = bars(300)
    recipe = VAE(steps=150, latent=3, hidden=16, depth=1, learning_rate=1e-2, levels=2)
    bounds = [
        replace(recipe, precision=kind).fit(data, seed=0).log_prob_bound(data.values, draws=8, seed=0).mean()
        for kind in ("f32", "bf16")
    ]
    assert bounds[0] != bounds[1]
    assert float(bounds[1]) == pytest.approx(float(bounds[0]), abs=0.5)


def test_drawing_anew_is_the_rule_of_sampled_and_takes_black_and_white_validation() -> None:
    grey = Data(Image(1, 4, 4, 8), bars(200, bits=8).values.to(torch.uint8))
    once = sampled(grey, seed=3)
    assert torch.equal(binarised_once(grey.values, Image(1, 4, 4, 8), seed=3), once.values.double())
    recipe = VAE(steps=40, latent=2, hidden=8, depth=1, batch=200)
    anew, still = (recipe.fit(data, seed=0) for data in (once, replace(once, drawn_from=None)))
    assert float(terms(anew, once.values, seed=0).bound.mean()) != float(terms(still, once.values, seed=0).bound.mean())
    model = fit_binarised(replace(recipe, steps=None), grey, validation=once.rows(torch.arange(50)), plan=Plan(0.3))
    assert model.space == Image(1, 4, 4, 1)

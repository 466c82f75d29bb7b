"""The model of independent pixels: exact shares, mass one, smoothing, odd sizes and depths."""

import itertools
import math

import numpy as np
import pytest
import torch

from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.models.independent import Independent
from pofx.spaces.image import Image


def pictures(n, channels, height, width, bits, seed=0):
    random = np.random.default_rng(seed)
    space = Image(channels, height, width, bits)
    shift = random.integers(0, space.levels, (channels, height, width))
    values = (random.binomial(space.levels - 1, 0.3, (n, channels, height, width)) + shift) % space.levels
    return Data(space, space.compact(torch.from_numpy(values)))


def test_the_mass_of_all_pictures_is_one():
    data = pictures(30, 1, 1, 3, 2)
    model = Independent().fit(data)
    everything = torch.tensor(list(itertools.product(range(4), repeat=3))).double().reshape(-1, 1, 1, 3)
    assert float(model.log_prob(everything).exp().sum()) == pytest.approx(1, abs=1e-12)


def test_with_many_pictures_the_shares_are_those_of_the_data():
    data = pictures(20_000, 1, 2, 2, 1)
    model = Independent().fit(data)
    share = data.values.double().mean(0).flatten()
    white = torch.ones(1, 1, 2, 2).double()
    assert float(model.log_prob(white)) == pytest.approx(float(share.log().sum()), abs=2e-3)
    drawn = model.draw(20_000, seed=0).mean(0).flatten()
    assert torch.allclose(drawn, share, atol=0.02)


def test_a_level_that_was_never_met_is_possible():
    space = Image(1, 2, 2, 8)
    model = Independent().fit(Data(space, torch.zeros(5, 1, 2, 2, dtype=torch.uint8)))
    assert torch.isfinite(model.log_prob(torch.full((1, 1, 2, 2), 255.0).double())).all()


@pytest.mark.parametrize(("channels", "size", "bits"), [(1, 1, 1), (3, 4, 8), (1, 5, 16), (2, 3, 4)])
def test_sizes_and_depths(channels, size, bits, tmp_path):
    data = pictures(12, channels, size, size + 1, bits)
    model = Independent().fit(data)
    drawn = model.draw(7, seed=1)
    assert bool(data.space.contains(drawn).all()) and drawn.shape == (7, channels, size, size + 1)
    scores = model.log_prob(data.values)
    assert torch.isfinite(scores).all() and float(scores.max()) <= 0
    save(model, tmp_path / "m.safetensors")
    assert torch.equal(load(tmp_path / "m.safetensors").log_prob(data.values), scores)


def test_weights_are_repetitions():
    data = pictures(6, 1, 2, 3, 2)
    twice = Data(data.space, torch.cat([data.values, data.values[:2]]))
    weights = torch.tensor([2.0, 2, 1, 1, 1, 1]).double()
    with_weights = Independent().fit(Data(data.space, data.values, weights))
    assert torch.allclose(Independent().fit(twice).log_prob(data.values), with_weights.log_prob(data.values))


def test_one_picture_fits():
    data = pictures(1, 1, 3, 3, 8)
    score = float(Independent().fit(data).log_prob(data.values))
    assert -9 * math.log(256) - 1 < score < 0

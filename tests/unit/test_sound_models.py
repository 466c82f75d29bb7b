"""Baselines of waves: linear prediction, counted codes, samples by themselves."""

from itertools import product

import numpy as np
import pytest
import torch

from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.models.sound.code_ngram import CodeNGram
from pofx.models.sound.grid import count_steps, step_of
from pofx.models.sound.linear import LinearPrediction
from pofx.models.sound.samples import fit_samples
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform

SPACE = Waveform(8000, bits=4, length=12)
FITS = {
    "linear": lambda rows, space: LinearPrediction(orders=(1, 2)).fit(rows, space=space),
    "codes": lambda rows, space: CodeNGram().fit(rows, space=space),
    "samples": lambda rows, space: fit_samples(Data(space, rows)),
}


def waves(space: Waveform = SPACE) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(space.low, space.high + 1, length) for length in (16, 30, 8, 0)]


@pytest.fixture(scope="module", params=FITS)
def model(request) -> Model:
    return FITS[request.param](SPACE.read(waves()), SPACE)


@pytest.mark.parametrize("length", [1, 3])
def test_the_probabilities_of_all_waves_add_up_to_one(model, length):
    every = torch.tensor(list(product(range(-8, 8), repeat=length)), dtype=torch.int32)
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-9)


def test_parts_add_up_and_neither_filling_nor_company_matters(model):
    rows = waves()
    score, parts = model.log_prob(rows), model.log_prob_parts(rows)
    np.testing.assert_allclose(parts.sum(1), score, atol=1e-10)
    np.testing.assert_allclose(np.concatenate([model.log_prob([row]) for row in rows]), score, atol=1e-10)
    longer = torch.nn.functional.pad(SPACE.read(rows), (0, 9), value=PAD)
    np.testing.assert_allclose(model.log_prob(longer).numpy(), score, atol=1e-10)
    assert score[3] == 0


def test_a_completed_wave_keeps_its_beginning(model):
    beginnings = [np.array([1, 2, 3]), np.array([], dtype=int)]
    completed = model.complete(beginnings, seed=0, length=9)
    assert [len(wave) for wave in completed] == [9, 9]
    assert (completed[0][:3] == beginnings[0]).all()
    assert len(model.sample(2, seed=0)[0]) == SPACE.length


def test_draws_follow_the_scores(model):
    drawn = np.stack(model.complete([np.array([3])] * 4000, seed=1, length=2))[:, 1]
    every = torch.tensor([[3, k] for k in range(-8, 8)], dtype=torch.int32)
    law = (model.log_prob(every) - model.log_prob(every[:1, :1])).exp().numpy()
    count = np.bincount(drawn + 8, minlength=16)
    assert np.sum((count - 4000 * law) ** 2 / (4000 * law).clip(1)) < 45  # chi squared of 15


def test_a_stored_model_answers_the_same(model, tmp_path):
    save(model, tmp_path / "model")
    assert (load(tmp_path / "model").log_prob(waves()) == model.log_prob(waves())).all()


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("wave", [np.zeros(40, dtype=int), np.array([-32768, 32767] * 20), np.array([5])], ids=str)
def test_silence_clipping_and_one_sample(kind, wave):
    space = Waveform(8000)
    model = FITS[kind](space.read([wave] * 3), space)
    assert np.isfinite(model.log_prob([wave, -1 - wave])).all()


def test_linear_prediction_finds_a_resonance_and_its_order():
    random, x = np.random.default_rng(0), np.zeros((20, 400))
    noise = 50 * random.standard_normal(x.shape)
    for t in range(2, 400):
        x[:, t] = 1.8 * x[:, t - 1] - 0.9 * x[:, t - 2] + noise[:, t]
    space = Waveform(8000)
    rows = space.read(np.round(x).astype(int))
    model = LinearPrediction().fit(rows, space=space)
    np.testing.assert_allclose(model.coefficients[:2].numpy(), [1.8, -0.9], atol=0.06)
    bits = -model.log_prob(rows).mean() / 400 / np.log(2)
    assert float(bits) == pytest.approx(np.log2(50 * np.sqrt(2 * np.pi * np.e)), abs=0.15)  # entropy of the noise


def test_grids_are_counted():
    assert step_of(torch.tensor([256, -512, 0])) == 256 and step_of(torch.zeros(4, dtype=torch.int16)) == 0
    steps, shares = count_steps([1, 1, 256, 256, 512, 0])
    assert steps == (1, 256) and sum(shares) == pytest.approx(1)
    assert shares[1] == pytest.approx(3.5 / 6)
    assert count_steps([]) == ((1,), (1.0,))


def test_samples_above_16_bits_are_counted_in_cells():
    space = Waveform(8000, bits=24, length=3)
    model = fit_samples(Data(space, space.read([np.array([-(1 << 23), 0, (1 << 23) - 1])])))
    assert len(model.log_shares) == 1 << 16
    assert np.isfinite(model.log_prob([np.array([1000, -1000])])).all()

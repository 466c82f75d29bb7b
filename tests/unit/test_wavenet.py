"""WaveNet: exact, causal, and drawn by one law whichever way it is computed."""

from itertools import product

import numpy as np
import pytest
import torch

from pofx.core.store import load, save
from pofx.data.dataset import Data, on_end
from pofx.errors import FitError, LikelihoodError, SpaceError
from pofx.models.sound.mulaw import first_numbers
from pofx.models.wavenet.cached import walk
from pofx.models.wavenet.drawing import ready
from pofx.models.wavenet.estimator import WaveNet
from pofx.models.wavenet.generate import Begun, by_kernel
from pofx.models.wavenet.laws import Codes
from pofx.models.wavenet.model import WaveNetModel
from pofx.models.wavenet.network import Network
from pofx.models.wavenet.windows import together, windows
from pofx.nets.dilated import Dilated
from pofx.rng import generator
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform
from pofx.training.plan import Plan

SPACE = Waveform(8000, bits=4, length=12)
SMALL = {"steps": 4, "residual": 5, "skip": 6, "doublings": 3, "cycles": 1, "batch": 40}
HEADS = ("logistics", "mulaw")


def waves(space: Waveform = SPACE, lengths: tuple[int, ...] = (16, 30, 8, 0), seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(space.low, space.high + 1, length) for length in lengths]


def fitted(head: str, space: Waveform = SPACE, **settings) -> WaveNetModel:
    rows = [wave.reshape(-1, space.channels) if space.channels > 1 else wave for wave in waves(space)]
    return WaveNet(head=head, **{**SMALL, **settings}).fit(space.read(rows), space=space)


@pytest.fixture(scope="module", params=HEADS)
def model(request) -> WaveNetModel:
    return fitted(request.param)


def begun(n: int, steps: tuple[int, ...]) -> Begun:
    zeros = torch.zeros(n, dtype=torch.int64)
    return Begun(torch.zeros(n, 0, dtype=torch.int32), zeros, torch.tensor(steps), None)


@pytest.mark.parametrize("length", [2, 3])
def test_the_probabilities_of_all_waves_add_up_to_one(model, length):
    every = torch.tensor(list(product(range(-8, 8), repeat=length)), dtype=torch.int32)
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("head", HEADS)
def test_the_probabilities_of_all_stereo_waves_add_up_to_one(head):
    stereo = fitted(head, Waveform(8000, bits=4, channels=2, length=4))
    every = torch.tensor(list(product(range(-8, 8), repeat=2)), dtype=torch.int32)
    assert float(stereo.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("head", HEADS)
def test_waves_on_a_coarse_grid_are_found_and_still_add_up_to_one(head):
    rows = [4 * np.array([0, 1, -2, 1, 0, 1, -1])] * 5 + [np.array([1, -3, 5, 2])]
    model = WaveNet(head=head, **SMALL).fit(SPACE.read(rows), space=SPACE)
    assert model.steps == (1, 4)
    every = torch.tensor(list(product(range(-8, 8), repeat=3)), dtype=torch.int32)
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-9)
    parts = model.log_prob_parts([np.array([4, -4, 4, 1, 2])])
    assert parts.sum() == pytest.approx(model.log_prob([np.array([4, -4, 4, 1, 2])])[0])
    assert all((wave % 4 == 0).all() for wave in model.complete([4 * np.array([1, -1, 1] * 6)] * 3, seed=0, length=24))


def test_an_output_sees_all_inputs_before_it_in_its_field_and_none_after():
    net = Dilated(2, 4, 40, 3, (1, 2, 4), 0, generator(0), gain=1.0).double()
    x = torch.randn(2, 1, 14, generator=generator(1), dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(lambda x: net(x)[:, 0], x)  # [3, 14, 2, 1, 14]
    size = slopes.abs().sum((0, 2, 3))
    assert net.field == 8
    for i, j in product(range(14), range(14)):
        assert (float(size[i, j]) > 0) == (0 <= i - j < net.field), (i, j)


@pytest.mark.parametrize("head", HEADS)
def test_what_a_sample_is_told_comes_from_those_before_it(head):
    network = Network(SPACE, WaveNet(head=head, **SMALL), 3.0, 0, 0).double()
    with torch.no_grad():
        network.net.final.normal_(generator=generator(0))
        network.past.coefficients.normal_(generator=generator(1))
    x = torch.randn(1, 12, generator=generator(2), dtype=torch.float64) * 3

    def told(x: torch.Tensor) -> torch.Tensor:
        outputs, seen = network.outputs(x, None)
        return torch.cat([outputs[:, 0], seen.location, seen.loudness])

    size = torch.autograd.functional.jacobian(told, x).abs().sum((0, 2))
    for i, j in product(range(12), range(12)):
        assert (float(size[i, j]) > 0) == (j < i), (i, j)


def test_parts_add_up_and_neither_filling_nor_company_matters(model):
    rows = waves()
    together_, parts = model.log_prob(rows), model.log_prob_parts(rows)
    alone = np.concatenate([model.log_prob([row]) for row in rows])
    np.testing.assert_allclose(together_, alone, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(parts.sum(1), together_, rtol=1e-12, atol=1e-10)
    longer = torch.nn.functional.pad(SPACE.read(rows), (0, 9), value=PAD)
    np.testing.assert_allclose(model.log_prob(longer).numpy(), together_, rtol=1e-12, atol=1e-10)
    assert together_[3] == 0 and (parts[2, 8:] == 0).all()


def test_long_waves_go_through_in_pieces(model, monkeypatch):
    row = waves(lengths=(200,))
    whole = model.log_prob_parts(row)
    monkeypatch.setattr("pofx.models.wavenet.network.NUMBERS", 17)
    np.testing.assert_allclose(model.log_prob_parts(row), whole, atol=1e-10)


def test_the_fused_loop_is_the_slow_way_bit_for_bit_and_the_network_nearly(model):
    start, u = begun(3, (1, 2, 1)), torch.rand(3, 40, 2, generator=generator(3), dtype=torch.float64)
    x, rows = torch.zeros(3, 40, dtype=torch.int32), np.arange(3)
    fast, outputs = by_kernel(ready()["run"], model.network, start, x, u, rows, 40)
    slow, anew = by_kernel(ready()["slowly"], model.network, start, x, u, rows, 40)
    assert (fast == slow).all() and (outputs.view(np.int32) == anew.view(np.int32)).all()
    alone = by_kernel(ready()["run"], model.network, start, x, u, rows[1:2], 40)
    assert (alone[0] == fast[1:2]).all() and (alone[1] == outputs[1:2]).all()
    exact = model._exact().outputs(torch.from_numpy(fast).double(), None)[0].permute(1, 2, 0).detach()
    assert float((exact - torch.from_numpy(outputs)).abs().max()) < 2e-6
    assert (walk(model.network, start, x, u).numpy() == fast).all()
    assert (fast[1] % 2 == 0).all()


def test_draws_follow_the_scores(model):
    drawn = torch.tensor(np.stack(model.complete([np.array([3])] * 4000, seed=1, length=2)))[:, 1]
    every = torch.tensor([[3, k] for k in range(-8, 8)], dtype=torch.int32)
    law = (model.log_prob(every) - model.log_prob(every[:1, :1])).exp().numpy()
    count = np.bincount(drawn.numpy() + 8, minlength=16)
    assert np.sum((count - 4000 * law) ** 2 / (4000 * law).clip(1)) < 45  # chi squared of 15


def test_a_completed_wave_keeps_its_beginning_and_a_seed_its_draws(model):
    beginnings = [np.array([1, 2, 3]), np.array([], dtype=int), np.arange(-8, 7)]
    completed = model.complete(beginnings, seed=0, length=9)
    assert [len(wave) for wave in completed] == [9, 9, 15]
    assert all((wave[: len(b)] == b).all() for wave, b in zip(completed, beginnings, strict=True))
    assert all((a == b).all() for a, b in zip(model.sample(3, seed=5), model.sample(3, seed=5), strict=True))
    assert model.sample(0, seed=0) == [] and len(model.sample(1, seed=0)[0]) == SPACE.length


@pytest.mark.parametrize("bits", [2, 4, 8, 16, 24])
def test_cells_of_mu_law_part_the_whole_numbers(bits):
    space, first = Waveform(8000, bits=bits), torch.tensor(first_numbers(bits))
    assert first[0] == space.low and bool((first.diff() > 0).all()) and len(first) <= 256
    law = Codes(space)
    for step in (1, 3, 4):
        sizes = law.sizes(torch.tensor([step]))[0]
        assert int(sizes.sum()) == space.high // step - -(-space.low // step) + 1
    assert bool((law.code(first) == torch.arange(len(first))).all())
    if bits == 16:
        assert len(first) == 256 and int(law.sizes(torch.tensor([1]))[0].min()) >= 1


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("wave", [np.zeros(40, dtype=int), np.array([-32768, 32767] * 20), np.array([5])], ids=str)
def test_silence_clipping_and_one_sample(head, wave):
    space = Waveform(8000)
    model = WaveNet(head=head, **SMALL).fit(space.read([wave] * 3), space=space)
    score = model.log_prob([wave, -1 - wave])
    assert np.isfinite(score).all() and (score <= 0).all()
    assert space.contains(space.read(model.complete([wave[:1]], seed=0, length=4))).all()


def test_conditions_are_learnt():
    rows = np.concatenate([np.full((30, 10), 5), np.full((30, 10), -5)]) + waves(lengths=(600,))[0].reshape(60, 10) // 4
    labels = np.array(["high"] * 30 + ["low"] * 30)
    model = WaveNet(**{**SMALL, "steps": 150, "batch": 600, "learning_rate": 0.03}).fit(
        SPACE.read(rows), space=SPACE, given=labels
    )
    right, wrong = (model.log_prob(rows, given=given).mean() for given in (labels, labels[::-1]))
    assert right > wrong + 1
    high, low = (np.stack(model.sample(40, seed=0, given=[label] * 40)).mean() for label in ("high", "low"))
    assert high > low + 0.4  # of deviations 0.2 or so
    with pytest.raises(SpaceError):
        model.sample(1, seed=0, given=["unheard"])


def test_a_stored_model_answers_the_same(model, tmp_path):
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert (again.log_prob(waves()) == model.log_prob(waves())).all()
    assert all((a == b).all() for a, b in zip(again.sample(2, seed=1), model.sample(2, seed=1), strict=True))


def test_a_fit_that_was_killed_goes_on(tmp_path):
    rows, estimator = SPACE.read(waves()), WaveNet(**{**SMALL, "steps": 8})
    whole = estimator.fit(rows, space=SPACE, seed=3)
    estimator.fit(rows, space=SPACE, seed=3, plan=Plan(folder=tmp_path))
    assert (tmp_path / "checkpoint.safetensors").exists()
    again = estimator.fit(rows, space=SPACE, seed=3, plan=Plan(folder=tmp_path))  # takes the checkpoint's weights
    assert (again.log_prob(waves()) == whole.log_prob(waves())).all()


def test_every_sample_counts_once_in_windows():
    data = on_end(Data(SPACE, SPACE.read(waves(lengths=(3000, 5, 0, 1500)))))
    parts = windows(data, None, (1,), 20)
    rows = together(parts.spans, 1100)
    counted = sum(int(parts.take(row)[1].sum()) for row in rows)
    assert counted == 4505 and len(rows) > 3
    assert sorted(rows[rows >= 0].tolist()) == list(range(len(parts.spans)))


def test_what_has_no_answer_is_refused(model):
    from pofx.core.warp import Warp

    with pytest.raises(FitError, match="no sample"):
        WaveNet(**SMALL).fit(SPACE.read([np.array([], dtype=int)]), space=SPACE)
    with pytest.raises(FitError, match="residual"):
        WaveNet(residual=0)
    with pytest.raises(LikelihoodError):
        model.complete([np.array([1])], seed=0, warp=Warp(temperature=0.5))
    with pytest.raises(SpaceError):
        model.complete([np.array([99])], seed=0)
    assert model.log_prob([np.array([99])])[0] == -np.inf

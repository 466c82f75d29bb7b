"""Codecs of pictures: noise that fills cells, codes as they are; and the two rules of black and white."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from pofx.codecs.dequantize import Dequantize
from pofx.codecs.whole import Whole
from pofx.core.coded import CodedBound, CodedDensity, coded
from pofx.core.contract import Density
from pofx.core.store import describe, restore
from pofx.data.dataset import Data
from pofx.data.images.binarise import sampled, threshold
from pofx.errors import CodecError, SpaceError
from pofx.likelihood import Likelihood
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.spaces.numeric import Real
from pofx.spaces.real_image import RealImage
from pofx.spaces.table import Table
from pofx.units import bits_per


class Ramp(Density):
    """On the unit cube, density `prod 2 z`: the cell k of L levels holds exactly (2 k + 1) / L^2."""

    def __init__(self, space: RealImage) -> None:
        super().__init__(space)

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_prob(self, x, given):
        return torch.log(2 * x).flatten(1).sum(1)

    def _sample(self, n, generator, given):
        return torch.rand((n, *self.space.event_shape), generator=generator, dtype=torch.float64).sqrt()


class RampOnTheLine(Ramp):
    """The same behind the logit `z = logit(a + (1 - 2 a) v)`."""

    def __init__(self, space: RealImage, alpha: float) -> None:
        super().__init__(space)
        self.alpha = alpha

    def _log_prob(self, x, given):
        s = torch.sigmoid(x)
        v = (s - self.alpha) / (1 - 2 * self.alpha)
        slope = torch.log(s * (1 - s) / (1 - 2 * self.alpha))
        return (torch.log(2 * v) + slope).flatten(1).sum(1)


def exact(space: Image, x: torch.Tensor) -> torch.Tensor:
    return torch.log((2 * x + 1) / space.levels**2).flatten(1).sum(1)


def every(space: Image) -> torch.Tensor:
    rows = itertools.product(range(space.levels), repeat=space.dims)
    return torch.tensor(list(rows), dtype=torch.float64).reshape(-1, *space.event_shape)


@pytest.mark.parametrize("bits", [1, 3, 8, 16])
@pytest.mark.parametrize("logit", [None, 1e-6, 0.05], ids=str)
def test_decode_undoes_encode(bits, logit):
    space = Image(3, 4, 5, bits)
    x = torch.randint(0, space.levels, (50, 3, 4, 5), generator=generator(1)).double()
    x[0], x[1] = 0, space.levels - 1
    codec = Dequantize(space, logit)
    z, volume = codec.encode(x, generator(2))
    assert torch.equal(codec.decode(z), x) and volume.shape == (50,)
    assert bool(codec.target.contains(z).all()) and bool(torch.isfinite(volume).all())


def test_the_volume_is_the_number_of_cells():
    space = Image(1, 1, 2, 3)
    codec = Dequantize(space)
    cells = len(every(space))  # in the unit cube, all of one size
    _, volume = codec.encode(every(space), generator(0))
    assert torch.allclose(torch.exp(-volume), torch.full((cells,), float(cells), dtype=torch.float64))


def test_the_volume_of_the_logit_is_that_of_autodiff():
    space, alpha = Image(1, 2, 2, 4), 0.05
    z, volume = Dequantize(space, alpha).encode(every(Image(1, 2, 2, 1)) * 9, generator(3))
    v = ((torch.sigmoid(z) - alpha) / (1 - 2 * alpha)).requires_grad_()
    (slope,) = torch.autograd.grad(torch.logit(alpha + (1 - 2 * alpha) * v).sum(), v)
    assert torch.allclose(volume, torch.log(slope).flatten(1).sum(1) - space.dims * space.bits * math.log(2))


def test_noise_is_uniform_in_its_cell():
    z, _ = Dequantize(Image(1, 1, 1, 2)).encode(torch.full((40_000, 1, 1, 1), 2.0), generator(5))
    u = 4 * z.flatten() - 2
    assert bool(((u > 0) & (u < 1)).all())
    counts = torch.histc(u, 20, 0, 1)
    assert float(((counts - 2000) ** 2 / 2000).sum()) < 43.8  # chi-square, 19 degrees, one in a thousand


@pytest.mark.parametrize("logit", [None, 0.05], ids=str)
def test_the_bound_stays_below_and_closes_with_draws(logit):
    space = Image(1, 1, 2, 1)
    codec = Dequantize(space, logit)
    model = coded(codec, Ramp(codec.target) if logit is None else RampOnTheLine(codec.target, logit))
    assert isinstance(model, CodedBound) and model.likelihood is Likelihood.LOWER_BOUND
    x = every(space).repeat(2000, 1, 1, 1)
    truth = exact(space, x)
    gaps = [
        (truth - model.log_prob_bound(x, draws=draws, seed=draws)).reshape(2000, -1).mean(0) for draws in (1, 8, 128)
    ]
    assert bool((gaps[0] > gaps[1]).all() and (gaps[1] > gaps[2]).all())
    assert bool((gaps[2] > -0.002).all() and (gaps[2] < 0.01).all())
    assert float(gaps[0][0]) == pytest.approx(2 * (1 - math.log(2)), abs=0.06)  # E[-log 2u] for two dark pixels


def test_one_draw_averages_to_the_exact_probability():
    codec = Dequantize(Image(1, 1, 1, 2))
    model = coded(codec, Ramp(codec.target))
    x = every(codec.space)
    weights = np.exp(model.log_prob_bound(x.repeat(20_000, 1, 1, 1), draws=1, seed=0).numpy()).reshape(-1, 4)
    assert np.allclose(weights.mean(0), [1 / 16, 3 / 16, 5 / 16, 7 / 16], rtol=0.02)
    assert weights.mean(0).sum() == pytest.approx(1, abs=0.005)


def test_samples_are_pictures_with_the_cells_own_frequencies():
    codec = Dequantize(Image(1, 1, 1, 2))
    drawn = coded(codec, Ramp(codec.target)).sample(20_000, seed=4)
    assert drawn.dtype == np.uint8 and drawn.shape == (20_000, 1, 1)
    assert np.allclose(np.bincount(drawn.ravel(), minlength=4) / 20_000, np.array([1, 3, 5, 7]) / 16, atol=0.015)


def test_what_lies_outside_the_cube_is_folded_in():
    z = torch.tensor([-3.0, 0.0, 0.999, 1.0, 7.0], dtype=torch.float64).reshape(5, 1, 1, 1)
    assert Dequantize(Image(1, 1, 1)).decode(z).flatten().tolist() == [0, 0, 255, 255, 255]


def test_a_random_codec_needs_a_generator_and_the_seed_decides():
    codec, x = Dequantize(Image(1, 2, 2)), torch.zeros(3, 1, 2, 2)
    with pytest.raises(CodecError, match="dequantisation is random"):
        codec.encode(x)
    before = torch.get_rng_state()
    assert torch.equal(codec.encode(x, generator(7))[0], codec.encode(x, generator(7))[0])
    assert not torch.equal(codec.encode(x, generator(7))[0], codec.encode(x, generator(8))[0])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0, math.nan])
def test_the_logit_needs_room(alpha):
    with pytest.raises(CodecError, match="room at both ends"):
        Dequantize(Image(1, 1, 1), alpha)


@pytest.mark.parametrize("codec", [Whole(Image(1, 2, 2)), Dequantize(Image(1, 2, 2), 1e-6)], ids=["levels", "noise"])
def test_the_compact_form_codes_as_the_wide_one(codec):
    x = torch.randint(0, 256, (6, 1, 2, 2), generator=generator(3))
    small, wide = codec.encode(x.to(torch.uint8), generator(1)), codec.encode(x.double(), generator(1))
    assert small[0].dtype == torch.float64
    assert torch.equal(small[0], wide[0]) and torch.equal(small[1], wide[1])


def test_levels_change_nothing():
    codec = Whole(Image(1, 1, 2))
    x = torch.tensor([[0, 255], [3, 4]], dtype=torch.uint8)[:, None, None, :]
    z, volume = codec.encode(x)
    assert torch.equal(z, x.double()) and torch.equal(codec.decode(z), z) and volume.tolist() == [0.0, 0.0]
    assert codec.likelihood is Likelihood.EXACT and codec.source == codec.target


class Uniform(Density):
    """Every level as likely; claims what only a table has, to see it taken away."""

    capabilities = frozenset({"marginal", "condition", "cdf", "left_out", "weights"})

    def __init__(self, space: Image) -> None:
        super().__init__(space)

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_prob(self, x, given):
        return x.new_full((len(x),), -self.space.dims * self.space.bits * math.log(2))

    def _sample(self, n, generator, given):
        return torch.randint(0, self.space.levels, (n, *self.space.event_shape), generator=generator).double()


def test_an_exact_codec_keeps_a_density_exact():
    space = Image(1, 1, 1, 3)
    model = coded(Whole(space), Uniform(space))
    assert isinstance(model, CodedDensity) and model.named() is None
    assert model.capabilities == {"left_out", "weights"}
    assert np.exp(model.log_prob(np.arange(8).reshape(8, 1, 1))).sum() == pytest.approx(1)
    assert model.log_prob(np.array([[[8]]])).tolist() == [-math.inf]
    assert bits_per(float(model.log_prob(np.array([[[5]]]))[0]), space.dims) == pytest.approx(3)


def test_a_random_codec_takes_leaving_out_away():
    space = Image(1, 1, 1, 3)
    codec = Dequantize(space)
    inner = Ramp(codec.target)
    inner.capabilities = frozenset({"left_out", "weights"})
    assert coded(codec, inner).capabilities == {"weights"}


@pytest.mark.parametrize("codec", [Whole(Image(1, 2, 2)), Dequantize(Image(3, 2, 2, 4), 0.05)], ids=["levels", "noise"])
def test_codecs_go_to_the_store_and_back(codec):
    assert restore(describe(codec, {}), {}) == codec


# Black and white -----------------------------------------------------------------------------------------------------


def grey(n: int = 3000) -> Data:
    values = torch.tensor([0, 127, 128, 255], dtype=torch.uint8).reshape(1, 1, 2, 2).repeat(n, 1, 1, 1)
    return Data(Image(1, 2, 2), values, given=torch.zeros(n, 1))


def test_threshold_is_half_of_the_range():
    result = threshold(grey(1))
    assert result.values.flatten().tolist() == [0, 0, 1, 1] and result.space == Image(1, 2, 2, 1)
    assert threshold(grey(1), 1).values.flatten().tolist() == [0, 1, 1, 1] and result.given is not None


def test_sampled_follows_the_grey_level():
    result = sampled(grey(), seed=0)
    share = result.values.double().mean(0).flatten()
    assert share[0] == 0 and share[3] == 1 and result.values.dtype == torch.uint8
    assert torch.allclose(share[1:3], torch.tensor([127 / 255, 128 / 255], dtype=torch.float64), atol=0.03)


def test_sampled_is_fixed_by_seed_and_epoch():
    data = grey()
    first = sampled(data, seed=0).values
    assert torch.equal(first, sampled(data, seed=0, epoch=0).values)
    assert not torch.equal(first, sampled(data, seed=0, epoch=1).values)
    assert not torch.equal(first, sampled(data, seed=1).values)


def test_black_and_white_stay_as_they_are():
    once = threshold(grey())
    assert torch.equal(sampled(once, seed=3).values, once.values) and torch.equal(threshold(once).values, once.values)


def test_only_pictures_can_be_binarised():
    with pytest.raises(SpaceError, match="only pictures"):
        threshold(Data(Table(("a",), (Real(),)), torch.zeros(2, 1)))

"""Codecs of values that may be missing or spikes: no probability for what cannot be."""

import torch

from pofx.codecs.choose import choose
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table

NAN = float("nan")


def codec_of(space: Maybe, values: list[float]):
    x = torch.tensor(values, dtype=torch.float64)[:, None]
    return choose(Table(("v",), (space,)), x, (Real, Category), "test"), x


def test_a_spike_without_missing_values_has_two_flags():
    codec, x = codec_of(Maybe(Positive(), missing=False, atoms=(0.0,)), [0.0, 1.0, 2.0, 0.0])
    z, volume = codec.encode(x)
    assert codec.target.names == ("v is", "v") and codec.target.spaces[0].size == 2
    assert z[:, 0].tolist() == [1.0, 0.0, 0.0, 1.0] and torch.isnan(z[:, 1]).tolist() == [True, False, False, True]
    assert volume[0] == 0 and volume[1] != 0
    assert torch.allclose(codec.decode(z), x)


def test_missing_and_spikes_come_back():
    codec, x = codec_of(Maybe(Real(), missing=True, atoms=(-1.0, 5.0)), [NAN, -1.0, 5.0, 0.25, 0.5])
    z, _ = codec.encode(x)
    assert z[:, 0].tolist() == [1.0, 2.0, 3.0, 0.0, 0.0]
    back = codec.decode(z)[:, 0]
    assert torch.isnan(back[0]) and torch.allclose(back[1:], x[1:, 0])


def test_a_missing_label_is_one_more_label():
    codec, x = codec_of(Maybe(Category(("a", "b"))), [0.0, NAN, 2.0])
    z, volume = codec.encode(x)
    assert z[:, 0].tolist() == [0.0, 3.0, 2.0] and bool((volume == 0).all())
    assert torch.equal(torch.isnan(codec.decode(z)), torch.isnan(x))

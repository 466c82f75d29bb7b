"""The space of pictures: arrangements, depths, what is refused; and the real one that noise makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pofx.errors import SpaceError
from pofx.spaces.base import Measure
from pofx.spaces.image import Image
from pofx.spaces.real_image import RealImage

GREY = Image(1, 2, 3)
COLOUR = Image(3, 2, 5)
RAMP = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
RGB = np.arange(4 * 2 * 5 * 3, dtype=np.uint8).reshape(4, 2, 5, 3)


@pytest.mark.parametrize(
    "arrange", [lambda a: a, lambda a: a[..., None], lambda a: a[:, None]], ids=["nhw", "nhwc", "nchw"]
)
def test_grey_in_three_arrangements(arrange):
    x = GREY.read(arrange(RAMP))
    assert x.dtype == torch.float64 and x.shape == (4, 1, 2, 3)
    assert np.array_equal(x[:, 0].numpy(), RAMP) and np.array_equal(GREY.show(x), RAMP)
    assert GREY.show(x).dtype == np.uint8


@pytest.mark.parametrize("arrange", [lambda a: a, lambda a: a.transpose(0, 3, 1, 2)], ids=["nhwc", "nchw"])
def test_colour_in_two_arrangements(arrange):
    x = COLOUR.read(arrange(RGB))
    assert x.shape == (4, 3, 2, 5) and float(x[1, 2, 1, 4]) == RGB[1, 1, 4, 2]
    assert np.array_equal(COLOUR.show(x), RGB)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int64", "bool", "float32", "float64"])
def test_every_type_of_whole_number(kind):
    array = (RAMP > 11).astype(kind)
    x = Image(1, 2, 3, bits=1).read(array)
    assert torch.equal(x[:, 0], torch.from_numpy((RAMP > 11).astype(float)))


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 9, 16])
def test_depth_counts_levels_and_bounds_them(bits):
    space = Image(1, 1, 2, bits)
    top = 2**bits - 1
    x = torch.tensor([[0.0, top], [0.0, top + 1.0], [-1.0, 0.0], [0.5, 0.0]], dtype=torch.float64)[:, None, None, :]
    assert space.contains(x).tolist() == [True, False, False, False]
    assert space.levels == top + 1 and space.dims == 2 and space.measure is Measure.COUNTING
    small = space.compact(x[:1])
    assert small.dtype == (torch.uint8 if bits <= 8 else torch.int32)
    assert space.contains(small).tolist() == [True] and np.array_equal(space.show(small), space.show(x[:1]))
    assert space.show(x[:1]).dtype == (np.uint8 if bits <= 8 else np.uint16) and space.show(x[:1]).max() == top


def test_the_compact_form_of_no_pictures_and_of_one_pixel():
    space = Image(1, 1, 1)
    assert space.read(np.zeros((0, 1, 1), np.uint8)).shape == (0, 1, 1, 1)
    assert space.read(np.full((2, 1, 1), 7, np.uint8)).flatten().tolist() == [7.0, 7.0]
    assert space.show(torch.full((2, 1, 1, 1), 7, dtype=torch.uint8)).tolist() == [[[7]], [[7]]]


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Image(1, 28, 28), "image 28 x 28, grey, 8 bits"),
        (Image(3, 32, 16, 1), "image 32 x 16, colour, 1 bit"),
        (Image(5, 4, 4, 16), "image 4 x 4, 5 channels, 16 bits"),
        (RealImage(1, 2, 2, 0.0, 1.0), "real image 2 x 2, grey, 0.0 to 1.0"),
        (RealImage(3, 2, 2), "real image 2 x 2, colour"),
    ],
    ids=["grey", "bits", "channels", "cube", "real"],
)
def test_words(space, words):
    assert space.describe() == words


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (RAMP / 23.0, r"range is not stated.*\(x \* 255\)\.round\(\).*\(\(x \+ 1\) \* 127\.5\)\.round\(\)"),
        (RAMP / 11.5 - 1, "values from -1 to 1"),
        (RAMP[0], r"got shape \[2, 3\].*one picture is x\[None\]"),
        (RAMP[:, :1], r"got shape \[4, 1, 3\]; expected \[n, 2, 3\], \[n, 2, 3, 1\] or \[n, 1, 2, 3\]"),
        (np.array(["a"]), "these are not pixels"),
        (RAMP.astype(object), "dtype object"),
        (RAMP * 1j, "dtype complex128"),
    ],
    ids=["unit", "symmetric", "single", "shape", "words", "object", "complex"],
)
def test_refused_in_one_line(array, line):
    with pytest.raises(SpaceError, match=line) as caught:
        GREY.read(array)
    assert "\n" not in str(caught.value)


def test_the_first_row_of_fractions_is_named():
    x = RAMP.astype(float)
    x[2, 0, 0] = 0.5
    with pytest.raises(SpaceError, match="row 3"):
        GREY.read(x)


def test_a_cube_of_channels_is_ambiguous_for_arrays_and_not_for_tensors():
    space = Image(3, 3, 3)
    with pytest.raises(SpaceError, match=r"\[2, 3, 3, 3\].*\[n, H, W, C\] or \[n, C, H, W\]"):
        space.read(np.zeros((2, 3, 3, 3), np.uint8))
    assert space.read(torch.zeros(2, 3, 3, 3)).shape == (2, 3, 3, 3)


def test_a_tensor_passes_in_tensor_form_only():
    x = torch.arange(24).reshape(4, 1, 2, 3)
    assert torch.equal(GREY.read(x), x.double())
    with pytest.raises(SpaceError, match=r"shape \[4, 2, 3\]"):
        GREY.read(x[:, 0])
    grad = x.double().requires_grad_()
    assert GREY.read(grad).requires_grad


def test_a_missing_pixel_is_named_by_check():
    x = RAMP.astype(float)
    x[1, 1, 1] = np.nan
    with pytest.raises(SpaceError, match="row 2"):
        GREY.check(GREY.read(x))
    GREY.check(GREY.compact(GREY.read(RAMP)))
    with pytest.raises(SpaceError, match="row 1"):
        RealImage(1, 1, 1).check(torch.full((1, 1, 1, 1), torch.nan))


def test_pillow_images_through_their_colours():
    pil = pytest.importorskip("PIL.Image")
    red = pil.new("P", (5, 2))
    red.putpalette([255, 0, 0])
    x = COLOUR.read([red, pil.new("RGB", (5, 2), (0, 9, 0)), pil.new("CMYK", (5, 2))])
    assert x[:, :, 0, 0].tolist() == [[255.0, 0.0, 0.0], [0.0, 9.0, 0.0], [255.0, 255.0, 255.0]]
    assert Image(1, 2, 5, 1).read([pil.new("1", (5, 2), 1)]).mean() == 1
    with pytest.raises(SpaceError, match="different shapes"):
        COLOUR.read([red, pil.new("RGB", (4, 2))])


@pytest.mark.parametrize("wrong", [(0, 2, 2, 8), (1, 0, 2, 8), (1, 2, 2, 0), (1, 2, 2, 17)], ids=str)
def test_there_is_no_such_space(wrong):
    with pytest.raises(SpaceError, match="no such picture"):
        Image(*wrong)


def test_the_real_form_knows_its_ends():
    x = torch.tensor([0.0, 1.0, 1.5, torch.inf, -0.1], dtype=torch.float64).reshape(5, 1, 1, 1)
    assert RealImage(1, 1, 1, 0.0, 1.0).contains(x).tolist() == [True, True, False, False, False]
    assert RealImage(1, 1, 1).contains(x).tolist() == [True, True, True, False, True]
    assert torch.equal(RealImage(1, 1, 1).read(RealImage(1, 1, 1).show(x)), x)
    with pytest.raises(SpaceError, match="another shape"):
        RealImage(1, 1, 2).read(x)

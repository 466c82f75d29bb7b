"""Grey pictures to black and white: the two rules of binarised MNIST, as transforms of the data.

A binarised picture is another outcome in another space, so nats before and after are not comparable, and neither are
nats under different rules (Salakhutdinov and Murray 2008). `threshold` is one fixed picture each. `sampled` makes each
pixel white with probability x / top: with one `epoch` it is a fixed data set, as Larochelle's files are; with a new
`epoch` for each pass it is the dynamic rule of Burda, Grosse and Salakhutdinov 2016. The test set is sampled once.
Seeds here give this library's own noise, not that of any published file.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from pofx.data.dataset import Data
from pofx.errors import SpaceError
from pofx.rng import generator, split
from pofx.spaces.image import Image

BLOCK = 4096  # pictures at once


def threshold(data: Data, level: int | None = None) -> Data:
    """White where a pixel is at least `level`; None is half of the range, 128 of 256."""
    space = _image(data)
    white = data.values >= (space.levels // 2 if level is None else level)
    return replace(data, space=replace(space, bits=1), values=white.to(torch.uint8))


def sampled(data: Data, *, seed: int, epoch: int = 0) -> Data:
    """White with probability x / (2^bits - 1), pixel by pixel; what was grey stays at hand as `drawn_from`.

    Args:
        data: pictures of any depth.
        seed: the same seed and epoch give the same pictures, whatever else was drawn.
        epoch: a new number, new noise.
    """
    space = _image(data)
    random = generator(split(seed, "binarise", epoch))
    white = torch.empty(data.values.shape, dtype=torch.uint8)
    for start in range(0, len(data), BLOCK):
        grey = data.values[start : start + BLOCK].to(torch.float64) / (space.levels - 1)
        white[start : start + BLOCK] = torch.rand(grey.shape, generator=random, dtype=torch.float64) < grey
    return replace(data, space=replace(space, bits=1), values=white, drawn_from=data)


def _image(data: Data) -> Image:
    if not isinstance(data.space, Image):
        raise SpaceError("only pictures can be binarised", got=data.space.describe(), expected="an Image space")
    return data.space

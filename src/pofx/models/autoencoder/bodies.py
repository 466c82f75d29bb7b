"""Encoders and decoders by space: dense for tables and small pictures, convolutional for larger ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn

from pofx.nets.conv import Down, Up
from pofx.nets.dense import Dense
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.spaces.table import Table

Net = Literal["auto", "dense", "conv"]
SMALL = 256  # values of a picture up to which every one is connected with every hidden unit


def kind_of(space: Table | Image, net: Net) -> Literal["dense", "conv"]:
    """Which kind of network a space gets."""
    if net != "auto":
        return "dense" if isinstance(space, Table) else net
    return "conv" if isinstance(space, Image) and space.dims > SMALL else "dense"


def encoder(space: Table | Image, inputs: int, hidden: int, depth: int, channels: int, net: Net) -> Dense | Down:
    """From features to a vector of `width` numbers."""
    if isinstance(space, Image) and kind_of(space, net) == "conv":
        return Down(space.channels, space.height, space.width, (channels, 2 * channels), hidden, max(0, depth - 2))
    return Dense(inputs, hidden=hidden, depth=depth, norm=isinstance(space, Image))


def decoder(
    space: Table | Image, inputs: int, outputs: int, hidden: int, depth: int, channels: int, net: Net
) -> nn.Module:
    """From a vector of `inputs` numbers to `outputs` numbers, laid out as heads take them."""
    if isinstance(space, Image) and kind_of(space, net) == "conv":
        per_place = outputs // (space.height * space.width)
        steps = (channels, 2 * channels)
        return Up(inputs, per_place, space.height, space.width, steps, hidden, max(0, depth - 2))
    return Dense(inputs, outputs, hidden=hidden, depth=depth, bias=False, norm=isinstance(space, Image))


@contextlib.contextmanager
def weights_from(seed: int) -> Iterator[None]:
    """Inside, networks draw their first weights from this seed; the global generator comes back as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator(seed).get_state())
        yield

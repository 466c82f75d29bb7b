"""Waves one after the other, without filling, whichever way they came; and what fitted models of waves share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.errors import LikelihoodError, SpaceError
from pofx.spaces.base import Space
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform


def waves(data: Data) -> Iterator[Tensor]:
    """Each wave of flat data."""
    assert data.ends is not None
    for start, end in pairwise([0, *data.ends.tolist()]):
        yield data.values[start:end]


def checked_length(space: Space, length: int | None) -> int:
    """How many samples a wave is to have."""
    assert isinstance(space, Waveform)
    asked = space.length if length is None else length
    if asked < 0 or asked % space.channels:
        raise SpaceError("a wave has whole moments", got=f"length={asked}", expected=f"a multiple of {space.channels}")
    return asked


def check_begun(space: Space, begun: Tensor, warp: Warp) -> None:
    """Refuse beginnings of no wave, and laws other than the model's."""
    if not warp.keeps_the_law:
        raise LikelihoodError("a wave is drawn from the model's own law only", remedy="leave the warp out")
    inside = space.contains(begun)
    if not bool(inside.all()):
        row = int((~inside).nonzero()[0, 0])
        raise SpaceError("this is no beginning", expected=space.describe(), where=f"row {row + 1}")


def begun_rows(begun: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Room for waves as long as asked, or as their beginnings, int32 `[n, T]`, and which samples are to be known."""
    width = max(length, begun.shape[1])
    x = torch.full((len(begun), width), PAD, dtype=torch.int32)
    x[:, : begun.shape[1]] = begun.cpu()
    long = (x != PAD).sum(1).clamp(min=length)
    return x, torch.arange(width) < long[:, None]

"""Rows of symbols on end, as counting wants them, and back as the space's tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.data import dataset
from pofx.data.dataset import Data
from pofx.errors import SpaceError
from pofx.spaces.sequence import PAD
from pofx.spaces.symbols import Symbols


def alphabet(space: Symbols) -> int:
    """How many symbols there are, the end mark counted where it can come."""
    return space.size + int(space.ends)


def on_end(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The values of rows `[n, L]` without filling, int32, and where each row ends, int64 `[n]`."""
    x = x.to(torch.int32)  # compact types cannot hold what fills up
    there = x != PAD
    return x[there].cpu().numpy(), there.sum(1).cumsum(0).cpu().numpy().astype(np.int64)


def training(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """The same of training rows, in whichever form they come. Passages of a stream are one row."""
    data = dataset.on_end(data)
    assert data.ends is not None
    flat, ends = data.values.to(torch.int32).cpu().numpy(), data.ends.cpu().numpy().astype(np.int64)
    assert isinstance(data.space, Symbols)
    return (flat, ends) if data.space.ends else (flat, np.array([len(flat)], dtype=np.int64))


def filled_like(x: Tensor, parts: np.ndarray) -> Tensor:
    """Numbers of values on end, in the places of `x`, 0 where it is filled up; float64 `[n, L]`."""
    there = x != PAD
    found = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    found[there] = torch.from_numpy(parts).to(x.device)
    return found


def beginnings(begun: Tensor, space: Symbols) -> list[np.ndarray]:
    """Rows to be written on, without end marks."""
    there = begun != PAD
    if bool((there & ((begun < 0) | (begun >= space.size))).any()):
        raise SpaceError("a beginning has a symbol that is not in the alphabet", expected=space.describe())
    return [row[row != PAD].to(torch.int32).cpu().numpy() for row in begun]

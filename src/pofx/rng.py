"""Random numbers from a seed. The global generators of torch, NumPy and Python are never read nor moved."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def generator(seed: int) -> torch.Generator:
    """A torch generator of its own, on the CPU."""
    return torch.Generator().manual_seed(int(seed) % (1 << 63))


def numpy_generator(seed: int) -> np.random.Generator:
    """A NumPy generator of its own."""
    return np.random.default_rng(int(seed) % (1 << 63))


def split(seed: int, *path: str | int) -> int:
    """A seed for a part of the work: the same for the same seed and path, unrelated for others.

    >>> split(0, "mixture", 3) == split(0, "mixture", 3) != split(0, "mixture", 4)
    True
    """
    text = "/".join([str(int(seed)), *map(str, path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")

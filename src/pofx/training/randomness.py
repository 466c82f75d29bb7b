"""The random numbers of a step: a function of the seed and the step, for the loss and for layers such as dropout.

Dropout has no generator of its own: torch draws it from the global one. A fit therefore borrows the global generators,
seeds them at each step, and gives them back in the state they were in. The loss gets a generator of its own, on the
device of its rows. With several processes each has its own noise, since each draws it for its own rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from pofx.rng import split


@contextlib.contextmanager
def borrowed(device: torch.device) -> Iterator[None]:
    """Gives the global generators back as they were, of the CPU and of `device`."""
    with torch.random.fork_rng(devices=[device.index] if device.type == "cuda" else []):
        yield


class Noise:
    """The generators of one fit, in one process."""

    def __init__(self, seed: int, device: torch.device, rank: int = 0) -> None:
        self._seed, self._device, self._rank = seed, device, rank
        self._own = torch.Generator(device)

    def at(self, step: int) -> torch.Generator:
        """The generator of the loss at `step`; the global ones are seeded too."""
        seed = split(self._seed, "noise", step, self._rank)
        torch.default_generator.manual_seed(seed)
        if self._device.type == "cuda":
            torch.cuda.default_generators[self._device.index].manual_seed(seed)
        return self._own.manual_seed(seed)

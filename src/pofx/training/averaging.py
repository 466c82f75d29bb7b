"""Copies of weights: the exponential average of them, and one to go back to.

Averaging: Polyak & Juditsky 1992; the exponential form with a decay that grows from zero, so that the first weights are
soon forgotten, is the usual one. Cost: one more copy of the weights each, and O(weights) a step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


class Copy:
    """A second set of tensors, beside the `live` ones of a module."""

    def __init__(self, live: Sequence[Tensor]) -> None:
        self.live = [tensor.detach() for tensor in live]
        self.kept = [tensor.clone() for tensor in self.live]

    def take(self) -> None:
        """Keeps the live tensors as they are now."""
        _into(self.kept, self.live)

    def restore(self) -> None:
        """Makes the live tensors what was kept."""
        _into(self.live, self.kept)

    @contextlib.contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside, the live tensors are the kept ones; afterwards all is as before."""
        aside = [tensor.clone() for tensor in self.live]
        self.restore()
        try:
            yield
        finally:
            _into(self.live, aside)


class Average(Copy):
    """The exponential average of the live tensors."""

    def __init__(self, live: Sequence[Tensor], decay: float) -> None:
        super().__init__(live)
        self._decay = decay

    def update(self, done: int) -> None:
        """Takes in the weights after step `done`."""
        decay = min(self._decay, (1 + done) / (10 + done))
        torch._foreach_lerp_(self.kept, self.live, 1 - decay)


def _into(to: list[Tensor], of: list[Tensor]) -> None:
    if to:
        torch._foreach_copy_(to, of)

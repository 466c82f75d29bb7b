"""Numbers too small for their exponent count as zero while a network is trained: on a CPU each costs a hundred others.

Gradients behind gates that are shut become such numbers as training goes on, and convolutions then take five times as
long, as measured. Nothing that is kept is as small as 1e-38.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Flush denormal numbers to zero, in this thread, and give the setting back as it was."""
    before = _flushing()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _flushing() -> bool:
    return bool(torch.tensor(1e-40) * 0.5 == 0)

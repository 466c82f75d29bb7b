"""Many files that are read one after the other, with progress told while they go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pofx.training.recorder import Recorder

EVERY = 50  # files between two words
T = TypeVar("T")


def told(entries: Sequence[T], what: str, recorder: Recorder) -> Iterator[T]:
    """The entries one by one; the recorder hears how many have been taken of all."""
    recorder.start(what, len(entries))
    for done, entry in enumerate(entries):
        yield entry
        if (done + 1) % EVERY == 0:
            recorder.step(done + 1)
    recorder.step(len(entries))
    recorder.finish()

"""Ctrl-C at any time, but never in the middle of a change: inside `held()` it waits for the end of the block.

A step that changes weights, moments and counters must happen whole or not at all, or the checkpoint that is written at
Ctrl-C would be of no step. Elsewhere Ctrl-C is raised at once. Outside the main thread Python delivers no signals, and
nothing is done here.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """A context in which `held()` blocks are not broken by Ctrl-C. `whole` is False inside such a block."""

    def __init__(self) -> None:
        self.whole = True
        self._waiting = False
        self._before: Callable[[int, FrameType | None], Any] | None = None

    def __enter__(self) -> Interrupts:
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(before):
            self._before = before
            signal.signal(signal.SIGINT, self._arrived)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Ctrl-C waits until the block has ended."""
        self.whole = False
        yield
        self.whole = True
        if self._waiting:
            self._arrived(signal.SIGINT, None)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        self._waiting = not self.whole
        if self.whole and self._before is not None:
            self._before(number, frame)

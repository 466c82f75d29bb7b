"""What a recorder is told while a network is trained: the loss in the user's units, and the time left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from pofx.training.recorder import Recorder

SHOWN = 50  # the loss that is shown is the mean of so many steps
SHORTEST, LONGEST, PART = 0.2, 5.0, 0.01  # seconds between two words, and part of the time so far


class Report:
    """Tells the recorder now and then, so that a fast step is not slowed by its progress bar."""

    def __init__(self, recorder: Recorder, note: Callable[[float], str] | None) -> None:
        self._recorder, self._note = recorder, note or "loss {:.4g}".format
        self._began = self._next = time.monotonic()

    def start(self, steps: int) -> None:
        self._recorder.start("training", steps)

    def step(self, done: int, losses: Sequence[float], left: float) -> None:
        """`done` steps are finished, and `left` seconds of the budget, infinite without one."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + min(max(SHORTEST, PART * (now - self._began)), LONGEST)
        time_left = f", at most {max(left, 0):.0f} s left" if math.isfinite(left) else ""
        self._recorder.step(done, self._words(losses) + time_left)

    def last(self, done: int, losses: Sequence[float]) -> None:
        """The fit has ended."""
        self._recorder.step(done, self._words(losses))

    def say(self, done: int, words: str) -> None:
        """Something worth knowing that is no loss, if there is anything."""
        if words:
            self._recorder.step(done, words)

    def finish(self) -> None:
        self._recorder.finish()

    def _words(self, losses: Sequence[float]) -> str:
        shown = losses[-SHOWN:]
        return self._note(sum(shown) / len(shown)) if shown else ""

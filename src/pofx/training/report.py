"""What a recorder is told while a network is trained: the loss in the user's units, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pofx.training.recorder import Recorder

PERCENT = 100
SHOWN = 50  # the loss that is shown is the mean of so many steps
SHORTEST, LONGEST, PART = 0.2, 5.0, 0.01  # seconds between two words, and part of the time so far


class Report:
    """Tells the recorder now and then, so that a fast step is not slowed by its progress bar."""

    def __init__(self, recorder: Recorder, note: Callable[[float], str] | None) -> None:
        self._recorder, self._note = recorder, note or "loss {:.4g}".format
        self._began = self._next = time.monotonic()
        self._limited, self._progress = False, 0.0

    def start(self, steps: int | None) -> None:
        """A fit of so many steps, or of so much time where None: then it is told in percent."""
        self._limited = steps is None
        self._recorder.start("training", PERCENT if steps is None else steps)

    def step(self, done: int, losses: Sequence[float], progress: float) -> None:
        """`done` steps are finished, which is `progress` in [0, 1] of the fit."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + min(max(SHORTEST, PART * (now - self._began)), LONGEST)
        self._progress = progress
        self._tell(done, self._words(losses))

    def last(self, done: int, losses: Sequence[float]) -> None:
        """The fit has ended."""
        self._progress = 1.0
        self._tell(done, self._words(losses))

    def say(self, done: int, words: str) -> None:
        """Something worth knowing that is no loss, if there is anything."""
        if words:
            self._tell(done, words)

    def finish(self) -> None:
        self._recorder.finish()

    def _tell(self, done: int, words: str) -> None:
        if self._limited:
            self._recorder.step(round(PERCENT * self._progress), f"{words}, step {done:,}")
        else:
            self._recorder.step(done, words)

    def _words(self, losses: Sequence[float]) -> str:
        shown = losses[-SHOWN:]
        return self._note(sum(shown) / len(shown)) if shown else ""

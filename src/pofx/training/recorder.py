"""What a fit tells the world while it runs. The library itself never prints."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Recorder(Protocol):
    """Something that listens: a progress bar, a log file, a test."""

    def start(self, what: str, total: int | None) -> None:
        """A stage begins; `total` steps are expected, None if unknown."""

    def step(self, done: int, note: str = "") -> None:
        """`done` steps of the current stage are finished."""

    def finish(self) -> None:
        """The current stage is over."""


class Part:
    """A recorder for one part of a longer work: its stages are told under the part's name."""

    def __init__(self, whole: Recorder, name: str) -> None:
        self._whole, self._name = whole, name

    def start(self, what: str, total: int | None) -> None:
        self._whole.start(f"{self._name}: {what}" if what else self._name, total)

    def step(self, done: int, note: str = "") -> None:
        self._whole.step(done, note)

    def finish(self) -> None:
        self._whole.finish()


class _Silent:
    def start(self, what: str, total: int | None) -> None: ...

    def step(self, done: int, note: str = "") -> None: ...

    def finish(self) -> None: ...


SILENT: Recorder = _Silent()

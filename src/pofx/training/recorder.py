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


class _Silent:
    def start(self, what: str, total: int | None) -> None: ...

    def step(self, done: int, note: str = "") -> None: ...

    def finish(self) -> None: ...


SILENT: Recorder = _Silent()

"""How long a fit may take, and where it keeps what it must not lose: the one place where effort is limited."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Limits of one fit.

    Args:
        seconds: wall-clock budget; None is no limit. Selection loops stop trying candidates once it is spent, and keep
            the best one found; at least one candidate is always fitted.
        folder: where a fit that is trained step by step keeps its checkpoint, to go on from if it is killed, and its
            history; None keeps neither.
    """

    seconds: float | None = None
    folder: Path | None = None

    def deadline(self) -> Deadline:
        """A clock that starts now."""
        return Deadline(None if self.seconds is None else time.monotonic() + self.seconds, self.folder)

    def within(self, name: str) -> Plan:
        """The same limits for one of several parts of a fit, with a folder of its own."""
        return self if self.folder is None else replace(self, folder=self.folder / name)

    @property
    def checkpoint(self) -> Path | None:
        """The file a fit goes on from."""
        return None if self.folder is None else self.folder / "checkpoint.safetensors"

    @property
    def history(self) -> Path | None:
        """The file that tells of each validation."""
        return None if self.folder is None else self.folder / "history.jsonl"


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock, or never."""

    at: float | None
    folder: Path | None = None

    def passed(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at

    def rest(self) -> Plan:
        """A plan of the time left."""
        return Plan(None if self.at is None else max(self.at - time.monotonic(), 0.05), self.folder)

"""How long a fit may take: the one place where effort is limited."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Limits of one fit.

    Args:
        seconds: wall-clock budget; None is no limit. Selection loops stop trying candidates once it is spent, and keep
            the best one found; at least one candidate is always fitted.
    """

    seconds: float | None = None

    def deadline(self) -> Deadline:
        """A clock that starts now."""
        return Deadline(None if self.seconds is None else time.monotonic() + self.seconds)


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock, or never."""

    at: float | None

    def passed(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at

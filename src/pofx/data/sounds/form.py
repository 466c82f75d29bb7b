"""The one form that recordings are brought to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SoundForm:
    """What is asked of recordings that are read.

    Args:
        rate: moments a second that all are resampled to; None keeps theirs.
        mono: whether channels are mixed into one.
        skip_broken: whether files that cannot be read, or are empty, are left out and counted.
    """

    rate: int | None = None
    mono: bool = False
    skip_broken: bool = False

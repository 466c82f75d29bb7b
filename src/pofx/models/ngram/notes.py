"""Slots that a row changes, and what they held before, so that the next row finds them as they were fitted."""

from __future__ import annotations

import numpy as np

MOST = 1 << 22  # changes noted; a row that makes more has the whole table put back
NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32)


class Notes:
    """A copy of the slots to be changed.

    Args:
        kept: the slots as fitted, `[2^b]`; they stay as they are.
        most: changes that a row can make.
        change: whether there will be changes at all; without them nothing is copied.
    """

    def __init__(self, kept: np.ndarray, most: int, change: bool) -> None:
        self._kept = kept
        self.slots = kept.copy() if change else kept
        room = min(most, MOST, len(kept)) if change else 0
        self._at, self._old = np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.uint32)
        self._used = 0

    @property
    def room(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the next changes are noted: the slots, and what they held."""
        return self._at[self._used :], self._old[self._used :]

    def taken(self, changes: int) -> None:
        """So many changes more were made, whether there was room for them or not."""
        self._used += changes

    def put_back(self) -> None:
        """The slots as they were; of one that changed more than once, what it held at first."""
        if self._used > len(self._at):
            self.slots[:] = self._kept
        else:
            self.slots[self._at[: self._used][::-1]] = self._old[: self._used][::-1]
        self._used = 0

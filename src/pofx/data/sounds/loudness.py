"""Silence and clipping: recordings that say nothing, and those whose peaks were cut off at the ends of the range.

A recording counts as clipped where two moments on end lie at the same end of the range in one channel: an honest peak
touches it once.
"""

from __future__ import annotations

import numpy as np

from pofx.data.sounds.recording import Form


class Loudness:
    """What was heard in recordings, one by one."""

    def __init__(self) -> None:
        self.heard = 0
        self.silent: list[int] = []
        self.clipped: list[int] = []
        self.at_ends = 0
        self.samples = 0

    def add(self, wave: np.ndarray, form: Form) -> None:
        """The next recording, the channels of one moment one after the other."""
        low, high = -(1 << (form.bits - 1)), (1 << (form.bits - 1)) - 1
        least, most = int(wave.min(initial=high)), int(wave.max(initial=low))
        if least == most:
            self.silent.append(self.heard)
        elif least == low or most == high:
            self._ends(wave.reshape(-1, form.channels), low, high)
        self.samples += len(wave)
        self.heard += 1

    def _ends(self, wave: np.ndarray, low: int, high: int) -> None:
        bottom, top = wave == low, wave == high
        if bool((bottom[1:] & bottom[:-1]).any() or (top[1:] & top[:-1]).any()):
            self.clipped.append(self.heard)
            self.at_ends += int(bottom.sum()) + int(top.sum())

    def lines(self, names: list[str]) -> list[str]:
        """Notes for people."""
        notes = []
        if self.silent:
            notes.append(f"{len(self.silent):,} of {self.heard:,} are silent, e.g. {names[self.silent[0]]}")
        if self.clipped:
            share = f"{100 * self.at_ends / self.samples:.2g}% of all samples lie at the ends of the range"
            notes.append(f"{len(self.clipped):,} of {self.heard:,} are clipped, e.g. {names[self.clipped[0]]}: {share}")
        return notes

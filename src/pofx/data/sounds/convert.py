"""Recordings to another rate or to one channel: rounded to whole numbers again, so that they stay in their space.

Resampling is SciPy's polyphase filter (Kaiser window). Probabilities are then those of the resampled wave, which are
not comparable with those of the wave as recorded. Memory: one recording in floats while it is resampled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import resample_poly

from pofx.data.sounds.recording import Form


@dataclass(frozen=True)
class Wish:
    """What all recordings are to be brought to; None and False leave a thing as it is."""

    rate: int | None = None
    mono: bool = False

    def form(self, form: Form) -> Form:
        """The form after the change."""
        return replace(form, rate=self.rate or form.rate, channels=1 if self.mono else form.channels)

    def told(self, form: Form) -> list[str]:
        """What is done to a recording of this form, in words."""
        after = self.form(form)
        changes = [f"resampled to {after.rate} Hz"] * (after.rate != form.rate)
        return changes + ["mixed to one channel (their mean, rounded)"] * (after.channels != form.channels)

    def changed(self, blocks: Iterator[np.ndarray], form: Form) -> Iterator[np.ndarray]:
        """Blocks `[moments, channels]` of the new form, the whole wave at once where it is resampled."""
        after = self.form(form)
        mixed = blocks if after.channels == form.channels else map(_mean, blocks)
        return mixed if after.rate == form.rate else iter([_resampled(mixed, form, after)])


def _mean(block: np.ndarray) -> np.ndarray:
    mean: np.ndarray = np.rint(block.mean(1, keepdims=True, dtype=np.float64)).astype(block.dtype)
    return mean


def _resampled(blocks: Iterator[np.ndarray], before: Form, after: Form) -> np.ndarray:
    wave = np.concatenate(list(blocks))
    shared = math.gcd(before.rate, after.rate)
    top = 1 << (before.bits - 1)
    scaled = resample_poly(wave.astype(np.float64), after.rate // shared, before.rate // shared, axis=0)
    rounded: np.ndarray = np.rint(scaled).clip(-top, top - 1).astype(wave.dtype)
    return rounded

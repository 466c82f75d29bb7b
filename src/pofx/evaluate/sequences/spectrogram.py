"""How loud each frequency of a wave is over time, as a small PNG: decibels below the loudest, dark to bright."""

from __future__ import annotations

import io
import math

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from pofx.data.images.pillow import load_pillow
from pofx.errors import MissingExtra

WINDOW = 0.032  # seconds
LEAST = 16  # moments of a window, and of a wave that is worth a picture
COLUMNS, ROWS = 600, 128  # pixels at most
DEPTH = 80.0  # decibels from the darkest to the brightest
ANCHORS = ((9, 12, 28), (42, 47, 122), (146, 54, 120), (236, 120, 62), (255, 240, 205))  # dark to bright


def spectrogram(wave: np.ndarray, rate: int) -> bytes | None:
    """PNG of a wave `[moments]`; None where Pillow is missing or the wave is too short.

    Time goes from left to right over the whole wave, frequency from 0 at the bottom to half the rate at the top.
    """
    if len(wave) < LEAST:
        return None
    try:
        pillow = load_pillow()
    except MissingExtra:
        return None
    picture = pillow.fromarray(_levels(wave.astype(np.float64), rate))
    picture.putpalette(_palette().tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _levels(wave: np.ndarray, rate: int) -> np.ndarray:
    """uint8 `[rows, columns]`, the highest frequency first."""
    window = min(max(LEAST, 1 << round(math.log2(WINDOW * rate))), len(wave))
    hop = max(1, window // 4, math.ceil(len(wave) / COLUMNS))
    transform = ShortTimeFFT(hann(window, sym=False), hop, rate)
    power = transform.spectrogram(wave - wave.mean(), p0=0, p1=math.ceil(len(wave) / hop))  # [frequencies, columns]
    starts = np.unique(np.linspace(0, len(power), min(ROWS, len(power)), endpoint=False).astype(int))
    power = np.maximum.reduceat(power, starts)
    loudest = float(power.max())
    if loudest <= 0:  # silence
        return np.zeros(power.shape, np.uint8)
    decibels = 10 * np.log10(np.maximum(power / loudest, 10 ** (-DEPTH / 10)))
    return np.ascontiguousarray((255 * (1 + decibels / DEPTH)).round().astype(np.uint8)[::-1])


def _palette() -> np.ndarray:
    """uint8 `[256, 3]`."""
    places, anchors = np.linspace(0, 255, len(ANCHORS)), np.array(ANCHORS, dtype=np.float64)
    return np.stack([np.interp(np.arange(256), places, anchors[:, k]) for k in range(3)], 1).round().astype(np.uint8)

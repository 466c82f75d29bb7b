"""Mu-law: 256 codes that are fine near silence (ITU-T G.711; mu = 255), as cells of whole numbers.

`f(x) = sign(x) log(1 + mu |x| / top) / log(1 + mu)` in -1 .. 1, cut into 256 cells of equal width. A cell is the set of
whole numbers that fall in it; cells without any (waves of few bits) are left out, so each number lies in one cell.
Codes stand in the order of the numbers: a cell is an interval, known by its first number.
"""

from __future__ import annotations

import numpy as np

MU = 255
CODES = 256


def first_numbers(bits: int) -> tuple[int, ...]:
    """The first whole number of each cell, rising; the first is the least value there is."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    code = np.arange(CODES)
    below, above = np.full(CODES, low - 1), np.full(CODES, high + 1)  # the first number with at least that code
    while (above - below > 1).any():
        middle = (below + above) // 2
        reached = (_codes(middle, -low) >= code) | (middle > high)
        below, above = np.where(reached, below, middle), np.where(reached, middle, above)
    return tuple(np.unique(above[above <= high]).tolist())


def _codes(x: np.ndarray, top: int) -> np.ndarray:
    """The code of each number, not falling."""
    compressed = np.sign(x) * np.log1p(MU * np.abs(x) / top) / np.log1p(MU)
    code: np.ndarray = np.minimum(np.floor((compressed + 1) * (CODES / 2)), CODES - 1)
    return code

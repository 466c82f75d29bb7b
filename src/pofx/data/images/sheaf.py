"""What every kind of source comes down to: pixels, depth and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pofx.spaces.symbolic import Label


@dataclass(frozen=True, eq=False)
class Sheaf:
    """Pictures of one size.

    Args:
        pixels: uint8 or uint16, `[n, C, H, W]`.
        bits: of one value.
        labels: one a picture, or None.
    """

    pixels: np.ndarray
    bits: int
    labels: Sequence[Label] | None = None

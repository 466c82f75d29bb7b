"""What every kind of source comes down to: pixels, depth and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pofx.spaces.symbolic import Label


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pictures of one size.

    Args:
        pixels: uint8 or uint16, `[n, C, H, W]`.
        bits: of one value.
        labels: one a picture, or None.
        names: of the files they came from; none where they came from one file.
    """

    pixels: np.ndarray
    bits: int
    labels: Sequence[Label] | None = None
    names: Sequence[str] = ()

"""Values that stand out of a continuous column: zeros, caps, defaults."""

from __future__ import annotations

import torch
from torch import Tensor

SHARE = 0.01  # of the rows, at least
ROWS = 10  # at least
OVER_NEIGHBOURS = 6.0  # times the rows of a typical neighbouring value
INSIDE = 2  # more spikes than this inside the range are a habit of rounding, not atoms
NEIGHBOURS = 6  # distinct values on either side


def spikes(x: Tensor) -> list[float]:
    """Values far more frequent than the values next to them, in increasing order.

    Args:
        x: the column without missing values `[n]`.
    """
    values, counts = torch.unique(x, return_counts=True)
    candidates = (counts >= max(ROWS, SHARE * len(x))).nonzero()[:, 0].tolist()
    found = [k for k in candidates if _stands_out(counts, k)]
    ends = [k for k in found if k in (0, len(values) - 1) or float(values[k]) == 0]
    inside = [k for k in found if k not in ends]
    atoms = ends + (inside if len(inside) <= INSIDE else [])
    enough_left = len(values) - len(atoms) >= NEIGHBOURS
    return sorted(float(values[k]) for k in atoms) if enough_left else []


def _stands_out(counts: Tensor, k: int) -> bool:
    around = torch.cat([counts[max(0, k - NEIGHBOURS) : k], counts[k + 1 : k + 1 + NEIGHBOURS]])
    return len(around) >= 2 and float(counts[k]) > OVER_NEIGHBOURS * float(around.double().mean() + 1)

"""Rotary positions: pairs of numbers of a query or key are turned by an angle that grows with the place.

Su et al. 2021, RoFormer. Scores then depend on distances only. Number k of a head is paired with number k + width / 2.
Cost O(1) a number; the tables hold `places` rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

LONGEST = 10_000.0  # the slowest pair turns once in about 2 pi times so many places


def angles(places: int, width: int) -> Tensor:
    """The angle of each pair at each place, float64 `[places, width / 2]`."""
    speed = LONGEST ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.arange(places, dtype=torch.float64)[:, None] * speed


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """`[..., places, width]` turned by tables `[places, width / 2]`."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)

"""How thin the data are around a row: the distance to its k-th nearest neighbour, whose power widens its kernel.

Breiman, Meisel and Purcell, "Variable kernel estimates of multivariate densities" (1977). The k-th distance goes as
density^(-1/d); a sensitivity of d/2 is Abramson's (1982) square-root law, 1 makes widths follow the distance itself.
Unlike a pilot density it neither under- nor overflows far out in the tails. O(rows * centres * columns).
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

BLOCK = 512
LEAST = 1e-3  # of the median distance: ties would make it zero


class LocalScale:
    """Log of the k-th neighbour's distance among some centres, relative to its mean over these centres.

    Args:
        centres: coordinates `[m, c]`.
    """

    def __init__(self, centres: Tensor) -> None:
        m, d = centres.shape
        self.centres = centres
        # half of the n^(4 / (d + 4)) that balances bias and variance of a nearest-neighbour density
        self.k = max(1, min(m - 1, max(2, round(0.5 * m ** (4 / (d + 4))))))

    def __call__(self, x: Tensor) -> Tensor:
        """`[n, c]` to `[n]`."""
        if len(self.centres) < 2:
            return torch.zeros(len(x), dtype=torch.float64)
        least, mean = self._reference
        return torch.log(self._distances(x).clamp_min(least)) - mean

    @cached_property
    def _reference(self) -> tuple[float, float]:
        distances = self._distances(self.centres)
        positive = distances[distances > 0]
        least = LEAST * float(positive.median()) if len(positive) else 1.0
        return least, float(torch.log(distances.clamp_min(least)).mean())

    def _distances(self, x: Tensor) -> Tensor:
        return torch.cat([self._kth(block) for block in x.split(BLOCK)])

    def _kth(self, x: Tensor) -> Tensor:
        distance = torch.cdist(x, self.centres, compute_mode="donot_use_mm_for_euclid_dist")
        distance = torch.where(distance == 0, torch.inf, distance)  # itself, and what lies on it
        nearest = distance.kthvalue(self.k, 1).values
        return torch.where(torch.isinf(nearest), 0.0, nearest)

"""Every value of a picture by itself: P(x) = product over pixels of P(x_i), the baseline any picture model must beat.

Shares of each pixel's levels, drawn to those of all pixels together and to equal ones; how much is chosen by
leave-one-out likelihood, in closed form (Dirichlet smoothing; MacKay and Peto 1995). Above 256 levels, or where there
are very many pixels, levels are counted in cells of equal width and are uniform inside. Exact; no dependence at all.
Cost: one pass over the pictures.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.core.contract import Density
from pofx.data.dataset import Data
from pofx.spaces.image import Image

CELLS = 256  # of a pixel at most
NUMBERS = 1 << 24  # counts kept at most, over all pixels
BLOCK = 1 << 22  # values counted, or looked up, at once
PULLS = tuple(10.0**k for k in range(-2, 5))  # pseudo-counts that the pixels' common shares may have
EVEN = 1.0  # pseudo-counts of equal shares within the common ones


def fit_pixels(data: Data) -> PixelsModel:
    """Count levels and choose how much each pixel is drawn to the others."""
    space = data.space
    assert isinstance(space, Image)
    cells = min(space.levels, CELLS, 1 << max(1, int(math.log2(NUMBERS / space.dims))))
    counts = _counts(data, space, cells)  # [D, cells]
    total = float(counts[0].sum())
    common = (counts.sum(0) + EVEN) / (counts.sum() + EVEN * cells)
    pull = max(PULLS, key=lambda pull: _left_out(counts, common, total, pull))
    shares = (counts + pull * common) / (total + pull)
    return PixelsModel(space, shares.log())


def _counts(data: Data, space: Image, cells: int) -> Tensor:
    """How often each cell of each pixel was met, in weights, `[D, cells]`."""
    width = space.levels // cells
    counts = torch.zeros(space.dims * cells, dtype=torch.float64)
    place = torch.arange(space.dims) * cells
    rows = max(1, BLOCK // space.dims)
    for start in range(0, len(data), rows):
        x = data.values[start : start + rows].flatten(1).long() // width + place  # [rows, D]
        weights = None
        if data.weights is not None:
            weights = data.weights[start : start + rows, None].expand(x.shape).reshape(-1)
        counts += torch.bincount(x.reshape(-1), weights, minlength=len(counts)).double()
    return counts.reshape(space.dims, cells)


def _left_out(counts: Tensor, common: Tensor, total: float, pull: float) -> float:
    """Log-likelihood of each value under the counts of all others; a weight under one leaves none behind."""
    others = (counts - 1).clamp(min=0) + pull * common
    return float((counts * (others / (max(total - 1, 0) + pull)).log()).sum())


class PixelsModel(Density):
    """Independent pixels.

    Args:
        space: the pictures.
        log_shares: log-probability of each cell of levels, `[D, cells]`.
    """

    capabilities = frozenset({"discrete"})

    def __init__(self, space: Image, log_shares: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("log_shares", log_shares)
        self.log_shares: Tensor

    @property
    def free_parameters(self) -> int:
        return self.log_shares.shape[0] * (self.log_shares.shape[1] - 1)

    @property
    def _pictures(self) -> Image:
        assert isinstance(self.space, Image)
        return self.space

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        dims, cells = self.log_shares.shape
        width = self._pictures.levels // cells
        place = torch.arange(dims, device=x.device) * cells
        flat = self.log_shares.reshape(-1)
        blocks = [flat[block.flatten(1).long() // width + place].sum(1) for block in x.split(max(1, BLOCK // dims))]
        return torch.cat(blocks) - dims * math.log(width) if blocks else x.new_zeros(0, dtype=torch.float64)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        dims, cells = self.log_shares.shape
        width = self._pictures.levels // cells
        ends = self.log_shares.exp().cumsum(1)
        u = torch.rand(n, dims, generator=generator, dtype=torch.float64) * ends[:, -1]
        cell = torch.searchsorted(ends, u.T.contiguous(), right=True).clamp(max=cells - 1).T  # [n, D]
        inside = torch.randint(width, (n, dims), generator=generator)
        return (cell * width + inside).double().reshape(n, *self.space.event_shape)

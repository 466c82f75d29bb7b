"""A flow of pictures in the unit cube, on the counted law of single pixels; which layers, `kind` says."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

from pofx.models.flow.pictures.margin import Margin
from pofx.models.flow.pictures.multiscale import Multiscale
from pofx.models.flow.pictures.pyramid import Pyramid
from pofx.models.flow.pictures.raster import Raster
from pofx.rng import generator

PictureKind = Literal["raster", "pyramid", "multiscale"]
KINDS: dict[PictureKind, type[Raster] | type[Pyramid] | type[Multiscale]] = {
    "raster": Raster,
    "pyramid": Pyramid,
    "multiscale": Multiscale,
}


class PictureNet(nn.Module):
    """The counted law of single pixels, and the flow that is built on it.

    Args:
        size: channels, height and width.
        levels: of a pixel.
        kind, hidden, depth, bins: the architecture.
        seed: of the first weights.
    """

    def __init__(
        self, size: tuple[int, int, int], levels: int, kind: PictureKind, hidden: int, depth: int, bins: int, seed: int
    ) -> None:
        super().__init__()
        self.margin = Margin(size[0], levels, bins)
        self.flow = KINDS[kind](self.margin, size, hidden, depth, generator(seed))
        self.eval()

    def settle(self, x: Tensor, weights: Tensor | None) -> None:
        """Set what is counted and not trained, from pictures of whole numbers."""
        self.margin.count(x, weights)
        self.flow.settle(x, weights)

    def forward(self, z: Tensor) -> Tensor:
        """Log density of pictures in the unit cube, float64 `[n]`."""
        score: Tensor = self.flow.log_prob(z)
        return score

    def to_noise(self, z: Tensor) -> Tensor:
        """Standard normal numbers, like `z`."""
        noise: Tensor = self.flow.to_noise(z)
        return noise

    def from_noise(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures that normal numbers make, and their log density."""
        return self.flow.from_noise(noise)

    def trained(self) -> int:
        """How many numbers were fitted, counts among them."""
        free = self.margin.mass.numel() - len(self.margin.mass)
        return free + sum(parameter.numel() for parameter in self.parameters()) + self._counted()

    def _counted(self) -> int:
        start = getattr(self.flow, "start", None)
        return 0 if start is None or math.prod(start.shape[2:]) == 1 else start.numel()

"""A fitted law of pictures, pixel after pixel: exact scores, samples, and pictures completed from their beginning.

`log P(x) = sum_i log P(x_i | x_1 .. x_(i-1))`, pixels in reading order, channels of a pixel in theirs. Scores take one
pass of the network in float64. Pictures are drawn place by place, each place computed once (`raster`): a function of
uniform numbers that are drawn beforehand, so the slow way makes the same pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.codecs.columns import Columns
from pofx.core.contract import Density
from pofx.core.warp import LAW, Warp
from pofx.models.autoencoder.bodies import weights_from
from pofx.models.flow.context import Context
from pofx.models.flow.pictures.features import EACH
from pofx.models.pixelcnn.law import UNIFORMS, Law
from pofx.models.pixelcnn.logistics import Smooth
from pofx.models.pixelcnn.network import PixelNet
from pofx.models.pixelcnn.options import Options
from pofx.models.pixelcnn.raster import begun_places, fill
from pofx.models.pixelcnn.shares import Shares
from pofx.rng import generator as new_generator
from pofx.spaces.base import Scalar
from pofx.spaces.image import Image

PIXELS = 16_384  # scored at once
DRAWN = 200_000  # pixels of pictures that are drawn together


class PixelModel(Density):
    """The law, the network and what it is told.

    Args:
        space: the pictures.
        recipe: the estimator with its choices written in.
        seed: of the weights that training begins with.
        conditions: the map from the given columns to those the network is told of; None without conditions.
    """

    capabilities = frozenset({"discrete", "given", "parts", "complete"})

    def __init__(self, space: Image, recipe: Options, seed: int = 0, conditions: Columns | None = None) -> None:
        super().__init__(space, None if conditions is None else conditions.table)
        self.recipe, self.seed, self.conditions = recipe, seed, conditions
        smooth = recipe.pixels == "logistics"
        self.law: Law = Smooth(space, recipe.bins, recipe.components) if smooth else Shares(space, recipe.bins)
        with weights_from(seed):
            self.context = Context(_told(conditions)).double()
        random, channels = new_generator(seed), space.channels
        reader = recipe.reader(EACH * channels, (space.height, space.width), self.context.width, random)
        sizes = [self.law.per(channel) for channel in range(channels)]
        self.net = PixelNet(reader, recipe.hidden, sizes, random).double()

    @property
    def free_parameters(self) -> int:
        counted = self.law.margin.mass.numel() - self.law.channels
        started = self.law.start.numel() if isinstance(self.law, Shares) else 0
        return sum(parameter.numel() for parameter in self.parameters()) + counted + started

    def told(self, given: Tensor | None) -> Tensor | None:
        """What the network is told of each picture, `[n, told]`."""
        if self.conditions is None or given is None:
            return None
        return self.tell(self.conditions.encode(given)[0])

    def tell(self, encoded: Tensor) -> Tensor | None:
        """The same, of conditions that are encoded."""
        told: Tensor | None = self.context(encoded)
        return None if told is None else told.to(self.net.dtype)

    def parts(self, x: Tensor, told: Tensor | None) -> Tensor:
        """Nats of each value, float64 `[n, C, H, W]`, differentiable in the weights; of whole numbers of any type."""
        said = self.net(self.law.known(x, self.net.dtype), told)
        return self.law.score(
            {c: one.to(self.net.dtype) for c, one in said.items()}, x
        )  # not in the halves of a training

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).flatten(1).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        told, size = self.told(given), self._rows(PIXELS)
        blocks = [self.parts(x[i : i + size], _some(told, i, size)) for i in range(0, len(x), size)]
        return torch.cat(blocks) if blocks else x.new_zeros(x.shape, dtype=torch.float64)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        begun = torch.full((n, *self.space.event_shape), torch.nan, dtype=torch.float64, device=self._device())
        return self._complete(begun, None, generator, given, LAW)

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        assert isinstance(self.space, Image)
        begun_places(begun, self.space)
        channels, height, width = self.space.event_shape
        u = torch.rand(len(begun), channels, UNIFORMS, height, width, generator=generator, dtype=torch.float64)
        told, size = self.told(given), self._rows(DRAWN)
        blocks = [
            fill(self.law, self.net, begun[i : i + size], u[i : i + size].to(begun.device), _some(told, i, size), warp)
            for i in range(0, len(begun), size)
        ]
        return torch.cat(blocks) if blocks else begun

    def _rows(self, pixels: int) -> int:
        return max(1, pixels // (self.space.event_shape[-1] * self.space.event_shape[-2]))


def _told(conditions: Columns | None) -> tuple[Scalar, ...]:
    return () if conditions is None else conditions.target.spaces


def _some(told: Tensor | None, start: int, size: int) -> Tensor | None:
    return None if told is None else told[start : start + size]

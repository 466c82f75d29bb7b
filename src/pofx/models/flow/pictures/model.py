"""A fitted flow of dequantised pictures, exact on the unit cube; behind `Dequantize` it bounds pixels from below."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.core.coded import CodedBound
from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.errors import LikelihoodError
from pofx.models.flow.pictures.network import PictureKind, PictureNet
from pofx.rng import generator as new_generator
from pofx.spaces.real_image import RealImage

PIXELS = 8_192  # scored at once: what the networks keep of them, hundreds of numbers a pixel, stays near
DRAWN = 400_000  # pixels drawn at once, since some flows draw one place after another


class PictureFlow(Density):
    """A flow on the unit cube of `[C, H, W]` values.

    Args:
        space: pictures of real numbers between 0 and 1.
        levels: of a pixel before noise filled its cell.
        kind, hidden, depth, bins: the architecture.
        seed: of the weights that training begins with.
        recipe: the estimator with its choices written in; it takes no part in answers.
    """

    def __init__(
        self,
        space: RealImage,
        levels: int,
        kind: PictureKind,
        hidden: int,
        depth: int,
        bins: int,
        seed: int = 0,
        recipe: Estimator | None = None,
    ) -> None:
        super().__init__(space)
        self.levels, self.kind, self.hidden, self.depth, self.bins = levels, kind, hidden, depth, bins
        self.seed, self.recipe = seed, recipe
        size = (space.channels, space.height, space.width)
        self.net = PictureNet(size, levels, kind, hidden, depth, bins, seed).double()

    @property
    def free_parameters(self) -> int:
        return self.net.trained()

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        if not len(x):
            return x.new_zeros(0)
        blocks = [self.net(block) for block in x.split(self._block())]
        return torch.cat(blocks)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.sample_and_log_prob(n, generator)[0]

    def sample_and_log_prob(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`n` pictures in the unit cube and their log density, in one pass."""
        noise = torch.randn(n, *self.space.event_shape, generator=generator, dtype=torch.float64)
        return self.from_noise(noise)

    def to_noise(self, x: Tensor) -> Tensor:
        """The standard normal numbers behind pictures in the unit cube, like `x`."""
        if not len(x):
            return x
        with torch.no_grad():
            return torch.cat([self.net.to_noise(block) for block in x.split(self._block())])

    def from_noise(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures that standard normal numbers make, and their log density `[n]`."""
        if not len(noise):
            return noise, noise.new_zeros(0)
        with torch.no_grad():
            blocks = [self.net.from_noise(block) for block in noise.split(self._block(DRAWN))]
        return torch.cat([z for z, _ in blocks]), torch.cat([score for _, score in blocks])

    def _block(self, pixels: int = PIXELS) -> int:
        return max(1, pixels // self.space.event_shape[-1] // self.space.event_shape[-2])


def picture_flow(model: Model) -> PictureFlow:
    """The flow inside a fitted model of pictures.

    Raises:
        LikelihoodError: it is none.
    """
    inner = model.inner if isinstance(model, CodedBound) else model
    if not isinstance(inner, PictureFlow):
        raise LikelihoodError(f"{type(inner).__name__} is not a flow of pictures", remedy="use draw and log_prob_bound")
    return inner


def sample_and_bound(model: Model, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """`n` pictures as whole numbers, and one draw of the bound on each one's log-probability, from one pass."""
    inner = picture_flow(model)
    z, score = inner.sample_and_log_prob(n, new_generator(seed))
    if not isinstance(model, CodedBound):
        return z, score
    return model.codec.decode(z), score - math.prod(inner.space.event_shape) * math.log(inner.levels)

"""Pictures to real numbers: uniform noise fills each cell, so a density on a cube bounds a probability of pixels.

`P(x) = integral over the cell of q(z) dz = E_u[q(z)] / 2^(bits D)` with `z = (x + u) / 2^bits` and u uniform in the
unit cube (Uria, Murray and Larochelle 2013; Theis, van den Oord and Bethge 2016). One draw of u gives a bound in
expectation, by Jensen; `logsumexp` of many closes it. With `logit=a` the cube is stretched to the whole space, as in
RealNVP (Dinh, Sohl-Dickstein and Bengio 2017) and MAF (Papamakarios, Pavlakou and Murray 2017):
`logit(a + (1 - 2 a) z)`.

A model of the whole line gives some probability to what lies outside the cube; `decode` folds it into the end levels,
so samples are always pictures, and the bound is lower by what was given away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.codecs.base import Codec
from pofx.errors import CodecError
from pofx.likelihood import Likelihood
from pofx.spaces.image import Image
from pofx.spaces.real_image import RealImage

EDGE = 2.0**-30  # noise keeps this far from the ends of its cell, so that rounding never carries a value over


@dataclass(frozen=True)
class Dequantize(Codec):
    """Uniform dequantisation of images, a lower bound; log_volume `-D bits log 2`, and the logit's own where asked.

    Args:
        space: the pictures.
        logit: how far the ends are drawn in before the logit, in (0, 1/2), e.g. 1e-6 or 0.05; None for no logit.
    """

    space: Image
    logit: float | None = None

    likelihood = Likelihood.LOWER_BOUND

    def __post_init__(self) -> None:
        if self.logit is not None and not 0.0 < self.logit < 0.5:
            raise CodecError("the logit needs room at both ends", got=f"logit={self.logit}", expected="0 < logit < 0.5")

    @property
    def source(self) -> Image:
        return self.space

    @property
    def target(self) -> RealImage:
        low, high = (0.0, 1.0) if self.logit is None else (None, None)
        return RealImage(self.space.channels, self.space.height, self.space.width, low, high)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        if generator is None:
            raise CodecError(
                "dequantisation is random", got="no generator", remedy="encode(x, pofx.rng.generator(seed))"
            )
        noise = torch.rand(x.shape, generator=generator, device=generator.device, dtype=torch.float64)
        z = (x.to(torch.float64) + noise.clamp_(EDGE, 1 - EDGE).to(x.device)) / self.space.levels
        volume = z.new_full((len(x),), -self.space.dims * self.space.bits * math.log(2.0))
        return (z, volume) if self.logit is None else self._stretched(z, volume, self.logit)

    def _stretched(self, z: Tensor, volume: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
        inner = alpha + (1 - 2 * alpha) * z
        log_u, log_v = torch.log(inner), torch.log1p(-inner)
        slope = math.log1p(-2 * alpha) - log_u - log_v  # log dz/dx of the logit, [n, C, H, W]
        return log_u - log_v, volume + slope.flatten(1).sum(1)

    def decode(self, z: Tensor) -> Tensor:
        if self.logit is not None:
            z = (torch.sigmoid(z) - self.logit) / (1 - 2 * self.logit)
        return torch.floor(z * self.space.levels).clamp(0, self.space.levels - 1)

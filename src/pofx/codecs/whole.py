"""No change to outcomes that a model takes as they are, such as images: log_volume 0."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.codecs.base import Codec
from pofx.spaces.base import Space


@dataclass(frozen=True)
class Whole(Codec):
    """No change but that codes come as float64."""

    space: Space

    @property
    def source(self) -> Space:
        return self.space

    @property
    def target(self) -> Space:
        return self.space

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        z = x.to(torch.float64)
        return z, z.new_zeros(len(z))

    def decode(self, z: Tensor) -> Tensor:
        return z

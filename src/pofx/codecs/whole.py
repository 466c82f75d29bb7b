"""No change to outcomes that a model takes as they are, such as images: log_volume 0."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.codecs.base import Codec
from pofx.spaces.base import Space


@dataclass(frozen=True)
class Whole(Codec):
    """The identity on a space."""

    space: Space

    @property
    def source(self) -> Space:
        return self.space

    @property
    def target(self) -> Space:
        return self.space

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        return x, torch.zeros(len(x), dtype=torch.float64, device=x.device)

    def decode(self, z: Tensor) -> Tensor:
        return z

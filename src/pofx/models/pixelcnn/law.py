"""What a law of single pixel values is, given the numbers that a network says of their place.

Both kinds tell the network the same of a pixel: its level, its share below under the counted law of its channel,
whether it is at an end (`models.flow.pictures.features`). Values are drawn from two uniform numbers each, so that a
picture is a function of its noise, however it is computed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pofx.core.warp import Warp
from pofx.models.flow.pictures.features import features
from pofx.models.flow.pictures.margin import Margin
from pofx.spaces.image import Image

UNIFORMS = 2  # for each value


class Law(nn.Module, ABC):
    """The law of one value, channel after channel.

    Args:
        space: the pictures.
        bins: of the counted law.
    """

    def __init__(self, space: Image, bins: int) -> None:
        super().__init__()
        self.channels, self.levels = space.channels, space.levels
        self.margin = Margin(space.channels, space.levels, bins)

    def known(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """What a network is told of whole numbers `[n, C, H, W]`, `[n, C EACH, H, W]`."""
        return features(self.margin, self.margin.group_of_level(x), dtype)

    def settle(self, x: Tensor, weights: Tensor | None) -> None:
        """Take from pictures what is counted and not trained."""
        self.margin.count(x, weights)
        self._settle(x, weights)

    def draw(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor, u: Tensor, warp: Warp) -> Tensor:
        """Values of one channel at one place, float64 `[n]`.

        Args:
            channel: whose.
            said: by the network, `[n, per]`.
            place: row and column.
            before: values of the channels before, `[n, channel]`.
            u: uniform numbers, `[n, UNIFORMS]`.
            warp: of the law.
        """
        if warp.keeps_the_law:
            return self._draw(channel, said, place, before, u)
        return chosen(warp(self.table(channel, said, place, before)), u[:, 0]).double()

    @abstractmethod
    def per(self, channel: int) -> int:
        """How many numbers the network says of a value of this channel."""

    @abstractmethod
    def score(self, said: dict[int, Tensor], x: Tensor) -> Tensor:
        """Nats of whole numbers `[n, C, H, W]`, float64; for each channel `[n, per, H, W]`."""

    @abstractmethod
    def table(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor) -> Tensor:
        """Log-probability of every level, `[n, levels]`, as `draw` has it."""

    @abstractmethod
    def _settle(self, x: Tensor, weights: Tensor | None) -> None:
        """Where the law is to begin."""

    @abstractmethod
    def _draw(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor, u: Tensor) -> Tensor:
        """As `draw`, from the law itself."""


def chosen(logits: Tensor, u: Tensor) -> Tensor:
    """One code a row, by inversion, `[n, codes]` and `[n]` to `[n]`."""
    upto = torch.softmax(logits.double(), 1).cumsum(1)
    code = torch.searchsorted(upto, (u * upto[:, -1])[:, None], right=True)[:, 0]
    last = (logits > -torch.inf).long() * torch.arange(logits.shape[1], device=logits.device)
    return torch.minimum(code, last.amax(1))

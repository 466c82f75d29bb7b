"""What is trained: margins, context and layers, and from them the density of the real columns given the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pofx.models.flow.context import Context
from pofx.models.flow.layers import Kind, Layer, layers
from pofx.models.flow.linear import Regression
from pofx.models.flow.margins import Margins
from pofx.rng import generator
from pofx.spaces.base import Scalar

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Network(nn.Module):
    """log p(real columns | other columns); rows `[n, r]` and `[n, o]`, NaN where there is no value.

    Args:
        width: the number r of real columns.
        others: the spaces of the o other columns.
        kind, count, hidden, depth, bins, linear: as in the estimator.
        seed: of the weights that training begins with.
    """

    def __init__(
        self,
        width: int,
        others: Sequence[Scalar],
        kind: Kind,
        *,
        count: int,
        hidden: int,
        depth: int,
        bins: int,
        linear: bool,
        seed: int,
    ) -> None:
        super().__init__()
        self.margins = Margins(width)
        with torch.random.fork_rng(devices=[]):  # zuko draws its first weights from the global generator
            torch.set_rng_state(generator(seed).get_state())
            self.context = Context(others)
            made = layers(kind, width, self.context.width, count=count, hidden=hidden, depth=depth, bins=bins)
            self.layers = nn.ModuleList([Regression(width, self.context.width), *made] if linear else made)
        self.double()

    @torch.no_grad()
    def settle(self, x: Tensor, others: Tensor, weights: Tensor, floor: Tensor) -> None:
        """Set all that is not trained, and the first layer, from rows; no scale of a column under `floor` `[r]`."""
        self.margins.set(x, weights, floor)
        self.context.set(others, weights)
        there = ~torch.isnan(x)
        y = self.margins(torch.where(there, x, self.margins.shift))[0]
        for layer in self.layers:
            if isinstance(layer, Regression):
                layer.set(y * there, there.to(y.dtype), self.context(others), weights)

    @property
    def _layers(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def forward(self, x: Tensor, others: Tensor) -> Tensor:
        """Log-density of the values that exist, nats `[n]`."""
        there = ~torch.isnan(x)
        y, stretch = self.margins(torch.where(there, x, self.margins.shift))
        z, volume = self._through(y, there.to(y.dtype), self.context(others))
        each = stretch - 0.5 * z.square() - HALF_LOG_TWO_PI  # [n, r]
        return torch.where(there, each, torch.zeros_like(each)).sum(1) + volume

    def _through(self, y: Tensor, there: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        dtype = next(self.layers.parameters()).dtype  # single precision while training
        y, there, context = y.to(dtype), there.to(dtype), None if context is None else context.to(dtype)
        volume = y.new_zeros(len(y))
        for layer in self._layers:
            y, more = layer(y, there, context)
            volume = volume + more
        return y.double(), volume.double()

    def to_noise(self, x: Tensor, others: Tensor) -> Tensor:
        """The standard normal numbers behind rows, 0 where there is no value, `[n, r]`."""
        there = ~torch.isnan(x)
        y = self.margins(torch.where(there, x, self.margins.shift))[0]
        return self._through(y, there.to(y.dtype), self.context(others))[0]

    def from_noise(self, z: Tensor, there: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Rows from standard normal numbers, NaN where there is to be no value, and their log-density `[n]`."""
        context, exists = self.context(others), there.to(z.dtype)
        y, volume = z * exists, z.new_zeros(len(z))
        for layer in reversed(self._layers):
            y, more = layer.inverse(y, exists, context)
            volume = volume + more
        x = self.margins.inverse(y)
        each = (self.margins(x)[1] - 0.5 * z.square() - HALF_LOG_TWO_PI) * exists
        return torch.where(there, x, math.nan), each.sum(1) + volume

"""Levels as cells of a mixture of logistics whose locations follow the channels before, linearly.

Salimans et al. (2017), PixelCNN++: each component has a share, a location, a scale, and for each channel before a
coefficient between -1 and 1 by which that channel's value moves the location. Smooth laws need few numbers, and levels
near each other help one another; a few levels far apart they fit badly. Cost: about 30 operations a component, value.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.heads.cells import Cells, laws, log_prob
from pofx.heads.mixture import Logistics
from pofx.models.pixelcnn.law import Law, chosen
from pofx.spaces.image import Image

PICTURES = 1000  # from which the first law is taken
NUMBERS = 1 << 22  # of a table at once
EDGE = 2.0**-53


class Smooth(Law):
    """A mixture for each value.

    Args:
        space: the pictures.
        bins: of the counted law, which the network is told of.
        components: of the mixture.
    """

    start: Tensor

    def __init__(self, space: Image, bins: int, components: int) -> None:
        super().__init__(space, bins)
        self.components = components
        self.register_buffer("start", torch.zeros(space.channels, 3 * components, dtype=torch.float64))

    def per(self, channel: int) -> int:
        return (3 + channel) * self.components

    def _settle(self, x: Tensor, weights: Tensor | None) -> None:
        half = torch.full((1,), (self.levels - 1) / 2, dtype=torch.float64)
        head = Logistics(torch.zeros(1).double(), 2 * half, half, half, self.components)
        for channel in range(self.channels):
            values = x[:PICTURES, channel].reshape(-1, 1).double()
            self.start[channel] = head.initial(values)

    def score(self, said: dict[int, Tensor], x: Tensor) -> Tensor:
        each = []
        for channel, one in said.items():
            flat = one.movedim(1, -1).flatten(0, 2)  # [n H W, per]
            before = x[:, :channel].movedim(1, -1).flatten(0, 2)
            value = x[:, channel].reshape(-1, 1).to(one.dtype)
            score = log_prob(self._numbers(channel, flat, before), value, self._cells(one))
            each.append(score.reshape(x[:, channel].shape))
        return torch.stack(each, 1).double()

    def table(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor) -> Tensor:
        numbers = self._numbers(channel, said.double(), before)  # [3 K, n, 1]
        rows = max(1, NUMBERS // (self.levels * 3 * self.components))
        x = torch.arange(self.levels, device=said.device, dtype=torch.float64)
        cells = Cells(*(part.expand(self.levels) for part in self._cells(said.double())))
        blocks = [
            log_prob(some.expand(-1, -1, self.levels).contiguous(), x.expand(some.shape[1], -1), cells)
            for some in numbers.split(rows, 1)
        ]
        return torch.cat(blocks)

    def _draw(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor, u: Tensor) -> Tensor:
        said = said.double()
        log_share, location, spread = laws(self._numbers(channel, said, before), self._cells(said))
        component = chosen(log_share[..., 0].T, u[:, 0])
        at = u[:, 1].clamp(EDGE, 1 - EDGE)
        rows = torch.arange(len(said), device=said.device)
        x = location[component, rows, 0] + spread[component, rows, 0] * (torch.log(at) - torch.log1p(-at))
        return torch.floor(x + 0.5).clamp(0, self.levels - 1)

    def _numbers(self, channel: int, said: Tensor, before: Tensor) -> Tensor:
        """Log shares, locations and log scales `[3 K, n, 1]` of `[n, per]`, given channels before `[n, channel]`."""
        k = self.components
        share, location, scale = (said[:, : 3 * k] + self.start[channel].to(said.dtype)).chunk(3, 1)
        values = (2 * before / (self.levels - 1) - 1).to(said.dtype)
        bent = torch.tanh(said[:, 3 * k :]).unflatten(1, (channel, k)) if channel else said.new_zeros(len(said), 0, k)
        location = location + (bent * values[..., None]).sum(1)
        return torch.cat([share, location, scale], 1).T[..., None].contiguous()

    def _cells(self, like: Tensor) -> Cells:
        half = like.new_full((1,), (self.levels - 1) / 2)
        return Cells(torch.zeros_like(half), 2 * half, half, half)

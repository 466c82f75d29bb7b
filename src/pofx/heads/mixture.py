"""Whole numbers, pixels and counts: a mixture of logistic laws, each cell having the probability between its ends.

Salimans et al. (2017), PixelCNN++, section 2.1. Cells have width one; the end cells of a bounded column reach to
infinity, so the law is exactly normalised over low .. high. In units where 2^bits levels span -1 .. 1 half a cell is
1 / (2^bits - 1). The arithmetic is in `heads.cells`. Cost: about 30 operations a component and value.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.heads.base import Head, mean_and_deviation, uniform
from pofx.heads.cells import Cells, laws, log_prob
from pofx.heads.discrete import draw_codes


class Logistics(Head):
    """A mixture of discretised logistics; 3 numbers a component: log share, location, log scale.

    Args:
        low, high: the ends of each column, inclusive, `[columns]`; infinite where there is none.
        centre, scale: what locations and scales are counted from and in, `[columns]`.
        components: of the mixture.
        complete: whether a value is always there.
    """

    low: Tensor
    high: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(
        self, low: Tensor, high: Tensor, centre: Tensor, scale: Tensor, components: int, *, complete: bool = False
    ) -> None:
        super().__init__(len(low), 3 * components, complete=complete)
        self.components = components
        for name, value in (("low", low), ("high", high), ("centre", centre), ("scale", scale)):
            self.register_buffer(name, value)

    def stand_in(self, x: Tensor) -> Tensor:
        """The whole number nearest to the middle, within the range."""
        return torch.minimum(torch.maximum(self.centre.round(), self.low), self.high).to(x.dtype)

    def _cells(self, dtype: torch.dtype) -> Cells:
        """The columns in the precision asked for."""
        return Cells(*(part.to(dtype) for part in (self.low, self.high, self.centre, self.scale)))

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return log_prob(parameters, x, self._cells(parameters.dtype))

    def _laws(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return laws(self.split(parameters.double()), self._cells(torch.float64))

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        log_share, place, spread = self._laws(parameters)
        chosen = draw_codes(log_share, generator)[None]
        u = uniform(place[0], generator)
        x = place.gather(0, chosen)[0] + spread.gather(0, chosen)[0] * (torch.log(u) - torch.log1p(-u))
        return self._whole(x)

    def middle(self, parameters: Tensor) -> Tensor:
        log_share, place, _ = self._laws(parameters)
        return self._whole((log_share.exp() * self._clipped(place)).sum(0))

    def _clipped(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, self.low), self.high)

    def _whole(self, x: Tensor) -> Tensor:
        return self._clipped(torch.floor(x + 0.5))

    def initial(self, x: Tensor) -> Tensor:
        """Equal shares; locations spread round the mean, so that components differ."""
        mean, deviation = mean_and_deviation(x.double())
        places = torch.linspace(-1, 1, self.components, dtype=torch.float64)[:, None].to(x.device)
        places = places if self.components > 1 else torch.zeros_like(places)
        spread = (deviation * math.sqrt(3) / math.pi).clamp(min=0.3)  # of a logistic with that deviation
        location = (mean + places * deviation - self.centre) / self.scale  # [components, columns]
        log_scale = torch.log(spread / self.scale).expand_as(location)
        return torch.cat([torch.zeros_like(location), location, log_scale]).flatten()

"""Real columns: a mixture of Gaussians each, said as a change of the column's own mixture (MADE-MoG).

Uria et al. (2013), RNADE; Germain et al. (2015). Parameters of zero give the margin itself; places and spreads are
counted in those of each component, so that a component in a long tail moves in long steps. The smallest spread is half
the resolution or more: below that a Gaussian would be a spike on ties.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from pofx.heads.base import Head
from pofx.heads.discrete import draw_codes
from pofx.models.made.margins import Margins

WIDEST = 8.0  # the largest log of a spread, in the component's own
ROOM = 1e-3  # of the floor that the first spread lies above it at least


class Gaussians(Head):
    """A mixture for each column; 3 numbers a component: log share, place, log spread, each against the margin's.

    Args:
        margins: of the columns.
    """

    share: Tensor
    centre: Tensor
    extra: Tensor
    floor: Tensor

    def __init__(self, margins: Margins) -> None:
        super().__init__(margins.centre.shape[1], 3 * len(margins.centre))
        extra = torch.maximum(margins.scale - margins.floor, ROOM * margins.floor).float().double()  # as if trained
        parts = (("share", margins.share), ("centre", margins.centre), ("extra", extra), ("floor", margins.floor))
        for name, part in parts:
            self.register_buffer(name, part, persistent=False)

    def _laws(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log shares, means and spreads, `[components, n, columns]` each."""
        kind = parameters.dtype
        share, place, spread = parameters.chunk(3)
        extra = self.extra.to(kind)[:, None]
        mean = self.centre.to(kind)[:, None] + (extra + self.floor.to(kind)) * place
        return (
            log_softmax(self.share.to(kind)[:, None] + share, 0),
            mean,
            self.floor.to(kind) + extra * torch.exp(spread.clamp(max=WIDEST)),
        )

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        share, mean, spread = self._laws(parameters)
        each = share - 0.5 * ((x - mean) / spread).square() - torch.log(spread)
        score: Tensor = torch.logsumexp(each, 0) - 0.5 * math.log(2 * math.pi)
        return score

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        share, mean, spread = self._laws(self.split(parameters.double()))
        chosen = draw_codes(share, generator)[None]
        noise = torch.randn(chosen.shape, generator=generator, device=generator.device, dtype=torch.float64)
        drawn: Tensor = (mean.gather(0, chosen) + spread.gather(0, chosen) * noise.to(mean.device))[0]
        return drawn

    def middle(self, parameters: Tensor) -> Tensor:
        share, mean, _ = self._laws(self.split(parameters.double()))
        return (share.exp() * mean).sum(0)

    def initial(self, x: Tensor) -> Tensor:
        return torch.zeros(self.size, dtype=torch.float64)

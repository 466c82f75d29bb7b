"""From what is known of a place to the conditional histogram of its pixel, channel after channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pofx.models.flow.pictures.features import EACH
from pofx.nets.causal import Causal


class Head(nn.Module):
    """Weights of the bins of one channel, from what is known of the place and of the channels before."""

    def __init__(self, hidden: int, before: int, bins: int, random: torch.Generator) -> None:
        super().__init__()
        self.before = before
        self.colours = Causal(hidden + EACH * before, hidden, 0, 0, random) if before else None
        self.weigh = Causal(hidden, bins, 0, 0, random, gain=0.1)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        if self.colours is not None:
            x = self.colours(torch.cat([x, known[:, : EACH * self.before]], 1))
        y: Tensor = self.weigh(silu(x))
        return y

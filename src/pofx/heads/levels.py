"""Pixels of few levels: a share for each level that occurs, and one that all other levels have together.

Exactly normalised over 0 .. levels - 1: what never occurred in training has a probability, shared equally. Smooth laws
(`heads.mixture`) cannot put their mass on a few levels far apart, such as those of scans in 17 shades.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from pofx.heads.base import Head, uniform
from pofx.heads.discrete import draw_codes

FEW = 32  # levels up to which each has its own share, unless asked for
BLOCK = 1 << 22  # values looked at at once


class Levels(Head):
    """One number for each level that occurs, and one for the others where there are any.

    Args:
        columns: values of a picture.
        met: the levels that occur, in order.
        levels: how many there are in all.
    """

    met: Tensor
    rest: Tensor
    code: Tensor

    def __init__(self, columns: int, met: Sequence[int], levels: int) -> None:
        others = sorted(set(range(levels)) - set(met))
        super().__init__(columns, len(met) + bool(others), complete=True)
        code = torch.full((levels,), len(met), dtype=torch.long)
        code[list(met)] = torch.arange(len(met))
        parts = (("met", torch.tensor(list(met)).double()), ("rest", torch.tensor(others).double()), ("code", code))
        for name, part in parts:
            self.register_buffer(name, part, persistent=False)

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        code = self.code[x.long()]
        score = log_softmax(parameters, 0).gather(0, code[None])[0]
        return torch.where(code == len(self.met), score - math.log(max(len(self.rest), 1)), score)

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        code = draw_codes(self.split(parameters.double()), generator)
        drawn = self.met[code.clamp(max=len(self.met) - 1)]
        if not len(self.rest):
            return drawn
        other = (uniform(drawn, generator) * len(self.rest)).long().clamp(max=len(self.rest) - 1)
        return torch.where(code == len(self.met), self.rest[other], drawn)

    def middle(self, parameters: Tensor) -> Tensor:
        values = self.met if not len(self.rest) else torch.cat([self.met, self.rest.mean()[None]])
        share = torch.softmax(self.split(parameters.double()), 0)  # [per, n, columns]
        mean: Tensor = torch.tensordot(values, share, 1)
        return mean.round().clamp(0, len(self.code) - 1)

    def initial(self, x: Tensor) -> Tensor:
        code = self.code[x.long()]
        count = torch.stack([(code == k).sum(0) for k in range(self.per)]).double() + 0.5  # [per, columns]
        return torch.log(count / count.sum(0)).flatten()


def few_levels(pictures: Tensor, levels: int, most: int = FEW) -> tuple[int, ...]:
    """The levels that occur in pictures of whole numbers, `[n, ...]`; none where they are more than `most`."""
    count = torch.zeros(levels, dtype=torch.long)
    rows = max(1, BLOCK // max(math.prod(pictures.shape[1:]), 1))
    for block in pictures.split(rows):
        count += torch.bincount(block.reshape(-1).long(), minlength=levels)
        if int((count > 0).sum()) > most:
            return ()
    return tuple(count.nonzero()[:, 0].tolist())

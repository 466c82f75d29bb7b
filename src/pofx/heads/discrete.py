"""Labels: Bernoulli for one bit, categorical for more."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus

from pofx.heads.base import Head, uniform


class Bernoulli(Head):
    """0 or 1, from a logit: `log p(x) = -softplus((1 - 2 x) logit)`, which neither cancels nor overflows."""

    def __init__(self, columns: int, *, complete: bool = False) -> None:
        super().__init__(columns, 1, complete=complete)

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return -softplus((1 - 2 * x) * parameters[0])

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        share = torch.sigmoid(parameters.double())
        return (uniform(share, generator) < share).double()

    def middle(self, parameters: Tensor) -> Tensor:
        return (parameters > 0).double()

    def initial(self, x: Tensor) -> Tensor:
        ones, count = torch.nan_to_num(x.double()).sum(0), (~torch.isnan(x)).sum(0)
        return torch.log((ones + 0.5) / (count - ones + 0.5))


class Categorical(Head):
    """Codes 0 .. labels - 1, from one number a label."""

    def __init__(self, columns: int, labels: int) -> None:
        super().__init__(columns, labels)

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        return log_softmax(parameters, 0).gather(0, x.long()[None])[0]

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        return draw_codes(self.split(parameters.double()), generator).double()

    def middle(self, parameters: Tensor) -> Tensor:
        return self.split(parameters).argmax(0).double()

    def initial(self, x: Tensor) -> Tensor:
        codes = torch.arange(self.per, dtype=x.dtype, device=x.device)[:, None]
        count = torch.stack([(x == code).sum(0) for code in codes]) + 0.5  # [labels, columns]
        return torch.log(count / count.sum(0)).flatten()


def draw_codes(logits: Tensor, generator: torch.Generator) -> Tensor:
    """One code of each column, `[labels, n, columns] -> [n, columns]`, by inversion."""
    cumulative = torch.softmax(logits, 0).cumsum(0)
    u = uniform(cumulative[0], generator) * cumulative[-1]
    return (u >= cumulative[:-1]).sum(0)

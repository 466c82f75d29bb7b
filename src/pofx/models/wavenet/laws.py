"""The law of one sample given the numbers of a network: a mixture of logistic laws, or codes of mu-law.

Both live on a grid, the multiples of a step: recordings of 8 bits that were written as 16 are multiples of 256. A
logistic law gives each multiple the probability of the cell round it (Salimans et al. 2017, section 2.1); its ends are
open. A code's probability is shared evenly by the whole numbers of the grid in its cell, and a code without any has
none. So each is exactly normalised over the grid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from pofx.heads.cells import SMALLEST, WIDEST, Cells, log_prob
from pofx.models.sound.mulaw import first_numbers
from pofx.models.wavenet.past import LAGS, Seen
from pofx.spaces.waveform import Waveform


class Law(nn.Module, ABC):
    """`outputs` numbers of the network make a law."""

    outputs: int

    @abstractmethod
    def score(self, outputs: Tensor, seen: Seen, x: Tensor, step: Tensor) -> Tensor:
        """Nats of samples that are multiples of each row's step, `[outputs, n, T]`, `[n, T]` and `[n]` to `[n, T]`."""

    @abstractmethod
    def draw(self, outputs: Tensor, seen: Seen, u: Tensor, step: Tensor) -> Tensor:
        """A sample on each row's grid, `[outputs, n]`, of one moment, from uniform numbers `[n, 2]`: int64 `[n]`."""

    @abstractmethod
    def start(self, waves: Tensor) -> Tensor:
        """Outputs to begin with, `[outputs]`."""


class Logistics(Law):
    """Locations round a linear prediction that the network corrects, spreads in its loudness.

    Args:
        space: the waves.
        unit: what `Seen` is counted in.
        components: of the mixture.
    """

    def __init__(self, space: Waveform, unit: float, components: int) -> None:
        super().__init__()
        self.low, self.high, self.unit, self.components = space.low, space.high, unit, components
        self.outputs = LAGS + 3 * components

    def score(self, outputs: Tensor, seen: Seen, x: Tensor, step: Tensor) -> Tensor:
        parameters = self.parameters_of(outputs, seen).transpose(1, 2)  # [3 components, T, n]: a column a row
        by = step.to(x.dtype)
        low, high = torch.ceil(self.low / by), torch.floor(self.high / by)
        cells = Cells(low, high, torch.zeros_like(by), self.unit / by)
        return log_prob(parameters, (x / by[:, None]).T, cells).T

    def parameters_of(self, outputs: Tensor, seen: Seen) -> Tensor:
        """Log shares, locations and log scales in units, `[3 components, n, T]`."""
        correction = (outputs[:LAGS].movedim(0, -1) * seen.errors).sum(-1)
        share, place, spread = outputs[LAGS:].chunk(3)
        location = seen.location + correction + place * seen.loudness
        return torch.cat([share, location, spread + seen.loudness.log()])

    def draw(self, outputs: Tensor, seen: Seen, u: Tensor, step: Tensor) -> Tensor:
        share, place, log_scale = self.parameters_of(outputs[..., None], seen)[..., 0].double().chunk(3)
        ends = torch.softmax(share, 0).cumsum(0)
        chosen = (u[:, 0] * ends[-1] >= ends[:-1]).sum(0)[None]
        by = step.double()
        spread = SMALLEST + self.unit / by * log_scale.gather(0, chosen)[0].clamp(max=WIDEST).exp()
        value = place.gather(0, chosen)[0] * self.unit / by + spread * (u[:, 1].log() - torch.log1p(-u[:, 1]))
        value = torch.floor(value + 0.5)
        value = torch.minimum(torch.maximum(value, torch.ceil(self.low / by)), torch.floor(self.high / by))
        return value.long() * step

    def start(self, waves: Tensor) -> Tensor:
        zeros = torch.zeros(LAGS + 2 * self.components)
        return torch.cat([zeros, torch.linspace(-1.5, 0.5, self.components)])


class Codes(Law):
    """A weight for each code.

    Args:
        space: the waves.
    """

    first: Tensor

    def __init__(self, space: Waveform) -> None:
        super().__init__()
        self.register_buffer("first", torch.tensor(first_numbers(space.bits)), persistent=False)
        self.high, self.outputs = space.high, len(self.first)

    def score(self, outputs: Tensor, seen: Seen, x: Tensor, step: Tensor) -> Tensor:
        size = self.sizes(step).to(outputs.dtype)
        logits = outputs + torch.where(size > 0, 0.0, -torch.inf).T[..., None]
        each = log_softmax(logits, 0) - size.clamp(min=1).log().T[..., None]
        return each.gather(0, self.code(x)[None])[0]

    def draw(self, outputs: Tensor, seen: Seen, u: Tensor, step: Tensor) -> Tensor:
        sizes = self.sizes(step).T  # [codes, n]
        ends = torch.softmax(outputs.double().masked_fill(sizes == 0, -torch.inf), 0).cumsum(0)
        chosen = (u[:, 0] * ends[-1] >= ends).sum(0)
        last = len(sizes) - 1 - (sizes.flip(0) > 0).byte().argmax(0)  # the last code that there is
        code = torch.minimum(chosen, last)
        inside = torch.minimum((u[:, 1] * sizes.gather(0, code[None])[0]).long(), sizes.gather(0, code[None])[0] - 1)
        before = (self.first[code] - 1).div(step, rounding_mode="floor")
        return (before + 1 + inside) * step

    def code(self, x: Tensor) -> Tensor:
        """The code of each number."""
        return torch.searchsorted(self.first, x.long().contiguous(), right=True) - 1

    def sizes(self, step: Tensor) -> Tensor:
        """How many multiples of each step a cell holds, `[n] -> [n, codes]`."""
        after = torch.cat([self.first[1:], self.first.new_tensor([self.high + 1])])
        by = step.long()[:, None]
        return (after - 1).div(by, rounding_mode="floor") - (self.first - 1).div(by, rounding_mode="floor")

    def start(self, waves: Tensor) -> Tensor:
        count = torch.bincount(self.code(waves), minlength=self.outputs) + 0.5
        return torch.log(count / count.sum()).float()

"""The whole network: what is seen of the past, dilated convolutions, and the law of each sample.

Cost O(samples layers (residual^2 + residual skip)); long waves go through in pieces that overlap by what is seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pofx.models.wavenet.laws import Codes, Law, Logistics
from pofx.models.wavenet.options import Options
from pofx.models.wavenet.past import LAGS, Past, Seen
from pofx.nets.dilated import Dilated
from pofx.rng import generator
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform

NUMBERS = 1 << 17  # samples that go through at once in scoring


class Network(nn.Module):
    """Waves `[n, T]`, silence where they are filled up, to nats of each sample.

    Args:
        space: the waves.
        options: the architecture.
        unit: what samples are counted in.
        conditions: numbers that tell of a row's condition.
        seed: of the first weights.
    """

    def __init__(self, space: Waveform, options: Options, unit: float, conditions: int, seed: int) -> None:
        super().__init__()
        self.space = space
        self.past = Past(torch.zeros(LAGS), unit, space.channels)
        self.law: Law = Codes(space) if options.head == "mulaw" else Logistics(space, unit, options.components)
        dilations = [1 << k for k in range(options.doublings)] * options.cycles
        self.net = Dilated(
            self.past.inputs, options.residual, options.skip, self.law.outputs, dilations, conditions, generator(seed),
            gain=0.0,
        )  # fmt: skip

    @property
    def field(self) -> int:
        """How many samples before one are seen."""
        return self.net.field + 2 * LAGS + 1

    def outputs(self, x: Tensor, given: Tensor | None, begins: int = 0) -> tuple[Tensor, Seen]:
        """The network's numbers `[outputs, n, T]`, and what it was shown."""
        seen = self.past(x, begins)
        return self.net(seen.shown, given), seen

    def score(self, x: Tensor, given: Tensor | None, step: Tensor) -> Tensor:
        """Nats of samples on the grid of each row, `[n, T]`, step `[n]`, to `[n, T]`."""
        outputs, seen = self.outputs(x, given)
        return self.law.score(outputs, seen, x, step)

    def scores(self, x: Tensor, given: Tensor | None, steps: tuple[int, ...]) -> Tensor:
        """Of rows as they are, `[n, T]`, on each of the grids `[steps, n, T]`: 0 where they are filled up, -inf where
        a sample is off the grid."""
        there = x != PAD
        samples = torch.where(there, x, 0).to(self.past.coefficients.dtype)
        result = samples.new_empty(len(steps), *x.shape)
        rows = max(1, NUMBERS // max(min(x.shape[1], NUMBERS), 1))
        for top in range(0, len(x), rows):
            block = slice(top, top + rows)
            told = None if given is None else given[block]
            for start in range(0, x.shape[1], NUMBERS):
                self._piece(samples[block], told, steps, start, result[:, block])
        return torch.where(there, result, 0.0)

    def _piece(self, x: Tensor, given: Tensor | None, steps: tuple[int, ...], start: int, result: Tensor) -> None:
        """Some samples on end, from `start`."""
        first, stop = max(start - self.field, 0), min(start + NUMBERS, x.shape[1])
        outputs, seen = self.outputs(x[:, first:stop], given, first)
        kept = slice(start - first, None)
        seen = Seen(seen.shown, seen.location[:, kept], seen.loudness[:, kept], seen.errors[:, kept])
        samples = x[:, start:stop]
        for place, step in enumerate(steps):
            by = torch.full((len(x),), step, device=x.device)
            on = samples.remainder(step) == 0
            score = self.law.score(outputs[..., kept], seen, torch.where(on, samples, 0.0), by)
            result[place, :, start:stop] = torch.where(on, score, -torch.inf)

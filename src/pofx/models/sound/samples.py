"""Every sample of a wave by itself, P(x) = product over samples of P(x_t): the baseline any model of sound must beat.

Shares of the levels, drawn to shares of mu-law's cells (fine near silence), even inside, and those to equal ones; how
much is chosen by leave-one-out likelihood, in closed form (Dirichlet smoothing; MacKay and Peto 1995). Above 16 bits
levels are counted in cells of equal width and are even inside. Exact. Cost: one pass.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.core.contract import Density
from pofx.core.warp import Warp
from pofx.data.dataset import Data, on_end
from pofx.errors import FitError
from pofx.models.sound.mulaw import first_numbers
from pofx.models.sound.rows import begun_rows, check_begun, checked_length
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform

BITS = 16  # of the cells at most
PULLS = tuple(10.0**k for k in range(-1, 9))  # pseudo-counts that the smooth shares may have
EVEN = 1.0  # pseudo-counts of equal shares within them


def fit_samples(data: Data) -> SamplesModel:
    """Count levels and choose how much they are smoothed; a wave of weight w counts w times."""
    space, data = data.space, on_end(data)
    assert isinstance(space, Waveform)
    if not len(data.values):
        raise FitError("there is no sample in these waves", expected="one wave that is not empty")
    width = 1 << max(space.bits - BITS, 0)
    cells = (1 << space.bits) // width
    place = (data.values.long() - space.low) // width
    weights = None if data.weights is None else data.weights.repeat_interleave(data.lengths)
    count = torch.bincount(place, weights, minlength=cells).double()
    smooth = _smooth(count, space, width)
    pull = max(PULLS, key=lambda pull: _left_out(count, smooth, pull))
    return SamplesModel(space, ((count + pull * smooth) / (count.sum() + pull)).log())


def _smooth(count: Tensor, space: Waveform, width: int) -> Tensor:
    """Shares that are even inside the cells of mu-law, with a little of equal shares."""
    first = torch.tensor(first_numbers(space.bits))
    code = torch.searchsorted(first, torch.arange(len(count)) * width + space.low, right=True) - 1
    held = torch.zeros(len(first), dtype=torch.float64).index_add(0, code, count)
    size = torch.bincount(code, minlength=len(first)).double()
    shares = (held / size.clamp(min=1))[code] + EVEN / len(count)
    return shares / shares.sum()


def _left_out(count: Tensor, smooth: Tensor, pull: float) -> float:
    """Log-likelihood of each sample under the counts of all others; a weight under one leaves none behind."""
    others = (count - 1).clamp(min=0) + pull * smooth
    return float((count * (others / (max(float(count.sum()) - 1, 0) + pull)).log()).sum())


class SamplesModel(Density):
    """Independent samples.

    Args:
        space: the waves.
        log_shares: log-probability of each cell of levels, `[cells]`.
    """

    capabilities = frozenset({"discrete", "parts", "complete"})
    reach = 0  # nothing is said of other values

    def __init__(self, space: Waveform, log_shares: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("log_shares", log_shares)
        self.log_shares: Tensor

    @property
    def free_parameters(self) -> int:
        return len(self.log_shares) - 1

    @property
    def _waves(self) -> Waveform:
        assert isinstance(self.space, Waveform)
        return self.space

    @property
    def _width(self) -> int:
        return (1 << self._waves.bits) // len(self.log_shares)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        there = x != PAD
        place = (torch.where(there, x, self._waves.low).long() - self._waves.low) // self._width
        return torch.where(there, self.log_shares[place] - math.log(self._width), 0.0)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._drawn((n, self._waves.length), generator)

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        check_begun(self.space, begun, warp)
        x, wanted = begun_rows(begun, checked_length(self.space, length))
        drawn = self._drawn(tuple(x.shape), generator)
        return torch.where((x == PAD) & wanted, drawn, x)

    def _drawn(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        ends = self.log_shares.exp().cumsum(0)
        u = torch.rand(shape, generator=generator, dtype=torch.float64).to(ends.device) * ends[-1]
        cell = torch.searchsorted(ends, u, right=True).clamp(max=len(ends) - 1)
        inside = torch.randint(self._width, shape, generator=generator).to(ends.device)
        return (cell * self._width + inside + self._waves.low).int()

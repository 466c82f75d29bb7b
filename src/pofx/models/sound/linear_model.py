"""A fitted linear prediction of waves: exact probabilities, sample by sample, in float64.

Its law has a floor of the spread, a weight for each running mean, and shares and log spreads of the mixture's parts.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import lfilter
from torch import Tensor

from pofx.core.contract import Density
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.heads.cells import SMALLEST, WIDEST, Cells, log_prob
from pofx.heads.discrete import draw_codes
from pofx.models.sound.grid import after, mixed
from pofx.models.sound.rows import begun_rows, check_begun, checked_length, waves
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform

SPANS = (8.0, 32.0, 128.0, 512.0)  # samples that the running means look back on
PARTS = 3  # of the mixture


class LinearPredictionModel(Density):
    """Linear prediction.

    Args:
        space: the waves.
        coefficients: of the samples before, the latest first, `[order]`.
        law: the numbers of the errors' law, `[1 + SPANS + 2 PARTS]`.
        steps, shares: grids that waves lie on, 1 first, and how often each does.
    """

    capabilities = frozenset({"parts", "complete", "discrete"})

    def __init__(
        self, space: Waveform, coefficients: Tensor, law: Tensor, steps: tuple[int, ...], shares: tuple[float, ...]
    ) -> None:
        super().__init__(space)
        self.register_buffer("coefficients", coefficients)
        self.register_buffer("law", law)
        self.coefficients: Tensor
        self.law: Tensor
        self.steps, self.shares = tuple(steps), tuple(shares)

    @property
    def free_parameters(self) -> int:
        return len(self.coefficients) + len(self.law) - 1 + len(self.shares) - 1

    @property
    def _waves(self) -> Waveform:
        assert isinstance(self.space, Waveform)
        return self.space

    def log_likelihood(self, data: Data) -> float:
        """Nats of waves that stand one after the other, all together."""
        return sum(float(self._log_prob_parts(wave[None].int(), None).sum()) for wave in waves(data))

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        parts = [mixed(self._scores(row[None]), self._shares(x)) for row in x]  # a wave at a time: all its moments
        return torch.cat(parts) if parts else x.new_zeros(x.shape, dtype=torch.float64)

    def _shares(self, x: Tensor) -> Tensor:
        return torch.tensor(self.shares, dtype=torch.float64, device=x.device)

    def _scores(self, x: Tensor) -> Tensor:
        """On each grid, `[steps, n, T]`, 0 where rows are filled up."""
        there = x != PAD
        y = torch.where(there, x, 0).double()
        m = predicted(y, self.coefficients)
        means = loudness(y - m)
        found = []
        for step in self.steps:
            on = y.remainder(step) == 0
            part = score(self._waves, self.law, torch.where(on, y, 0.0), m, means, torch.full_like(y, step))
            found.append(torch.where(there, torch.where(on, part, -torch.inf), 0.0))
        return torch.stack(found)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._complete(torch.zeros(n, 0, dtype=torch.int32), None, generator, given, Warp())

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        check_begun(self.space, begun, warp)
        x, wanted = begun_rows(begun, checked_length(self.space, length))
        held = after(self._scores(begun), self._shares(begun))[:, None]  # [steps, 1, n]
        steps = torch.tensor(self.steps)[draw_codes(held, generator)[0].cpu()]
        return torch.where(wanted, self._drawn(x, steps.double(), generator), PAD)

    def _drawn(self, x: Tensor, step: Tensor, generator: torch.Generator) -> Tensor:
        """Fills up waves `[n, T]`, sample by sample."""
        order, coefficients, law = len(self.coefficients), self.coefficients.cpu().flip(0), self.law.cpu()
        y = torch.zeros(len(x), order + x.shape[1], dtype=torch.float64)
        mean = torch.zeros(len(SPANS), len(x), dtype=torch.float64)
        keep = torch.tensor(SPANS, dtype=torch.float64)[:, None]
        for t in range(x.shape[1]):
            place = y[:, t : t + order] @ coefficients
            drawn = draw(self._waves, law, place, mean, step, generator)
            y[:, order + t] = torch.where(x[:, t] == PAD, drawn, x[:, t].double())
            mean += ((y[:, order + t] - place).abs() - mean) / keep
        return y[:, order:].int()


def predicted(y: Tensor, coefficients: Tensor) -> Tensor:
    """The prediction of each sample `[n, T]`, from those before it."""
    order = len(coefficients)
    if y.shape[1] == 0:
        return y
    return torch.nn.functional.pad(y, (order, 0))[:, :-1].unfold(1, order, 1) @ coefficients.flip(0)


def loudness(error: Tensor) -> Tensor:
    """Running means of the absolute errors before each sample, `[n, T] -> [SPANS, n, T]`."""
    size = np.asarray(error.detach().cpu().abs())
    before = np.pad(size, ((0, 0), (1, 0)))[:, :-1]
    means = [lfilter([1 / span], [1.0, 1 / span - 1], before, axis=1) for span in SPANS]
    return torch.from_numpy(np.stack(means)).to(error.device)


def spreads(law: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
    """Log shares `[PARTS]` and log spreads of the parts `[PARTS, ...]`, from running means `[SPANS, ...]`."""
    floor, weights, shares, scales = law.split([1, len(SPANS), PARTS, PARTS])
    spread = floor.exp() + torch.tensordot(weights.exp(), means, 1)
    return torch.log_softmax(shares, 0), scales.reshape(-1, *[1] * spread.ndim) + spread.log()


def score(space: Waveform, law: Tensor, x: Tensor, place: Tensor, means: Tensor, step: Tensor) -> Tensor:
    """Nats of each sample `[n, T]` that is a multiple of its step."""
    shares, scales = spreads(law, means)
    shape = (1, x.numel())
    by = step.reshape(-1)
    low, high = torch.ceil(space.low / by), torch.floor(space.high / by)
    cells = Cells(low, high, torch.zeros_like(by), 1 / by)
    parameters = torch.cat(
        [
            shares[:, None, None].expand(-1, *shape),
            place.reshape(1, *shape).expand(PARTS, -1, -1),
            scales.reshape(PARTS, *shape),
        ]
    )
    return log_prob(parameters, (x.reshape(-1) / by)[None], cells).reshape(x.shape)


def draw(
    space: Waveform, law: Tensor, place: Tensor, means: Tensor, step: Tensor, generator: torch.Generator
) -> Tensor:
    """A sample of each row `[n]` on its grid."""
    shares, scales = spreads(law, means)
    part = draw_codes(shares[:, None, None].expand(-1, 1, len(place)), generator)
    u = torch.rand(len(place), generator=generator, dtype=torch.float64).clamp(2.0**-53, 1 - 2.0**-53)
    spread = SMALLEST + scales.gather(0, part)[0].clamp(max=WIDEST).exp() / step
    value = torch.floor(place / step + spread * (u.log() - torch.log1p(-u)) + 0.5)
    value = torch.minimum(torch.maximum(value, torch.ceil(space.low / step)), torch.floor(space.high / step))
    return value * step

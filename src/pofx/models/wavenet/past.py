"""What is seen of a wave before each sample: a linear prediction, the loudness of its errors, and more for a network.

Linear prediction (Makhoul 1975): `m_t = sum_k a_k x_(t-k)`. The errors `e = x - m` are nearly white, so that they are
what later layers look at, and what a correction of the prediction is made of. Their loudness is a weighted sum of the
last absolute errors, as in Taylor's (1986) and Schwert's (1989) models of changing spread. Numbers are counted in
`unit`s. Before the first sample there is silence. Cost O(lags) a sample.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

LAGS = 32  # samples the prediction, its correction and the loudness look back
SHOWN = 16  # samples, and errors, that the network is shown one by one
OTHERS = 5  # further numbers it is shown


class Seen(NamedTuple):
    """At each sample, from those before it: all in units."""

    shown: Tensor  # [inputs, n, T]
    location: Tensor  # [n, T]
    loudness: Tensor  # [n, T]
    errors: Tensor  # [n, T, LAGS], the latest last


class Past(nn.Module):
    """Linear prediction and loudness, both learnt on.

    Args:
        coefficients: of the samples before, the latest first, `[LAGS]`.
        unit: what samples are counted in.
        channels: of the wave, which stand in turn.
    """

    def __init__(self, coefficients: Tensor, unit: float, channels: int) -> None:
        super().__init__()
        self.unit, self.channels = unit, channels
        self.coefficients = nn.Parameter(coefficients.float())
        decay = -torch.arange(LAGS) / 8.0
        self.loud = nn.Parameter(torch.log_softmax(decay, 0))
        self.floor = nn.Parameter(torch.tensor(0.3 / unit).log())

    @property
    def inputs(self) -> int:
        """Numbers the network is shown."""
        return 2 * SHOWN + OTHERS + (self.channels if self.channels > 1 else 0)

    def forward(self, x: Tensor, begins: int = 0) -> Seen:
        """Of samples `[n, T]`; the first stands `begins` samples after the wave's beginning."""
        y = x / self.unit
        samples = _before(y)
        location = samples @ self.coefficients.flip(0)
        error = y - location
        errors = _before(error)
        floor = self.floor.exp()
        loudness = floor + errors.abs() @ self.loud.exp().flip(0)
        level = samples.abs().mean(-1) + 1 / self.unit
        last, loud_before = errors[..., -1], pad(loudness[:, :-1] - floor, (1, 0)) + floor
        parts = [
            samples[..., -SHOWN:].movedim(-1, 0) / level,
            errors[..., -SHOWN:].movedim(-1, 0) / loudness,
            torch.stack(
                [
                    level.log() / 4,
                    loudness.log() / 4,
                    torch.asinh(last / loud_before),
                    torch.log(loudness / loud_before),
                    location / level,
                ]
            ),
        ]
        if self.channels > 1:
            moment = (begins + torch.arange(x.shape[1], device=x.device)) % self.channels
            turn = (moment == torch.arange(self.channels, device=x.device)[:, None]).to(y.dtype)
            parts.append(turn[:, None].expand(-1, len(x), -1))
        return Seen(torch.cat(parts), location, loudness, errors)


def _before(y: Tensor) -> Tensor:
    """The last `LAGS` values before each, `[n, T] -> [n, T, LAGS]`, the latest last."""
    return pad(y, (LAGS, 0))[:, :-1].unfold(1, LAGS, 1)


def solve(waves: Tensor, ends: Tensor) -> tuple[Tensor, float]:
    """Coefficients of least squares over waves that stand one after the other, and the mean absolute error.

    A little of the power is added to the diagonal, so that silence has an answer too.
    """
    square, across = torch.zeros(LAGS, LAGS, dtype=torch.float64), torch.zeros(LAGS, dtype=torch.float64)
    rows = [waves[a:b].double()[None] for a, b in pairwise([0, *ends.tolist()]) if b > a]
    for y in rows:
        before = _before(y)[0]
        square += before.T @ before
        across += before.T @ y[0]
    ridge = 1e-6 * float(square.diagonal().mean()) + LAGS
    found = torch.linalg.solve(square + ridge * torch.eye(LAGS, dtype=torch.float64), across)
    error = sum(float((y[0] - _before(y)[0] @ found).abs().sum()) for y in rows)
    return found.flip(0), error / max(len(waves), 1)

"""Linear prediction of a wave, errors of changing loudness: a long known and strong baseline (Makhoul 1975).

`m_t = sum_k a_k x_(t-k)` by least squares; the error's law is a mixture of discretised logistic laws (Salimans et al.
2017) whose spread is a weighted sum of running means of the last absolute errors, over four spans (Engle 1982 and
Bollerslev 1986 for squares, Taylor 1986 for sizes). Weights and mixture by maximum likelihood, the order by waves held
out. Recordings on a coarse grid are found (see `grid`). Limits: one predictor for all waves. Cost O(order) a sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data, on_end
from pofx.errors import FitError
from pofx.models.sound.grid import coarsest, count_steps, step_of
from pofx.models.sound.linear_model import PARTS, SPANS, LinearPredictionModel, loudness, predicted, score
from pofx.models.sound.rows import waves
from pofx.rng import generator, split
from pofx.spaces.base import Space
from pofx.spaces.waveform import Waveform
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

FEW = 1 << 18  # samples that the law of the errors is fitted to
ROUNDS = 60  # of L-BFGS
PART = 10  # one wave in so many is held out


@register
@dataclass(frozen=True, kw_only=True)
class LinearPrediction(Estimator):
    """An autoregressive model of waves."""

    name: ClassVar[str] = "linear_prediction"
    accepts: ClassVar[tuple[type[Space], ...]] = (Waveform,)
    capabilities = LinearPredictionModel.capabilities

    orders: tuple[int, ...] = (2, 4, 8, 16, 32)
    """Samples looked back on, of which the best on held-out waves is taken."""

    def __post_init__(self) -> None:
        if not self.orders or min(self.orders) < 1:
            raise FitError("a prediction looks back on a sample at least", got=f"orders={self.orders}")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        data = on_end(data)
        if not len(data.values):
            raise FitError("there is no sample in these waves", expected="one wave that is not empty")
        train, held = data, None if validation is None else on_end(validation)
        if held is None and len(self.orders) > 1 and len(data) >= PART:
            order = torch.randperm(len(data), generator=generator(split(seed, "held out")))
            count = len(data) // PART
            train, held = data.rows(order[count:].sort().values), data.rows(order[:count].sort().values)
        moments, chosen = _moments(train, max(self.orders)), max(self.orders)
        recorder.start("orders", len(self.orders))
        if held is not None and len(self.orders) > 1:
            found = {}
            for done, order_ in enumerate(self.orders):
                found[order_] = _fitted(train, moments, order_).log_likelihood(held)
                recorder.step(done + 1, f"order {order_}")
            chosen = max(found, key=lambda order: found[order])
        recorder.finish()
        return _fitted(data, _moments(data, chosen), chosen)


def _moments(data: Data, order: int) -> tuple[Tensor, Tensor]:
    """Sums of products of samples with those before them, `[order, order]` and `[order]`."""
    square, across = torch.zeros(order, order, dtype=torch.float64), torch.zeros(order, dtype=torch.float64)
    for wave in waves(data):
        y = torch.nn.functional.pad(wave.double(), (order, 0))
        if len(wave):
            before = y[:-1].unfold(0, order, 1).flip(1)  # [T, order], the latest first
            square += before.T @ before
            across += before.T @ y[order:]
    return square, across


def _fitted(data: Data, moments: tuple[Tensor, Tensor], order: int) -> LinearPredictionModel:
    """Least squares, then the law of the errors on some of the waves."""
    assert isinstance(data.space, Waveform)
    square, across = moments[0][:order, :order], moments[1][:order]
    ridge = 1e-9 * float(square.diagonal().mean()) + 1.0  # that silence has an answer too
    coefficients = torch.linalg.solve(square + ridge * torch.eye(order, dtype=torch.float64), across)
    found = [step_of(wave) for wave in waves(data)]
    steps, shares = count_steps(found)
    some, by = _some(data, [coarsest(step or 1, steps) for step in found])
    law = _law(data.space, some, by, coefficients)
    return LinearPredictionModel(data.space, coefficients, law, steps, shares)


def _some(data: Data, steps: list[int]) -> tuple[list[Tensor], list[int]]:
    """Waves from all over the data, of few samples altogether, with their grids."""
    every = max(1, len(data.values) // FEW)
    kept = [(wave, step) for k, (wave, step) in enumerate(zip(waves(data), steps, strict=True)) if k % every == 0]
    heard = [(wave, step) for wave, step in kept if len(wave)] or [
        (wave, step) for wave, step in zip(waves(data), steps, strict=True) if len(wave)
    ]
    return [wave for wave, _ in heard], [step for _, step in heard]


def _law(space: Waveform, rows: list[Tensor], steps: list[int], coefficients: Tensor) -> Tensor:
    """The numbers of the errors' law, by maximum likelihood."""
    y = [row.double()[None] for row in rows]
    place = [predicted(row, coefficients) for row in y]
    means = torch.cat([loudness(row - m) for row, m in zip(y, place, strict=True)], 2)  # [SPANS, 1, total]
    x, m = torch.cat(y, 1), torch.cat(place, 1)
    by = torch.cat([torch.full((row.shape[1],), float(step)) for row, step in zip(y, steps, strict=True)]).double()
    law = torch.cat(
        [
            torch.tensor([math.log(0.3)]), torch.full((len(SPANS),), math.log(0.6 / len(SPANS))),
            torch.zeros(PARTS), torch.linspace(-1.0, 1.0, PARTS),
        ]
    ).double().requires_grad_()  # fmt: skip
    optimiser = torch.optim.LBFGS([law], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = -score(space, law, x, m, means, by[None]).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    return law.detach()

"""Training of a WaveNet: linear prediction by least squares first, then everything by gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.models.sound.grid import step_of
from pofx.models.sound.rows import waves
from pofx.models.wavenet.model import WaveNetModel
from pofx.models.wavenet.past import solve
from pofx.models.wavenet.windows import Windows, together, windows
from pofx.rng import split
from pofx.training.history import History
from pofx.training.loop import minimise
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

PASSES = 8  # over the data where neither steps nor time are given
FEWEST, LONGEST, ENDLESS = 100, 5_000, 1_000_000
CHECKS, CHECKS_OF_FEW = 100, 10  # steps from one validation to the next, and where there are few samples
RATE, RATE_OF_FEW, FEW = 8e-3, 2e-3, 100_000  # samples below which networks soon know them by heart
PATIENCE = 20
HELD_SAMPLES = 1 << 18  # looked at in a validation


class Objective:
    """Mean nats a sample of windows."""

    def __init__(self, model: WaveNetModel, parts: Windows) -> None:
        self._model, self._parts = model, parts

    def __call__(self, rows: Tensor, random: torch.Generator) -> Tensor:
        x, counted, step, given = self._parts.take(rows.flatten())
        score = self._model.network.score(x, given, step)
        return -torch.where(counted, score, 0.0).sum() / counted.sum()


def fit(
    model: WaveNetModel, train: Data, held: Data | None, deadline: Deadline, seed: int, recorder: Recorder
) -> History:
    """Train the model on waves that stand one after the other, and keep the weights that held-out ones like best."""
    assert train.ends is not None
    options, network = model.recipe, model.network
    with torch.no_grad():
        network.past.coefficients.copy_(solve(train.values, train.ends)[0])
        network.net.start.copy_(network.law.start(train.values))
    parts = windows(train, model.told(train.given), model.steps, network.field)
    rows = together(parts.spans, options.batch)
    steps = options.steps
    if steps is None:
        steps = ENDLESS if deadline.at is not None else min(max(PASSES * len(rows), FEWEST), LONGEST)
    rate, checks = (RATE_OF_FEW, CHECKS_OF_FEW) if len(train.values) < FEW else (RATE, CHECKS)
    recipe = Recipe(
        steps=steps, batch=1, learning_rate=options.learning_rate or rate, optimiser=options.optimiser,
        average=options.average, patience=0 if deadline.at is not None else PATIENCE, check_every=checks,
        device=options.device,
    )  # fmt: skip
    return minimise(
        model, Objective(model, parts), rows, recipe=recipe, plan=deadline.rest(), seed=split(seed, "training"),
        validation=None if held is None or not len(held.values) else _held_out(model, held), recorder=recorder,
        note=lambda value: f"{value / math.log(2):.4g} bits/sample",
    )  # fmt: skip


def _held_out(model: WaveNetModel, held: Data) -> Callable[[], float]:
    """Mean nats a sample of held-out waves, the first so many samples of them."""
    parts = windows(held, model.told(held.given), model.steps, model.network.field)
    spread = torch.randperm(len(parts.spans), generator=torch.Generator().manual_seed(0))
    long = (parts.spans[:, 1] - parts.spans[:, 0])[spread]
    chosen = spread[: max(1, int((long.cumsum(0) <= HELD_SAMPLES).sum()))].sort().values
    rows = together(parts.spans[chosen], model.recipe.batch)

    def loss() -> float:
        total, count = 0.0, 0
        for row in rows:
            device = model.network.past.coefficients.device
            x, counted, step, given = parts.take(chosen[row[row >= 0]].to(device))
            score = model.network.score(x, given, step)
            total -= float(torch.where(counted, score, 0.0).sum(dtype=torch.float64))
            count += int(counted.sum())
        return total / max(count, 1)

    return loss


def steps_in(data: Data) -> list[int]:
    """The step of each wave's grid."""
    return [step_of(wave) for wave in waves(data)]

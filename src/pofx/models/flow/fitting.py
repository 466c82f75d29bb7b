"""Training a flow: margins from the rows, maximum likelihood by gradient, early stopping on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.models.flow.model import FlowModel, places
from pofx.models.mixture.rows import Rows
from pofx.rng import generator, split
from pofx.spaces.numeric import Real
from pofx.training.loop import minimise
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

FEWEST = 30  # rows under which none are held out
BLIND = 8  # steps then
FOLDS = 10  # one of them is held out
PATIENCE = 10  # checks without gain
CHECKS, LEAST_BETWEEN, MOST_BETWEEN = 80, 5, 100  # checks in a fit, and steps between two
AVERAGE = 0.98  # decay of the average of the weights, which is the result
WARMUP = 20  # steps
MOST_HELD = 5_000  # held-out rows that are looked at
LONGEST = ((500, 400), (5_000, 2_000), (50_000, 6_000))  # up to so many rows, so many steps
LIMIT = 20_000  # beyond


@dataclass(frozen=True)
class Settings:
    """What the estimator says of training."""

    steps: int | None
    batch: int
    learning_rate: float
    weight_decay: float
    noise: float


def fit(
    model: FlowModel,
    rows: Rows,
    held: Rows | None,
    settings: Settings,
    deadline: Deadline,
    seed: int,
    recorder: Recorder,
) -> int:
    """Train the model's network; the number of steps that were best.

    Args:
        model: untrained.
        rows: to train on.
        held: to stop by; a part of the rows where None and the number of steps is open.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
    """
    if settings.steps is not None or len(rows) < FEWEST:
        held = None
    elif held is None or not len(held):
        rows, held = _apart(rows, seed)
    real, other = places(rows.table)
    width = _settle_margins(model, rows, real, other, settings.noise)

    def loss(batch: Tensor, random: torch.Generator) -> Tensor:
        noise = torch.rand(len(batch), len(real), generator=random, dtype=torch.float64) - 0.5
        score: Tensor = model.net(batch[:, real] + noise * width, batch[:, other])
        return -score.mean()

    steps = _most_steps(len(rows), settings, held)
    recipe = Recipe(
        steps=steps, batch=min(settings.batch, len(rows)), learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, average=AVERAGE, warmup=WARMUP, patience=PATIENCE,
        check_every=min(max(steps // CHECKS, LEAST_BETWEEN), MOST_BETWEEN), device="cpu",
    )  # fmt: skip
    even = bool((rows.weights == rows.weights[0]).all())
    history = minimise(
        model.net, loss, rows.values, recipe=recipe, plan=deadline.rest(), seed=split(seed, "training"),
        validation=None if held is None else _score(model, held, real, other),
        weights=None if even else rows.weights, recorder=recorder,
    )  # fmt: skip
    model.net.double()
    model.eval()
    return len(history.losses) if history.best_step is None else history.best_step


def _apart(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows to stop by."""
    fold = rows.folds(FOLDS, generator(split(seed, "held out")))
    train, held = (fold != 0).nonzero()[:, 0], (fold == 0).nonzero()[:, 0]
    if not len(train) or not len(held):
        return rows, rows
    return rows.part(train), rows.part(held[:MOST_HELD])


def _most_steps(n: int, settings: Settings, held: Rows | None) -> int:
    if settings.steps is not None:
        return settings.steps
    if held is None:
        return BLIND
    return next((steps for most, steps in LONGEST if n <= most), LIMIT)


def _settle_margins(model: FlowModel, rows: Rows, real: list[int], other: list[int], noise: float) -> Tensor:
    """Set what is not trained; the width of the noise of each real column, `[r]`."""
    x = rows.values[:, real]
    spaces = [rows.table.spaces[j] for j in real]
    steps = [(space.resolution or 0.0) if isinstance(space, Real) else 0.0 for space in spaces]
    resolution = torch.tensor(steps, dtype=torch.float64)
    model.net.settle(x, rows.values[:, other], rows.weights, resolution / 2)
    return torch.maximum(resolution, noise * model.net.margins.scale)


def _score(model: FlowModel, held: Rows, real: list[int], other: list[int]) -> Callable[[], float]:
    share = held.weights / held.weights.sum()

    def score() -> float:
        with torch.no_grad():
            return -float(share @ model.net(held.values[:, real], held.values[:, other]))

    return score

"""Training a flow: margins from the rows, maximum likelihood by gradient, early stopping on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pofx.models.flow.model import FlowModel, places
from pofx.models.flow.network import Network
from pofx.models.mixture.rows import Rows
from pofx.rng import generator, split
from pofx.spaces.numeric import Real
from pofx.training.loop import minimise
from pofx.training.plan import Deadline, Plan
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
LONGEST = ((500, 400), (2_000, 2_000), (50_000, 6_000))  # up to so many rows, so many steps
LIMIT = 20_000  # beyond


@dataclass(frozen=True)
class Settings:
    """What the estimator says of training."""

    steps: int | None
    batch: int
    learning_rate: float
    weight_decay: float
    noise: float
    single: bool = True


def fit(
    model: FlowModel,
    rows: Rows,
    held: Rows | None,
    settings: Settings,
    deadline: Deadline,
    seed: int,
    recorder: Recorder,
) -> int:
    """Train the model's flows one after another, in equal shares of the time left; the mean of their best steps.

    Args:
        model: untrained.
        rows: to train on, the conditions behind the columns.
        held: to stop by; where None and the number of steps is open, a part of the rows, another for each flow.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
    """
    real, context = places(model.space)  # type: ignore[arg-type]  # a flow's space is a table
    context += range(len(real) + len(context), rows.values.shape[1])
    open_ended = settings.steps is None and len(rows) >= FEWEST
    taken = []
    for k, net in enumerate(model.nets):
        train, stop = (rows, held) if open_ended else (rows, None)
        if open_ended and (stop is None or not len(stop)):
            train, stop = _apart(rows, seed, k)
        rest = deadline.rest()
        share = replace(rest, seconds=None if rest.seconds is None else rest.seconds / (model.members - k))
        fold = share.within(f"member{k}") if model.members > 1 else share
        taken.append(_fit_one(net, train, stop, (real, context), settings, fold, split(seed, "training", k), recorder))
    return round(sum(taken) / len(taken))


def _fit_one(
    net: Network,
    rows: Rows,
    held: Rows | None,
    columns: tuple[list[int], list[int]],
    settings: Settings,
    plan: Plan,
    seed: int,
    recorder: Recorder,
) -> int:
    """Train one flow; the number of steps that were best."""
    real, other = columns
    width = _settle_margins(net, rows, real, other, settings.noise)
    if settings.single:
        net.layers.float()

    def loss(batch: Tensor, random: torch.Generator) -> Tensor:
        noise = torch.rand(len(batch), len(real), generator=random, dtype=torch.float64) - 0.5
        score: Tensor = net(batch[:, real] + noise * width, batch[:, other])
        return -score.mean()

    steps = _most_steps(len(rows), settings, held)
    recipe = Recipe(
        steps=steps, batch=min(settings.batch, len(rows)), learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, average=AVERAGE, warmup=WARMUP, patience=PATIENCE,
        check_every=min(max(steps // CHECKS, LEAST_BETWEEN), MOST_BETWEEN), device="cpu",
    )  # fmt: skip
    even = bool((rows.weights == rows.weights[0]).all())
    history = minimise(
        net, loss, rows.values, recipe=recipe, plan=plan, seed=seed,
        validation=None if held is None else _score(net, held, real, other),
        weights=None if even else rows.weights, recorder=recorder,
    )  # fmt: skip
    net.double()
    return len(history.losses) if history.best_step is None else history.best_step


def _apart(rows: Rows, seed: int, part: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows to stop by."""
    fold = rows.folds(FOLDS, generator(split(seed, "held out")))
    train, held = (fold != part % FOLDS).nonzero()[:, 0], (fold == part % FOLDS).nonzero()[:, 0]
    if not len(train) or not len(held):
        return rows, rows
    return rows.part(train), rows.part(held[:MOST_HELD])


def _most_steps(n: int, settings: Settings, held: Rows | None) -> int:
    if settings.steps is not None:
        return settings.steps
    if held is None:
        return BLIND
    return next((steps for most, steps in LONGEST if n <= most), LIMIT)


def _settle_margins(net: Network, rows: Rows, real: list[int], other: list[int], noise: float) -> Tensor:
    """Set what is not trained; the width of the noise of each real column, `[r]`."""
    x = rows.values[:, real]
    spaces = [rows.table.spaces[j] for j in real]
    steps = [(space.resolution or 0.0) if isinstance(space, Real) else 0.0 for space in spaces]
    resolution = torch.tensor(steps, dtype=torch.float64)
    net.settle(x, rows.values[:, other], rows.weights, resolution / 2)
    return torch.maximum(resolution, noise * net.margins.scale)


def _score(net: Network, held: Rows, real: list[int], other: list[int]) -> Callable[[], float]:
    share = held.weights / held.weights.sum()

    def score() -> float:
        with torch.no_grad():
            return -float(share @ net(held.values[:, real], held.values[:, other]))

    return score

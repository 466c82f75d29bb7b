"""Networks of a table's rows, trained one after another in equal shares of the time, to be averaged in probability.

Each has other rows held out to stop by, so that together they have seen all of them. What is minimised, and how much of
it is noise, is each model's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from pofx.models.mixture.rows import Rows
from pofx.rng import generator, split
from pofx.training.device import Loss
from pofx.training.loop import minimise
from pofx.training.plan import Deadline, Plan
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

FEWEST = 30  # rows under which none are held out
FOLDS = 10  # one of them is held out
PATIENCE = 10  # checks without gain
CHECKS, LEAST_BETWEEN, MOST_BETWEEN = 80, 5, 100  # checks in a fit, and steps between two
AVERAGE = 0.98  # decay of the average of the weights, which is the result
WARMUP = 20  # steps
MOST_HELD = 5_000  # held-out rows that are looked at
LONGEST = ((500, 400), (2_000, 2_000), (50_000, 6_000))  # up to so many rows, so many steps
LIMIT = 20_000  # beyond

FitOne = Callable[[int, Rows, Rows | None, Plan, int], int]


@dataclass(frozen=True)
class Settings:
    """What an estimator says of training."""

    steps: int | None
    batch: int
    learning_rate: float
    weight_decay: float
    noise: float


def fit_members(
    count: int, rows: Rows, held: Rows | None, settings: Settings, deadline: Deadline, seed: int, name: str, one: FitOne
) -> int:
    """Fit so many networks; the mean of their best steps.

    Args:
        count: of the networks.
        rows: to train on.
        held: to stop by; where None and the number of steps is open, a part of the rows, another for each network.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        name: what one is called, in the folder of its checkpoint.
        one: fits network k to rows, with others to stop by, within a plan, by a seed; its best number of steps.
    """
    open_ended, taken = settings.steps is None and len(rows) >= FEWEST, []
    for k in range(count):
        train, stop = (rows, held) if open_ended else (rows, None)
        if open_ended and (stop is None or not len(stop)):
            train, stop = _apart(rows, seed, k)
        rest = deadline.rest()
        share = replace(rest, seconds=None if rest.seconds is None else rest.seconds / (count - k))
        plan = share.within(f"{name}{k}") if count > 1 else share
        taken.append(one(k, train, stop, plan, split(seed, "training", k)))
    return round(sum(taken) / count)


def fit_one(
    net: nn.Module, loss: Loss, rows: Rows, score: Callable[[], float] | None, settings: Settings, plan: Plan,
    seed: int, recorder: Recorder, *, blind: int, clip: float = 1.0,
) -> int:  # fmt: skip
    """Minimise one network's loss; the number of steps that were best.

    Args:
        net: the network.
        loss: of rows `[n, d]`.
        rows: to train on, with weights.
        score: on held-out rows, to stop by; None where there are none.
        settings, plan, seed, recorder: of the fit.
        blind: steps where nothing is held out and their number is open.
        clip: longest gradient.
    """
    steps = settings.steps if settings.steps is not None else blind if score is None else _longest(len(rows))
    recipe = Recipe(
        steps=steps, batch=min(settings.batch, len(rows)), learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, average=AVERAGE, warmup=WARMUP, patience=PATIENCE, clip=clip,
        check_every=min(max(steps // CHECKS, LEAST_BETWEEN), MOST_BETWEEN), device="cpu",
    )  # fmt: skip
    even = bool((rows.weights == rows.weights[0]).all())
    history = minimise(
        net, loss, rows.values, recipe=recipe, plan=plan, seed=seed, validation=score,
        weights=None if even else rows.weights, recorder=recorder,
    )  # fmt: skip
    return len(history.losses) if history.best_step is None else history.best_step


def _apart(rows: Rows, seed: int, part: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows to stop by."""
    fold = rows.folds(FOLDS, generator(split(seed, "held out")))
    train, held = (fold != part % FOLDS).nonzero()[:, 0], (fold == part % FOLDS).nonzero()[:, 0]
    if not len(train) or not len(held):
        return rows, rows
    return rows.part(train), rows.part(held[:MOST_HELD])


def _longest(n: int) -> int:
    return next((steps for most, steps in LONGEST if n <= most), LIMIT)

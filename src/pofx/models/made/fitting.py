"""Training masked networks: margins from the rows, maximum likelihood by gradient, early stopping on held-out rows.

Each network has an order and held-out rows of its own. Real columns get uniform noise as wide as their rounding step;
where rows are few the noise is wider and smooths, as a kernel does (Rothfuss et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pofx.models.made.margins import Margins, fit_margins
from pofx.models.made.model import MADEModel
from pofx.models.made.network import Network, places, resolution_of
from pofx.models.mixture.rows import Rows
from pofx.rng import generator, split
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table
from pofx.training.loop import minimise
from pofx.training.plan import Deadline, Plan
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

FEWEST = 30  # rows under which none are held out
BLIND = 0  # steps then
FOLDS = 10  # one of them is held out
PATIENCE = 10  # checks without gain
CHECKS, LEAST_BETWEEN, MOST_BETWEEN = 80, 5, 100  # checks in a fit, and steps between two
AVERAGE = 0.98  # decay of the average of the weights, which is the result
WARMUP = 20  # steps
MOST_HELD = 5_000  # held-out rows that are looked at
MOST_FOR_MARGINS, NUMBERS = 10_000, 1 << 23  # rows, and numbers in them times components
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


def margins_of(rows: Rows, components: int) -> Margins:
    """The columns of numbers by themselves."""
    numbers = places(rows.table)
    some = rows.thinned(max(500, min(MOST_FOR_MARGINS, NUMBERS // (components * max(len(numbers), 1)))))
    resolution = torch.tensor([resolution_of(rows.table.spaces[j]) for j in numbers], dtype=torch.float64)
    return fit_margins(some.values[:, numbers], some.weights, resolution, components)


def orders_of(table: Table, gates: tuple[int, ...], count: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Random orders in which each column comes after the label that says whether it has a value."""
    found = []
    for k in range(count):
        at = torch.rand(len(gates), generator=generator(split(seed, "order", k)), dtype=torch.float64).tolist()
        after = [max(at[j], at[gate] + 1e-9) if gate >= 0 else at[j] for j, gate in enumerate(gates)]
        found.append(tuple(sorted(range(len(gates)), key=lambda j: after[j])))
    return tuple(found)


def fit(
    model: MADEModel, rows: Rows, held: Rows | None, settings: Settings, deadline: Deadline, seed: int,
    recorder: Recorder,
) -> int:  # fmt: skip
    """Train the networks one after another, in equal shares of the time left; the mean of their best steps.

    Args:
        model: untrained.
        rows: to train on, canonical.
        held: to stop by; where None and the number of steps is open, a part of the rows, another for each network.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
    """
    open_ended, taken, count = settings.steps is None and len(rows) >= FEWEST, [], len(model.nets)
    for k, net in enumerate(model.nets):
        train, stop = (rows, held) if open_ended else (rows, None)
        if open_ended and (stop is None or not len(stop)):
            train, stop = _apart(rows, seed, k)
        rest = deadline.rest()
        share = replace(rest, seconds=None if rest.seconds is None else rest.seconds / (count - k))
        plan = share.within(f"order{k}") if count > 1 else share
        taken.append(_fit_one(net, train, stop, settings, plan, split(seed, "training", k), recorder))
    return round(sum(taken) / count)


def _fit_one(
    net: Network, rows: Rows, held: Rows | None, settings: Settings, plan: Plan, seed: int, recorder: Recorder
) -> int:
    """Train one network, in double precision, so that units leave no trace; the number of steps that were best."""
    net.begin(rows.values)
    real = [j for j in places(net.table) if isinstance(net.table.spaces[j], Real)]
    width = _noise(rows, real, settings.noise)

    def loss(batch: Tensor, random: torch.Generator) -> Tensor:
        moved = batch.clone()
        moved[:, real] += (torch.rand(len(batch), len(real), generator=random) - 0.5) * width
        score: Tensor = net(moved).sum(1)
        return -score.mean()

    steps = settings.steps if settings.steps is not None else BLIND if held is None else _longest(len(rows))
    recipe = Recipe(
        steps=steps, batch=min(settings.batch, len(rows)), learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, average=AVERAGE, warmup=WARMUP, patience=PATIENCE, clip=10.0,
        check_every=min(max(steps // CHECKS, LEAST_BETWEEN), MOST_BETWEEN), device="cpu",
    )  # fmt: skip
    even = bool((rows.weights == rows.weights[0]).all())
    history = minimise(
        net, loss, rows.values, recipe=recipe, plan=plan, seed=seed,
        validation=None if held is None else _score(net, held),
        weights=None if even else rows.weights, recorder=recorder,
    )  # fmt: skip
    return len(history.losses) if history.best_step is None else history.best_step


def _noise(rows: Rows, real: list[int], noise: float) -> Tensor:
    """The width of the noise of each real column, `[r]`: its rounding step, or more where rows are few."""
    steps = torch.tensor([resolution_of(rows.table.spaces[j]) for j in real], dtype=torch.float64)
    if not real:
        return steps.float()
    x = rows.values[:, real]
    quartiles = (torch.nanquantile(x, 0.75, 0) - torch.nanquantile(x, 0.25, 0)) / 1.349
    return torch.maximum(steps, noise * torch.nan_to_num(quartiles)).float()


def _apart(rows: Rows, seed: int, part: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows to stop by."""
    fold = rows.folds(FOLDS, generator(split(seed, "held out")))
    train, held = (fold != part % FOLDS).nonzero()[:, 0], (fold == part % FOLDS).nonzero()[:, 0]
    if not len(train) or not len(held):
        return rows, rows
    return rows.part(train), rows.part(held[:MOST_HELD])


def _longest(n: int) -> int:
    return next((steps for most, steps in LONGEST if n <= most), LIMIT)


def _score(net: Network, held: Rows) -> Callable[[], float]:
    share, x = (held.weights / held.weights.sum()), held.values

    def score() -> float:
        return -float(share @ net(x).sum(1).double())

    return score

"""Training masked networks: margins from the rows, maximum likelihood by gradient, early stopping on held-out rows.

Each network has an order and held-out rows of its own. Real columns get uniform noise as wide as their rounding step;
where rows are few the noise is wider and smooths, as a kernel does (Rothfuss et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pofx.models.made.margins import Margins, fit_margins
from pofx.models.made.model import MADEModel
from pofx.models.made.network import Network, places, resolution_of
from pofx.models.members import Settings, fit_members, fit_one
from pofx.models.mixture.rows import Rows
from pofx.rng import generator, split
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

BLIND = 0  # steps where no rows are held out
CLIP = 10.0
MOST_FOR_MARGINS, NUMBERS = 10_000, 1 << 23  # rows, and numbers in them times components


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
    """Train the networks, one an order; the mean of their best steps.

    Args:
        model: untrained.
        rows: to train on, canonical.
        held: to stop by, or None.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
    """

    def one(k: int, train: Rows, stop: Rows | None, plan: Plan, seed: int) -> int:
        return _fit_one(model.nets[k], train, stop, settings, plan, seed, recorder)

    return fit_members(len(model.nets), rows, held, settings, deadline, seed, "order", one)


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

    score = None if held is None else _score(net, held)
    return fit_one(net, loss, rows, score, settings, plan, seed, recorder, blind=BLIND, clip=CLIP)


def _noise(rows: Rows, real: list[int], noise: float) -> Tensor:
    """The width of the noise of each real column, `[r]`: its rounding step, or more where rows are few."""
    steps = torch.tensor([resolution_of(rows.table.spaces[j]) for j in real], dtype=torch.float64)
    if not real:
        return steps.float()
    x = rows.values[:, real]
    quartiles = (torch.nanquantile(x, 0.75, 0) - torch.nanquantile(x, 0.25, 0)) / 1.349
    return torch.maximum(steps, noise * torch.nan_to_num(quartiles)).float()


def _score(net: Network, held: Rows) -> Callable[[], float]:
    share, x = (held.weights / held.weights.sum()), held.values

    def score() -> float:
        return -float(share @ net(x).sum(1).double())

    return score

"""Training a flow: margins from the rows, then maximum likelihood by gradient, each flow as `models.members` says."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pofx.models.flow.model import FlowModel, places
from pofx.models.flow.network import Network
from pofx.models.members import Settings, fit_members, fit_one
from pofx.models.mixture.rows import Rows
from pofx.spaces.numeric import Real
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

BLIND = 8  # steps where no rows are held out


def fit(
    model: FlowModel, rows: Rows, held: Rows | None, settings: Settings, deadline: Deadline, seed: int,
    recorder: Recorder, *, single: bool = True,
) -> int:  # fmt: skip
    """Train the model's flows; the mean of their best steps.

    Args:
        model: untrained.
        rows: to train on, the conditions behind the columns.
        held: to stop by, or None.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
        single: whether weights are float32 while they are trained.
    """
    real, context = places(model.space)  # type: ignore[arg-type]  # a flow's space is a table
    context += range(len(real) + len(context), rows.values.shape[1])

    def one(k: int, train: Rows, stop: Rows | None, plan: Plan, seed: int) -> int:
        return _fit_one(model.nets[k], train, stop, (real, context), settings, plan, seed, recorder, single)

    return fit_members(model.members, rows, held, settings, deadline, seed, "member", one)


def _fit_one(
    net: Network, rows: Rows, held: Rows | None, columns: tuple[list[int], list[int]], settings: Settings, plan: Plan,
    seed: int, recorder: Recorder, single: bool,
) -> int:  # fmt: skip
    """Train one flow; the number of steps that were best."""
    real, other = columns
    width = _settle_margins(net, rows, real, other, settings.noise)
    if single:
        net.layers.float()

    def loss(batch: Tensor, random: torch.Generator) -> Tensor:
        noise = torch.rand(len(batch), len(real), generator=random, dtype=torch.float64) - 0.5
        score: Tensor = net(batch[:, real] + noise * width, batch[:, other])
        return -score.mean()

    score = None if held is None else _score(net, held, real, other)
    steps = fit_one(net, loss, rows, score, settings, plan, seed, recorder, blind=BLIND)
    net.double()
    return steps


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

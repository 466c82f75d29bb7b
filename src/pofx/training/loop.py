"""One loop for everything that is trained by gradients: the loss is passed in, and neither knows the other.

Rows and noise of a step are functions of the seed and the step, so a fit that was interrupted goes on from its
checkpoint to the same numbers. The best weights by validation are the result (early stopping; Prechelt 1998); with an
average, the averaged weights are what is validated and kept. Gradients are clipped by norm (Pascanu et al. 2013).
Limit: a fit under a time budget depends on the machine's speed, and so is not repeated exactly. Cost beside the loss:
one copy of the weights a step, to go back to, and the sum of squares of the gradient.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from pofx.errors import FitError
from pofx.runs.files import make_folder
from pofx.training.batches import Batches
from pofx.training.checkpoint import identity
from pofx.training.denormals import flushed
from pofx.training.device import Loss
from pofx.training.fit import Fit, Validation
from pofx.training.history import History, HistoryFile
from pofx.training.interrupts import Interrupts
from pofx.training.plan import Plan
from pofx.training.processes import join
from pofx.training.randomness import borrowed
from pofx.training.recipe import Recipe
from pofx.training.recorder import SILENT, Recorder
from pofx.training.report import Report
from pofx.training.saver import Saver
from pofx.training.schedule import Pace
from pofx.training.state import State
from pofx.training.step import Step


def minimise(
    module: nn.Module,
    loss: Loss,
    values: Tensor,
    *,
    recipe: Recipe,
    plan: Plan,
    seed: int,
    validation: Validation | None = None,
    weights: Tensor | None = None,
    recorder: Recorder = SILENT,
    note: Callable[[float], str] | None = None,
    checkpoint: Path | None = None,
    history: Path | None = None,
    checkpoint_seconds: float = 15.0,
) -> History:
    """Trains `module` to a small `loss` over the rows of `values`; it ends in eval mode, with the weights to be used.

    Args:
        module: what is trained: its parameters that require gradients. It goes to the recipe's device and back; what
            `loss` and `validation` use beside it must be there too. Buffers are to be changed in place.
        loss: of the rows of one batch, and a generator on their device for its noise: mean nats a row, a scalar.
        values: all training rows, `[n, ...]`.
        recipe: the hyper-parameters.
        plan: the time budget, kept to one step, validations and all but the last checkpoint in it; at least one step
            is made. A compiler's time counts.
        seed: the same seed, rows and recipe give the same weights, on the same machine without a budget.
        validation: loss on held-out rows, nats a row, or its terms by name, which add up to it; called without
            gradients, in eval mode, on averaged weights; in the first process, or in all if they share="shards".
        weights: `[n]`; rows are drawn in proportion.
        recorder: is told of the steps.
        note: how to show a loss, e.g. as bits per dimension.
        checkpoint: a file to go on from if it is there, and to write every `checkpoint_seconds`, at Ctrl-C and at the
            end; the plan's when None. A fit whose checkpoint says that it has ended is not trained further.
        history: a file that gets a JSON line at each validation; the plan's when None.

    Raises:
        FitError: a loss or gradient that is not finite, or a fit that ends worse than it began. The module has the last
            weights of a finite loss.
        StoreError: a checkpoint of another fit, a damaged one, or one that cannot be written.
    """
    since, deadline = time.monotonic(), plan.deadline()
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise FitError("this network has no parameter to train")
    checkpoint, history = checkpoint or plan.checkpoint, history or plan.history
    if plan.folder is not None:
        make_folder(plan.folder)
    processes, home = join(recipe.device, recipe.share), next(module.parameters()).device
    asked = {} if checkpoint is None else identity(recipe, seed, values, weights)
    batches = Batches(len(values), recipe.batch, seed, weights)
    try:
        with (
            borrowed(processes.device),
            flushed(),
            Interrupts() as interrupts,
            processes.placed(module, lambda: loss(*_few(values, processes.device, seed))),
        ):
            state, first = State(module, recipe, processes.layout), processes.rank == 0
            saver = Saver(state, checkpoint, asked, checkpoint_seconds, processes)
            return Fit(
                state,
                Step(
                    state,
                    loss,
                    values,
                    recipe=recipe,
                    batches=batches,
                    seed=seed,
                    processes=processes,
                    interrupts=interrupts,
                ),
                Pace(recipe.steps, deadline, state.progress, since),
                saver,
                recipe=recipe,
                validation=validation,
                report=Report(recorder if first else SILENT, note),
                file=HistoryFile(history if first else None, state.checks),
                processes=processes,
                interrupts=interrupts,
            ).run()
    finally:
        module.to(home).eval()


def _few(values: Tensor, device: torch.device, seed: int) -> tuple[Tensor, torch.Generator]:
    """Rows enough for a trial of the loss, and noise for it."""
    return values[:2].to(device), torch.Generator(device).manual_seed(seed)

"""One gradient step: rows, noise, loss, gradient, a look whether all is finite, and the move, whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pofx.training.batches import Batches
from pofx.training.device import Loss, Objective, settled
from pofx.training.divergence import not_finite
from pofx.training.interrupts import Interrupts
from pofx.training.processes import Alone
from pofx.training.randomness import Noise
from pofx.training.recipe import Recipe
from pofx.training.schedule import learning_rate
from pofx.training.state import State


class Step:
    """What makes a step of a state, in one of the processes."""

    def __init__(
        self,
        state: State,
        loss: Loss,
        values: Tensor,
        *,
        recipe: Recipe,
        batches: Batches,
        seed: int,
        processes: Alone,
        interrupts: Interrupts,
    ) -> None:
        self._state, self._recipe, self._batches = state, recipe, batches
        self._processes, self._interrupts, self._layout = processes, interrupts, processes.layout
        self._values = settled(values, processes.device)
        self._noise = Noise(seed, processes.device, processes.rank)
        self._objective: nn.Module = Objective(state.module, loss, processes.device, recipe.precision == "bf16")
        self._loss: Callable[[Tensor, torch.Generator], Tensor] = self._objective

    def prepare(self) -> str:
        """Compiles the loss if asked to, and wraps it for several processes; what there is to say of it."""
        said, objective = "", self._objective
        if self._recipe.compile:
            rows, generator, _ = self._batch()
            objective, said = self._processes.compiled(objective, rows, generator)
        self._loss = self._processes.wrap(objective)
        return said

    def __call__(self, progress: float) -> None:
        """Makes the next step, at that progress of the fit.

        Raises:
            FitError: the loss or the gradient is not finite; the weights are then the last of a finite loss.
        """
        state = self._state
        rate = learning_rate(self._recipe, state.done, progress)
        rows, generator, share = self._batch()
        for parameter in state.parameters:
            parameter.grad = None
        loss = self._loss(rows, generator)
        loss = loss if share == 1 else loss * share
        loss.backward()
        gradients = [parameter.grad for parameter in state.parameters if parameter.grad is not None]
        norm = self._layout.norm(gradients)
        value = self._processes.mean(float(loss.detach()))
        if not (math.isfinite(value) and math.isfinite(norm)):
            state.buffers.restore()
            if not math.isfinite(value):
                state.good.restore()
            raise not_finite(state.done + 1, value, norm, rate, self._recipe.learning_rate)
        with self._interrupts.held():
            if self._recipe.clip and norm > self._recipe.clip:
                torch._foreach_mul_([*map(self._layout.here, gradients)], self._recipe.clip / norm)
            state.move(value, rate, progress)

    def _batch(self) -> tuple[Tensor, torch.Generator, float]:
        rows, share = self._processes.part(self._batches.rows(self._state.done))
        batch = self._values.index_select(0, rows.to(self._values.device))
        return batch.to(self._processes.device, non_blocking=True), self._noise.at(self._state.done), share

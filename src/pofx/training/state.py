"""Everything that the next step of a fit depends on, and its way to a checkpoint and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from pofx.training.averaging import Average, Copy
from pofx.training.checkpoint import Saved
from pofx.training.history import Check, check_of
from pofx.training.layout import Layout
from pofx.training.optimisers import Optimisers
from pofx.training.recipe import Recipe


def network(module: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of a module by name, each once. Layers are expected to change buffers in place."""
    return dict([*module.named_parameters(), *module.named_buffers()])


class State:
    """A network in training, its optimisers, copies and counters."""

    def __init__(self, module: nn.Module, recipe: Recipe, layout: Layout) -> None:
        self.module, self._layout = module, layout
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.optimisers = Optimisers(module, recipe, layout)
        here = [layout.here(parameter) for parameter in self.parameters]
        self.average = Average(here, recipe.average) if recipe.average else None
        self.good = Copy(here)  # the weights of the last step whose loss was finite
        self.buffers = Copy(list(module.buffers()))  # as they were between two steps: the loss itself changes some
        self.best: Copy | None = None  # the weights of the best validation
        self.best_step, self.best_value, self.idle = 0, math.inf, 0
        self.done, self.progress, self.seconds, self.rate = 0, 0.0, 0.0, 0.0
        self.losses: list[float] = []
        self.checks: list[Check] = []
        self.stopped = ""

    def recent(self) -> float | None:
        """Mean training loss since the last check; None before the first step."""
        since = self.losses[self.checks[-1].step if self.checks else 0 :]
        return sum(since) / len(since) if since else None

    def move(self, loss: float, rate: float, progress: float) -> None:
        """A step along the gradients at that learning rate and progress."""
        self.good.take()
        self.optimisers.step(rate)
        self.done += 1
        self.rate, self.progress = rate, progress
        self.losses.append(loss)
        if self.average is not None:
            self.average.update(self.done)
        self.buffers.take()

    def compare(self, value: float) -> None:
        """Keeps the weights, as they are now, if their validation is the best so far."""
        if self.best is None or value < self.best_value:
            self.best = self.best or self._copy()
            self.best.take()
            self.best_step, self.best_value, self.idle = self.done, value, 0
        else:
            self.idle += 1

    def _copy(self) -> Copy:
        return Copy([self._layout.here(tensor) for tensor in network(self.module).values()])

    def checked(self) -> int:
        """The step of the last check; -1 without one."""
        return self.checks[-1].step if self.checks else -1

    def start(self) -> float:
        """The loss of the untrained network."""
        first = self.checks[0].validation if self.checks else None
        return first if first is not None else self.losses[0] if self.losses else math.inf

    def settle(self) -> None:
        """Makes the weights those to be used: the best, or the averaged, or the last.

        If time was up before any validation after the start, the start is not taken for the best.
        """
        if self.best is not None and (self.checked() > 0 or self.done == 0):
            self.best.restore()
        elif self.average is not None:
            self.average.restore()

    # To a checkpoint and back ---------------------------------------------------------------------------------------

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The state that is tensors, by name, each whole; where the network is parted, all processes are to go on."""
        here, gather = self._layout.here, self._layout.gather
        live = network(self.module)
        for part, tensors in (("module", live), ("optimiser", self.optimisers.tensors())):
            for name, tensor in tensors.items():
                yield f"{part}.{name}", gather(here(tensor), tensor)
        if self.average is not None:
            for k, (kept, parameter) in enumerate(zip(self.average.kept, self.parameters, strict=True)):
                yield f"average.{k}", gather(kept, parameter)
        if self.best is not None:
            for kept, (name, tensor) in zip(self.best.kept, live.items(), strict=True):
                yield f"best.{name}", gather(kept, tensor)
        yield "losses", torch.tensor(self.losses, dtype=torch.float64)

    def numbers(self) -> dict[str, Any]:
        """The state that is numbers and words."""
        names = ("best_step", "best_value", "idle", "done", "progress", "seconds", "rate", "stopped")
        return {**{name: getattr(self, name) for name in names}, "checks": [asdict(check) for check in self.checks]}

    def load(self, saved: Saved) -> None:
        """Takes back what `tensors` and `numbers` gave."""
        for name, value in saved.numbers.items():
            setattr(self, name, [check_of(record) for record in value] if name == "checks" else value)
        self.losses = saved.tensors["losses"].tolist()
        live = network(self.module)
        self._fill(map(self._layout.here, live.values()), live, saved.part("module"))
        self.good.take()
        self.buffers.take()
        self.optimisers.load(saved.part("optimiser"))
        if self.average is not None:
            numbered = {str(k): parameter for k, parameter in enumerate(self.parameters)}
            self._fill(self.average.kept, numbered, saved.part("average"))
        if best := saved.part("best"):
            self.best = self._copy()
            self._fill(self.best.kept, live, best)

    def _fill(self, parts: Iterable[Tensor], like: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
        """Takes over whole values by name: parts of tensors that lie as those in `like` do."""
        for part, (name, tensor) in zip(parts, like.items(), strict=True):
            part.copy_(self._layout.here(self._layout.spread(values[name], tensor)))

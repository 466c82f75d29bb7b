"""One process, or many that train together, each with its part of every batch.

Under `torchrun` (WORLD_SIZE above one) Lightning Fabric starts the process group and wraps the loss in
DistributedDataParallel, on one machine or many; the gradients are averaged so that a step is that of one process with
the whole batch, up to rounding, except that each process draws the noise of its own rows. Only the first process
writes files and reports. Limit: the whole state is in each process (no FSDP). Without WORLD_SIZE, Fabric is never
imported.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pofx.errors import FitError, MissingExtra
from pofx.training.device import choose

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Alone:
    """One process."""

    rank, world = 0, 1

    def __init__(self, device: str) -> None:
        self.device = choose(device)

    def wrap(self, objective: nn.Module) -> nn.Module:
        """What to call for the loss."""
        return objective

    def part(self, rows: Tensor) -> tuple[Tensor, float]:
        """The rows of this process, and the factor that makes its mean loss its part of the whole one."""
        return rows, 1.0

    def mean(self, value: float) -> float:
        """The mean over all processes."""
        return value

    def first(self, value: float) -> float:
        """What the first process has; not NaN."""
        return value


class Together(Alone):
    """One of several processes that `torchrun` started."""

    def __init__(self, device: str) -> None:
        try:
            from lightning_fabric import Fabric
        except ImportError:
            raise MissingExtra("training", "lightning-fabric") from None
        world = int(os.environ["WORLD_SIZE"])
        here = int(os.environ.get("LOCAL_WORLD_SIZE", world))
        kind = choose(device).type
        self._fabric: Fabric = Fabric(accelerator=kind, devices=here, num_nodes=world // here, strategy="ddp")
        self._fabric.launch()
        self.rank, self.world, self.device = self._fabric.global_rank, self._fabric.world_size, self._fabric.device

    def wrap(self, objective: nn.Module) -> nn.Module:
        wrapped: nn.Module = self._fabric.setup_module(objective)
        return wrapped

    def part(self, rows: Tensor) -> tuple[Tensor, float]:
        if len(rows) < self.world:
            raise FitError("a batch has fewer rows than there are processes", got=f"{len(rows)} rows, {self.world}")
        mine = rows[self.rank :: self.world]
        return mine, len(mine) * self.world / len(rows)

    def mean(self, value: float) -> float:
        return self._sum(value) / self.world

    def first(self, value: float) -> float:
        return self._sum(value if self.rank == 0 else 0.0)

    def _sum(self, value: float) -> float:
        total: Any = torch.tensor(value, dtype=torch.float64, device=self.device)
        return float(self._fabric.all_reduce(total, reduce_op="sum"))


def join(device: str) -> Alone:
    """The processes that this one belongs to."""
    return Together(device) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else Alone(device)

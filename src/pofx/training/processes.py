"""One process, or many that train together, each with its part of every batch.

Under `torchrun` (WORLD_SIZE above one) Lightning Fabric starts the process group and wraps the loss in
DistributedDataParallel, on one machine or many; the gradients are averaged so that a step is that of one process with
the whole batch, up to rounding, except that each process draws the noise of its own rows. Only the first process
writes files and reports. Each process holds the whole state, unless it is to be sharded (shards.py). Without
WORLD_SIZE, Fabric is never imported.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pofx.errors import FitError, MissingExtra
from pofx.training.device import choose, compiled
from pofx.training.layout import Layout
from pofx.training.recipe import Share

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Alone:
    """One process."""

    rank, world = 0, 1
    parted = False  # whether the state of a fit is whole in no process
    layout = Layout()

    def __init__(self, device: str) -> None:
        self.device = choose(device)

    @contextlib.contextmanager
    def placed(self, module: nn.Module, trial: Callable[[], Tensor]) -> Iterator[None]:
        """Inside, the network is on the device, ready to be trained on losses such as `trial`."""
        module.to(self.device)
        yield

    def compiled(self, objective: nn.Module, rows: Tensor, generator: torch.Generator) -> tuple[nn.Module, str]:
        """The objective compiled, and what there is to say of it."""
        return compiled(objective, rows, generator)

    def wrap(self, objective: nn.Module) -> Callable[[Tensor, torch.Generator], Tensor]:
        """What to call for the loss."""
        return objective

    def validate(self, validation: Callable[[], Any]) -> Any:
        """What it gives in the first process; anything elsewhere."""
        return validation()

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
        nodes = world // here
        self._fabric: Fabric = Fabric(accelerator=kind, devices=here, num_nodes=nodes, strategy=self._strategy(world))
        self._fabric.launch()
        self.rank, self.world, self.device = self._fabric.global_rank, self._fabric.world_size, self._fabric.device

    def _strategy(self, world: int) -> Any:
        return "ddp_find_unused_parameters_true"  # else a loss that leaves some weights out fails

    def wrap(self, objective: nn.Module) -> Callable[[Tensor, torch.Generator], Tensor]:
        wrapped: nn.Module = self._fabric.setup_module(objective)
        return wrapped

    def validate(self, validation: Callable[[], Any]) -> Any:
        return validation() if self.rank == 0 else 0.0

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


def join(device: str, share: Share) -> Alone:
    """The processes that this one belongs to."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Alone(device)
    return Together(device) if share == "copies" else _sharded(device)


def _sharded(device: str) -> Alone:
    try:
        from pofx.training.shards import Sharded
    except ImportError as error:
        if "lightning" in str(error):
            raise MissingExtra("training", "lightning-fabric") from None
        needed = "torch 2.11 or later, with torch.distributed"
        raise FitError("this torch cannot shard a network", got=str(error)[:120], expected=needed) from None
    return Sharded(device)

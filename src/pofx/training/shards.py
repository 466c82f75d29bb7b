"""Fully sharded training: each process keeps its part of every weight, and all meet only where a layer is computed.

Rajbhandari et al. 2020, "ZeRO" (stage 3); Zhao et al. 2023, "PyTorch FSDP". Lightning Fabric starts the processes and
their mesh (ModelParallelStrategy), torch's `fully_shard` does the rest, over gloo on CPUs and nccl on CUDA devices.

Split over the processes: weights between two uses, gradients, moments of the optimisers, averaged, good and best
copies. Whole on the device for a while: the layers being computed, with their gradients; each matrix that Muon moves;
with bf16 a copy of every weight in bfloat16, from the forward pass to the backward one. Whole in every process:
activations of its rows, buffers, and, where the network was built (the host), the weights as they were before the fit.
A checkpoint is whole in the host memory of the first process when written, and of every process when read.

A layer is a part of at least `LAYER` numbers that is only read inside its own `forward`: a trial of the loss tells, and
where that fails all weights are one layer, and meet at once. Limits: no parameters without dimensions; the validation
is called in every process; torch.compile is left out. After an error that may not be in all processes, Ctrl-C too, no
checkpoint is written and the weights are those before the fit; the checkpoint before stays. CUDA is untested so far.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from pofx.errors import FitError, PofxError
from pofx.training.device import first_line
from pofx.training.layers import Before, Gate, split
from pofx.training.layout import Layout
from pofx.training.processes import Together

REMEDY = "share='copies'"
LAYER = 1 << 16  # numbers: smaller layers would meet too often


class Shards(Layout):
    """Each process holds some rows of each parameter; buffers are whole."""

    def here(self, tensor: Tensor) -> Tensor:
        part: Tensor = tensor.detach()
        return part.to_local() if isinstance(part, DTensor) else part

    def gather(self, part: Tensor, of: Tensor) -> Tensor:
        if not isinstance(of, DTensor):
            return part
        mesh, places = of.device_mesh, of.placements
        there = DTensor.from_local(part, mesh, places, run_check=False, shape=of.shape, stride=of.stride())
        return there.full_tensor()

    def spread(self, whole: Tensor, of: Tensor) -> Tensor:
        if not isinstance(of, DTensor):
            return whole
        return distribute_tensor(whole.to(of.device), of.device_mesh, of.placements, src_data_rank=None)


class Sharded(Together):
    """One of several processes that each keep their part of the network."""

    parted = True
    layout = Shards()
    _gate: nn.Module
    _buffers: list[Tensor]

    def _strategy(self, world: int) -> Any:
        return ModelParallelStrategy(split, data_parallel_size=world, tensor_parallel_size=1)

    @contextlib.contextmanager
    def placed(self, module: nn.Module, trial: Callable[[], Tensor]) -> Iterator[None]:
        for tensor in [*module.parameters(), *module.buffers()]:
            _first_for_all(tensor.data, self.device)
        before = Before(module)
        try:
            self._shard(module, before, trial)
            self._buffers = list(module.buffers())
            try:
                yield
            except FitError:  # in all processes alike
                self._end(before)
                raise
            self._end(before)
        finally:
            before.restore()

    def _end(self, before: Before) -> None:
        self._same_buffers()
        before.take(self.layout)

    def _same_buffers(self) -> None:
        for buffer in self._buffers:
            _first_for_all(buffer, self.device)

    def _shard(self, module: nn.Module, before: Before, trial: Callable[[], Tensor]) -> None:
        """Layer by layer if the trial goes well, or else as one."""
        module.train()
        for least in (LAYER, None):
            try:
                self._gate = self._fabric.setup_module(Gate(module, before, least))
                self._gate(trial).backward()
                if before.untouched():
                    return
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, ValueError, AssertionError, NotImplementedError) as error:
                if least is None:
                    raise error if isinstance(error, PofxError) else _refused(error) from error
            finally:
                before.quiet()
            before.restore()
        raise FitError("this network cannot be sharded", got="a loss that uses copies of it", remedy=REMEDY)

    def compiled(self, objective: nn.Module, rows: Tensor, generator: torch.Generator) -> tuple[nn.Module, str]:
        return objective, "not compiled: the network is sharded"

    def wrap(self, objective: nn.Module) -> Callable[[Tensor, torch.Generator], Tensor]:
        def through(rows: Tensor, generator: torch.Generator) -> Tensor:
            self._same_buffers()  # as DistributedDataParallel does
            loss: Tensor = self._gate(objective, rows, generator)
            return loss

        return through

    def validate(self, validation: Callable[[], Any]) -> Any:
        try:
            return self._gate(validation)
        except RuntimeError as error:
            if "DTensor" not in str(error):
                raise
            raise _refused(error) from error


@torch.no_grad()
def _first_for_all(tensor: Tensor, device: torch.device) -> None:
    """Makes a tensor what it is in the first process."""
    if tensor.numel() == 0:
        return
    there = tensor.to(device).contiguous()
    distributed.broadcast(there.view(-1).view(torch.uint8), 0)
    if there is not tensor:
        tensor.copy_(there)


def _refused(error: Exception) -> FitError:
    return FitError("this network cannot be sharded", got=first_line(error), remedy=REMEDY)

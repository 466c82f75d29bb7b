"""Where a network is trained, in which precision, and whether compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from pofx.errors import FitError
from pofx.training.averaging import Copy

Loss = Callable[[Tensor, torch.Generator], Tensor]
PART_OF_MEMORY = 0.25  # of what is free on the device: rows that fit in it are moved there once


def choose(name: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is one, and otherwise the CPU."""
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        return torch.empty(1, device=name).device  # with its number
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:120]
        raise FitError("this device cannot be used", got=f"{name}: {reason}", remedy="device='auto'") from None


def settled(values: Tensor, device: torch.device) -> Tensor:
    """The rows, on the device if they fit there easily, else where they are."""
    if device.type != "cuda" or values.nbytes > PART_OF_MEMORY * torch.cuda.mem_get_info(device)[0]:
        return values
    return values.to(device)


class Objective(nn.Module):
    """The loss as a module, in the precision asked for: what wrappers such as DistributedDataParallel take."""

    def __init__(self, module: nn.Module, loss: Loss, device: torch.device, half: bool) -> None:
        super().__init__()
        self.module, self.loss, self._kind, self._half = module, loss, device.type, half

    def forward(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        if not self._half:
            return self.loss(rows, generator)
        with torch.autocast(self._kind, dtype=torch.bfloat16):
            return self.loss(rows, generator)


def compiled(objective: nn.Module, rows: Tensor, generator: torch.Generator) -> tuple[nn.Module, str]:
    """The objective compiled, after a trial on these rows that leaves no trace; or as it was, and why."""
    before = Copy([*objective.parameters(), *objective.buffers()])
    try:
        faster = cast("nn.Module", torch.compile(objective))
        faster(rows, generator).backward()
    except Exception as error:  # noqa: BLE001  # whatever the compiler fails with, the fit can go on
        return objective, f"torch.compile failed, going on without: {first_line(error)}"
    finally:
        before.restore()
        objective.zero_grad()
    return faster, "compiled"


def first_line(error: Exception) -> str:
    """What an error says, in one short line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:160]

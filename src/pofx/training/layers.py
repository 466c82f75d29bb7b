"""Which parts of a network are sharded on their own, and the way back to the network as it was.

torch's `fully_shard` changes a module for good: its class, its parameters, its hooks, a registry of modules. So it is
given twins of the layers, which stand in their places for the time of a fit, and everything else is noted before.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.utils._pytree import tree_map_only

from pofx.training.layout import Layout

TABLES = tuple(name for name, value in vars(nn.Module()).items() if isinstance(value, dict))  # of parameters, hooks ...


class Gate(nn.Module):
    """What every use of the weights goes through: around it those that are in no layer meet, and part again."""

    def __init__(self, module: nn.Module, before: Before, least: int | None) -> None:
        super().__init__()
        self.module, self.before, self.least = module, before, least

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


class Before:
    """A network before it was sharded, to be brought back with other numbers in it."""

    def __init__(self, module: nn.Module) -> None:
        self._module, self._parameters = module, dict(module.named_parameters())
        self._numbers = {name: parameter.data for name, parameter in self._parameters.items()}
        self._gradients = {name: parameter.grad for name, parameter in self._parameters.items()}
        self._buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
        self._tables = [
            (part, {name: copy.copy(vars(part)[name]) for name in TABLES}, set(vars(part))) for part in module.modules()
        ]

    def home(self) -> None:
        """Leaves the numbers where they were before `fully_shard` moved them to the device."""
        for name, parameter in self._parameters.items():
            parameter.data = self._numbers[name]

    def untouched(self) -> bool:
        """Whether nobody used the parameters that were put aside."""
        return all(parameter.grad is self._gradients[name] for name, parameter in self._parameters.items())

    @torch.no_grad()
    def quiet(self) -> None:
        """Removes the traces of a trial."""
        self._module.zero_grad()
        for buffer, value in self._buffers:
            buffer.copy_(value)

    @torch.no_grad()
    def take(self, layout: Layout) -> None:
        """Takes over the numbers of the sharded parameters, one whole tensor after the other."""
        for name, parameter in self._module.named_parameters():
            self._numbers[name].copy_(layout.gather(layout.here(parameter), parameter))

    def restore(self) -> None:
        """Brings the parts of the network back, without what sharding hung on them."""
        for part, tables, names in self._tables:
            for name, table in tables.items():
                live = vars(part)[name]
                live.clear()
                live.update(table)
            for name in [name for name in vars(part) if name not in names and "fsdp" in name]:
                delattr(part, name)
        for name, parameter in self._parameters.items():
            parameter.data, parameter.grad = self._numbers[name], self._gradients[name]


def split(gate: Gate, mesh: Any) -> Gate:
    """Shards the layers, inner ones first, and then what is left. Layers are twins: theirs is a class of FSDP's."""
    for parent, name, part in [] if gate.least is None else _layers(gate.module, gate.least):
        twin = _twin(part)
        setattr(parent, name, twin)
        fully_shard(twin, mesh=mesh["data_parallel"])
        gate.before.home()
    fully_shard(gate, mesh=mesh["data_parallel"], reshard_after_forward=True)
    gate.before.home()
    return gate


def _layers(module: nn.Module, least: int) -> list[tuple[nn.Module, str, nn.Module]]:
    """Parts with that many numbers outside of layers in them, as parent, name and part, inner ones first."""
    uses = Counter(id(parameter) for _, parameter in module.named_parameters(remove_duplicate=False))
    found: list[tuple[nn.Module, str, nn.Module]] = []

    def rest(part: nn.Module) -> int:
        if isinstance(part, nn.MultiheadAttention):  # reads the weights of its parts itself
            return sum(parameter.numel() for parameter in part.parameters())
        left = sum(parameter.numel() for parameter in part.parameters(recurse=False))
        for name, child in part.named_children():
            more = rest(child)
            called = type(child).forward is not nn.Module.forward
            if more >= least and called and all(uses[id(parameter)] == 1 for parameter in child.parameters()):
                found.append((part, name, child))
                more = 0
            left += more
        return left

    rest(module)
    return found


def _twin(part: nn.Module) -> nn.Module:
    """Another module with the same parts, none of whose outputs is a view."""
    twin = copy.copy(part)
    vars(twin).update({name: copy.copy(vars(part)[name]) for name in TABLES})
    twin.register_forward_hook(lambda _, given, output: tree_map_only(Tensor, _own, output))
    return twin


def _own(output: Tensor) -> Tensor:
    """Changed in place, a view would lose the hook by which the weights of its layer meet again for its gradient."""
    return output if output._base is None else output.clone()

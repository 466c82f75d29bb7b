"""AdamW for everything, or Muon for the hidden weight matrices and AdamW for the rest.

AdamW: Loshchilov & Hutter 2019. Muon: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon: the momentum of a
matrix is replaced by the nearest orthogonal matrix, roughly, by five Newton-Schulz steps; kernels of convolutions are
matrices of outputs by the rest. Its steps are scaled to AdamW's typical size (Liu et al. 2025, "Muon is scalable for
LLM training"), so that one learning rate serves both. Limit: which matrices are hidden is told by their order, all but
the first and the last, and not embeddings, unless the module says it itself, by a method `hidden_matrices`. Cost of
Muon: about 15 products of each matrix with itself a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from pofx.training.layout import Layout
from pofx.training.recipe import Recipe

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of x, x^3, x^5: steepest at zero, singular values end in about [0.7, 1.2]
ROUNDS = 5
ADAMW_SIZE = 0.2  # root mean square of a typical AdamW step, in learning rates


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values moved near one, `[a, b]`."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
    x: Tensor = wide / wide.norm().clamp_min(torch.finfo(wide.dtype).tiny)
    one, three, five = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = one * x + (three * square + five * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.mT


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised. For parameters of two or more dimensions."""

    def __init__(
        self, parameters: Iterable[Tensor], *, lr: float, weight_decay: float, layout: Layout | None = None
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self._layout = layout or Layout()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["lr"], group["weight_decay"])

    def _move(self, parameter: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        part = gradient.lerp(momentum, MOMENTUM)  # Nesterov's
        ahead = self._layout.gather(self._layout.here(part), parameter).flatten(1)
        size = ADAMW_SIZE * max(ahead.shape) ** 0.5
        move = self._layout.spread(orthogonalised(ahead).view(parameter.shape), parameter)
        parameter.mul_(1 - rate * decay)
        parameter.add_(move, alpha=-rate * size)


@runtime_checkable
class Known(Protocol):
    """A module that says which of its matrices are hidden."""

    def hidden_matrices(self) -> list[Tensor]: ...


class Optimisers:
    """The optimisers of a module as one: a step, and a state that is tensors by name."""

    def __init__(self, module: nn.Module, recipe: Recipe, layout: Layout | None = None) -> None:
        self._layout = layout or Layout()
        parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        hidden = hidden_matrices(module) if recipe.optimiser == "muon" else []
        rest = _without(parameters, hidden)
        matrices = [parameter for parameter in rest if parameter.ndim >= 2]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": _without(rest, matrices), "weight_decay": 0.0},
        ]
        fused = all(parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda") for parameter in rest)
        self._parts: list[torch.optim.Optimizer] = []
        if groups := [group for group in groups if group["params"]]:
            self._parts.append(torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=fused))
        if hidden:
            self._parts.append(
                Muon(hidden, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, layout=self._layout)
            )

    def step(self, rate: float) -> None:
        """Moves the parameters along their gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the next steps depend on, as it lies."""
        return {
            f"{k}.{index}.{name}": value
            for k, part in enumerate(self._parts)
            for index, state in part.state_dict()["state"].items()
            for name, value in state.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes back what `tensors` gave, whole."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self._parts]
        for key, value in tensors.items():
            k, index, name = key.split(".", 2)
            states[int(k)].setdefault(int(index), {})[name] = value
        for part, state in zip(self._parts, states, strict=True):
            parameters = [parameter for group in part.param_groups for parameter in group["params"]]
            lying = {
                number: {what: self._lying(value, parameters[number]) for what, value in named.items()}
                for number, named in state.items()
            }
            part.load_state_dict({**part.state_dict(), "state": lying})

    def _lying(self, value: Tensor, parameter: Tensor) -> Tensor:
        return self._layout.spread(value, parameter) if value.shape == parameter.shape else value  # a count of steps


def hidden_matrices(module: nn.Module) -> list[Tensor]:
    """The weights that Muon takes: of two or more dimensions, neither the first nor the last, and no embedding."""
    if isinstance(module, Known):
        return module.hidden_matrices()
    embeddings = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    matrices = [
        parameter
        for parameter in module.parameters()
        if parameter.requires_grad and parameter.ndim >= 2 and id(parameter) not in embeddings
    ]
    return list(matrices[1:-1])


def _without(parameters: list[Tensor] | list[nn.Parameter], taken: list[Tensor]) -> list[Tensor]:
    known = {id(parameter) for parameter in taken}
    return [parameter for parameter in parameters if id(parameter) not in known]

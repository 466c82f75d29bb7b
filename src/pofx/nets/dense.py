"""Fully connected networks."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class Dense(nn.Module):
    """Hidden layers with SiLU, and a linear layer on top where `outputs` is given; `[n, ...] -> [n, width]`.

    Args:
        inputs: numbers a row, however they are arranged.
        outputs: of the linear layer on top; None leaves it out.
        hidden, depth: units of each hidden layer, and how many there are; without any it is a linear map.
        bias: whether the layer on top has a bias.
        norm: whether each hidden layer is normalised (Ba et al. 2016), which pays in wide networks.
    """

    def __init__(
        self, inputs: int, outputs: int | None = None, *, hidden: int = 0, depth: int = 0, bias: bool = True,
        norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = [inputs, *[hidden] * depth]
        layers: list[nn.Module] = [nn.Flatten()]
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), *([nn.LayerNorm(b)] if norm else []), nn.SiLU()]
        if outputs is not None:
            layers.append(nn.Linear(widths[-1], outputs, bias=bias))
        self.layers = nn.Sequential(*layers)
        self.width = widths[-1] if outputs is None else outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y

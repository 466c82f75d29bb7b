"""Convolutions whose first weights come from a generator that is handed over, and a residual body made of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, silu


class Conv(nn.Module):
    """A convolution with an odd kernel that keeps the size, `[n, inputs, H, W] -> [n, outputs, H, W]`.

    Args:
        inputs, outputs: channels.
        kernel: height and width of the kernel.
        random: of the first weights.
        gain: of the first weights; 1 keeps the spread of the inputs, 0 begins at nothing.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, random: torch.Generator, gain: float = 1.0) -> None:
        super().__init__()
        spread = gain / math.sqrt(inputs * kernel * kernel)
        self.weight = nn.Parameter(spread * torch.randn(outputs, inputs, kernel, kernel, generator=random))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.pad = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, self.bias, padding=self.pad)


class Body(nn.Module):
    """A first convolution and residual blocks, each a 3 x 3 kernel in half of the channels (He et al. 2016).

    Args:
        inputs, hidden: channels.
        kernel: of the first convolution.
        depth: blocks.
        random: of the first weights.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int, depth: int, random: torch.Generator) -> None:
        super().__init__()
        half = max(hidden // 2, 1)
        self.first = Conv(inputs, hidden, kernel, random)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.SiLU(), Conv(hidden, half, 1, random), nn.SiLU(), Conv(half, half, 3, random), nn.SiLU(),
                Conv(half, hidden, 1, random, 0.3),
            )
            for _ in range(depth)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return silu(x)

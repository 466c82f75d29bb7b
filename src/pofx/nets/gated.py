"""The two stacks of a gated PixelCNN: one looks down the rows above, one along the own row; nothing is blind.

van den Oord et al. (2016b), Conditional image generation with PixelCNN decoders: a layer is `tanh(a) sigmoid(b)`, the
vertical stack feeds the horizontal one and never the other way, so each place sees all rows above as far as the kernels
reach. Changed so that a CPU trains it quickly: the first kernels are wide (`nets.entry`), the vertical stack has half
of the channels, the horizontal one works on half of them, and both have short cuts. Cost O(H W depth hidden^2) a
picture; a walk computes each row of the vertical stack and each place of the horizontal one once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pofx.nets.entry import Entry, EntryWalk
from pofx.nets.reader import Kernel, Reader, Rows, Walk

DOWN, RIGHT = (3, 5), 5  # kernels of the blocks: rows and columns of the vertical stack, columns of the other


class _Gate(torch.autograd.Function):
    """In the layout of its input, which automatic differentiation does not keep, and in fewer passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        a, b = x.chunk(2, 1)
        a, b = torch.tanh(a), torch.sigmoid(b)
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        a, b = ctx.saved_tensors
        both = torch.empty(2 * a.numel(), dtype=a.dtype, device=a.device)
        both = both.view(a.shape[0], *a.shape[2:], 2 * a.shape[1]).movedim(-1, 1)  # channels last
        by_a, by_b = both.chunk(2, 1)
        torch.ops.aten.tanh_backward.grad_input(gradient * b, a, grad_input=by_a)
        torch.ops.aten.sigmoid_backward.grad_input(gradient * a, b, grad_input=by_b)
        return both


def gate(x: Tensor) -> Tensor:
    """`tanh(a) sigmoid(b)` of the two halves of the channels."""
    y: Tensor = _Gate.apply(x)  # type: ignore[no-untyped-call]
    return y


class Block(nn.Module):
    """One layer of both stacks, `[n, half, H, W]` and `[n, hidden, H, W]`."""

    def __init__(self, hidden: int, half: int, random: torch.Generator) -> None:
        super().__init__()
        rows, columns = DOWN
        self.down = Kernel(half, 2 * half, (rows, columns), columns // 2, random)
        self.across = Kernel(half, 2 * half, (1, 1), 0, random)
        self.narrow = Kernel(hidden, half, (1, 1), 0, random)
        self.right = Kernel(half, 2 * half, (1, RIGHT), RIGHT - 1, random)
        self.widen = Kernel(half, hidden, (1, 1), 0, random)

    def forward(self, down: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        down = down + gate(self.down(down))
        beside = self.right(self.narrow(right)) + self.across(down)
        return down, right + self.widen(gate(beside))


class Gated(Reader):
    """The network.

    Args:
        inputs: numbers of a pixel.
        hidden: channels.
        depth: blocks.
        size: height and width.
        told: numbers that are known of each picture.
        random: of the first weights.
    """

    def __init__(
        self, inputs: int, hidden: int, depth: int, size: tuple[int, int], told: int, random: torch.Generator
    ) -> None:
        super().__init__()
        half = max(hidden // 2, 1)
        self.entry = Entry(inputs, hidden, size, told, random)
        self.begin = Kernel(hidden, half, (1, 1), 0, random)
        self.blocks = nn.ModuleList(Block(hidden, half, random) for _ in range(depth))

    @property
    def layers(self) -> Any:  # a list; checkers of types look into lists at random
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(self, known: Tensor, told: Tensor | None) -> Tensor:
        down, right = self.entry(known, told)
        down = self.begin(down)
        for block in self.blocks:
            down, right = block(down, right)
        found: Tensor = right
        return found

    def walk(self, n: int, told: Tensor | None) -> Walk:
        return GatedWalk(self, n, told)


class GatedWalk(Walk):
    """Rows of the vertical stack and places of the horizontal one."""

    def __init__(self, net: Gated, n: int, told: Tensor | None) -> None:
        size = net.entry.stem.size
        self._net, self._row = net, 0
        self._entry = EntryWalk(net.entry, n, told)
        self._down = [Rows(block.down, n, size) for block in net.layers]
        self._right = [Rows(block.right, n, (1, size[1])) for block in net.layers]

    def begin(self, row: int) -> None:
        self._across, down = [], self._net.begin(self._entry.begin(row))  # [n, half, 1, W]
        for block, rows in zip(self._net.layers, self._down, strict=True):
            rows.put_row(row, down[:, :, 0])
            down = down + gate(rows.row(row))[:, :, None]
            self._across.append(block.across(down)[:, :, 0])

    def at(self, column: int) -> Tensor:
        h = self._entry.at(column)
        for block, across, rows in zip(self._net.layers, self._across, self._right, strict=True):
            rows.put(0, column, block.narrow.at(h))
            beside = rows.at(0, column) + across[:, :, column]
            h = h + block.widen.at(gate(beside))
        return h

    def put(self, column: int, known: Tensor) -> None:
        self._entry.put(column, known)

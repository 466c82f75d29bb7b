"""Rows are scored in blocks, so that memory is bounded and no score depends on how many rows were asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 65_536  # rows handed to a model at once; a model that needs n x m scratch splits further


def in_blocks(
    score: Callable[[Tensor, Tensor | None], Tensor], x: Tensor, given: Tensor | None, size: int = BLOCK
) -> Tensor:
    """`score(x, given)` over blocks of rows; `[n, ...] -> [n]`. Gradients flow only if `x` asks for them."""
    keep_graph = torch.is_grad_enabled() and x.requires_grad
    with torch.set_grad_enabled(keep_graph):
        pieces = [
            score(x[start : start + size], None if given is None else given[start : start + size])
            for start in range(0, len(x), size)
        ]
    return torch.cat(pieces) if pieces else x.new_zeros(0)

"""Causal attention of queries to keys and values that came before, and the mask of sequences packed into one row.

Vaswani et al. 2017. Rows may hold several sequences, each of which begins with a start mark: none sees another. Cost
O(t^2 width) a row, by torch's fused kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def seen(tokens: Tensor, start: int) -> Tensor:
    """Which places each place sees where every start mark begins a new sequence, `[n, t] -> [n, 1, t, t]`."""
    number = (tokens == start).cumsum(1)
    same = number[:, :, None] == number[:, None, :]
    return same.tril()[:, None]


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """`[n, heads, t, width]`; all that came before where the mask is None."""
    found: Tensor = functional.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, is_causal=mask is None
    )
    return found


def headed(x: Tensor, heads: int) -> Tensor:
    """`[n, t, heads * width] -> [n, heads, t, width]`."""
    parts: Tensor = x.unflatten(-1, (heads, -1))
    return parts.transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """The inverse of `headed`."""
    return x.transpose(1, 2).flatten(2)


def places(tokens: Tensor, start: int) -> Tensor:
    """The place of each symbol in its own sequence, `[n, t]`, counted from the last start mark or the row's begin."""
    count = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    return count - torch.where(tokens == start, count, 0).cummax(1).values

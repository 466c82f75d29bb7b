"""Occupied cells of a sparse histogram: sorted keys and counts, looked up by binary search. Never a dense array.

A cell is a row of small whole numbers, one an axis. Its key is those digits read as one 64-bit number; where that would
overflow, leading axes are first replaced by the rank of their digits among the cells that occur. Cost O(m log m) to
sort, O(log m) to look one up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROOM = 2**62


def merged(cells: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Different cells in lexicographic order, with their counts added up: `[m, j]` and `[m]`."""
    if not cells.shape[1]:
        return cells[:1], counts.sum()[None] if len(cells) else counts
    keys = joint_keys([cells])[0]
    keys, order = torch.sort(keys, stable=True)
    first = torch.ones_like(keys, dtype=torch.bool)
    first[1:] = keys[1:] != keys[:-1]
    summed = counts.new_zeros(int(first.sum())).index_add_(0, torch.cumsum(first, 0) - 1, counts[order])
    return cells[order[first]], summed


def count_of(cells: Tensor, counts: Tensor, wanted: Tensor) -> Tensor:
    """The count of each wanted cell, 0 where it does not occur; `cells` sorted, `wanted` `[n, j]`."""
    if not len(cells):
        return counts.new_zeros(len(wanted))
    if not cells.shape[1]:
        return counts.sum().expand(len(wanted))
    known, asked = joint_keys([cells, wanted])
    place = torch.searchsorted(known, asked.contiguous()).clamp(max=len(known) - 1)
    return torch.where(known[place] == asked, counts[place], torch.zeros_like(counts[place]))


def joint_keys(groups: list[Tensor]) -> list[Tensor]:
    """One whole number a row such that numbers compare as rows do, across all the given tensors `[n_i, j]`."""
    rows = torch.cat(groups).to(torch.int64)
    sizes = [int(size) for size in (rows.max(0).values + 1)] if len(rows) else [1] * rows.shape[1]
    key, room = rows[:, 0], sizes[0]
    for j in range(1, rows.shape[1]):
        if room > ROOM // sizes[j]:
            ranks, key = torch.unique(key, return_inverse=True)
            room = len(ranks)
        key, room = key * sizes[j] + rows[:, j], room * sizes[j]
    return list(torch.split(key, [len(group) for group in groups]))


def log_ratio(count: Tensor, log_base: Tensor, total: float, smoothing: float) -> Tensor:
    """log((count / base + smoothing) / (total + smoothing)): what the joint cell adds to the product of marginals.

    It is 0 for every cell as smoothing goes to infinity, and -inf in an empty cell without smoothing.
    """
    if math.isinf(smoothing) or total == 0:
        return torch.zeros_like(log_base)
    observed = torch.where(count > 0, torch.log(count) - log_base, torch.full_like(log_base, -torch.inf))
    back_off = math.log(smoothing) if smoothing > 0 else -math.inf
    return torch.logaddexp(observed, torch.full_like(observed, back_off)) - math.log(total + smoothing)

"""The windows in which a long sequence is scored and drawn: which ones, by the index of a symbol alone.

What goes in is the start mark and then the symbols; symbol i is said by the place that holds input i. Window w holds
inputs `w stride .. w stride + context - 1`. The first says its first `context` symbols, each other the last `stride`
places of it, so every symbol sees all before it, or at least the last `context - stride` of them. The rule looks at the
index only: the conditional laws are those of one law, whose total mass is one, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pofx.nets.transformer import Causal
from pofx.spaces.sequence import lengths

NUMBERS = 1 << 25  # of the largest tensors of a block: 256 MB in float64


@dataclass(frozen=True)
class Windows:
    """The rule, for one size."""

    context: int
    stride: int

    def of(self, index: int) -> int:
        """The window that says symbol `index`."""
        return 0 if index < self.context else (index - self.context) // self.stride + 1

    def count(self, length: Tensor) -> Tensor:
        """How many windows sequences of these lengths have."""
        return torch.where(length <= self.context, 1, -((self.context - length) // self.stride) + 1).clamp(min=1)

    def fresh(self, window: Tensor) -> Tensor:
        """Which places say a symbol, `[windows] -> [windows, context]`."""
        place = torch.arange(self.context, device=window.device)
        return (window == 0)[:, None] | (place >= self.context - self.stride)


@torch.no_grad()
def parts(net: Causal, windows: Windows, x: Tensor, values: int) -> Tensor:
    """log p of each symbol given those before, float64 `[n, L]`, 0 where rows are filled up.

    Args:
        net: in the precision it is to compute in.
        windows: the rule.
        x: rows in tensor form.
        values: how many codes may be drawn: with the end mark or without.
    """
    found, long = torch.zeros(x.shape, dtype=torch.float64, device=x.device), lengths(x)
    count = windows.count(long) * (long > 0)
    row = torch.repeat_interleave(torch.arange(len(x), device=x.device), count)
    window = torch.arange(len(row), device=x.device) - (count.cumsum(0) - count)[row]
    inputs = functional.pad(x, (1, 0), value=net.start)[:, : x.shape[1]]
    places = max(1, min(windows.context, x.shape[1]))
    many = max(1, NUMBERS // (places * _numbers(net, places)))
    order = (long[row] - window * windows.stride).argsort(descending=True)  # windows of like lengths together
    for some in order.split(many) if len(order) else ():
        _score(net, windows, (x, inputs, found), row[some], window[some], values)
    return found


def _numbers(net: Causal, places: int) -> int:
    """Numbers that a place takes at once."""
    return max(net.start + 1, 4 * net.width, net.heads * places)


def _score(
    net: Causal, windows: Windows, tensors: tuple[Tensor, Tensor, Tensor], row: Tensor, window: Tensor, values: int
) -> None:
    """Fills in what some windows say."""
    x, inputs, found = tensors
    place = window[:, None] * windows.stride + torch.arange(windows.context, device=x.device)  # [windows, context]
    there = (place < x.shape[1]) & (x[row[:, None], place.clamp(max=x.shape[1] - 1)] >= 0)
    place = place[:, : max(int(there.sum(1).max()), 1)]
    there, fresh = there[:, : place.shape[1]], windows.fresh(window)[:, : place.shape[1]]
    at = (row[:, None].expand_as(place), place.clamp(max=x.shape[1] - 1))
    hidden = net.hidden(inputs[at].clamp(min=0))
    said = there & fresh
    logits = net.head(hidden[said])[:, :values]
    rows, columns = (index[said] for index in at)
    score = torch.log_softmax(logits.double(), -1).gather(-1, x[rows, columns].long()[:, None])[:, 0]
    found[rows, columns] = score

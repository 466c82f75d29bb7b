"""Log-probability of a cell under a mixture of logistic laws, and its slopes, in one pass.

A cell from a to b, in standard units, has log-probability `log sigmoid(b) + log sigmoid(-a) + log(1 - exp(a - b))`, an
identity that neither cancels nor underflows in either tail, so that no approximation by the density is needed. With
`log sigmoid(y) = min(y, 0) - log(1 + exp(-|y|))` and `1 - exp(-u) = 2 t / (1 + t)`, t = tanh(u / 2), the three
logarithms are taken as one. Derivatives are written out: d/da = -sigmoid(a), d/db = sigmoid(-b), d/du =
1 / (exp(u) - 1) = (1 - t) / 2 t, and of a log-sum-exp the shares of its parts; that saves part of what automatic
differentiation does. Limit: differentiable once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import log_softmax

SMALLEST = 0.02  # scale of a logistic, in cells: nothing is gained below, as a cell then holds all of it
WIDEST = 12.0  # the largest log of a scale, in scales of the column
NUMBERS = 1 << 18  # values times components that a block on a CPU has
OPEN = 1e30  # stands for an end at infinity: all beyond it is exactly 0, and no product with it is NaN


class Cells(NamedTuple):
    """Ends of the columns, inclusive or infinite; what locations and scales are counted from and in; `[columns]`."""

    low: Tensor
    high: Tensor
    centre: Tensor
    scale: Tensor


def laws(parameters: Tensor, cells: Cells) -> tuple[Tensor, Tensor, Tensor]:
    """Log shares, locations and scales, `[components, n, columns]` each, of `[3 * components, n, columns]`."""
    share, place, log_scale = parameters.chunk(3)
    spread = SMALLEST + cells.scale * torch.exp(log_scale.clamp(max=WIDEST))
    return log_softmax(share, 0), cells.centre + cells.scale * place, spread


def log_prob(parameters: Tensor, x: Tensor, cells: Cells) -> Tensor:
    """Nats of each whole number, `[3 * components, n, columns]` and `[n, columns]` to `[n, columns]`."""
    score: Tensor = _LogProb.apply(parameters, x, *cells)  # type: ignore[no-untyped-call]
    return score


class _LogProb(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parameters: Tensor, x: Tensor, *cells: Tensor) -> Tensor:
        score = torch.empty_like(x)
        slopes = torch.empty_like(parameters) if ctx.needs_input_grad[0] else None
        for rows in _blocks(parameters):
            part = None if slopes is None else slopes[:, rows]
            score[rows] = _block(parameters[:, rows], x[rows], Cells(*cells), part)
        if slopes is not None:
            ctx.save_for_backward(slopes)
        return score

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradient, None, None, None, None, None


def _blocks(parameters: Tensor) -> list[slice]:
    """The rows that go through at once."""
    n = parameters.shape[1]
    size = max(1, NUMBERS * 3 // max(1, parameters[:, :1].numel())) if parameters.device.type == "cpu" else max(1, n)
    return [slice(start, start + size) for start in range(0, n, size)]


def _block(parameters: Tensor, x: Tensor, cells: Cells, slopes: Tensor | None) -> Tensor:
    """The score of some rows; the derivatives by the parameters go to `slopes`."""
    log_share, place, spread = laws(parameters, cells)
    narrow, gap = 1 / spread, x - place
    first, last = x <= cells.low, x >= cells.high
    above = ((gap + 0.5) * narrow).masked_fill_(last, OPEN)  # the ends of the cell, [components, n, columns]
    below = ((gap - 0.5) * narrow).masked_fill_(first, -OPEN)
    bend = torch.tanh(0.5 * narrow).masked_fill_(first | last, 1.0)
    both = (-above.abs()).exp_().add_(1).mul_((-below.abs()).exp_().add_(1)).mul_(bend + 1)
    each = torch.log((2 * bend).div_(both)).add_(above.clamp(max=0)).sub_(below.clamp(min=0)).add_(log_share)
    score = torch.logsumexp(each, 0)
    if slopes is None:
        return score
    held = each.sub_(score).exp_()  # the share of each component in the value
    by_share, by_place, by_scale = slopes.chunk(3)
    torch.sub(held, log_share.exp_(), out=by_share)
    held *= narrow
    up = torch.sigmoid(-above)
    down = torch.sigmoid(below)
    torch.mul(down - up, held, out=by_place).mul_(cells.scale)
    thick = narrow.mul_(1 - bend).div_(bend).mul_(0.5)
    held *= (spread - SMALLEST).masked_fill_(parameters.chunk(3)[2] > WIDEST, 0.0)
    torch.mul(below.mul_(down).sub_(above.mul_(up)).sub_(thick), held, out=by_scale)
    return score

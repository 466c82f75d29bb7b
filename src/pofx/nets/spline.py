"""An affine map followed by a monotone rational-quadratic spline, for each number by itself, with a closed inverse.

Durkan et al. (2019), Neural spline flows. The spline maps [-bound, bound] to itself and meets the line y = x at both
ends with slope one, so that map and density go on smoothly outside. Bins have a least width and height, slopes lie
within e^-4 and e^4 and scales within e^-7 and e^7: nothing divides by zero. Only the numbers of the bin that is hit go
through the formulas, which is most of the cost where there are many bins. Cost O(bins) a number.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LEAST = 1e-3  # of a bin's width and height, as a share of the box
STEEPEST = 4.0  # of |log slope| at a knot
LARGEST = 7.0  # of |log scale|


class AffineSpline:
    """`y = spline(exp(log_scale) x + shift)`.

    Args:
        shift, scale: `[...]`.
        boxes: `[..., 2, K]`, widths and heights before their softmax.
        slopes: `[..., K - 1]`, of the inner knots, before their limit; zero is slope one.
        bound: the half width of the box.
    """

    def __init__(self, shift: Tensor, scale: Tensor, boxes: Tensor, slopes: Tensor, bound: float = 5.0) -> None:
        self._bound = bound
        self._shift, self._log_scale = shift, LARGEST * torch.tanh(scale / LARGEST)
        count = boxes.shape[-1]
        self._sizes = (2 * bound) * (LEAST + (1 - count * LEAST) * torch.softmax(boxes, -1))  # [..., 2, K]
        self._ends = torch.cumsum(self._sizes, -1) - bound
        self._slopes = functional.pad(slopes, (1, 1))  # [..., K + 1]

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """y and log dy/dx, both like `x`."""
        u = x * torch.exp(self._log_scale) + self._shift
        inside = u.abs() < self._bound
        v = torch.where(inside, u, torch.zeros_like(u))
        (x0, y0), (width, height), d0, d1 = self._bin(v, 0)
        part = ((v - x0) / width).clamp(0.0, 1.0)
        slope, mixed = height / width, part * (1 - part)
        below = slope + (d0 + d1 - 2 * slope) * mixed
        y = y0 + height * (slope * part.square() + d0 * mixed) / below
        steep = slope.square() * (d1 * part.square() + 2 * slope * mixed + d0 * (1 - part).square()) / below.square()
        stretch = torch.log(torch.where(inside, steep, torch.ones_like(steep)))
        return torch.where(inside, y, u), stretch + self._log_scale

    def inv(self, y: Tensor) -> Tensor:
        """x of each y."""
        inside = y.abs() < self._bound
        v = torch.where(inside, y, torch.zeros_like(y))
        (x0, y0), (width, height), d0, d1 = self._bin(v, 1)
        slope, up = height / width, (v - y0).clamp_min(0.0)
        bend = d0 + d1 - 2 * slope
        a, b, c = height * (slope - d0) + up * bend, height * d0 - up * bend, -slope * up
        root = (b.square() - 4 * a * c).clamp_min(0.0).sqrt()  # not negative but for rounding
        part = (2 * c / (-b - root)).clamp(0.0, 1.0)
        u = torch.where(inside, x0 + part * width, y)
        return (u - self._shift) * torch.exp(-self._log_scale)

    def _bin(self, v: Tensor, axis: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Tensor, Tensor]:
        """Of the bin that holds v on an axis: its lower corner, its sizes, and the slopes at its ends."""
        k = (v[..., None] >= self._ends[..., axis, :-1]).sum(-1, keepdim=True)  # [..., 1]
        shape = (*v.shape, 2, 1)
        both = k[..., None, :].expand(shape)
        sizes = self._sizes.expand(*v.shape, *self._sizes.shape[-2:]).gather(-1, both)[..., 0]  # [..., 2]
        corner = self._ends.expand(*v.shape, *self._ends.shape[-2:]).gather(-1, both)[..., 0] - sizes
        raw = self._slopes.expand(*v.shape, self._slopes.shape[-1]).gather(-1, torch.cat([k, k + 1], -1))
        slopes = torch.exp(STEEPEST * torch.tanh(raw / STEEPEST))
        (x0, y0), (width, height), (d0, d1) = corner.unbind(-1), sizes.unbind(-1), slopes.unbind(-1)
        return (x0, y0), (width, height), d0, d1

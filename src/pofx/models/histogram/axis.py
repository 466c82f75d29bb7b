"""One axis of a histogram: cells on a line, open or closed at its ends, with a probability each.

Real, positive, interval and circle columns have cells with uniform density. Whole numbers and category codes are cells
about them with half-numbers as edges, so that a density of one cell is the probability of one number. Where the line
is open, an end cell has a Lomax (Pareto II) tail of shape 4, P(excess > y) = (1 + y / scale)^-4: heavier than any
exponential, so that a far row costs little; over whole numbers it is a difference of the same function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.core.cumulative import ends
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Circle, Integer, Positive
from pofx.spaces.symbolic import Category

SHAPE = 4.0  # of the tails; their mean excess is scale / (SHAPE - 1)


def line_ends(space: Scalar) -> tuple[float, float]:
    """Where an axis begins and ends, in the coordinate that its cells have."""
    if isinstance(space, Category):
        return -0.5, space.size - 0.5
    if isinstance(space, Integer):
        low = -math.inf if space.low is None else space.low - 0.5
        return low, math.inf if space.high is None else space.high + 0.5
    return ends(space)


def pseudo_counts(space: Scalar, edges: Tensor, counts: Tensor, smoothing: Tensor) -> Tensor:
    """What smoothing, a number or `[s, 1]`, adds to the counts of an axis' cells, `[k]` or `[s, k]`.

    The pseudo-count is spread over the closed cells by their width; each open end gets min(1, smoothing) more, as one
    row in n + 1 is expected beyond the largest of n; and the outcome "any other label" of an open category gets one
    more than there are labels seen once (Good 1953).
    """
    width = torch.diff(edges)
    closed = torch.isfinite(width)
    spread = torch.where(closed, width, 0.0)
    pseudo = smoothing * spread / spread.sum() + smoothing.clamp(max=1.0) * (~closed)
    if isinstance(space, Category) and space.open:
        extra = torch.zeros_like(counts)
        extra[-1] = 1.0 + ((counts[:-1] > 0) & (counts[:-1] <= 1)).sum()
        pseudo = pseudo + extra * (smoothing > 0)
    return pseudo


def smoothed(space: Scalar, edges: Tensor, counts: Tensor, smoothing: Tensor) -> Tensor:
    """Probabilities of an axis' cells from their counts, `[k]`; equal ones where nothing is known."""
    raised = counts + pseudo_counts(space, edges, counts, smoothing)
    return raised / raised.sum() if float(raised.sum()) > 0 else torch.full_like(counts, 1.0 / len(counts))


@dataclass(frozen=True, eq=False)
class Axis:
    """An axis with probabilities.

    Args:
        space: of the column.
        edges: `[k + 1]`, increasing; the first may be -inf and the last inf.
        scales: of the lower and the upper tail, `[2]`.
        share: the probability of each cell, `[k]`, summing to one.
    """

    space: Scalar
    edges: Tensor
    scales: Tensor
    share: Tensor

    @property
    def _counted(self) -> bool:
        return self.space.measure is Measure.COUNTING

    def place(self, x: Tensor) -> Tensor:
        """Which cell, `[n]` in 0 ... k - 1; -1 outside all of them. NaN must not come here."""
        x = self._wrapped(x)
        k = torch.searchsorted(self.edges, x.contiguous(), right=True) - 1
        k = torch.where(x == self.edges[-1], len(self.share) - 1, k)
        return torch.where(k >= len(self.share), -1, k)

    def log_density(self, x: Tensor, k: Tensor) -> Tensor:
        """Log of the density of cell k at x, given that it is in cell k, `[n]`."""
        left, right = self.edges[k], self.edges[k + 1]
        result = -torch.log(right - left)
        x = self._wrapped(x)
        for end, excess, scale in ((left, right - x, self.scales[0]), (right, x - left, self.scales[1])):
            open_ = torch.isinf(end)
            if bool(open_.any()):
                result[open_] = self._log_tail(excess[open_], scale)
        return result

    def _log_tail(self, excess: Tensor, scale: Tensor) -> Tensor:
        if not self._counted:
            return math.log(SHAPE) - torch.log(scale) - (SHAPE + 1) * torch.log1p(excess / scale)
        near, far = -SHAPE * torch.log1p((excess - 0.5) / scale), -SHAPE * torch.log1p((excess + 0.5) / scale)
        return near + torch.log(-torch.expm1(far - near))

    def cdf(self, x: Tensor, share: Tensor) -> Tensor:
        """P(X <= x), `[n]`, were `share` `[k]` the probabilities."""
        x = torch.floor(x) + 0.5 if self._counted else self._wrapped(x)
        k = (torch.searchsorted(self.edges, x.contiguous(), right=True) - 1).clamp(0, len(share) - 1)
        below = torch.cat([share.new_zeros(1), torch.cumsum(share, 0)])
        left, right = self.edges[k], self.edges[k + 1]
        part = ((x - left) / (right - left)).clamp(0.0, 1.0)
        part = torch.where(torch.isinf(left), _survival(right - x, self.scales[0]), part)
        part = torch.where(torch.isinf(right), 1 - _survival(x - left, self.scales[1]), part)
        value = below[k] + share[k] * part
        value = torch.where(x < self.edges[0], torch.zeros_like(value), value)
        return torch.where(x >= self.edges[-1], torch.ones_like(value), value)

    def draw(self, k: Tensor, u: Tensor) -> Tensor:
        """A value in cell k from a uniform u in [0, 1), `[n]`."""
        left, right = self.edges[k], self.edges[k + 1]
        x = left + u * (right - left)
        x = torch.where(torch.isinf(left), right - _excess(u, self.scales[0]), x)
        x = torch.where(torch.isinf(right), left + _excess(u, self.scales[1]), x)
        if not self._counted:
            x = torch.minimum(torch.maximum(x, left), torch.nextafter(right, left))  # a cell lacks its right end
            return x.clamp(min=torch.finfo(torch.float64).tiny) if isinstance(self.space, Positive) else x
        return torch.minimum(torch.maximum(torch.round(x), left + 0.5), right - 0.5)

    def _wrapped(self, x: Tensor) -> Tensor:
        if not isinstance(self.space, Circle):
            return x
        return self.space.origin + torch.remainder(x - self.space.origin, self.space.period)


def _survival(excess: Tensor, scale: Tensor) -> Tensor:
    return torch.exp(-SHAPE * torch.log1p(excess.clamp(min=0.0) / scale))


def _excess(u: Tensor, scale: Tensor) -> Tensor:
    return scale * torch.expm1(-torch.log1p(-u) / SHAPE)

"""A density on the line as a table of panels, from which its distribution function and quantiles are read.

On each panel the log-density is known at 16 Gauss-Legendre nodes, and is the polynomial through them; the distribution
function is the integral of the polynomial through the density at the same nodes, and its inverse is found by Newton
steps kept inside a bracket. `tabulate` halves panels until both polynomials agree with the density between the nodes.
(Trefethen, Approximation Theory and Approximation Practice, 2013; Olver and Townsend 2013, arXiv:1307.1223, for the
sampling.) Densities may jump, have gaps, or be infinite at an end of a panel. What lies more than 700 nats under the
highest point counts as zero. A mode that no node and no given edge comes near is not seen: say where it is.
Cost: O(panels) to build, O(log panels) a question.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ORDER = 16
VISIBLE = 700.0  # nats under the peak; beyond, exp underflows
LOG_TOLERANCE = 1e-9  # of the log-density between the nodes ...
NEGLIGIBLE = 1e-19  # ... of a panel with 1e-10 of the mass or more; it grows to one nat at this share of the mass
RELATIVE, ABSOLUTE = 5e-14, 1e-17  # of a panel's mass, of the whole mass: the error allowed to each panel
MOST_PANELS = 20_000  # beyond, the tolerances grow; far beyond, no panel is halved any more
SWEEPS = 90
BLOCK = 65_536

_nodes, _weights = np.polynomial.legendre.leggauss(ORDER)
NODES = torch.tensor(_nodes, dtype=torch.float64)  # [16] in (-1, 1)
WEIGHTS = torch.tensor(_weights, dtype=torch.float64)
# Values at the nodes to Legendre coefficients: c_k = (k + 1/2) sum_i w_i P_k(t_i) f_i.
TO_SERIES = torch.tensor(
    np.polynomial.legendre.legvander(_nodes, ORDER - 1).T * _weights * (np.arange(ORDER)[:, None] + 0.5),
    dtype=torch.float64,
)  # [16, 16]
CLOSE = torch.exp2(-torch.arange(9.0, 50.0, 4.0, dtype=torch.float64))  # of a panel's width, from its ends
END_GAP = float((1 - _nodes[-1]) / (_nodes[-1] - _nodes[-2]))  # from the last node to the end, in last steps

LogDensity = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Panels:
    """A piecewise density whose mass is one.

    Args:
        edges: `[p + 1]`, increasing.
        log_density: `[p, 16]` at the Gauss-Legendre nodes of each panel; all -inf where the density is zero.
    """

    edges: Tensor
    log_density: Tensor
    peak: Tensor  # [p], the largest log-density of a panel, 0 where there is none
    log_series: Tensor  # [16, p], Legendre coefficients of log-density minus peak
    density_series: Tensor  # [16, p], of density / exp(peak)
    inverse_series: Tensor  # [16, p], of the place in [-1, 1] as a function of 2 * share - 1: where Newton begins
    mass: Tensor  # [p]
    below: Tensor  # [p + 1], the mass to the left of each edge

    @staticmethod
    def of(edges: Tensor, log_density: Tensor) -> Panels:
        """The table that these numbers define; masses are divided by their sum, which should be one already."""
        peak, relative = _scaled(log_density)
        empty = torch.isinf(log_density).any(1, keepdim=True)
        log_series = TO_SERIES @ torch.where(empty, torch.zeros_like(log_density), log_density - peak[:, None]).T
        density_series = TO_SERIES @ torch.where(empty, torch.zeros_like(relative), relative).T
        mass = torch.diff(edges) * torch.exp(peak) * density_series[0]
        below = torch.cat([mass.new_zeros(1), torch.cumsum(mass, 0)])
        inverse_series = TO_SERIES @ _places(density_series)
        mass, below = mass / below[-1], below / below[-1]
        return Panels(edges, log_density, peak, log_series, density_series, inverse_series, mass, below)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `[n]`; -inf outside the panels."""
        k, t, inside = self._place(x)
        log_p = _series(self.log_series[:, k], t) + self.peak[k]
        return torch.where(inside & (self.mass[k] > 0), log_p, torch.full_like(log_p, -torch.inf))

    def cdf(self, x: Tensor) -> Tensor:
        """P(X <= x), `[n]`."""
        k, t, _ = self._place(x)
        value = self.below[k] + self.mass[k] * _share(self.density_series[:, k], t)[0]
        value = torch.where(x < self.edges[0], torch.zeros_like(value), value)
        return torch.where(x >= self.edges[-1], torch.ones_like(value), value).clamp(0.0, 1.0)

    def ppf(self, u: Tensor) -> Tensor:
        """The smallest x with `cdf(x) >= u`, `[n]`, up to rounding."""
        return torch.cat([self._ppf(u[start : start + BLOCK]) for start in range(0, len(u), BLOCK)] or [u])

    def _place(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Panel, position in [-1, 1] and whether there is a panel, for each x."""
        k = (torch.searchsorted(self.edges, x.detach().contiguous(), right=True) - 1).clamp(0, len(self.mass) - 1)
        left, right = self.edges[k], self.edges[k + 1]
        t = 2 * ((x - left) / (right - left)) - 1
        return k, t.clamp(-1.0, 1.0), (x >= self.edges[0]) & (x <= self.edges[-1])

    def _ppf(self, u: Tensor) -> Tensor:
        k = (torch.searchsorted(self.below, u.contiguous()) - 1).clamp(0, len(self.mass) - 1)
        mass = self.mass[k]
        wanted = ((u - self.below[k]) / torch.where(mass > 0, mass, torch.ones_like(mass))).clamp(0.0, 1.0)
        begin = _series(self.inverse_series[:, k], 2 * wanted - 1)
        t = _invert(self.density_series[:, k], wanted, begin)
        left, right = self.edges[k], self.edges[k + 1]
        return left + (right - left) * (0.5 * (1 + t))


def _share(series: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The part of a panel's mass to the left of t, and its derivative in t; `series` `[16, n]`."""
    total = 2 * series[0]
    safe = torch.where(total > 0, total, torch.ones_like(total))
    integral, value = _integral(series, t)
    return (integral / safe).clamp(0.0, 1.0), value / safe


def _places(density_series: Tensor) -> Tensor:
    """For each panel, where its share of the mass is that of the 16 nodes of [-1, 1], `[16, p]`."""
    wanted = (0.5 * (1 + NODES))[:, None].expand(ORDER, density_series.shape[1])
    series = density_series[:, None, :].expand(ORDER, *wanted.shape).reshape(ORDER, -1)
    return _invert(series, wanted.reshape(-1), 2 * wanted.reshape(-1) - 1).reshape(wanted.shape)


def _invert(series: Tensor, wanted: Tensor, begin: Tensor) -> Tensor:
    """t with `share(t) = wanted`: Newton steps from `begin`, halving where one would leave the bracket."""
    low, high = torch.full_like(wanted, -1.0), torch.ones_like(wanted)
    result = begin.clamp(-1.0, 1.0)
    t, open_ = result.clone(), torch.arange(len(wanted))
    for sweep in range(70):
        share, slope = _share(series, t)
        error = share - wanted
        low, high = torch.where(error < 0, t, low), torch.where(error < 0, high, t)
        step = t - error / slope
        outside = ~((step > low) & (step < high)) | (sweep % 5 == 4)
        moved = torch.where(outside, 0.5 * (low + high), step)
        busy = (error.abs() > 2e-16) & (high - low > 1e-16) & (moved != t)
        result[open_] = torch.where(busy, moved, t)
        if not bool(busy.any()):
            break
        t, open_, low, high, wanted = moved[busy], open_[busy], low[busy], high[busy], wanted[busy]
        series = series[:, busy]
    return result


def tabulate(log_density: LogDensity, edges: Tensor) -> tuple[Panels, float]:
    """The table of a density, and the log of its whole mass before it was divided by that.

    Args:
        log_density: `[n] -> [n]`, nats, not necessarily normalised; -inf and NaN are taken as zero density. It is never
            asked at an edge.
        edges: `[m]`, increasing: where panels start out; jumps, modes and singular points belong here.

    The mass is `-inf` where no node met any density; the table is then empty.
    """
    edges = torch.unique(edges)
    fresh = _Pieces.ask(log_density, edges[:-1], edges[1:])
    done: list[_Pieces] = []
    peak, count, loosen = -math.inf, 0, 1.0
    for sweep in range(SWEEPS):
        left, right = fresh.halves(log_density)
        peak = max(peak, fresh.top(), left.top(), right.top())
        total = sum((piece.mass(peak) for piece in done), fresh.mass(peak))
        met, narrow = fresh.settled(left, right, fresh.near_ends(log_density), peak, total, loosen)
        settled = met | narrow | (sweep == SWEEPS - 1) | (len(fresh.left) > 4 * MOST_PANELS)
        done.append(fresh.flat_where(~met).pick(settled))
        count += int(settled.sum())
        fresh = left.pick(~settled).joined(right.pick(~settled))
        if not len(fresh.left):
            break
        if count + len(fresh.left) > MOST_PANELS:
            loosen *= 100.0
    return _assembled(done, peak)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Some panels and their log-densities at the nodes."""

    left: Tensor  # [p]
    right: Tensor  # [p]
    values: Tensor  # [p, 16]

    @staticmethod
    def ask(log_density: LogDensity, left: Tensor, right: Tensor) -> _Pieces:
        x = left[:, None] + (right - left)[:, None] * (0.5 * (1 + NODES))
        flat = x.reshape(-1)
        values = [log_density(flat[start : start + BLOCK]) for start in range(0, len(flat), BLOCK)]
        return _Pieces(left, right, finite_above(torch.cat(values or [flat]).reshape(x.shape)))

    def halves(self, log_density: LogDensity) -> tuple[_Pieces, _Pieces]:
        middle = 0.5 * self.left + 0.5 * self.right
        return _Pieces.ask(log_density, self.left, middle), _Pieces.ask(log_density, middle, self.right)

    def top(self) -> float:
        return float(self.values.max()) if self.values.numel() else -math.inf

    def mass(self, peak: float) -> float:
        """The mass of all, over exp(peak)."""
        if not math.isfinite(peak):
            return 0.0
        return float(((self.right - self.left)[:, None] * 0.5 * WEIGHTS * torch.exp(self.values - peak)).sum())

    def pick(self, keep: Tensor) -> _Pieces:
        return _Pieces(self.left[keep], self.right[keep], self.values[keep])

    def joined(self, other: _Pieces) -> _Pieces:
        return _Pieces(
            torch.cat([self.left, other.left]),
            torch.cat([self.right, other.right]),
            torch.cat([self.values, other.values]),
        )

    def flat_where(self, which: Tensor) -> _Pieces:
        """The same, with those panels made constant: across a jump no polynomial is any good."""
        return _Pieces(self.left, self.right, torch.where(which[:, None], self.values[:, :1], self.values))

    def near_ends(self, log_density: LogDensity) -> tuple[Tensor, Tensor]:
        """Places in (-1, 1) closer to the ends than any node, and the log-densities there, `[p, 22]`."""
        width = (self.right - self.left)[:, None]
        x = torch.cat([self.left[:, None] + width * CLOSE, self.right[:, None] - width * CLOSE], 1)
        values = finite_above(log_density(x.reshape(-1)).reshape(x.shape))
        return (2 * (x - self.left[:, None]) / width - 1).clamp(-1.0, 1.0), values

    def settled(
        self,
        left: _Pieces,
        right: _Pieces,
        near_ends: tuple[Tensor, Tensor],
        peak: float,
        total: float,
        loosen: float,
    ) -> tuple[Tensor, Tensor]:
        """Which panels are too low to matter or well met between the nodes, and which are too narrow to halve."""
        between = torch.cat([left.values, right.values, near_ends[1]], 1)  # [p, 54]
        halves = torch.cat([0.5 * NODES - 0.5, 0.5 * NODES + 0.5])
        t = torch.cat([halves.expand(len(between), -1), near_ends[0]], 1)
        top, relative = _scaled(self.values)
        highest = torch.maximum(_promise(left.values), _promise(right.values))
        highest = torch.maximum(highest, near_ends[1].max(1).values)
        invisible = (highest < peak - VISIBLE) | (highest == -torch.inf)
        size = torch.maximum(self.left.abs(), self.right.abs())
        narrow = (self.right - self.left) <= 8e-16 * size + 1e-300
        whole = torch.isfinite(self.values).all(1) & torch.isfinite(between).all(1)
        log_guess = _series((TO_SERIES @ (self.values - top[:, None]).T)[:, :, None], t)
        guess = _series((TO_SERIES @ relative.T)[:, :, None], t)
        log_off = (log_guess - (between - top[:, None])).abs().max(1).values
        off = (guess - torch.exp(between - top[:, None])).abs().max(1).values
        height = (self.right - self.left) * torch.exp(top - peak)
        mass = height * 0.5 * (relative * WEIGHTS).sum(1)
        # x itself is rounded: far from zero that alone moves a steep log-density by so much.
        noise = 4e-16 * size / (self.right - self.left) * (top - self.values.min(1).values).clamp(max=50.0)
        # Where a density vanishes its logarithm may be all rounding: little mass is let off.
        let_off = (NEGLIGIBLE * total / mass.clamp(min=1e-300)).clamp(LOG_TOLERANCE, 1.0)
        met = log_off <= let_off * loosen + noise
        met &= height * off <= loosen * (RELATIVE * mass + ABSOLUTE * total) + noise * mass
        return invisible | (whole & met), narrow


def _assembled(done: list[_Pieces], peak: float) -> tuple[Panels, float]:
    pieces = done[0]
    for more in done[1:]:
        pieces = pieces.joined(more)
    order = torch.argsort(pieces.left)
    left, values = pieces.left[order], pieces.values[order]
    edges = torch.cat([left, pieces.right[order][-1:]])
    zero = torch.isinf(values).any(1) | (values.max(1).values < peak - VISIBLE)
    values = torch.where(zero[:, None], torch.full_like(values, -torch.inf), values)
    first, last = _span(~zero)
    edges, values = edges[first : last + 1], values[first:last]
    log_mass = peak + math.log(max(_Pieces(edges[:-1], edges[1:], values).mass(peak), 1e-300))
    log_mass = log_mass if math.isfinite(peak) else -math.inf
    return Panels.of(edges, values - (log_mass if math.isfinite(peak) else 0.0)), log_mass


def finite_above(values: Tensor) -> Tensor:
    """NaN as zero density; infinite density (a singular end, met by rounding) as the panel's largest finite one."""
    values = torch.where(torch.isnan(values), torch.full_like(values, -torch.inf), values)
    infinite = values == torch.inf
    rest = torch.where(infinite, torch.full_like(values, -torch.inf), values)
    return torch.where(infinite, rest.max(1, keepdim=True).values, values) if bool(infinite.any()) else values


def _promise(values: Tensor) -> Tensor:
    """How high a log-density might rise in each panel, between a summit and its neighbours, `[p]`."""
    rise = torch.nan_to_num(torch.diff(values, dim=1), nan=0.0, posinf=0.0, neginf=0.0)  # [p, 15]
    ends = END_GAP * torch.stack([-rise[:, 0], rise[:, -1]], 1).clamp(min=0.0)
    before, after = rise[:, :-1], rise[:, 1:]
    summit = torch.where((before >= 0) & (after <= 0), torch.maximum(before, -after), torch.zeros_like(before))
    slack = torch.cat([ends[:, :1], summit, ends[:, 1:]], 1)
    return (values + slack).max(1).values


def _span(full: Tensor) -> tuple[int, int]:
    """First full panel and one past the last; everything where none is."""
    places = full.nonzero()[:, 0]
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, len(full))


def _scaled(values: Tensor) -> tuple[Tensor, Tensor]:
    """Each panel's largest log-density (0 where it has none), and the densities divided by its exponential."""
    top = values.max(1).values if len(values) else values.new_zeros(0)
    top = torch.where(torch.isfinite(top), top, torch.zeros_like(top))
    return top, torch.exp(values - top[:, None])


def _series(coefficients: Tensor, t: Tensor) -> Tensor:
    """sum_k c_k P_k(t); `coefficients` `[16, ...]`, each broadcast against `t` `[...]`."""
    before, now = torch.ones_like(t), t
    result = coefficients[0] + coefficients[1] * t
    for k in range(1, ORDER - 1):
        before, now = now, ((2 * k + 1) * t * now - k * before) / (k + 1)
        result = result + coefficients[k + 1] * now
    return result


def _integral(coefficients: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The integral of the series from -1 to t, and the series at t: the integral of P_k is (P_k+1 - P_k-1)/(2k + 1)."""
    before, now = torch.ones_like(t), t
    value = coefficients[0] + coefficients[1] * t
    integral = coefficients[0] * (1 + t)
    for k in range(1, ORDER):
        after = ((2 * k + 1) * t * now - k * before) / (k + 1)
        integral = integral + coefficients[k] * (after - before) / (2 * k + 1)
        if k + 1 < ORDER:
            value = value + coefficients[k + 1] * after
        before, now = now, after
    return integral, value

"""A density on the line as a table of panels, from which its distribution function and quantiles are read.

On each panel the log-density is known at 16 Gauss-Legendre nodes, and is the polynomial through them; the distribution
function is the integral of the polynomial through the density at the same nodes, and its inverse is found by Newton
steps kept inside a bracket (Trefethen, Approximation Theory and Approximation Practice, 2013; Olver and Townsend 2013,
arXiv:1307.1223, for the sampling). `pofx.core.tabulate` makes such tables. Cost: O(log panels) a question.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ORDER = 16
BLOCK = 65_536

_nodes, _weights = np.polynomial.legendre.leggauss(ORDER)
NODES = torch.tensor(_nodes, dtype=torch.float64)  # [16] in (-1, 1)
WEIGHTS = torch.tensor(_weights, dtype=torch.float64)
# Values at the nodes to Legendre coefficients: c_k = (k + 1/2) sum_i w_i P_k(t_i) f_i.
TO_SERIES = torch.tensor(
    np.polynomial.legendre.legvander(_nodes, ORDER - 1).T * _weights * (np.arange(ORDER)[:, None] + 0.5),
    dtype=torch.float64,
)  # [16, 16]


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
        peak, relative = scaled(log_density)
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
        log_p = series_at(self.log_series[:, k], t) + self.peak[k]
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
        begin = series_at(self.inverse_series[:, k], 2 * wanted - 1)
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


def scaled(values: Tensor) -> tuple[Tensor, Tensor]:
    """Each panel's largest log-density (0 where it has none), and the densities divided by its exponential."""
    top = values.max(1).values if len(values) else values.new_zeros(0)
    top = torch.where(torch.isfinite(top), top, torch.zeros_like(top))
    return top, torch.exp(values - top[:, None])


def series_at(coefficients: Tensor, t: Tensor) -> Tensor:
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

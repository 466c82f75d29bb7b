"""Tables of densities: panels halved until their polynomials agree with the density between the nodes.

Densities may jump, have gaps, or be infinite at an edge. What lies more than 700 nats under the highest point counts as
zero. A mode that no node and no given edge comes near is not seen: an edge must say where it is. Cost: O(panels).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.core.panels import BLOCK, NODES, TO_SERIES, WEIGHTS, Panels, scaled, series_at

VISIBLE = 700.0  # nats under the peak; beyond, exp underflows
LOG_TOLERANCE = 1e-9  # of the log-density between the nodes ...
NEGLIGIBLE = 1e-19  # ... of a panel with 1e-10 of the mass or more; it grows to one nat at this share of the mass
RELATIVE, ABSOLUTE = 5e-14, 1e-17  # of a panel's mass, of the whole mass: the error allowed to each panel
MOST_PANELS = 20_000  # beyond, the tolerances grow; far beyond, no panel is halved any more
SWEEPS = 90
TOWARDS_END = 1000.0  # octaves: where a density is infinite at 0, mass may lie as close as doubles go
CLOSE = torch.exp2(-torch.arange(9.0, 50.0, 4.0, dtype=torch.float64))  # of a panel's width, from its ends
END_GAP = float((1 - NODES[-1]) / (NODES[-1] - NODES[-2]))  # from the last node to the end, in last steps

LogDensity = Callable[[Tensor], Tensor]


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


def graded_edges(
    ends: tuple[float, float], centres: tuple[float, ...], scale: float, reach: int, fine: tuple[int, int] = (-8, -8)
) -> Tensor:
    """Panel edges from end to end: octaves outwards from each centre, and towards each finite end.

    Args:
        ends: -inf and inf are allowed.
        centres: where the mass is thought to be.
        scale: the middle octave's distance from a centre.
        reach: octaves outwards from a centre.
        fine: first and last octave that is cut in four.
    """
    octaves = torch.cat([torch.arange(min(-8, fine[0]), reach + 1), torch.arange(fine[0], fine[1], 0.25)]).double()
    outwards = scale * torch.exp2(octaves)
    edges = [torch.cat([c - outwards, c + outwards, outwards.new_tensor([c])]) for c in centres]
    width = ends[1] - ends[0] if math.isfinite(ends[1] - ends[0]) else scale
    inwards: Tensor = width * torch.exp2(-torch.arange(0.0, TOWARDS_END, dtype=torch.float64))
    edges += [end + sign * inwards for end, sign in zip(ends, (1.0, -1.0), strict=True) if math.isfinite(end)]
    whole = torch.cat([*edges, outwards.new_tensor([end for end in ends if math.isfinite(end)])])
    return whole[torch.isfinite(whole) & (whole >= ends[0]) & (whole <= ends[1])].sort().values


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
        top, relative = scaled(self.values)
        highest = torch.maximum(_promise(left.values), _promise(right.values))
        highest = torch.maximum(highest, near_ends[1].max(1).values)
        invisible = (highest < peak - VISIBLE) | (highest == -torch.inf)
        size = torch.maximum(self.left.abs(), self.right.abs())
        narrow = (self.right - self.left) <= 8e-16 * size + 1e-300
        whole = torch.isfinite(self.values).all(1) & torch.isfinite(between).all(1)
        log_guess = series_at((TO_SERIES @ (self.values - top[:, None]).T)[:, :, None], t)
        guess = series_at((TO_SERIES @ relative.T)[:, :, None], t)
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

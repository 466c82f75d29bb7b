"""A table's outcomes cut into cells: every code, atom and whole number, and stretches of every line.

The cells cover the whole space, far tails included, so that their masses add up to one and samples can be counted in
them. Lines are cut at quantiles of some reference rows and integrated on a scale where tails are short:
`x = g(centre + scale sinh t)` with g the identity, exp (positive numbers) or the logistic function (intervals).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from pofx.core.quadrature import Boxes, integrate
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive
from pofx.spaces.symbolic import Category, Constant, Maybe
from pofx.spaces.table import Table

FAR = 1e60  # how many scales a tail is followed; a Student t of half a degree keeps 1e-5 beyond 1e10
LARGEST = 690.0  # of |log x|, so that exp neither overflows nor underflows
NEAR_END = 27.0  # of |logit u|: codecs tell no values apart that are nearer to an end


@dataclass(frozen=True, eq=False)
class Points:
    """Some outcomes, each a cell of its own."""

    values: Tensor  # [k]

    def __len__(self) -> int:
        return len(self.values)

    def ends(self) -> tuple[Tensor, Tensor]:
        return self.values, self.values

    def holds(self, x: Tensor) -> Tensor:
        return (x[:, None] == self.values).any(1) | (torch.isnan(x) & torch.isnan(self.values).any())

    def place(self, x: Tensor) -> Tensor:
        """Which of the values, `[n]`, for values that are held."""
        same = (x[:, None] == self.values) | (torch.isnan(x)[:, None] & torch.isnan(self.values))
        return same.to(torch.int8).argmax(1)

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The values and log |dx/dt|."""
        return t, torch.zeros_like(t)


@dataclass(frozen=True, eq=False)
class Line:
    """An interval of numbers, cut at `edges`; the cells are the stretches between neighbouring edges."""

    space: Scalar
    centre: float
    scale: float
    edges: Tensor  # [k + 1], on the scale of t

    def __len__(self) -> int:
        return len(self.edges) - 1

    def ends(self) -> tuple[Tensor, Tensor]:
        return self.edges[:-1], self.edges[1:]

    def holds(self, x: Tensor) -> Tensor:
        return self.space.contains(x)

    def place(self, x: Tensor) -> Tensor:
        """Which of the stretches, `[n]`."""
        inner = self.at(self.edges[1:-1])[0]
        return torch.bucketize(wrapped(self.space, x), inner, right=True)

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """x and log |dx/dt|."""
        if isinstance(self.space, Circle):
            return t, torch.zeros_like(t)
        y = self.centre + self.scale * torch.sinh(t)
        stretch = math.log(self.scale) + t.abs() + torch.log1p(torch.exp(-2 * t.abs())) - math.log(2)  # log cosh
        if isinstance(self.space, Positive):
            return torch.exp(y), stretch + y
        if isinstance(self.space, Interval):
            width = self.space.high - self.space.low
            log_slope = -torch.nn.functional.softplus(-y) - torch.nn.functional.softplus(y) + math.log(width)
            return self.space.low + width * torch.sigmoid(y), stretch + log_slope
        return y, stretch


Piece = Points | Line


def wrapped(space: Scalar, x: Tensor) -> Tensor:
    """A circle's values between its origin and one period later; others as they are."""
    return space.origin + torch.remainder(x - space.origin, space.period) if isinstance(space, Circle) else x


def pieces(space: Scalar, x: Tensor, cuts: int, reach: float) -> list[Piece]:
    """What one column's outcomes are made of.

    Args:
        space: the column's space.
        x: reference values `[n]`.
        cuts: into how many stretches a line is cut, tails apart.
        reach: how many ranges beyond the reference values unbounded whole numbers are listed.
    """
    if isinstance(space, Constant):
        return [Points(torch.zeros(1, dtype=torch.float64))]
    if isinstance(space, Maybe):
        special = [*([math.nan] if space.missing else []), *space.atoms]
        regular = x[space.flag(x) == 0]
        return [Points(torch.tensor(special, dtype=torch.float64)), *pieces(space.inner, regular, cuts, reach)]
    if isinstance(space, Category):
        return [Points(torch.arange(space.size, dtype=torch.float64))]
    if isinstance(space, Integer):
        return [Points(_whole_numbers(space, x, reach))]
    if isinstance(space, Grid):
        return [Points(space.value(_whole_numbers(Integer(space.low, space.high), space.index(x), reach)))]
    return [_line(space, x, cuts)]


def _whole_numbers(space: Integer, x: Tensor, reach: float) -> Tensor:
    smallest, largest = (float(x.min()), float(x.max())) if len(x) else (0.0, 1.0)
    more = math.ceil(reach * (largest - smallest + 5))
    low = int(smallest) - more if space.low is None else max(space.low, int(smallest) - more)
    high = int(largest) + more if space.high is None else min(space.high, int(largest) + more)
    return torch.arange(low, high + 1, dtype=torch.float64)


def _line(space: Scalar, x: Tensor, cuts: int) -> Line:
    if isinstance(space, Circle):
        inside = torch.quantile(wrapped(space, x), torch.linspace(0, 1, cuts + 1, dtype=torch.float64)[1:-1])
        ends = torch.tensor([space.origin, space.origin + space.period], dtype=torch.float64)
        return Line(space, 0.0, 1.0, torch.unique(torch.cat([inside, ends])))
    y, limit = _unbounded(space, x)
    centre, scale = _centre_and_scale(y)
    t = torch.asinh(
        (torch.unique(torch.quantile(y, torch.linspace(0, 1, cuts + 1, dtype=torch.float64))) - centre) / scale
    )
    low, high = (math.asinh(max((-limit - centre) / scale, -FAR)), math.asinh(min((limit - centre) / scale, FAR)))
    first, last = float(t[0]), float(t[-1])
    near = [2.0**-k for k in range(13 if cuts > 20 else 5)]  # a bin may end just beyond the last reference value
    tails = [
        low,
        0.9 * first + 0.1 * low,
        *(first - d for d in near),
        *(last + d for d in near),
        0.9 * last + 0.1 * high,
        high,
    ]
    edges = torch.unique(torch.cat([t, torch.tensor(tails, dtype=torch.float64)]))
    return Line(space, centre, scale, edges[(edges >= low) & (edges <= high)])


def _unbounded(space: Scalar, x: Tensor) -> tuple[Tensor, float]:
    """The reference values on the whole real line, and how far from 0 that line is to be followed."""
    x = x if len(x) else torch.zeros(1, dtype=torch.float64)
    if isinstance(space, Positive):
        return torch.log(x.clamp_min(1e-300)), LARGEST
    if isinstance(space, Interval):
        u = ((x - space.low) / (space.high - space.low)).clamp(1e-11, 1 - 1e-11)
        return torch.log(u) - torch.log1p(-u), NEAR_END
    return x, math.inf


def _centre_and_scale(y: Tensor) -> tuple[float, float]:
    low, centre, high = torch.quantile(y, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
    spread = (high - low) / 2 or float(y.max() - y.min()) or max(abs(centre), 1.0) * 1e-3
    return centre, spread


class Partition:
    """All cells of a table: the product of its columns' pieces.

    Args:
        table: whose outcomes.
        rows: reference rows `[n, d]`, e.g. samples of the model.
        fixed: columns that are not cut but only take these values, by position.
    """

    def __init__(self, table: Table, rows: Tensor, fixed: Mapping[int, Tensor] | None = None) -> None:
        known = fixed or {}
        several = len(table.names) - len(known) > 1
        cuts, reach = (10, 3.0) if several else (40, 60.0)
        columns: list[list[Piece]] = [
            [Points(known[j])] if j in known else pieces(space, rows[:, j], cuts, reach)
            for j, space in enumerate(table.spaces)
        ]
        self.blocks: list[tuple[Piece, ...]] = list(product(*columns))
        self.sizes = [math.prod(len(piece) for piece in block) for block in self.blocks]

    def masses(self, log_prob: Callable[[Tensor], Tensor], tolerance: float) -> tuple[Tensor, float]:
        """The probability of each cell `[cells]`, and the error that the integration admits."""
        found = [self._block(block, log_prob, tolerance / len(self.blocks)) for block in self.blocks]
        return torch.cat([mass for mass, _ in found]), sum(error for _, error in found)

    def counts(self, rows: Tensor) -> Tensor:
        """How many rows fall in each cell `[cells]`; a row in none of them is not counted."""
        return torch.cat([self._count(block, size, rows) for block, size in zip(self.blocks, self.sizes, strict=True)])

    def _block(
        self, block: tuple[Piece, ...], log_prob: Callable[[Tensor], Tensor], tolerance: float
    ) -> tuple[Tensor, float]:
        def density(t: Tensor) -> Tensor:
            coordinates = [piece.at(t[:, j]) for j, piece in enumerate(block)]
            x = torch.stack([value for value, _ in coordinates], 1)
            return torch.exp(log_prob(x) + torch.stack([slope for _, slope in coordinates]).sum(0))

        low, high = (self._grid([piece.ends()[side] for piece in block]) for side in (0, 1))
        boxes = Boxes(low, high, torch.arange(len(low)))
        return integrate(density, boxes, len(boxes), tolerance=tolerance)

    def _grid(self, columns: list[Tensor]) -> Tensor:
        return torch.cartesian_prod(*columns).reshape(-1, len(columns))

    def _count(self, block: tuple[Piece, ...], size: int, rows: Tensor) -> Tensor:
        held = torch.ones(len(rows), dtype=torch.bool)
        for j, piece in enumerate(block):
            held &= piece.holds(rows[:, j]) & ~self._taken(block, j, rows[:, j])
        cell = torch.zeros(int(held.sum()), dtype=torch.long)
        for j, piece in enumerate(block):
            cell = cell * len(piece) + piece.place(rows[held, j])
        return torch.bincount(cell, minlength=size).to(torch.float64)

    def _taken(self, block: tuple[Piece, ...], j: int, x: Tensor) -> Tensor:
        """Values of a line that are an atom, and so belong to another piece of the same column."""
        if not isinstance(block[j], Line):
            return torch.zeros(len(x), dtype=torch.bool)
        points = [other[j] for other in self.blocks if isinstance(other[j], Points)]
        return points[0].holds(x) if points else torch.zeros(len(x), dtype=torch.bool)

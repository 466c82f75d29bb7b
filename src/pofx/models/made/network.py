"""One masked network over the columns of a canonical table, in one order: p(x_i | those before it) for each column.

Numbers are shown as they are and by their rank, labels one-hot, angles as a point on the circle; a value that is
missing as zeros, beside an indicator in columns that have gaps. Each kind of column has its head: mixtures of Gaussians
(real), of discretised logistics (counts), shares of labels, von Mises. A value that is missing has no factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pofx.heads.base import Head
from pofx.heads.choose import head_of
from pofx.heads.joined import Joined
from pofx.heads.mixture import Logistics
from pofx.models.made.gaussians import Gaussians
from pofx.models.made.margins import Margins
from pofx.nets.masked import Masked
from pofx.rng import generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

REACH = 6.0  # standard deviations beyond which a number is shown by its rank alone
LOGISTIC = math.sqrt(3) / math.pi  # scale of a logistic law of deviation one


class Network(nn.Module):
    """Rows `[n, d]` to what each column adds to their log-probability, `[n, d]`.

    Args:
        table: the canonical table.
        margins: of its columns of numbers, in order.
        gaps: columns that may be missing.
        order: columns in the order in which they are said.
        hidden, blocks, dropout: of the network.
        seed: of the first weights.
    """

    def __init__(
        self, table: Table, margins: Margins, gaps: Sequence[int], order: Sequence[int], hidden: int, blocks: int,
        dropout: float, seed: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.table, self.margins, self.order, self._gaps = table, margins, list(order), list(gaps)
        self._numbers = places(table)
        self.mean, self.spread = margins.moments()
        self._real = [j for j in self._numbers if isinstance(table.spaces[j], Real)]
        self._other = [j for j in range(len(table.spaces)) if j not in self._real]
        self.real = Gaussians(_part(margins, [self._numbers.index(j) for j in self._real]))
        self.others = nn.ModuleList(self._head(j) for j in self._other)
        self._sizes = [self.real.size, *(head.size for head in self._heads())]
        place = [self.order.index(j) for j in range(len(self.order))]
        out_of = self._real * self.real.per + [
            j for j, head in zip(self._other, self._heads(), strict=True) for _ in range(head.size)
        ]
        into = [j for j in range(len(table.spaces)) for _ in range(self._width(j))]
        self.net = Masked(
            [place[j] for j in into], [place[j] for j in out_of], hidden, blocks, dropout, generator(seed)
        )
        self.offset = nn.Parameter(torch.zeros(sum(self._sizes)))
        self.back = [[*self._real, *self._other].index(j) for j in range(len(table.spaces))]

    def begin(self, x: Tensor) -> None:
        """Begin at the columns by themselves: `x` are training rows."""
        parts = [self.real.initial(x)]
        for j, head in zip(self._other, self._heads(), strict=True):
            inner = head.heads[0]
            counted = isinstance(inner, Logistics)
            parts.append(
                self._counts(j, inner) if isinstance(inner, Logistics) and counted else head.initial(x[:, [j]])
            )
        with torch.no_grad():
            self.offset.copy_(torch.cat(parts))

    def forward(self, x: Tensor) -> Tensor:
        pieces = self._said(x).split(self._sizes, 1)
        scores = [self.real.log_prob(pieces[0], x[:, self._real])]
        for j, head, piece in zip(self._other, self._heads(), pieces[1:], strict=True):
            scores.append(head.log_prob(piece, x[:, [j]]))
        return torch.cat(scores, 1)[:, self.back]

    def draw(self, x: Tensor, column: int, random: torch.Generator) -> Tensor:
        """A value of a column given those before it, which stand in `x`, `[n, d] -> [n]`."""
        pieces = self._said(x).double().split(self._sizes, 1)
        if column in self._real:
            return self.real.sample(pieces[0], random)[:, self._real.index(column)]
        k = self._other.index(column)
        return self._heads()[k].sample(pieces[1 + k], random)[:, 0]

    def _said(self, x: Tensor) -> Tensor:
        said: Tensor = self.net(self._features(x).to(self.offset.dtype)) + self.offset
        return said

    def _features(self, x: Tensor) -> Tensor:
        """What the network sees, `[n, inputs]`."""
        ranks = torch.nan_to_num(self.margins.normal(x[:, self._numbers]))
        known, parts = torch.nan_to_num(x), list[Tensor]()
        for j, space in enumerate(self.table.spaces):
            if j in self._numbers:
                place = self._numbers.index(j)
                mean, spread = float(self.mean[place]), float(self.spread[place])
                shown = ((x[:, j] - mean) / spread).clamp(-REACH, REACH)
                parts += [torch.nan_to_num(shown)[:, None], ranks[:, place : place + 1]]
            elif isinstance(space, Circle):
                angle = (known[:, j] - space.origin) * (2 * math.pi / space.period)
                there = ~torch.isnan(x[:, j])
                parts.append(torch.stack([torch.cos(angle), torch.sin(angle)], 1) * there[:, None])
            elif isinstance(space, Category):
                shown = one_hot(known[:, j].long(), space.size) * ~torch.isnan(x[:, [j]])
                parts.append(shown)
            if j in self._gaps:
                parts.append(torch.isnan(x[:, [j]]))
        return torch.cat([part.to(x.dtype) for part in parts], 1)

    def _width(self, j: int) -> int:
        space = self.table.spaces[j]
        return (space.size if isinstance(space, Category) else 2) + (j in self._gaps)

    def _head(self, j: int) -> Joined:
        centre, scale = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        if j in self._numbers:
            place = [self._numbers.index(j)]
            centre, scale = self.mean[place], self.spread[place]
        return head_of(self.table.select((self.table.names[j],)), centre, scale, len(self.margins.centre), 1e-2)

    def _heads(self) -> list[Joined]:
        return [head for head in self.others if isinstance(head, Joined)]

    def _counts(self, j: int, head: Head) -> Tensor:
        """Logistics as the column's own mixture."""
        place = self._numbers.index(j)
        share, centre, scale = (
            part[:, place] for part in (self.margins.share, self.margins.centre, self.margins.scale)
        )
        spread = self.spread[place]
        return torch.cat([share, (centre - self.mean[place]) / spread, torch.log(LOGISTIC * scale / spread)])


def places(table: Table) -> list[int]:
    """Where the columns of numbers stand."""
    return [j for j, space in enumerate(table.spaces) if isinstance(space, Real | Integer)]


def _part(margins: Margins, columns: list[int]) -> Margins:
    return Margins(
        margins.share[:, columns], margins.centre[:, columns], margins.scale[:, columns], margins.floor[columns]
    )


def resolution_of(space: Scalar) -> float:
    """The step that a column's values are rounded to; 0 where they are not."""
    return 1.0 if isinstance(space, Integer) else (getattr(space, "resolution", None) or 0.0)

"""A fitted masked autoregressive network: the mean, in probability, of a few, each in an order of its own.

`p(x) = mean over orders of product over columns of p(x_i | those before it)`. A column that may have no value comes
after the label that says so, whatever the order, and has a factor only where there is a value: total mass is one.
Parts of `log_prob` are offered where there is one order: of several the mean has no chain rule in any one order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pofx.core.contract import Density
from pofx.core.estimator import Estimator
from pofx.models.made.canonical import Canonical
from pofx.models.made.margins import Margins
from pofx.models.made.network import Network
from pofx.rng import split
from pofx.spaces.table import Table

NUMBERS = 1 << 22  # parameters of heads at once: 32 MB in float64


class MADEModel(Density):
    """Networks in several orders.

    Args:
        space: a table of Real, Integer, Circle and Category columns.
        gates: for each column of the canonical table the place of the label that says whether it has a value (code 0),
            or -1.
        orders: for each network the columns of the canonical table in the order in which they are said.
        share, centre, scale, floor: of the margins.
        hidden, blocks, dropout: of each network.
        seed: of the weights that training begins with.
        recipe: the estimator with its choices written in; it takes no part in answers.
    """

    capabilities = frozenset({"discrete", "missing", "periodic"})

    def __init__(
        self,
        space: Table,
        gates: tuple[int, ...],
        orders: tuple[tuple[int, ...], ...],
        share: Tensor,
        centre: Tensor,
        scale: Tensor,
        floor: Tensor,
        hidden: int,
        blocks: int,
        dropout: float,
        seed: int,
        recipe: Estimator | None = None,
    ) -> None:
        super().__init__(space)
        self.gates, self.orders = tuple(gates), tuple(tuple(order) for order in orders)
        self.hidden, self.blocks, self.dropout, self.seed, self.recipe = hidden, blocks, dropout, seed, recipe
        for name, part in (("share", share), ("centre", centre), ("scale", scale), ("floor", floor)):
            self.register_buffer(name, part)
        self.canonical = Canonical(space)
        margins, gaps = Margins(share, centre, scale, floor), [j for j, gate in enumerate(gates) if gate >= 0]
        self.networks = nn.ModuleList(
            Network(self.canonical.table, margins, gaps, order, hidden, blocks, dropout, split(seed, k)).double()
            for k, order in enumerate(self.orders)
        )
        if len(self.orders) == 1:
            self.capabilities = self.capabilities | {"parts"}  # type: ignore[misc]

    @property
    def nets(self) -> list[Network]:
        """The networks, one an order."""
        return [net for net in self.networks if isinstance(net, Network)]

    @property
    def free_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.networks.parameters())

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return torch.cat([self._scores(self.canonical.encode(block)) for block in self._split(x)])

    def _scores(self, x: Tensor) -> Tensor:
        each = torch.stack([net(x).sum(1) for net in self.nets])
        return torch.logsumexp(each, 0) - math.log(len(self.nets))

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        parts = [self.nets[0](self.canonical.encode(block)) for block in self._split(x)]
        return torch.cat(parts)[:, self.canonical.unsorted]

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        x = torch.zeros(n, len(self.gates), dtype=torch.float64)
        whose = torch.randint(len(self.nets), (n,), generator=generator)
        for k, net in enumerate(self.nets):
            rows = (whose == k).nonzero()[:, 0]
            for part in rows.split(self._rows):
                x[part] = self._drawn(net, x[part], generator)
        return self.canonical.decode(x)

    def _drawn(self, net: Network, x: Tensor, random: torch.Generator) -> Tensor:
        """Column by column; no value where the label says so."""
        for column in net.order:
            drawn, gate = net.draw(x, column, random), self.gates[column]
            x[:, column] = drawn if gate < 0 else torch.where(x[:, gate] == 0, drawn, torch.nan)
        return x

    @property
    def _rows(self) -> int:
        return max(16, NUMBERS // max(len(self.nets[0].offset), self.hidden))

    def _split(self, x: Tensor) -> list[Tensor]:
        return list(x.split(self._rows))

"""A fitted flow: p(labels, counts, angles) times p(real columns | those), both exact.

Values that may be missing arrive as a flag, a label, beside a column that is NaN where the flag says so. Flags belong
to the first factor; in the second every layer leaves the missing columns out (see `layers`), so that what is scored is
the density of the values that exist, given all flags, and total mass is one. Several flows are averaged in probability
(deep ensembles, Lakshminarayanan et al. 2017): what one of them made up is outvoted. Conditions, where there are any,
join what the flows are told of each row.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pofx.codecs.columns import Columns
from pofx.core.coded import CodedDensity
from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.errors import LikelihoodError
from pofx.models.flow.layers import Kind
from pofx.models.flow.network import Network
from pofx.rng import generator, split
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table

BLOCK = 8192  # rows mapped at once: layers keep tens of numbers a value


class FlowModel(Density):
    """The mean, in probability, of a few flows of the real columns, conditional on a model of the others.

    Args:
        space: a table of Real, Category, Integer and Circle columns, at least one of them real.
        others: the model of the columns that are not real; None where there are none.
        gates: for each column the place of the label that says whether it has a value (code 0), or -1.
        kind, count, hidden, depth, bins, linear: the architecture.
        members: how many flows.
        seed: of the weights that training begins with.
        recipe: the estimator with its choices written in; it takes no part in answers.
        conditions: the map from the given columns to those the flows are told of; None without conditions.
    """

    capabilities = frozenset({"missing", "discrete", "periodic", "given"})

    def __init__(
        self,
        space: Table,
        others: Model | None,
        gates: tuple[int, ...],
        kind: Kind,
        count: int,
        hidden: int,
        depth: int,
        bins: int,
        linear: bool,
        members: int = 1,
        seed: int = 0,
        recipe: Estimator | None = None,
        conditions: Columns | None = None,
    ) -> None:
        super().__init__(space, None if conditions is None else conditions.table)
        self.others = others
        self.gates = tuple(gates)
        self.kind: Kind = kind
        self.count, self.hidden, self.depth, self.bins = count, hidden, depth, bins
        self.linear, self.members, self.seed, self.recipe = linear, members, seed, recipe
        self.conditions = conditions
        self._real, self._other = places(space)
        spaces = [space.spaces[j] for j in self._other]
        spaces += [] if conditions is None else conditions.target.spaces
        self.flows = nn.ModuleList(
            Network(
                len(self._real), spaces, kind,
                count=count, hidden=hidden, depth=depth, bins=bins, linear=linear, seed=split(seed, k),
            )
            for k in range(members)
        )  # fmt: skip

    @property
    def nets(self) -> list[Network]:
        """The flows."""
        return [flow for flow in self.flows if isinstance(flow, Network)]

    @property
    def free_parameters(self) -> int:
        trained = sum(parameter.numel() for parameter in self.flows.parameters()) + 2 * len(self._real)
        return trained + (0 if self.others is None else self.others.free_parameters)

    def _context(self, x: Tensor, given: Tensor | None) -> Tensor:
        """What the flows are told of each row: its other columns, and its conditions, `[n, o + k]`."""
        other = x[:, self._other]
        if self.conditions is None or given is None:
            return other
        return torch.cat([other, self.conditions.encode(given)[0]], 1)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        context = self._context(x, given)
        parts = [slice(i, i + BLOCK) for i in range(0, max(len(x), 1), BLOCK)]
        return torch.cat([self._score_block(x[part], context[part]) for part in parts])

    def _score_block(self, x: Tensor, context: Tensor) -> Tensor:
        """Of rows `[n, d]` beside their context, `[n]`."""
        real = x[:, self._real]
        score = torch.logsumexp(torch.stack([net(real, context) for net in self.nets]), 0) - math.log(self.members)
        return score if self.others is None else score + self.others._log_prob(x[:, self._other], None)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._drawn(n, generator, given)[0]

    def _drawn(self, n: int, generator: torch.Generator, given: Tensor | None) -> tuple[Tensor, Tensor]:
        """Rows, and the log-density of their real columns under the one flow that made each, `[n]`."""
        x = torch.zeros(n, len(self._table().names), dtype=torch.float64)
        own = torch.zeros(n, dtype=torch.float64)
        if self.others is not None:
            x[:, self._other] = self.others._sample(n, generator, None)
        there = torch.stack([x[:, gate] == 0 if gate >= 0 else x[:, 0] == x[:, 0] for gate in self.gates], 1)
        x = torch.where(there, x, torch.nan)
        z = torch.randn(n, len(self._real), generator=generator, dtype=torch.float64)
        whose = torch.randint(self.members, (n,), generator=generator)
        context = self._context(x, given)
        for k in range(self.members):
            for rows in (whose == k).nonzero()[:, 0].split(BLOCK):
                made, own[rows] = self.nets[k].from_noise(z[rows], there[rows][:, self._real], context[rows])
                x[rows[:, None], torch.tensor(self._real)] = made
        return x, own

    def sample_and_log_prob(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`n` rows of the model's own space and their log-probability; one pass where one flow is the whole."""
        x, own = self._drawn(n, generator, None)
        if self.members > 1:
            return x, self._log_prob(x, None)
        return x, own if self.others is None else own + self.others._log_prob(x[:, self._other], None)

    def to_noise(self, x: Tensor, given: Tensor | None = None, member: int = 0) -> Tensor:
        """The standard normal numbers behind rows of the model's own space, by one flow, `[n, d] -> [n, r]`."""
        with torch.no_grad():
            return self.nets[member].to_noise(x[:, self._real], self._context(x, given))

    def from_noise(self, z: Tensor, like: Tensor, given: Tensor | None = None, member: int = 0) -> Tensor:
        """The real columns that noise `[n, r]` makes beside the other columns, and gaps, of rows `like` `[n, d]`."""
        with torch.no_grad():
            there = ~torch.isnan(like[:, self._real])
            return self.nets[member].from_noise(z, there, self._context(like, given))[0]


def places(space: Table) -> tuple[list[int], list[int]]:
    """Where the real columns stand and where the others do, each in the order of their names."""
    order = sorted(range(len(space.names)), key=lambda j: space.names[j])
    real = [j for j in order if isinstance(space.spaces[j], Real)]
    return real, [j for j in order if j not in real]


def sample_and_log_prob(model: Model, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """`n` rows in tensor form and their log-probability, in the model's units; for a flow, alone or behind a codec.

    Raises:
        LikelihoodError: the model is not a flow.
    """
    inner = model.inner if isinstance(model, CodedDensity) else model
    if not isinstance(inner, FlowModel):
        raise LikelihoodError(f"{type(inner).__name__} is not a flow", remedy="use draw and log_prob")
    if inner.conditions is not None:
        raise LikelihoodError("a conditional flow scores draws under their conditions", remedy="use draw and log_prob")
    with torch.no_grad():
        z, score = inner.sample_and_log_prob(n, generator(seed))
        if not isinstance(model, CodedDensity):
            return z, score
        x = model.codec.decode(z)
        return x, score + model.codec.encode(x)[1]

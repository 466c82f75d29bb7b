"""A fitted flow: p(labels, counts, angles) times p(real columns | those), both exact.

Values that may be missing arrive as a flag, a label, beside a column that is NaN where the flag says so. Flags belong
to the first factor; in the second every layer leaves the missing columns out (see `layers`), so that what is scored is
the density of the values that exist, given all flags, and total mass is one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.coded import CodedDensity
from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.errors import LikelihoodError
from pofx.models.flow.layers import Kind
from pofx.models.flow.network import Network
from pofx.rng import generator
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table

BLOCK = 8192  # rows mapped at once: layers keep tens of numbers a value


class FlowModel(Density):
    """A flow of the real columns, conditional on a model of the others.

    Args:
        space: a table of Real, Category, Integer and Circle columns, at least one of them real.
        others: the model of the columns that are not real; None where there are none.
        gates: for each column the place of the label that says whether it has a value (code 0), or -1.
        kind, count, hidden, depth, bins, linear: the architecture.
        seed: of the weights that training begins with.
        recipe: the estimator with its choices written in; it takes no part in answers.
    """

    capabilities = frozenset({"missing", "discrete", "periodic"})

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
        seed: int = 0,
        recipe: Estimator | None = None,
    ) -> None:
        super().__init__(space)
        self.others = others
        self.gates = tuple(gates)
        self.kind: Kind = kind
        self.count, self.hidden, self.depth, self.bins = count, hidden, depth, bins
        self.linear, self.seed, self.recipe = linear, seed, recipe
        self._real, self._other = places(space)
        spaces = [space.spaces[j] for j in self._other]
        self.net = Network(
            len(self._real), spaces, kind,
            count=count, hidden=hidden, depth=depth, bins=bins, linear=linear, seed=seed,
        )  # fmt: skip

    @property
    def free_parameters(self) -> int:
        trained = sum(parameter.numel() for parameter in self.net.parameters()) + 2 * len(self._real)
        return trained + (0 if self.others is None else self.others.free_parameters)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        blocks = [x[i : i + BLOCK] for i in range(0, max(len(x), 1), BLOCK)]
        return torch.cat([self._score_block(block) for block in blocks])

    def _score_block(self, x: Tensor) -> Tensor:
        other = x[:, self._other]
        score: Tensor = self.net(x[:, self._real], other)
        return score if self.others is None else score + self.others._log_prob(other, None)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.sample_and_log_prob(n, generator)[0]

    def sample_and_log_prob(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`n` rows of the model's own space and their log-probability, in one pass."""
        x, score = torch.zeros(n, len(self._table().names), dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
        if self.others is not None:
            x[:, self._other] = self.others._sample(n, generator, None)
        there = torch.stack([x[:, gate] == 0 if gate >= 0 else x[:, 0] == x[:, 0] for gate in self.gates], 1)
        x = torch.where(there, x, torch.nan)
        z = torch.randn(n, len(self._real), generator=generator, dtype=torch.float64)
        for i in range(0, n, BLOCK):
            rows = slice(i, i + BLOCK)
            other = x[rows, self._other]
            x[rows, self._real], score[rows] = self.net.from_noise(z[rows], there[rows][:, self._real], other)
            if self.others is not None:
                score[rows] += self.others._log_prob(other, None)
        return x, score

    def to_noise(self, x: Tensor) -> Tensor:
        """The standard normal numbers behind rows of the model's own space, `[n, d] -> [n, r]`."""
        with torch.no_grad():
            return self.net.to_noise(x[:, self._real], x[:, self._other])

    def from_noise(self, z: Tensor, like: Tensor) -> Tensor:
        """The real columns that noise `[n, r]` makes beside the other columns, and gaps, of rows `like` `[n, d]`."""
        with torch.no_grad():
            return self.net.from_noise(z, ~torch.isnan(like[:, self._real]), like[:, self._other])[0]


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
    with torch.no_grad():
        z, score = inner.sample_and_log_prob(n, generator(seed))
        if not isinstance(model, CodedDensity):
            return z, score
        x = model.codec.decode(z)
        return x, score + model.codec.encode(x)[1]

"""A fitted mixture: exact scores, samples, marginals, conditionals, and in one dimension a cumulative distribution."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.core.named import Named
from pofx.models.mixture.components import Components, split_columns
from pofx.models.mixture.gaussian import SCRATCH, Gaussians, Kind
from pofx.models.mixture.heads import unpack
from pofx.spaces.table import Table


class MixtureModel(Density):
    """A mixture of products: one Gaussian over all real columns, and one head for each other column, a component.

    Args:
        space: a table of Real, Category, Integer and Circle columns.
        covariance: the structure of the main Gaussians: full, tied, diagonal or spherical.
        log_weights: `[K]`; the main components first, then the broad ones.
        means, covariances: of the main Gaussians, as in `Gaussians`.
        broad_means, broad_covariances: of the broad ones, `[B, r]` and `[B, r, r]` (full) or `[B, r]` (diagonal); B may
            be 0.
        heads: the numbers of the heads, `[K, p]`, side by side in the order of the columns.
        widths: how many of these belong to each.
        members: of how many mixtures of equal size this is the average.
        recipe: the estimator with its choices written in; it takes no part in answers.
    """

    capabilities = frozenset({"missing", "discrete", "periodic", "marginal", "condition", "cdf"})

    def __init__(
        self,
        space: Table,
        covariance: Kind,
        log_weights: Tensor,
        means: Tensor,
        covariances: Tensor,
        broad_means: Tensor,
        broad_covariances: Tensor,
        heads: Tensor,
        widths: tuple[int, ...],
        members: int = 1,
        recipe: Estimator | None = None,
    ) -> None:
        super().__init__(space)
        self.recipe = recipe
        self.covariance: Kind = covariance
        self.widths = tuple(widths)
        self.members = members
        self.log_weights: Tensor
        self.means: Tensor
        self.covariances: Tensor
        self.broad_means: Tensor
        self.broad_covariances: Tensor
        self.heads: Tensor
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("means", means)
        self.register_buffer("covariances", covariances)
        self.register_buffer("broad_means", broad_means)
        self.register_buffer("broad_covariances", broad_covariances)
        self.register_buffer("heads", heads)
        if not (len(space.names) == 1 and means.shape[1] == 1):
            self.capabilities = type(self).capabilities - {"cdf"}  # type: ignore[misc]

    @property
    def parts(self) -> Components:
        """The components as plain tensors."""
        table = self._table()
        packed = self.heads.split(list(self.widths), 1)
        heads = tuple(unpack(table.spaces[j], p) for j, p in zip(split_columns(table)[1], packed, strict=True))
        main = Gaussians(self.covariance, self.means, self.covariances)
        if not len(self.broad_means):
            return Components(self.log_weights, main, None, heads)
        kind: Kind = "full" if self.broad_covariances.ndim == 3 else "diagonal"
        return Components(self.log_weights, main, Gaussians(kind, self.broad_means, self.broad_covariances), heads)

    @property
    def free_parameters(self) -> int:
        return self.parts.free_parameters

    def named(self) -> Named | None:
        if self.widths:
            return None
        parts = self.parts
        block = parts.one_block
        numbers = {"log_weights": parts.log_weights, "means": block.means, "covariances": block.dense()}
        return Named("normal mixture", numbers)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        parts, table = self.parts, self._table()
        step = max(1, SCRATCH // len(self.log_weights))
        blocks = [x[i : i + step] for i in range(0, max(len(x), 1), step)]
        return torch.cat([torch.logsumexp(parts.log_joint(block, table), 1) for block in blocks])

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        parts = self.parts
        weights = torch.exp(parts.log_weights)
        component = torch.multinomial(weights, n, replacement=True, generator=generator) if n else torch.zeros(0).long()
        x = torch.empty(n, len(self._table().names), dtype=torch.float64)
        real, other = split_columns(self._table())
        for rows, block, member in _by_block(parts, component):
            x[rows[:, None], real] = block.draw(member, generator)
        for j, head in zip(other, parts.heads, strict=True):
            x[:, j] = head.draw(component, generator)
        return x

    def responsibilities(self, x: Tensor) -> Tensor:
        """P(component | row) for rows of the model's own space, `[n, d] -> [n, K]`."""
        log_joint: Tensor = self.parts.log_joint(x, self._table())
        return log_joint.softmax(1)

    def _marginal(self, names: tuple[str, ...]) -> Model:
        table = self._table()
        real, other = split_columns(table)
        places = [table.index(name) for name in names]
        columns = [real.index(j) for j in places if j in real]
        parts = self.parts
        main, wide = parts.main.marginal(columns), parts.broad and parts.broad.marginal(columns)
        heads = tuple(parts.heads[other.index(j)] for j in places if j in other)
        return mixture(table.select(names), Components(parts.log_weights, main, wide, heads), self.members)

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        table = self._table()
        rest = tuple(name for name in table.names if name not in names)
        kept = ~torch.isnan(values)
        known = tuple(name for name, keep in zip(names, kept.tolist(), strict=True) if keep)
        if not known:
            return self._marginal(rest)
        seen = self._marginal(known)
        assert isinstance(seen, MixtureModel)
        log_weights = torch.log_softmax(seen.parts.log_joint(values[kept][None], seen._table())[0], 0)
        real, other = split_columns(table)
        is_real = [table.index(name) in real for name in known]
        columns = [real.index(table.index(name)) for name, yes in zip(known, is_real, strict=True) if yes]
        given = values[kept][torch.tensor(is_real)]
        unnamed = [real.index(j) for j in real if table.names[j] in rest]
        main, *wide = (_conditioned(block, columns, given, unnamed) for block in self.parts.gaussians)
        heads = tuple(h for j, h in zip(other, self.parts.heads, strict=True) if table.names[j] in rest)
        parts = Components(log_weights, main, wide[0] if wide else None, heads)
        return mixture(table.select(rest), parts, self.members)

    def _cdf(self, x: Tensor) -> Tensor:
        parts = self.parts
        mean = torch.cat([block.means[:, 0] for block in parts.gaussians])
        sd = torch.cat([block.variances()[:, 0] for block in parts.gaussians]).sqrt()
        below: Tensor = torch.special.ndtr((x[:, None] - mean) / sd)
        return below @ torch.exp(parts.log_weights)


def _conditioned(block: Gaussians, known: list[int], values: Tensor, wanted: list[int]) -> Gaussians:
    """The Gaussians of the wanted columns, given the values of the known ones."""
    left = [j for j in range(block.width) if j not in known]
    return block.condition(known, values).marginal([left.index(j) for j in wanted])


def _by_block(parts: Components, component: Tensor) -> list[tuple[Tensor, Gaussians, Tensor]]:
    """For each block of Gaussians: which rows it has, itself, and their components counted from its first."""
    result, at = [], 0
    for block in parts.gaussians:
        rows = ((component >= at) & (component < at + len(block))).nonzero()[:, 0]
        result.append((rows, block, component[rows] - at))
        at += len(block)
    return result


def mixture(space: Table, parts: Components, members: int = 1, recipe: Estimator | None = None) -> MixtureModel:
    """The model of these components."""
    main, wide = parts.main, parts.broad
    packed = [head.pack() for head in parts.heads]
    return MixtureModel(
        space,
        main.kind,
        parts.log_weights,
        main.means,
        main.covariances,
        main.means[:0] if wide is None else wide.means,
        main.means[:0] if wide is None else wide.covariances,
        torch.cat(packed, 1) if packed else main.means.new_zeros(len(parts.log_weights), 0),
        tuple(part.shape[1] for part in packed),
        members,
        recipe,
    )

"""A product of independent factors, each a model of some of the columns: what `independent` returns.

A factor is left out of the product for rows in which all its columns are NaN, "there is no value here", so that with
the flag that says so total mass stays one. Marginals and conditionals are those of the factors. Cost: the sum of the
factors'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pofx.core.capabilities import Capability
from pofx.core.coded import Nothing
from pofx.core.contract import Density, Model
from pofx.spaces.table import Table

Tried = tuple[tuple[str, float | None, str], ...]  # candidate, held-out log-probability a row, why there is none


class IndependentModel(Density):
    """Factors that know nothing of each other.

    Args:
        space: the table of all columns.
        factors: exact models of tables whose columns, taken together, are those of `space`.
        tried: for each column what was tried, best first: candidate, held-out nats a row or None, reason.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {"weights", "missing", "discrete", "bounds", "periodic", "marginal", "condition"}
    )

    def __init__(self, space: Table, factors: Sequence[Model], tried: dict[str, Tried]) -> None:
        super().__init__(space)
        self.factors = nn.ModuleList(factors)
        self.tried = tried
        self.capabilities = type(self).capabilities | self._closed_form()  # type: ignore[misc]

    @property
    def free_parameters(self) -> int:
        return sum(factor.free_parameters for factor in self._models())

    def _models(self) -> list[Model]:
        return [factor for factor in self.factors if isinstance(factor, Model)]

    def _closed_form(self) -> frozenset[Capability]:
        """`cdf` for one column whose factor has it."""
        models = self._models()
        return models[0].capabilities & {"cdf"} if len(models) == 1 and len(_names(models[0])) == 1 else frozenset()

    def _places(self, factor: Model) -> list[int]:
        return [self._table().index(name) for name in _names(factor)]

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        total = x.new_zeros(len(x))
        for factor in self._models():
            block = x[:, self._places(factor)]  # [n, p]
            there = ~torch.isnan(block.detach()).all(1)
            if bool(there.all()):
                total = total + factor._log_prob(block, None)
            elif bool(there.any()):
                rows = there.nonzero()[:, 0]
                total = total.index_add(0, rows, factor._log_prob(block[rows], None))
        return total

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        x = torch.zeros(n, len(self._table().names), dtype=torch.float64)
        for factor in self._models():
            x[:, self._places(factor)] = factor._sample(n, generator, None)
        return x

    def _marginal(self, names: tuple[str, ...]) -> Model:
        wanted = [(factor, tuple(n for n in _names(factor) if n in names)) for factor in self._models()]
        kept = [factor if some == _names(factor) else factor._marginal(some) for factor, some in wanted if some]
        return IndependentModel(self._table().select(names), kept, _of(self.tried, names))

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        rest = tuple(name for name in self._table().names if name not in names)
        if not rest:
            return Nothing()
        kept: list[Model] = []
        for factor in self._models():
            known = [k for k, name in enumerate(names) if name in _names(factor)]
            if not known:
                kept.append(factor)
            elif len(known) < len(_names(factor)):
                kept.append(factor._condition(tuple(names[k] for k in known), values[known]))
        return IndependentModel(self._table().select(rest), kept, _of(self.tried, rest))

    def _cdf(self, x: Tensor) -> Tensor:
        return self._models()[0]._cdf(x)


def _names(factor: Model) -> tuple[str, ...]:
    assert isinstance(factor.space, Table)
    return factor.space.names


def _of(tried: dict[str, Tried], names: tuple[str, ...]) -> dict[str, Tried]:
    return {name: tried[name] for name in names if name in tried}

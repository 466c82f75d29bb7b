"""The components of a fitted mixture as plain tensors: the one object that fitting changes and a model answers from.

A row of the table is split into its real columns, which share one Gaussian a component, and the others, which have a
head each. With `broad`, the last component is a wide one that catches the rows no other explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pofx.models.mixture.gaussian import Gaussians, together
from pofx.models.mixture.heads import Head, unpack
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table


@dataclass(frozen=True, eq=False)
class Components:
    """K components, of which `broad` has the last ones, if any.

    Args:
        log_weights: `[K]`, log-probabilities.
        main: Gaussians of the first components.
        broad: Gaussians of the last components (always the overall mean and shape, only wider), or None.
        heads: one for each column that is not real, over all K components, in the table's order.
    """

    log_weights: Tensor
    main: Gaussians
    broad: Gaussians | None
    heads: tuple[Head, ...]

    @property
    def gaussians(self) -> tuple[Gaussians, ...]:
        """The one or two blocks of Gaussians."""
        return (self.main,) if self.broad is None else (self.main, self.broad)

    @cached_property
    def one_block(self) -> Gaussians:
        """All components as one block, full or diagonal."""
        alike = [block.general for block in self.gaussians]
        return alike[0] if len(alike) == 1 else together(alike)

    @property
    def free_parameters(self) -> int:
        """Weights, Gaussians and heads; a broad component has its width alone."""
        heads = sum(head.free_parameters for head in self.heads)
        share = len(self.main) / len(self.log_weights)  # a broad component's heads are the overall frequencies
        broad = 0 if self.broad is None else len(self.broad)
        return len(self.log_weights) - 1 + self.main.free_parameters + broad + round(share * heads)

    def log_joint(self, x: Tensor, table: Table) -> Tensor:
        """log P(component) + log p(row | component), `[n, d] -> [n, K]`, nats."""
        real, other = split_columns(table)
        total = self.log_weights + self.log_density(x[:, real])
        for j, head in zip(other, self.heads, strict=True):
            total = total + head.log_density(x[:, j])
        return total

    def log_density(self, x: Tensor) -> Tensor:
        """Of the real columns alone, `[n, r] -> [n, K]`."""
        return torch.cat([block.log_density(x) for block in self.gaussians], 1)


def pooled(members: list[Components], spaces: list[Scalar]) -> Components:
    """The equal-weight average of mixtures of the same kind, itself a mixture: main components first, then broad ones.

    Tied covariances become full ones, since members differ. `spaces` are those of the columns that are not real.
    """
    if len(members) == 1:
        return members[0]
    K = [len(member.main) for member in members]
    wide = [member.broad for member in members if member.broad is not None]
    log_weights = _main_then_broad([member.log_weights for member in members], K) - math.log(len(members))
    packed = zip(*([head.pack() for head in member.heads] for member in members), strict=True)
    heads = tuple(unpack(space, _main_then_broad(list(one), K)) for space, one in zip(spaces, packed, strict=True))
    return Components(log_weights, together([m.main for m in members]), together(wide) if wide else None, heads)


def apart(parts: Components, members: int, spaces: list[Scalar]) -> list[Components]:
    """The inverse of `pooled`, for members of equal size."""
    if members == 1:
        return [parts]
    K, B = len(parts.main) // members, 0 if parts.broad is None else len(parts.broad) // members
    result = []
    for m in range(members):
        main = list(range(m * K, (m + 1) * K))
        wide = list(range(m * B, (m + 1) * B))
        places = main + [len(parts.main) + b for b in wide]
        heads = tuple(unpack(s, head.pack()[places]) for s, head in zip(spaces, parts.heads, strict=True))
        broad = None if parts.broad is None else parts.broad.take(wide)
        log_weights = torch.log_softmax(parts.log_weights[places], 0)
        result.append(Components(log_weights, parts.main.take(main), broad, heads))
    return result


def _main_then_broad(pieces: list[Tensor], K: list[int]) -> Tensor:
    mains = [piece[:k] for piece, k in zip(pieces, K, strict=True)]
    return torch.cat(mains + [piece[k:] for piece, k in zip(pieces, K, strict=True)])


def split_columns(table: Table) -> tuple[list[int], list[int]]:
    """Where the real columns stand, and where the others do."""
    real = [j for j, space in enumerate(table.spaces) if isinstance(space, Real)]
    return real, [j for j in range(len(table.spaces)) if j not in real]

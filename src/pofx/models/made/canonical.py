"""One form of a table however it is written: columns by name, labels in the order of their spelling.

What a network learns from given first weights depends on the order of its inputs. Inside, the order is always the
same, so that neither the order of columns nor the codes of labels matter.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pofx.spaces.base import Scalar
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table


class Canonical:
    """The map from a table to its canonical form, and back.

    Args:
        table: of any scalar spaces.
    """

    def __init__(self, table: Table) -> None:
        self._columns = sorted(range(len(table.names)), key=lambda j: table.names[j])
        # for each column of the table its place in the canonical one
        self.unsorted = sorted(range(len(table.names)), key=lambda k: self._columns[k])
        found = [_spelled(table.spaces[j]) for j in self._columns]
        self._codes = [codes for _, codes in found]
        names = tuple(table.names[j] for j in self._columns)
        self.table = Table(names, tuple(space for space, _ in found), "torch")

    def encode(self, x: Tensor) -> Tensor:
        """Rows in canonical form, `[n, d]`."""
        y = x[:, self._columns]
        for k, codes in enumerate(self._codes):
            if codes is not None:
                y[:, k] = _looked_up(codes.argsort(), y[:, k])
        return y

    def decode(self, y: Tensor) -> Tensor:
        """Rows as the table has them, `[n, d]`."""
        x = y.clone()
        for k, codes in enumerate(self._codes):
            if codes is not None:
                x[:, k] = _looked_up(codes, y[:, k])
        return x[:, self.unsorted]


def _spelled(space: Scalar) -> tuple[Scalar, Tensor | None]:
    """Labels by their spelling, and the old code of each new one."""
    if not isinstance(space, Category):
        return space, None
    order = sorted(range(len(space.labels)), key=lambda code: str(space.labels[code]))
    codes = [*order, len(order)] if space.open else order
    return replace(space, labels=tuple(space.labels[code] for code in order)), torch.tensor(codes)


def _looked_up(codes: Tensor, x: Tensor) -> Tensor:
    known = codes.to(x.device)[torch.nan_to_num(x).long()].to(x.dtype)
    return torch.where(torch.isnan(x), x, known)

"""Which column of one table is which of another, and rows of the one as rows of the other.

Columns are matched by name, and by place where an array, whose names are made up, is involved or there is only one.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import torch
from torch import Tensor

from pofx.errors import LikelihoodError, SpaceError
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.symbolic import Category, inner_space
from pofx.spaces.table import Layout, Table

ARRAYS: tuple[Layout, ...] = ("numpy", "torch", "vector")  # layouts whose columns have made-up names


def same_places(p: Table, q: Table) -> bool:
    """Whether matching columns stand at the same places."""
    return matching_columns(p, q) == list(range(len(p.names)))


def refuse_other_labels(p: Table, q: Table) -> None:
    """Two models must know the same labels: what one calls "any other" has parts that the other tells apart."""
    for j, k in enumerate(matching_columns(p, q)):
        mine, other = inner_space(p.spaces[j]), inner_space(q.spaces[k])
        if isinstance(mine, Category) and isinstance(other, Category):
            only = set(map(str, mine.labels)) ^ set(map(str, other.labels))
            if only:
                raise LikelihoodError(
                    "the two models know different labels, so their probabilities cannot be compared one by one",
                    got=f"known to one only: {', '.join(sorted(only)[:6])}",
                    remedy="fit both to rows that have all labels, or compare samples: method='plug in' or 'nearest'",
                    where=f"column '{p.names[j]}'",
                )


def carrier(source: Table, target: Table) -> Callable[[Tensor], Tensor]:
    """Rows of one table as rows of a matching one: columns in the other's order, labels by the other's codes."""
    if source == target:
        return lambda x: x
    places = matching_columns(target, source)
    recodes = [_recode(inner_space(source.spaces[j]), inner_space(target.spaces[k])) for k, j in enumerate(places)]

    def carry(x: Tensor) -> Tensor:
        return torch.stack([recode(x[:, j]) for j, recode in zip(places, recodes, strict=True)], 1)

    return carry


def matching_columns(p: Table, q: Table) -> list[int]:
    """Where each column of P stands in Q; raises where there is no such column, or one of another kind."""
    by_place = len(p.names) == len(q.names) and (len(p.names) == 1 or p.layout in ARRAYS or q.layout in ARRAYS)
    if not by_place and set(p.names) != set(q.names):
        raise different_columns("P", "Q", list(p.names), list(q.names))
    places = [q.names.index(name) if name in q.names else j for j, name in enumerate(p.names)]
    places = places if sorted(places) == list(range(len(q.names))) else list(range(len(q.names)))
    for j, k in enumerate(places):
        mine, other = inner_space(p.spaces[j]), inner_space(q.spaces[k])
        if _kind(mine) != _kind(other):
            raise SpaceError(
                "a density per unit and a probability per value cannot be compared",
                got=f"{p.spaces[j].describe()} and {q.spaces[k].describe()}",
                expected="the same kind of column on both sides",
                remedy="fit both with --column NAME=KIND",
                where=f"column '{p.names[j]}'",
            )
    return places


def _kind(space: Scalar) -> Measure | str:
    return "labels" if isinstance(space, Category) else space.measure


def _recode(source: Scalar, target: Scalar) -> Callable[[Tensor], Tensor]:
    if not (isinstance(source, Category) and isinstance(target, Category)) or source == target:
        return lambda x: x
    if source.size == target.size and not source.labels and not target.labels:
        return lambda x: x
    shown = [*source.labels, "\x00any other"][: source.size]
    codes = target.read(pl.Series(list(map(str, shown))))  # a label the target does not know: its open code, or outside
    return lambda x: torch.where(torch.isnan(x), x, codes[torch.nan_to_num(x).long()])


def different_columns(p: str, q: str, mine: list[str], other: list[str]) -> SpaceError:
    only_p = [name for name in mine if name not in other]
    only_q = [name for name in other if name not in mine]
    parts = [
        f"only in {label}: {', '.join(map(repr, names[:6]))}" for label, names in ((p, only_p), (q, only_q)) if names
    ]
    return SpaceError(
        f"{p} and {q} have different columns",
        got="; ".join(parts) or f"{len(mine)} and {len(other)} columns",
        expected="the same columns on both sides",
        remedy="select the common ones",
    )

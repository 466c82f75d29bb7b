"""A divergence between two samples of a table: which estimator suits its columns.

Counted columns: relative frequencies of whole rows. Continuous ones: nearest neighbours, rows spread over the cells
they were rounded to. Both: KL by the chain rule over the counted part, KL(c) + sum P(c) KL(x | c), where every cell has
rows enough on both sides; the bounded divergences by neighbours in coordinates where two labels are one apart. Where
neither will do, a classifier's lower bound (`pofx.divergences.two_sample.classifier`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.divergences.coordinates import Coordinates, half_steps
from pofx.divergences.engine.cells import Cells, counted, exact
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.errors import PofxError
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.symbolic import Maybe, inner_space
from pofx.spaces.table import Table

SPARSE = 5  # rows a cell must hold on average before frequencies of whole rows mean something
FEW = 12  # rows of a cell, on either side, that neighbours need


class FromCells(Protocol):
    """A measure of two discrete distributions."""

    def __call__(self, p: Cells, q: Cells) -> Estimate: ...


FromPoints = Callable[..., Estimate]  # (x [n, d], y [m, d], *, steps, null, seed)


@dataclass(frozen=True, eq=False)
class Parted:
    """Two samples of one table, their columns told apart."""

    table: Table
    p: Tensor
    q: Tensor
    counted: tuple[int, ...]
    """Columns of labels and counts."""
    split: tuple[int, ...]
    """Continuous columns with atoms or missing values."""
    plain: tuple[int, ...]
    """Continuous columns without."""

    @property
    def is_counted(self) -> bool:
        return not self.split and not self.plain

    @property
    def is_continuous(self) -> bool:
        return not self.split and not self.counted


def parted(table: Table, p: Tensor, q: Tensor) -> Parted:
    """Which columns are of which kind."""
    counted = tuple(j for j, s in enumerate(table.spaces) if inner_space(s).measure is Measure.COUNTING)
    split = tuple(j for j, s in enumerate(table.spaces) if isinstance(s, Maybe) and j not in counted)
    plain = tuple(j for j in range(len(table.spaces)) if j not in counted + split)
    return Parted(table, p, q, counted, split, plain)


def by_cells(parts: Parted, measure: FromCells, p_weights: Tensor | None, q_weights: Tensor | None) -> Estimate:
    """Relative frequencies of whole rows of a table that is counted throughout."""
    cells_p, cells_q = cells(parts.table, (parts.p, p_weights), (parts.q, q_weights))
    return measure(cells_p, cells_q)


def is_sparse(parts: Parted) -> bool:
    """Whether whole rows repeat too seldom for their frequencies to mean something."""
    codes = _codes(parts.table, torch.cat([parts.p, parts.q]), parts.counted)[0]
    return len(parts.counted) > 1 and len(np.unique(codes)) * SPARSE > min(len(parts.p), len(parts.q))


def by_points(parts: Parted, measure: FromPoints, null: bool, seed: int) -> Estimate:
    """Neighbours: of the columns themselves where all are continuous, else of coordinates."""
    if parts.is_continuous:
        x, y = parts.p.numpy(), parts.q.numpy()
        return measure(x, y, steps=half_steps(parts.table), null=null, seed=seed)
    place = Coordinates.of(parts.table, parts.p, parts.q)
    return measure(place(parts.p), place(parts.q), steps=None, white=False, null=null, seed=seed)


def by_chain(parts: Parted, of_cells: FromCells, of_points: FromPoints, null: bool, seed: int) -> Estimate | None:
    """KL over the counted part and the flags, plus the mean of KL within each cell; None where a cell is too thin."""
    discrete = (*parts.counted, *parts.split)
    joined = torch.cat([parts.p, parts.q])
    codes, labels = _codes(parts.table, joined, discrete, flags=True)
    code_p, code_q = codes[: len(parts.p)], codes[len(parts.p) :]
    head = of_cells(_counted(code_p, labels), _counted(code_q, labels))
    if math.isinf(head.value):
        return replace(head, method=f"chain rule: {head.method}")
    value, variance = head.value, (head.std_error or 0.0) ** 2
    for code in np.unique(code_p):
        rows_p, rows_q = parts.p[code_p == code], parts.q[code_q == code]
        kept = [j for j in (*parts.plain, *parts.split) if not bool(_flagged(parts.table.spaces[j], rows_p[:1, j]))]
        if not kept:
            continue
        if min(len(rows_p), len(rows_q)) < FEW:
            return None
        inner = Table(tuple(parts.table.names[j] for j in kept), tuple(_inner(parts.table, j) for j in kept))
        within = of_points(
            rows_p[:, kept].numpy(), rows_q[:, kept].numpy(), steps=half_steps(inner), null=False, seed=seed
        )
        share = len(rows_p) / len(parts.p)
        value += share * within.value
        variance += (share * (within.std_error or 0.0)) ** 2
    found = Estimate(
        value,
        math.sqrt(variance),
        Nature.ASYMPTOTICALLY_UNBIASED,
        "chain rule: frequencies, then nearest neighbours",
        "nats",
        "P || Q",
        len(joined),
        name=head.name,
    )
    if not null:
        return found
    one, two = halves(len(parts.p), seed)
    other = by_chain(parted(parts.table, parts.p[one], parts.p[two]), of_cells, of_points, False, seed)
    return found if other is None else replace(found, null=other.value)


def cells(table: Table, *samples: tuple[Tensor, Tensor | None]) -> list[Cells]:
    """Counts of each distinct whole row, aligned over samples; of weights, where these are not all whole, shares."""
    joined = torch.cat([rows for rows, _ in samples])
    codes, labels = _codes(table, joined, tuple(range(len(table.names))))
    found, start = [], 0
    for rows, weights in samples:
        mine = codes[start : start + len(rows)]
        start += len(rows)
        found.append(_counted(mine, labels, None if weights is None else weights.numpy()))
    return found


def _counted(codes: np.ndarray, labels: list[str], weights: np.ndarray | None = None) -> Cells:
    counts = np.bincount(codes, weights=weights, minlength=len(labels)).astype(np.float64)
    if weights is None or (counts == np.floor(counts)).all():
        return counted(counts, labels)
    return exact(counts / counts.sum(), labels)


def _codes(table: Table, rows: Tensor, columns: tuple[int, ...], flags: bool = False) -> tuple[np.ndarray, list[str]]:
    """A whole number for each distinct row `[n]`, and what people call each; flags of continuous columns count too."""
    key = torch.stack([_key(table.spaces[j], rows[:, j], flags) for j in columns], 1)
    distinct, first, codes = np.unique(key.numpy(), axis=0, return_index=True, return_inverse=True)
    names = [_called(table, rows[int(k)], columns) for k in first] if len(distinct) <= 10_000 else []
    return codes.reshape(-1), names or [str(k) for k in range(len(distinct))]


def _key(space: Scalar, x: Tensor, flags: bool) -> Tensor:
    if flags and inner_space(space).measure is not Measure.COUNTING:
        assert isinstance(space, Maybe)
        return space.flag(x)
    return torch.nan_to_num(x, nan=-1e300)


def _called(table: Table, row: Tensor, columns: tuple[int, ...]) -> str:
    shown = [(table.names[j], table.spaces[j].show_series(row[j : j + 1]).to_list()[0]) for j in columns[:4]]
    return ", ".join(f"{name} = {'missing' if value is None else value}" for name, value in shown)


def _flagged(space: Scalar, x: Tensor) -> Tensor:
    return space.flag(x) != 0 if isinstance(space, Maybe) else torch.zeros_like(x)


def _inner(table: Table, j: int) -> Scalar:
    space = inner_space(table.spaces[j])
    assert isinstance(space, Scalar)
    return space


def weights_of(data: Data | None) -> Tensor | None:
    """A sample's weights, where it has any."""
    return None if data is None else data.weights


def refuse_weights(*sides: Data | None) -> None:
    """Estimators that cannot weigh say so."""
    if any(weights_of(side) is not None for side in sides):
        raise PofxError(
            "this estimator takes no weights",
            got="a weighted sample",
            remedy="draw rows by their weights first, or fit a model to them and compare that",
        )

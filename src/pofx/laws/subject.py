"""What a law is asked about, what it answers, and how rows are handed to a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch.nn import functional

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.data.dataset import Data
from pofx.laws.partition import Partition
from pofx.spaces.base import Scalar, Space
from pofx.spaces.sequence import PAD, Sequence
from pofx.spaces.symbolic import Category, Constant, inner_space
from pofx.spaces.table import Table

SAMPLES = 400  # draws that stand for "the model's own samples" where no statistics are made
LONG_SAMPLES = 100  # values of a sequence, from which on fewer are drawn
MASS_TOLERANCE = {1: 1e-6, 2: 2e-4}  # by the number of columns


@dataclass(frozen=True)
class Outcome:
    """Whether a law holds, and why; one short sentence."""

    passed: bool
    why: str


@dataclass(frozen=True, eq=False)
class Subject:
    """A fitted model and, where they are known, how and on which rows it was fitted."""

    model: Model
    estimator: Estimator | None = None
    data: Data | None = None
    case: str = ""  # the name of the case that the rows are from

    def fit(self, data: Data, *, seed: int = 0) -> Model:
        """A fresh fit to other rows with the same settings."""
        assert self.estimator is not None
        return self.estimator.fit(data, seed=seed)

    @cached_property
    def own(self) -> Tensor:
        """Samples of the model `[400, *event]`; fewer of long sequences."""
        return self.model.draw(affordable(self.model.space, SAMPLES), seed=101)

    @cached_property
    def rows(self) -> Tensor:
        """The training rows where they are known, else samples."""
        return self.own if self.data is None else self.data.block(0, len(self.data))

    @cached_property
    def all_rows(self) -> Tensor:
        """Training rows, then samples."""
        return together(self.rows, self.own)

    @cached_property
    def table(self) -> Table:
        assert isinstance(self.model.space, Table)
        return self.model.space

    @cached_property
    def partition(self) -> Partition:
        return Partition(self.table, torch.cat([self.own, self.rows]))

    @cached_property
    def masses(self) -> tuple[Tensor, float]:
        """The probability of each cell of the partition, and the error that the integration admits."""
        tolerance = MASS_TOLERANCE[len(self.table.names)] / 10
        return self.partition.masses(lambda x: score(self.model, x), tolerance)


@dataclass(frozen=True)
class Law:
    """One thing that every model must do.

    Args:
        number: as in docs/laws.md.
        name: one word.
        statement: one line.
        check: tries it; None where it does not apply to this subject.
        alone: whether a fitted model is enough, without its estimator and rows.
        space: which spaces it is about.
        cases: the cases it is tried on, all that fit when None.
        capability: what an estimator must declare for the law to concern it.
        smooth: whether the density is integrated.
        once: whether one case is enough.
        exact: whether it asks for exact scores, and so is no law for bounds and samplers.
    """

    number: int
    name: str
    statement: str
    check: Callable[[Subject], Outcome | None]
    alone: bool = False
    space: Callable[[Space], bool] = lambda space: True
    cases: tuple[str, ...] | None = None
    capability: str | None = None
    smooth: bool = False
    once: bool = False
    exact: bool = False


def affordable(space: Space, most: int) -> int:
    """How many samples to draw: at most so many, and fewer of long sequences."""
    if not isinstance(space, Sequence):
        return most
    return most if space.closing is not None else min(most, max(20, LONG_SAMPLES * most // max(space.length, 1)))


def together(*rows: Tensor) -> Tensor:
    """Rows below each other, `[n, ...]`; sequences are filled up to one length."""
    if rows[0].ndim == 2:
        longest = max(x.shape[1] for x in rows)
        rows = tuple(functional.pad(x, (0, longest - x.shape[1]), value=PAD) for x in rows)
    return torch.cat(rows)


def user_rows(space: Space, x: Tensor) -> Any:
    """Rows in the user's form, without the rounding that `show` does to dates."""
    if not isinstance(space, Table):
        return space.show(x)
    columns = [_column(kind, x[:, j]).alias(space.names[j]) for j, kind in enumerate(space.spaces)]
    return pl.DataFrame(columns)


def _column(kind: Scalar, x: Tensor) -> pl.Series:
    if isinstance(inner_space(kind), Category | Constant):
        return kind.show_series(x)
    return pl.Series(x.detach().numpy()).fill_nan(None)


def score(model: Model, x: Tensor) -> Tensor:
    """`log_prob` of rows in tensor form, `[n]`."""
    rows = x if isinstance(model.space, Table) else user_rows(model.space, x)
    with torch.no_grad():
        return torch.as_tensor(model.log_prob(rows))


def difference(a: Tensor, b: Tensor) -> Tensor:
    """|a - b|, 0 where both are the same infinity."""
    return torch.where(a == b, torch.zeros_like(a), (a - b).abs()).nan_to_num(math.inf)


def close(a: Tensor, b: Tensor, relative: float, absolute: float, what: str) -> Outcome:
    """Whether two lists of scores agree."""
    gap = difference(a, b)
    allowed = absolute + relative * torch.where(torch.isfinite(b), b.abs(), torch.zeros_like(b))
    worst = int((gap - allowed).argmax()) if len(gap) else 0
    passed = bool((gap <= allowed).all())
    if passed:
        return Outcome(True, f"{what}: largest difference {float(gap.max()) if len(gap) else 0.0:.2g}")
    return Outcome(
        False,
        f"{what}: {float(a[worst]):.9g} against {float(b[worst]):.9g} in row {worst + 1}, {int((gap > allowed).sum())} "
        f"of {len(gap)} rows differ",
    )


def first_failure(*outcomes: Outcome) -> Outcome:
    """The first that failed, or all reasons joined."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    return failed[0] if failed else Outcome(True, "; ".join(dict.fromkeys(o.why for o in outcomes)))


def is_table(space: Space) -> bool:
    return isinstance(space, Table)


def columns_between(low: int, high: int) -> Callable[[Space], bool]:
    """A condition on the space: a table with that many columns."""
    return lambda space: isinstance(space, Table) and low <= len(space.names) <= high

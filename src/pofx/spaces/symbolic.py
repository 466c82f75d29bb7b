"""Scalar spaces that are not plain numbers: category, date, a value that may be missing or an atom, a constant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal

import polars as pl
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.base import MISSING, Measure, Scalar, as_series, numbers

Label = str | int | float | bool
OTHER = "(other)"  # how an outcome outside the known labels is shown


@dataclass(frozen=True)
class Category(Scalar):
    """Unordered labels under counting measure; code k is `labels[k]`.

    Args:
        labels: the known labels, in order of their codes.
        open: whether one more outcome, code `len(labels)`, stands for "any label never seen"; its probability is that
            of meeting some new label, not that of one particular new label.
    """

    labels: tuple[Label, ...]
    open: bool = True

    def __post_init__(self) -> None:
        if len(set(map(str, self.labels))) != len(self.labels):
            raise SpaceError("a category lists a label twice", got=", ".join(map(str, self.labels[:8])))

    @property
    def measure(self) -> Measure:
        return Measure.COUNTING

    @property
    def size(self) -> int:
        """How many outcomes there are, the open one included."""
        return len(self.labels) + self.open

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {_key(label): code for code, label in enumerate(self.labels)}

    def read(self, values: Any) -> Tensor:
        series = as_series(values)
        unique = series.unique().drop_nulls()
        codes = [float(self._codes.get(_key(label), len(self.labels))) for label in unique.to_list()]
        if unique.is_empty():
            return torch.full((len(series),), MISSING, dtype=torch.float64)
        mapped = series.replace_strict(
            unique, pl.Series(codes, dtype=pl.Float64), default=None, return_dtype=pl.Float64
        )
        return torch.tensor(mapped.fill_null(MISSING).to_numpy(), dtype=torch.float64)

    def contains(self, x: Tensor) -> Tensor:
        return (x >= 0) & (x < self.size) & (x == torch.round(x))

    def show_series(self, x: Tensor) -> pl.Series:
        mixed = self.open and not all(isinstance(label, str) for label in self.labels)
        known: list[Any] = [*(map(str, self.labels) if mixed else self.labels), *([OTHER] if self.open else [])]
        if mixed and not bool((x == len(self.labels)).any()):
            known = [*self.labels, None]  # keep numbers numbers while no new label occurs
        table = pl.Series(known, strict=False)
        return table.gather(pl.Series(torch.nan_to_num(x).long().cpu().numpy())).set(
            pl.Series(torch.isnan(x).cpu().numpy()), None
        )

    def describe(self) -> str:
        return f"category of {len(self.labels)}" + (" and any other" if self.open else "")


def _key(label: Any) -> str:
    """One spelling for a label: 1, 1.0 and "1" are the same; True is not 1."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)


@dataclass(frozen=True)
class Date(Scalar):
    """Dates or date-times, as days since 1970-01-01 (UTC where a zone is stated), under Lebesgue measure in days."""

    shown: Literal["date", "datetime"] = "date"

    @property
    def resolution(self) -> float | None:
        """One day for dates."""
        return 1.0 if self.shown == "date" else None

    @property
    def measure(self) -> Measure:
        return Measure.LEBESGUE

    def read(self, values: Any) -> Tensor:
        series = as_series(values)
        if series.dtype == pl.String:
            series = series.str.to_datetime(strict=False, time_unit="us", exact=True)
        if series.dtype == pl.Date:
            return numbers(series.cast(pl.Int32).cast(pl.Float64), self.describe())
        if series.dtype.is_temporal():
            return numbers(series.dt.epoch("us").cast(pl.Float64) / 86.4e9, self.describe())
        return numbers(series, self.describe())

    def contains(self, x: Tensor) -> Tensor:
        return torch.isfinite(x)

    def show_series(self, x: Tensor) -> pl.Series:
        days = pl.Series(x.detach().cpu().numpy()).fill_nan(None)
        if self.shown == "date":
            return days.floor().cast(pl.Int32).cast(pl.Date)
        return (days * 86.4e9).round().cast(pl.Int64).cast(pl.Datetime("us"))

    def describe(self) -> str:
        return f"{self.shown}, in days since {date(1970, 1, 1).isoformat()}"


@dataclass(frozen=True)
class Maybe(Scalar):
    """A value of `inner`, or nothing (`missing`), or one of a few values that have a probability of their own.

    The measure is the inner one plus a point mass at each atom and at "missing".
    """

    inner: Scalar
    missing: bool = True
    atoms: tuple[float, ...] = ()

    @property
    def measure(self) -> Measure:
        return self.inner.measure if self.inner.measure is Measure.COUNTING else Measure.MIXED

    def read(self, values: Any) -> Tensor:
        return self.inner.read(values)

    @property
    def may_be_missing(self) -> bool:
        return self.missing

    def flag(self, x: Tensor) -> Tensor:
        """0: a value of the inner space; 1: missing; 2, 3, ...: the atoms in order, `[n]`."""
        flag = torch.isnan(x).to(torch.float64)
        for k, atom in enumerate(self.atoms):
            flag = torch.where(x == atom, torch.full_like(flag, 2.0 + k), flag)
        return flag

    def contains(self, x: Tensor) -> Tensor:
        flag = self.flag(x)
        inside = torch.where(flag == 0, self.inner.contains(x), torch.ones_like(x, dtype=torch.bool))
        return inside if self.missing else inside & (flag != 1)

    def show_series(self, x: Tensor) -> pl.Series:
        return self.inner.show_series(x)

    def describe(self) -> str:
        extra = ["missing"] if self.missing else []
        extra += [f"a spike at {atom:.6g}" for atom in self.atoms]
        return f"{self.inner.describe()}, or {' or '.join(extra)}"


@dataclass(frozen=True)
class Constant(Scalar):
    """One outcome with probability one. `None` is a column that is missing everywhere."""

    value: Label | None

    @property
    def measure(self) -> Measure:
        return Measure.COUNTING

    def read(self, values: Any) -> Tensor:
        same = [self._same(v) for v in as_series(values).to_list()]
        return torch.where(torch.tensor(same, dtype=torch.bool), 0.0, 1.0).to(torch.float64)

    def _same(self, v: Any) -> bool:
        if v is None or v != v:
            return self.value is None
        return self.value is not None and _key(v) == _key(self.value)

    def contains(self, x: Tensor) -> Tensor:
        return x == 0

    def show_series(self, x: Tensor) -> pl.Series:
        return pl.Series([self.value] * len(x))

    def describe(self) -> str:
        return "always missing" if self.value is None else f"always {self.value}"


def inner_space(space: Scalar) -> Scalar:
    """The space without its atoms and its missing value."""
    return space.inner if isinstance(space, Maybe) else space

"""What one outcome is, and the measure its probability is taken against. A space holds no data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from pofx.errors import SpaceError


class Measure(Enum):
    """What a probability is a density against; `MIXED` is a product or a union of the other two."""

    LEBESGUE = "lebesgue"
    COUNTING = "counting"
    MIXED = "mixed"


class Space(ABC):
    """A set of outcomes. Subclasses are frozen dataclasses whose fields are plain JSON values or spaces.

    Values have two forms: the user's (`read` takes it, `show` gives it) and one tensor, float64 `[n, *event_shape]`,
    which is what codecs and models see.
    """

    @property
    @abstractmethod
    def measure(self) -> Measure: ...

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one outcome as a tensor; `()` for a scalar."""

    @abstractmethod
    def read(self, values: Any) -> Tensor:
        """The user's values as float64 `[n, *event_shape]`; raises `SpaceError` naming the row (rows count from 1)."""

    def read_begun(self, values: Any) -> Tensor:
        """Outcomes of which only the first values are known, in tensor form; whole ones where a space has no order."""
        return self.read(values)

    @abstractmethod
    def show(self, x: Tensor) -> Any:
        """The inverse of `read`."""

    @abstractmethod
    def contains(self, x: Tensor) -> Tensor:
        """Which rows are outcomes of the space, bool `[n]`."""

    @abstractmethod
    def check(self, x: Tensor) -> None:
        """Raise `SpaceError`, naming the first row, where a value is missing and the space has no missing values."""

    @abstractmethod
    def describe(self) -> str:
        """A few words, for people: `positive, resolution 0.1`."""


class Scalar(Space):
    """A space whose outcome is one number, or a code for one: the column of a table."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        return ()

    def read(self, values: Any) -> Tensor:
        return numbers(as_series(values), self.describe())

    @property
    def may_be_missing(self) -> bool:
        """Whether "no value" is an outcome."""
        return False

    @final
    def check(self, x: Tensor) -> None:
        missing = torch.isnan(x)
        if not self.may_be_missing and bool(missing.any()):
            raise SpaceError(
                "a value is missing where the training rows never had one missing",
                got=f"{int(missing.sum())} such rows",
                expected=self.describe(),
                remedy="fill or drop these rows, or fit again with rows where it is missing",
                where=f"row {int(missing.nonzero()[0, 0]) + 1}",
            )

    @abstractmethod
    def show_series(self, x: Tensor) -> pl.Series:
        """The user's values as an unnamed Polars series."""

    def show(self, x: Tensor) -> Any:
        return self.show_series(x).to_numpy()


MISSING: float = float("nan")  # how every scalar space writes "no value" inside a tensor


def as_series(values: Any) -> pl.Series:
    """A Polars series of a column of anything: array, tensor, list, series."""
    if isinstance(values, pl.Series):
        return values
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.ndim != 1:
        raise SpaceError("a column must be one-dimensional", got=f"shape {list(array.shape)}", expected="[n]")
    if array.dtype == object:
        return pl.Series([None if v is None or v != v else v for v in array.tolist()], strict=False)
    return pl.Series(array)


def numbers(series: pl.Series, wanted: str) -> Tensor:
    """A series as float64 `[n]`, missing as NaN; words and infinities raise."""
    if series.dtype == pl.Null:
        return torch.full((len(series),), MISSING, dtype=torch.float64)
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        cast = series.cast(pl.String, strict=False).str.strip_chars().cast(pl.Float64, strict=False)
        _refuse_first(series, cast.is_null() & series.is_not_null(), "a value is not a number", wanted)
        series = cast
    x = torch.tensor(series.cast(pl.Float64).to_numpy(), dtype=torch.float64)
    infinite = torch.isinf(x)
    if bool(infinite.any()):
        row = int(infinite.nonzero()[0, 0])
        raise SpaceError(
            "a value is infinite",
            got=f"{float(x[row])}",
            expected="a finite number",
            remedy="remove or replace it, or leave it empty if it means missing",
            where=f"row {row + 1}",
        )
    return x


def _refuse_first(series: pl.Series, bad: pl.Series, what: str, wanted: str) -> None:
    if bad.any():
        row = int(bad.arg_true()[0])
        raise SpaceError(
            what,
            got=repr(series[row]),
            expected=wanted,
            remedy="mend the value, or fit again with this column as a category",
            where=f"row {row + 1}",
        )

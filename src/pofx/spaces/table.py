"""A table row: the product of its columns' scalar spaces, under the product measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.base import Measure, Scalar, Space

Layout = Literal["polars", "pandas", "numpy", "torch", "vector"]


@dataclass(frozen=True)
class Table(Space):
    """Rows of named columns.

    `read` takes a Polars frame or an array of the user's values, or a tensor that is in tensor form already (categories
    as codes, dates as days).

    Args:
        names: column names, all different.
        spaces: one scalar space a column.
        layout: what `show` returns: a frame, an array `[n, d]`, a tensor `[n, d]`, or, for one column, an array `[n]`.
    """

    names: tuple[str, ...]
    spaces: tuple[Scalar, ...]
    layout: Layout = "polars"

    def __post_init__(self) -> None:
        if len(self.names) != len(self.spaces) or len(set(self.names)) != len(self.names):
            raise SpaceError("a table needs one space for each differently named column", got=", ".join(self.names))

    @property
    def measure(self) -> Measure:
        measures = {space.measure for space in self.spaces}
        return measures.pop() if len(measures) == 1 else Measure.MIXED

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    def index(self, name: str) -> int:
        """Where a column stands; an unknown name raises with the nearest known one."""
        if name not in self.names:
            raise unknown_column(name, self.names)
        return self.names.index(name)

    def select(self, names: Sequence[str]) -> Table:
        """The table of some columns, in the given order."""
        spaces = tuple(self.spaces[self.index(name)] for name in names)
        layout = "numpy" if self.layout == "vector" and len(names) != 1 else self.layout
        return replace(self, names=tuple(names), spaces=spaces, layout=layout)

    def read(self, values: Any) -> Tensor:
        if not isinstance(values, pl.DataFrame):
            return self._read_array(values)
        missing = [name for name in self.names if name not in values.columns]
        if missing:
            raise unknown_column(missing[0], tuple(values.columns), absent=True)
        columns = [self._column(values[name], j) for j, name in enumerate(self.names)]
        return torch.stack(columns, 1) if columns else torch.zeros(values.height, 0, dtype=torch.float64)

    def _read_array(self, values: Any) -> Tensor:
        x = values if isinstance(values, Tensor) else np.asarray(values)
        if x.ndim == 1:
            x = x[:, None] if len(self.names) == 1 else x[None, :]
        if x.ndim != 2 or x.shape[1] != len(self.names):
            raise SpaceError(
                "the array does not have the columns of this space",
                got=f"shape {list(x.shape)}",
                expected=f"[n, {len(self.names)}]" + (" or [n]" if len(self.names) == 1 else ""),
            )
        if isinstance(x, Tensor):
            return self._refuse_infinite(x.to(torch.float64))
        columns = [self._column(x[:, j], j) for j in range(len(self.names))]
        return torch.stack(columns, 1)

    def _refuse_infinite(self, x: Tensor) -> Tensor:
        infinite = torch.isinf(x.detach())
        if bool(infinite.any()):
            row, j = infinite.nonzero()[0].tolist()
            raise SpaceError("a value is infinite", expected="finite", where=f"row {row + 1}, column '{self.names[j]}'")
        return x

    def _column(self, values: Any, j: int) -> Tensor:
        try:
            x = self.spaces[j].read(values)
        except SpaceError as error:
            raise at_column(error, self.names[j]) from None
        return x

    def check(self, x: Tensor) -> None:
        for j, space in enumerate(self.spaces):
            try:
                space.check(x[:, j])
            except SpaceError as error:
                raise at_column(error, self.names[j]) from None

    def contains(self, x: Tensor) -> Tensor:
        inside = torch.ones(x.shape[0], dtype=torch.bool, device=x.device)
        for j, space in enumerate(self.spaces):
            inside &= space.contains(x[:, j])
        return inside

    def show(self, x: Tensor) -> Any:
        if self.layout == "torch":
            return x
        series = [space.show_series(x[:, j]).alias(self.names[j]) for j, space in enumerate(self.spaces)]
        if self.layout == "vector":
            return series[0].to_numpy()
        if self.layout == "numpy":
            return np.stack([s.to_numpy() for s in series], 1) if series else np.zeros((len(x), 0))
        return _as_pandas(series) if self.layout == "pandas" else pl.DataFrame(series)

    def describe(self) -> str:
        return f"table of {len(self.names)} columns"


def unknown_column(name: str, known: Sequence[str], *, absent: bool = False) -> SpaceError:
    """One line for a column that is not there, with the nearest name."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), 1, 0.5)
    return SpaceError(
        f"there is no column '{name}'",
        got=", ".join(known[:8]) + (", ..." if len(known) > 8 else ""),
        expected="every column the model was fitted on" if absent else "",
        remedy=f"did you mean '{near[0]}'?" if near else "name the column as in the file that was fitted",
    )


def at_column(error: SpaceError, name: str) -> SpaceError:
    """The same error with the column's name added to where it happened."""
    where = f"{error.where}, column '{name}'" if error.where else f"column '{name}'"
    return SpaceError(error.what, got=error.got, expected=error.expected, remedy=error.remedy, where=where)


def _as_pandas(series: list[pl.Series]) -> Any:
    import pandas as pd

    return pd.DataFrame({s.name: s.to_numpy() if s.dtype.is_numeric() else s.to_list() for s in series})

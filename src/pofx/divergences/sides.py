"""What P and Q are, whatever the user handed over, brought into one space.

A side is a model, a sample (rows of a table, with weights), or a law that only has a name and numbers. Two samples
share the space that is inferred from both together; a sample beside a model is read in the model's space. Columns are
matched by name, and by place where an array, which has no names, is involved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.named import Named
from pofx.core.registry import adapted
from pofx.core.store import load
from pofx.data.dataset import Data
from pofx.data.frames import as_rows, to_frame
from pofx.data.infer import infer, layout_of
from pofx.data.tables import read
from pofx.divergences.matching import ARRAYS, carrier, different_columns, matching_columns
from pofx.errors import PofxError, SpaceError
from pofx.likelihood import Likelihood
from pofx.runs.layout import RunFolder
from pofx.spaces.table import Layout, Table


@dataclass(frozen=True, eq=False)
class Side:
    """P or Q: exactly one of `model`, `data` and `law` is there.

    Args:
        label: how answers call it, `P` or `Q`.
        space: the table its rows are of; None for a law alone.
    """

    label: str
    space: Table | None = None
    model: Model | None = None
    data: Data | None = None
    law: Named | None = None

    @property
    def named(self) -> Named | None:
        """Its named law, where it has one."""
        return self.law if self.model is None else self.model.named()

    @property
    def likelihood(self) -> Likelihood:
        """Of a model; a sample and a bare law can score no row."""
        return Likelihood.NONE if self.model is None else self.model.likelihood

    def rows(self, n: int, seed: int) -> Tensor:
        """The sample itself, or `n` draws of the model, `[n, d]`."""
        if self.data is not None:
            return self.data.values
        if self.model is None:
            raise PofxError(
                f"{self.label} is a law of which only closed forms are known", remedy="compare it within its own family"
            )
        return self.model.draw(n, seed=seed)


Scorer = Callable[[Tensor], Tensor]


def one(p: Any, label: str = "P", weights: Any = None) -> Side:
    """One side by itself."""
    return _resolved(_taken(p, label, weights))


def two(p: Any, q: Any, *, p_weights: Any = None, q_weights: Any = None, labels: str = "PQ") -> tuple[Side, Side]:
    """Both sides in matching spaces.

    Raises:
        SpaceError: different columns, or columns of different kinds.
        ReadError: a file, or an object, that cannot be read.
    """
    first, second = _taken(p, labels[0], p_weights), _taken(q, labels[1], q_weights)
    if isinstance(first, _Raw) and isinstance(second, _Raw):
        table = _joint_space(first, second)
        return _in_space(first, table), _in_space(second, table)
    if isinstance(first, _Raw) and isinstance(second, Side):
        return _beside(first, second), second
    if isinstance(first, Side) and isinstance(second, _Raw):
        return first, _beside(second, first)
    assert isinstance(first, Side)
    assert isinstance(second, Side)
    if first.space is not None and second.space is not None:
        second = _in_order(second, [second.space.names[k] for k in matching_columns(first.space, second.space)])
    return first, second


def _in_order(side: Side, names: list[str]) -> Side:
    """A model with its columns in this order, so that a formula meets the same column at the same place."""
    model, space = side.model, side.space
    if model is None or space is None or list(space.names) == names or "marginal" not in model.capabilities:
        return side
    turned = model.marginal(names)
    return replace(side, model=turned, space=_table(turned.space))


def scorer(side: Side, source: Table, seed: int = 0) -> Scorer:
    """log-probability under the side's model of rows of another, matching table, `[n, d] -> [n]`, nats.

    Of a model that has only a lower bound, one draw of that bound, by the seed.
    """
    model, space = side.model, side.space
    assert model is not None
    assert space is not None
    carry = carrier(source, space)

    def score(x: Tensor) -> Tensor:
        result: Tensor = model.log_prob_bound(carry(x), seed=seed)  # exact models give log_prob
        return result

    return score


# Taking what the user has --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Raw:
    """A sample whose space is still to be found."""

    label: str
    frame: pl.DataFrame
    layout: Layout
    weights: Tensor | None
    origin: str = ""


def _taken(value: Any, label: str, weights: Any) -> Side | _Raw:
    origin = str(value) if isinstance(value, str | Path) else ""
    if origin:
        value = _opened(Path(origin))
    if not isinstance(value, Model | Data | pl.DataFrame):
        found = adapted(value)
        value = value if found is None else found
    if isinstance(value, Named):
        return Side(label, law=value)
    if isinstance(value, Model):
        _refuse_weights(weights, label)
        return Side(label, _table(value.space), model=value)
    if isinstance(value, Data):
        _refuse_weights(weights, label)
        _refuse_empty(len(value), label, origin)
        return Side(label, _table(value.space), data=value)
    frame = value if isinstance(value, pl.DataFrame) else to_frame(as_rows(value))
    _refuse_empty(frame.height, label, origin)
    w = None if weights is None else torch.as_tensor(as_rows(weights)).to(torch.float64).reshape(-1)
    return _Raw(label, frame, layout_of(value), w, origin)


def _opened(path: Path) -> Any:
    if (path / "run.json").exists():
        folder = RunFolder(path)
        return load(folder.model(folder.read().chosen))
    return load(path) if path.suffix == ".safetensors" else read(path).frame


def _table(space: Any) -> Table:
    if not isinstance(space, Table):
        raise SpaceError("only tables can be compared here", got=space.describe(), expected="rows of columns")
    return space


def _refuse_weights(weights: Any, label: str) -> None:
    if weights is not None:
        raise SpaceError(
            "weights belong to a plain sample",
            got=f"{label} is a model, or has its own weights",
            remedy="leave them out, or put them into pofx.Data",
        )


def _refuse_empty(n: int, label: str, origin: str) -> None:
    if n == 0:
        raise SpaceError(f"the sample {label} is empty", expected="one row at least", where=origin)


# One space -----------------------------------------------------------------------------------------------------------


def _resolved(side: Side | _Raw) -> Side:
    return side if isinstance(side, Side) else _in_space(side, infer(side.frame, layout=side.layout)[0])


def _in_space(raw: _Raw, table: Table) -> Side:
    frame = (
        raw.frame
        if raw.layout not in ARRAYS
        else raw.frame.rename(dict(zip(raw.frame.columns, table.names, strict=True)))
    )
    try:
        values = table.read(frame)
        table.check(values)
    except SpaceError as error:
        raise SpaceError(
            error.what,
            got=error.got,
            expected=error.expected,
            remedy=error.remedy,
            where=f"{raw.origin or f'sample {raw.label}'}, {error.where}".strip(", "),
        ) from None
    return Side(raw.label, table, data=Data(table, values, raw.weights, origin=raw.origin))


def _joint_space(p: _Raw, q: _Raw) -> Table:
    """The space inferred from the rows of both."""
    frame = q.frame
    if (p.layout in ARRAYS or q.layout in ARRAYS) and len(p.frame.columns) == len(frame.columns):
        frame = frame.rename(dict(zip(frame.columns, p.frame.columns, strict=True)))
    missing = [name for name in p.frame.columns if name not in frame.columns]
    more = [name for name in frame.columns if name not in p.frame.columns]
    if missing or more:
        raise different_columns(p.label, q.label, p.frame.columns, frame.columns)
    try:
        both = pl.concat([p.frame, frame.select(p.frame.columns)], how="vertical_relaxed")
    except pl.exceptions.PolarsError:
        both = pl.concat([_as_text(p.frame, frame), _as_text(frame.select(p.frame.columns), p.frame)], how="vertical")
    return infer(both, layout=p.layout)[0]


def _as_text(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Columns whose kinds differ between the two files, and are not both numbers, as words."""
    differ = [
        name
        for name in frame.columns
        if frame[name].dtype != other[name].dtype
        and not (frame[name].dtype.is_numeric() and other[name].dtype.is_numeric())
    ]
    return frame.with_columns(pl.col(differ).cast(pl.String), pl.selectors.numeric().exclude(differ).cast(pl.Float64))


def _beside(raw: _Raw, other: Side) -> Side:
    if other.space is None:
        raise SpaceError(
            f"{other.label} is a law of which only closed forms are known",
            got=f"a sample as {raw.label}",
            remedy="give a law of the same family",
        )
    if len(raw.frame.columns) != len(other.space.names) and raw.layout in ARRAYS:
        raise different_columns(raw.label, other.label, raw.frame.columns, list(other.space.names))
    by_name = set(other.space.names) <= set(raw.frame.columns)
    if not by_name and raw.layout not in ARRAYS and len(raw.frame.columns) == 1 == len(other.space.names):
        raw = _Raw(raw.label, raw.frame.rename({raw.frame.columns[0]: other.space.names[0]}), raw.layout, raw.weights)
    return _in_space(raw, other.space)

"""Which codec takes a column to a space that a model accepts: the shortest way, fitted on the data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.codecs.base import ColumnCodec
from pofx.codecs.columns import Columns
from pofx.codecs.scalar import Affine, Certain, Index, Log, Logit, MissingLabel, Same, Split
from pofx.errors import SpaceError
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Constant, Date, Maybe
from pofx.spaces.table import Table


def choose(
    table: Table,
    values: Tensor,
    accepts: tuple[type, ...],
    who: str,
    *,
    standardise: bool = True,
    weights: Tensor | None = None,
) -> Columns:
    """A codec from `table` to columns of the accepted scalar spaces.

    Args:
        table: the user's space.
        values: training values `[n, d]`, from which shifts and scales are taken.
        accepts: scalar spaces that the model takes as they are.
        who: the model's name, for errors.
        standardise: bring real columns to mean 0 and standard deviation 1.
        weights: of the rows `[n]`, or None for equal ones.
    """
    share = torch.ones(len(values), dtype=torch.float64) if weights is None else weights
    codecs = tuple(
        _column(space, values[:, j], share, accepts, f"{who} on column '{table.names[j]}'", standardise)
        for j, space in enumerate(table.spaces)
    )
    return Columns(table, codecs)


def _column(
    space: Scalar, x: Tensor, share: Tensor, accepts: tuple[type, ...], who: str, standardise: bool
) -> ColumnCodec:
    if type(space) in accepts and not isinstance(space, Real):
        return Same(space)
    if isinstance(space, Constant):
        return Certain(space)
    if isinstance(space, Maybe):
        return _maybe(space, x, share, accepts, who, standardise)
    if isinstance(space, Real | Date) and Real in accepts:
        plain = isinstance(space, Real) and not standardise
        return Same(space) if plain else Affine(space, *_shift_and_scale(x, share, getattr(space, "resolution", None)))
    if isinstance(space, Grid) and Integer in accepts:
        return Index(space)
    if isinstance(space, Positive) and Real in accepts:
        return Log(space, *_shift_and_scale(torch.log(x), share, _relative(space.resolution, x, share)))
    if isinstance(space, Interval) and Real in accepts:
        raw = Logit(space).encode(x)[0][:, 0]
        return Logit(space, *_shift_and_scale(raw, share, None))
    raise SpaceError(
        f"{who}: the model does not accept this kind of column",
        got=space.describe(),
        expected=", ".join(sorted(kind.__name__.lower() for kind in accepts)),
        remedy="leave the column out (--column NAME=skip), or choose another model (pofx models)",
    )


def _maybe(
    space: Maybe, x: Tensor, share: Tensor, accepts: tuple[type, ...], who: str, standardise: bool
) -> ColumnCodec:
    if isinstance(space.inner, Category) and Category in accepts and not space.atoms:
        return MissingLabel(space)
    if Category not in accepts:
        raise SpaceError(
            f"{who}: the model does not accept missing values or spikes",
            got=space.describe(),
            remedy="fill or drop these rows, or choose a model that can (pofx models)",
        )
    regular = space.flag(x) == 0
    return Split(space, _column(space.inner, x[regular], share[regular], accepts, who, standardise))


def _relative(resolution: float | None, x: Tensor, share: Tensor) -> float | None:
    if resolution is None or not float(share.sum()) > 0:
        return None
    return resolution / math.exp(float(share @ torch.log(x) / share.sum()))


def _shift_and_scale(x: Tensor, share: Tensor, resolution: float | None) -> tuple[float, float]:
    """Mean and standard deviation; a column without spread is scaled by its resolution, or by its size."""
    total = share.sum()
    if not float(total) > 0:
        return 0.0, 1.0
    shift = float(share @ x / total)
    spread = float((share @ (x - shift).square() / total).sqrt())
    if spread <= 1e-12 * max(abs(shift), 1e-300):
        spread = resolution or max(abs(shift), 1.0) * 1e-6
    return shift, spread

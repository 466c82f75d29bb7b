"""What neighbours' distributions and models have to agree on: which numbers are outcomes, and the shape of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pofx.core.contract import Model
from pofx.errors import SpaceError
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Date, Maybe
from pofx.spaces.table import Layout, Table


def continuous(low: float, high: float) -> Scalar:
    """The space of a density's support; a half-line that does not begin at zero is kept as the whole line."""
    if math.isfinite(low) and math.isfinite(high):
        return Interval(low, high)
    return Positive() if low == 0 and high == math.inf else Real()


def whole(low: float, high: float) -> Integer:
    """The whole numbers from `low` to `high`, either of which may be infinite."""
    return Integer(int(low) if math.isfinite(low) else None, int(high) if math.isfinite(high) else None)


def columns(spaces: Sequence[Scalar], layout: Layout) -> Table:
    """A table `x`, or `x1`, `x2`, ... of these spaces."""
    names = ("x",) if len(spaces) == 1 else tuple(f"x{j}" for j in range(1, len(spaces) + 1))
    return Table(names, tuple(spaces), layout)


def table_of_numbers(model: Model, whose: str) -> Table:
    """The model's space, if its outcomes are rows of plain numbers and need no conditions.

    Args:
        model: any model.
        whose: whose distributions are wanted, for errors: `SciPy`.
    """
    if model.given_space is not None:
        raise SpaceError(f"{whose}'s distributions have no conditions", got="a conditional model")
    if not isinstance(model.space, Table):
        raise SpaceError(f"{whose}'s distributions are of numbers", got=model.space.describe())
    for name, space in zip(model.space.names, model.space.spaces, strict=True):
        if not is_number(space):
            raise SpaceError(
                f"{whose}'s distributions are of plain numbers",
                got=f"column '{name}', {space.describe()}",
                remedy="fit to the other columns, or take model.marginal([...]) of them",
            )
    return model.space


def is_number(space: Scalar) -> bool:
    """Whether the user's values of the space are the numbers that models see."""
    if isinstance(space, Category):  # 0, 1, ..., k - 1 are their own codes
        return not space.open and space.labels == tuple(range(len(space.labels)))
    if isinstance(space, Maybe):
        return is_number(space.inner)
    return isinstance(space, Real | Positive | Interval | Circle | Integer | Grid | Date)

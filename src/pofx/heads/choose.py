"""Which head a column or a picture gets, by its space."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.heads.base import Head
from pofx.heads.discrete import Bernoulli, Categorical
from pofx.heads.joined import Joined
from pofx.heads.levels import Levels
from pofx.heads.mixture import Logistics
from pofx.heads.real import Gaussian, VonMises
from pofx.spaces.base import Scalar
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table


def head_of(
    space: Table | Image, centre: Tensor, scale: Tensor, components: int, floor: float, met: Sequence[int] = ()
) -> Joined:
    """The likelihood of a row or a picture.

    Args:
        space: a table of Real, Integer, Category and Circle columns, or pictures.
        centre, scale: of each column, `[d]`; of pictures their own are taken.
        components: of the mixtures of logistics.
        floor: the smallest standard deviation of a real column, if half its resolution is not more.
        met: levels of pixels that are to have a share each; none for smooth laws.
    """
    if isinstance(space, Image):
        return Joined([_pixels(space, components, met)], [range(space.dims)])
    groups: dict[tuple[type[Scalar], int], list[int]] = {}
    for j, column in enumerate(space.spaces):
        groups.setdefault((type(column), getattr(column, "size", 0)), []).append(j)
    heads = [
        _columns([space.spaces[j] for j in place], centre[place], scale[place], components, floor)
        for place in groups.values()
    ]
    return Joined(heads, list(groups.values()))


def _pixels(space: Image, components: int, met: Sequence[int]) -> Head:
    if space.bits == 1:
        return Bernoulli(space.dims, complete=True)
    if met:
        return Levels(space.dims, met, space.levels)
    half = torch.full((space.dims,), (space.levels - 1) / 2, dtype=torch.float64)
    return Logistics(torch.zeros_like(half), 2 * half, half, half, components, complete=True)


def _columns(spaces: Iterable[Scalar], centre: Tensor, scale: Tensor, components: int, floor: float) -> Head:
    """The head of columns of one kind."""
    spaces = list(spaces)
    kind = spaces[0]
    if isinstance(kind, Category):
        return Categorical(len(spaces), kind.size)
    if isinstance(kind, Real):
        return Gaussian(_numbers([max(floor, (getattr(s, "resolution", None) or 0.0) / 2) for s in spaces]))
    if isinstance(kind, Circle):
        return VonMises(_numbers([s.period for s in spaces]), _numbers([s.origin for s in spaces]))  # type: ignore[attr-defined]
    if isinstance(kind, Integer):
        low = [-math.inf if s.low is None else s.low for s in spaces]  # type: ignore[attr-defined]
        high = [math.inf if s.high is None else s.high for s in spaces]  # type: ignore[attr-defined]
        return Logistics(_numbers(low), _numbers(high), centre, scale, components)
    raise SpaceError("there is no likelihood head for this kind of column", got=kind.describe())


def _numbers(values: Iterable[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)

"""Conditions: columns that a network is told of and does not model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pofx.codecs.choose import choose
from pofx.codecs.columns import Columns
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

MARK = "given "  # before the name of a condition


def conditions_of(data: Data) -> Columns | None:
    """The map from the rows' conditions to numbers, labels, counts and angles; None where there are no conditions."""
    if data.given is None or data.given_space is None:
        return None
    if not isinstance(data.given_space, Table):
        raise FitError("conditions are columns", got=data.given_space.describe())
    table = _closed(data.given_space, data.given)
    accepted = (Real, Category, Integer, Circle)
    return choose(table, data.given, accepted, "a condition", weights=data.weights)


def _closed(table: Table, given: Tensor) -> Table:
    """Labels that no row has been met with are refused later on, since nothing is known of what they do."""
    spaces = [
        replace(space, open=False)
        if isinstance(space, Category) and not bool((given[:, j] >= len(space.labels)).any())
        else space
        for j, space in enumerate(table.spaces)
    ]
    return replace(table, spaces=tuple(spaces))


def known(data: Data, conditions: Columns | None) -> Data:
    """The rows whose conditions were met in training."""
    if conditions is None or data.given is None:
        return data
    met = conditions.table.contains(data.given)
    return data if bool(met.all()) else data.rows(met.nonzero()[:, 0])


def beside(data: Data, conditions: Columns | None) -> Data:
    """The rows with their conditions as columns behind the others."""
    if conditions is None or data.given is None:
        return data
    assert isinstance(data.space, Table)
    told = conditions.target
    names = data.space.names + tuple(MARK + name for name in told.names)
    with torch.no_grad():
        values = torch.cat([data.values, conditions.encode(data.given)[0]], 1)
    return replace(data, space=Table(names, data.space.spaces + told.spaces, "torch"), values=values)

"""Tables with columns of labels beside real ones: the real columns jointly, each column of labels by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.parametric.categorical import fit_categorical
from pofx.models.parametric.family import counts
from pofx.models.product import IndependentModel
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table


def columns_of(data: Data, names: tuple[str, ...]) -> Data:
    """The data of some columns."""
    assert isinstance(data.space, Table)
    place = [data.space.index(name) for name in names]
    return replace(data, space=data.space.select(names), values=data.values[:, place])


def beside_labels(who: str, data: Data, fit: Callable[[Data], Model]) -> Model:
    """`fit` for the real columns; where there are labels, times an independent factor for each column of them."""
    table = data.space
    assert isinstance(table, Table)
    labels = tuple(n for n, s in zip(table.names, table.spaces, strict=True) if isinstance(s, Category))
    if not labels:
        return fit(data)
    real = tuple(name for name in table.names if name not in labels)
    if not real:
        raise FitError(f"{who} needs a column of numbers", got="labels only", remedy="use the model 'independent'")
    factors = [fit(columns_of(data, real)), *(fit_categorical(columns_of(data, (name,))) for name in labels)]
    return IndependentModel(table, tuple(factors), {})


def rows_of(data: Data) -> tuple[Tensor, Tensor]:
    """Rows that have any value and any weight `[n, d]`, and their weights as numbers of rows `[n]`."""
    w = counts(data.weights, len(data))
    kept = (w > 0) & ~torch.isnan(data.values).all(1)
    if not bool(kept.any()):
        raise FitError("there is no row with a value", remedy="leave the empty columns out")
    return data.values[kept], w[kept]

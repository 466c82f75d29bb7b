"""The columns of a flow's table that are not real: their model, and which of them say that others have no value."""

from __future__ import annotations

from dataclasses import replace

import torch

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.kde.estimator import KDE
from pofx.models.mixture.estimator import Mixture
from pofx.models.parametric.categorical import fit_categorical
from pofx.rng import split
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan

SHARE = 0.3  # of the time budget
FEW = 2_000  # rows up to which kernels are both better and quicker than a mixture


def fit_others(data: Data, columns: list[int], plan: Plan, seed: int) -> Model | None:
    """A model of some columns, none of them real: shares of one column of labels; kernels or a mixture of several."""
    assert isinstance(data.space, Table)
    if not columns:
        return None
    if data.given is not None:
        raise FitError(
            "under conditions a flow models real columns alone",
            got=f"column '{data.space.names[columns[0]]}', {data.space.spaces[columns[0]].describe()}",
            remedy="leave the column out, hand it over as a condition, or fill or drop its missing values",
        )
    names = tuple(data.space.names[j] for j in columns)
    part = replace(data, space=data.space.select(names), values=data.values[:, columns])
    if len(columns) == 1 and isinstance(data.space.spaces[columns[0]], Category):
        return fit_categorical(part)
    share = replace(plan, seconds=None if plan.seconds is None else SHARE * plan.seconds)
    estimator = KDE() if len(part) <= FEW else Mixture(criterion="bic", restarts=2)
    return estimator.fit(part, plan=share, seed=split(seed, "others"))


def gates_of(data: Data) -> tuple[int, ...]:
    """For each column the place of the label that says whether it has a value (code 0), or -1 where it always has."""
    assert isinstance(data.space, Table)
    return tuple(_gate(data, j) for j in range(len(data.space.names)))


def _gate(data: Data, j: int) -> int:
    table, absent = data.space, torch.isnan(data.values[:, j])
    assert isinstance(table, Table)
    labels = [k for k, space in enumerate(table.spaces) if isinstance(space, Category) and k != j]
    named = [k for k in labels if table.names[k] == f"{table.names[j]} is"]
    for k in [*named, *(labels if bool(absent.any()) else [])]:
        if bool((absent == (data.values[:, k] != 0)).all()):
            return k
    if bool(absent.any()):
        raise FitError(
            "values are missing without a label that says so",
            where=f"column '{table.names[j]}'",
            remedy="fit the table as it was read, and leave the flags to the codec",
        )
    return -1

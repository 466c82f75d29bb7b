"""Mutual information I(X; Y) between columns of a model or a sample, numbers and labels alike, nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.divergences.coordinates import half_steps
from pofx.divergences.engine import monte_carlo, plug_in
from pofx.divergences.engine.cells import counted
from pofx.divergences.engine.nearest import information
from pofx.divergences.engine.parted import refuse_weights
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.sides import Side, one
from pofx.errors import LikelihoodError, PofxError
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.base import Measure
from pofx.spaces.symbolic import inner_space
from pofx.spaces.table import Table


def mutual_information(
    p: Any, x: str | Sequence[str], y: str | Sequence[str], *, draws: int | None = None, seed: int = 0,
    null: bool = True,
) -> Estimate:  # fmt: skip
    """I(X; Y) between two groups of columns of a model or a sample, nats.

    Args:
        p: as for `entropy`; an array's columns are called x1, x2, ...
        x, y: names of columns.
        draws, seed: for a model, a mean over its draws; its marginals must be exact.
        null: of a sample, also for rows paired at random.
    """
    side = one(p)
    first, second = ([names] if isinstance(names, str) else list(names) for names in (x, y))
    if set(first) & set(second):
        raise PofxError("a column cannot stand on both sides", got=", ".join(sorted(set(first) & set(second))))
    if side.space is None:
        raise PofxError("a law that only has a name has no columns", remedy="give a model or a sample")
    if side.data is not None:
        return _information_of_sample(side, first, second, null, seed)
    return _information_of_model(side, first, second, draws or monte_carlo.DRAWS, seed)


def _information_of_model(side: Side, x: list[str], y: list[str], draws: int, seed: int) -> Estimate:
    model = side.model
    assert model is not None
    if model.likelihood is not Likelihood.EXACT or "marginal" not in model.capabilities:
        raise LikelihoodError(
            f"{type(model).__name__} has no exact marginals",
            remedy="draw a sample and give that: model.sample(n, seed=0)",
        )
    joint = model.marginal([*x, *y])
    law = joint.named()
    if law is not None and law.family == "normal":
        k = len(x)
        covariance = law["covariance"]
        parts = torch.logdet(covariance[:k, :k]) + torch.logdet(covariance[k:, k:]) - torch.logdet(covariance)
        return _information(0.5 * float(parts), Nature.CLOSED_FORM, "closed form, normal")
    rows = joint.draw(draws, seed=split(seed, "I"))
    terms = joint.log_prob(rows) - model.marginal(x).log_prob(rows[:, : len(x)])
    found = monte_carlo.averaged(terms - model.marginal(y).log_prob(rows[:, len(x) :]))
    method = "mean over draws"
    return _information(
        found.value, Nature.MONTE_CARLO, method, std_error=found.std_error, draws=draws, note=found.note
    )


def _information(value: float, nature: Nature, method: str, **more: object) -> Estimate:
    return replace(Estimate(value, None, nature, method, "nats", "X; Y", name="I"), **more)  # type: ignore[arg-type]


def _information_of_sample(side: Side, x: list[str], y: list[str], null: bool, seed: int) -> Estimate:
    refuse_weights(side.data)
    table = side.space
    assert side.data is not None
    assert table is not None
    values = side.data.values
    tables = [table.select(names) for names in (x, y)]
    columns = [values[:, [table.index(name) for name in names]] for names in (x, y)]
    counted = [[inner_space(space).measure is Measure.COUNTING for space in t.spaces] for t in tables]
    if all(map(all, counted)):
        return replace(_information_of_cells(tables, columns), direction="X; Y")
    kept = ~torch.isnan(torch.cat(columns, 1)).any(1)
    a, b = (part[kept].numpy() for part in columns)
    steps = [half_steps(t) for t in tables]
    found = information.mutual_information(
        a, b, discrete_x=counted[0], discrete_y=counted[1], steps_x=_unlabelled(steps[0], counted[0]),
        steps_y=_unlabelled(steps[1], counted[1]), null=null, seed=seed,
    )  # fmt: skip
    gone = int((~kept).sum())
    return replace(found, note=f"{found.note} {gone} rows with missing values left out".strip()) if gone else found


def _unlabelled(steps: np.ndarray | None, counted: list[bool]) -> np.ndarray | None:
    return None if steps is None else np.where(counted, 0.0, steps)


def _information_of_cells(tables: list[Table], columns: list[Tensor]) -> Estimate:
    codes = []
    for part in columns:
        key = torch.nan_to_num(part, nan=-1e300).numpy()
        codes.append(np.unique(key, axis=0, return_inverse=True)[1].reshape(-1))
    joint = np.zeros((codes[0].max() + 1, codes[1].max() + 1))
    np.add.at(joint, (codes[0], codes[1]), 1.0)
    return plug_in.mutual_information(counted(joint), corrected=True)

"""Laws 5 and 6: other units move log p by exactly what they must; codecs invert, and log-volume is the derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pofx.codecs.base import ColumnCodec
from pofx.codecs.columns import Columns
from pofx.codecs.scalar import Split
from pofx.data.dataset import Data
from pofx.laws.subject import Law, Outcome, Subject, close, first_failure, is_table, score
from pofx.rng import generator
from pofx.spaces.base import Measure, Scalar
from pofx.spaces.numeric import Circle, Grid, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Date, Maybe

EXACT = (
    1e-5  # rounding errors of 1e-16 may move the end of an iterative fit by one iteration, which is worth up to this
)


@dataclass(frozen=True)
class Change:
    """A column in other units: its new space, how values are mapped, and log of the scale where they have a density."""

    space: Scalar
    forward: Callable[[Tensor], Tensor]
    log_scale: float

    def cost(self, x: Tensor) -> Tensor:
        """By how much log p falls, `[n]`: log of the scale wherever the value has a density."""
        dense = ~torch.isnan(x)
        if isinstance(self.space, Maybe):
            dense &= self.space.flag(self.forward(x)) == 0
        return self.log_scale * dense.to(torch.float64)


def change(space: Scalar, scale: float, shift: float) -> Change:
    """The column times `scale` plus `shift`, as far as its space allows either."""
    if isinstance(space, Maybe):
        inner = change(space.inner, scale, shift)
        atoms = inner.forward(torch.tensor(space.atoms, dtype=torch.float64))
        return Change(Maybe(inner.space, space.missing, tuple(atoms.tolist())), inner.forward, inner.log_scale)
    if isinstance(space, Category):
        return _relabelled(space)
    if isinstance(space, Date):
        return Change(space, lambda x: x + 1000, 0.0)
    if isinstance(space, Real):
        return _affine(Real(_times(space.resolution, scale)), scale, shift)
    if isinstance(space, Positive):
        return _affine(Positive(_times(space.resolution, scale)), scale, 0.0)
    if isinstance(space, Interval):
        low, high = scale * space.low + shift, scale * space.high + shift
        return _affine(Interval(low, high, _times(space.resolution, scale)), scale, shift)
    if isinstance(space, Circle):
        turned = replace(space, period=scale * space.period, origin=scale * space.origin + shift, shown="number")
        return _affine(replace(turned, resolution=_times(space.resolution, scale)), scale, shift)
    if isinstance(space, Grid):
        grid = replace(space, step=scale * space.step, origin=scale * space.origin + shift)
        return replace(_affine(grid, scale, shift), log_scale=0.0)
    return Change(space, lambda x: x, 0.0)


def _affine(space: Scalar, scale: float, shift: float) -> Change:
    return Change(space, lambda x: scale * x + shift, math.log(scale))


def _relabelled(space: Category) -> Change:
    """The same labels listed backwards: codes are names and mean nothing."""
    last = len(space.labels) - 1
    return Change(replace(space, labels=space.labels[::-1]), lambda x: torch.where(x <= last, last - x, x), 0.0)


def _times(resolution: float | None, scale: float) -> float | None:
    return None if resolution is None else resolution * scale


def other_units(subject: Subject) -> Outcome:
    """Every column scaled, by 1000 or a third, shifted, its labels listed backwards."""
    data, table = _known(subject), subject.table
    changes = [
        change(space, (1000.0, 1 / 3)[j % 2], 7.0 * (j + 1) if bool(torch.isfinite(data.values[:, j]).any()) else 0.0)
        for j, space in enumerate(table.spaces)
    ]
    moved = torch.stack([c.forward(data.values[:, j]) for j, c in enumerate(changes)], 1)
    space = replace(table, spaces=tuple(c.space for c in changes))
    model = subject.fit(replace(data, space=space, values=moved))
    cost = torch.stack([c.cost(data.values[:, j]) for j, c in enumerate(changes)]).sum(0)
    return close(score(model, moved), score(subject.model, data.values) - cost, EXACT, EXACT, "scaled and shifted")


def other_columns(subject: Subject) -> Outcome:
    """The columns in another order."""
    data, table = _known(subject), subject.table
    order = torch.roll(torch.arange(len(table.names)), 1)
    space = replace(table, names=tuple(table.names[j] for j in order), spaces=tuple(table.spaces[j] for j in order))
    model = subject.fit(replace(data, space=space, values=data.values[:, order]))
    return close(
        score(model, data.values[:, order]), score(subject.model, data.values), EXACT, EXACT, "columns in another order"
    )


def other_rows(subject: Subject) -> Outcome:
    """The training rows in another order."""
    data = _known(subject)
    model = subject.fit(data.rows(torch.randperm(len(data), generator=generator(6))))
    return close(score(model, data.values), score(subject.model, data.values), EXACT, EXACT, "rows in another order")


def _known(subject: Subject) -> Data:
    assert subject.data is not None
    return subject.data


def codecs(subject: Subject) -> Outcome:
    """Law 6: the codec of each column inverts, and its log-volume is the derivative by autograd."""
    assert subject.estimator is not None
    data = _known(subject)
    codec = subject.estimator.codec(data)
    parts = zip(codec.table.names, codec.codecs, strict=True) if isinstance(codec, Columns) else ()
    return first_failure(
        *(one_codec(part, data.values[:, j], f"column '{name}'") for j, (name, part) in enumerate(parts)),
        close(
            _without_nan(codec.decode(codec.encode(data.values)[0])),
            _without_nan(data.values),
            1e-9,
            1e-9,
            "whole rows",
        ),
    )


def one_codec(codec: ColumnCodec, x: Tensor, what: str) -> Outcome:
    """Whether one column's codec inverts on values `[n]`, and its log-volume is the derivative."""
    z, volume = codec.encode(x)
    inverse = close(_without_nan(codec.decode(z)), _without_nan(x), 1e-9, 1e-9, f"{what}: decode(encode(x))")
    dense = ~torch.isnan(x) & (codec.source.flag(x) == 0 if isinstance(codec.source, Maybe) else x == x)
    if not codec.parts or isinstance(codec.source, Category):
        return first_failure(inverse, close(volume, torch.zeros_like(volume), 0.0, 0.0, f"{what}: no volume"))
    flat = close(volume[~dense], torch.zeros_like(volume[~dense]), 0.0, 0.0, f"{what}: no volume off the line")
    if codec.source.measure is Measure.COUNTING:
        return first_failure(inverse, close(volume, torch.zeros_like(volume), 0.0, 0.0, f"{what}: nothing has volume"))
    line = codec.inner if isinstance(codec, Split) else codec
    y = x[dense].clone().requires_grad_()
    (slope,) = torch.autograd.grad(line.encode(y)[0].sum(), y)
    return first_failure(inverse, flat, close(volume[dense], torch.log(slope.abs()), 1e-9, 1e-9, f"{what}: log-volume"))


def _without_nan(x: Tensor) -> Tensor:
    """Missing as a number that no data have, so that it compares equal."""
    return torch.nan_to_num(x, nan=-1.2345e30)


UNITS = (
    Law(5, "units", "scaling, shifting and relabelling columns moves log p by exactly -log scale", other_units,
        space=is_table, cases=("normal", "correlated", "positive", "interval", "circle", "categories", "grid", "maybe",
                               "mixed", "ties", "tiny"), exact=True),
    Law(5, "columns", "the order of the columns does not matter", other_columns,
        cases=("correlated", "groups"), exact=True),
    Law(5, "rows", "the order of the training rows does not matter", other_rows,
        cases=("correlated", "categories", "circle"), exact=True),
    Law(6, "codec", "codecs invert, and log-volume is the derivative", codecs, space=is_table),
)  # fmt: skip

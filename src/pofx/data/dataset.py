"""Values in a space, with weights, conditions and where they came from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.spaces.base import Space
from pofx.spaces.sequence import PAD, Sequence, filled, lengths


@dataclass(frozen=True, eq=False)
class Data:
    """What an estimator is fitted to.

    Args:
        space: what one row is.
        values: float64 `[n, *space.event_shape]`; images may come in their compact form, whole numbers of few bits;
            sequences are whole numbers of any type.
        weights: non-negative, `[n]`, or None for equal ones. Whole numbers are repetitions; of others only the ratios
            matter, and they count for Kish's effective number of rows.
        given: conditions `[n, ...]` in `given_space`, or None.
        given_space: the space of the conditions.
        origin: where the rows came from, for people.
        drawn_from: what `values` were drawn from at random, row by row, such as the grey levels of binarised pictures;
            whoever trains on many passes may draw anew at each (`data.images.binarise`).
        ends: of rows of different lengths, which then stand one after the other in `values`, without filling, `[total]`
            of any integer type: where each ends, int64 `[n]`, rising. `block` gives them in the space's tensor form.
    """

    space: Space
    values: Tensor
    weights: Tensor | None = None
    given: Tensor | None = None
    given_space: Space | None = None
    origin: str = ""
    drawn_from: Data | None = None
    ends: Tensor | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            _check_weights(self.weights, len(self.values))

    def __len__(self) -> int:
        return len(self.values) if self.ends is None else len(self.ends)

    def rows(self, index: Tensor) -> Data:
        """Some rows, with their weights and conditions."""
        values, ends = (self.values[index], None) if self.ends is None else _gathered(self.values, self.ends, index)
        return replace(
            self,
            values=values,
            ends=ends,
            weights=None if self.weights is None else self.weights[index],
            given=None if self.given is None else self.given[index],
            drawn_from=None if self.drawn_from is None else self.drawn_from.rows(index),
        )

    @property
    def lengths(self) -> Tensor:
        """Values of each row, int64 `[n]`."""
        if self.ends is None:
            return torch.full((len(self),), math.prod(self.values.shape[1:]), dtype=torch.int64)
        return torch.diff(self.ends, prepend=self.ends.new_zeros(1))

    def inside(self) -> Tensor:
        """Which rows are outcomes of the space, bool `[n]`."""
        if self.ends is None:
            return self.space.contains(self.values)
        assert isinstance(self.space, Sequence)
        return self.space.contains_rows(self.values, self.ends)

    def block(self, start: int, stop: int) -> Tensor:
        """Some rows on end in the space's tensor form, `[stop - start, *event_shape]`."""
        if self.ends is None:
            return self.values[start:stop]
        starts = torch.cat([self.ends.new_zeros(1), self.ends]).tolist()
        return filled([self.values[starts[k] : starts[k + 1]] for k in range(start, min(stop, len(self)))])

    def shares(self) -> Tensor:
        """Weights that sum to one, `[n]`."""
        if self.weights is None:
            return torch.full((len(self),), 1.0 / max(len(self), 1), dtype=torch.float64)
        return self.weights / self.weights.sum()


def on_end(data: Data) -> Data:
    """Sequences without filling, one after the other; all else as it is."""
    if data.ends is not None or not isinstance(data.space, Sequence):
        return data
    x = data.space.read(data.values)
    return replace(data, values=x[x != PAD], ends=lengths(x).cumsum(0))


def _gathered(values: Tensor, ends: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of different lengths, and where each ends then."""
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    long = (ends - starts)[index]
    if len(index) and bool((torch.diff(index) == 1).all()):  # rows on end: nothing is copied
        return values[int(starts[index[0]]) : int(ends[index[-1]])], long.cumsum(0)
    parts = [values[start:end] for start, end in zip(starts[index].tolist(), ends[index].tolist(), strict=True)]
    return torch.cat(parts) if parts else values[:0], long.cumsum(0)


def _check_weights(weights: Tensor, n: int) -> None:
    ok = weights.shape == (n,) and bool(torch.isfinite(weights).all()) and bool((weights >= 0).all())
    if not ok or float(weights.sum()) <= 0:
        raise FitError(
            "weights must be one finite non-negative number a row, not all zero",
            got=f"shape {list(weights.shape)}, smallest {float(weights.min()) if len(weights) else 'none'}",
            expected=f"shape [{n}]",
        )

"""Values in a space, with weights, conditions and where they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.spaces.base import Space


@dataclass(frozen=True, eq=False)
class Data:
    """What an estimator is fitted to.

    Args:
        space: what one row is.
        values: float64 `[n, *space.event_shape]`; images may come in their compact form, whole numbers of few bits.
        weights: non-negative, `[n]`, or None for equal ones. Whole numbers are repetitions; of others only the ratios
            matter, and they count for Kish's effective number of rows.
        given: conditions `[n, ...]` in `given_space`, or None.
        given_space: the space of the conditions.
        origin: where the rows came from, for people.
        drawn_from: what `values` were drawn from at random, row by row, such as the grey levels of binarised pictures;
            whoever trains on many passes may draw anew at each (`data.images.binarise`).
    """

    space: Space
    values: Tensor
    weights: Tensor | None = None
    given: Tensor | None = None
    given_space: Space | None = None
    origin: str = ""
    drawn_from: Data | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            _check_weights(self.weights, len(self.values))

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: Tensor) -> Data:
        """Some rows, with their weights and conditions."""
        return replace(
            self,
            values=self.values[index],
            weights=None if self.weights is None else self.weights[index],
            given=None if self.given is None else self.given[index],
            drawn_from=None if self.drawn_from is None else self.drawn_from.rows(index),
        )

    def shares(self) -> Tensor:
        """Weights that sum to one, `[n]`."""
        if self.weights is None:
            return torch.full((len(self),), 1.0 / max(len(self), 1), dtype=torch.float64)
        return self.weights / self.weights.sum()


def _check_weights(weights: Tensor, n: int) -> None:
    ok = weights.shape == (n,) and bool(torch.isfinite(weights).all()) and bool((weights >= 0).all())
    if not ok or float(weights.sum()) <= 0:
        raise FitError(
            "weights must be one finite non-negative number a row, not all zero",
            got=f"shape {list(weights.shape)}, smallest {float(weights.min()) if len(weights) else 'none'}",
            expected=f"shape [{n}]",
        )

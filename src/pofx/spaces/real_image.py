"""Arrays of real numbers in the shape of a picture: what noise makes of an `Image`, and what its codes may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.base import Measure, Space
from pofx.spaces.image import check_finite, shape_words, size_words


@dataclass(frozen=True)
class RealImage(Space):
    """Arrays of real numbers in the shape of a picture, under Lebesgue measure; what `Dequantize` makes of an `Image`.

    Args:
        channels, height, width: as in `Image`.
        low, high: the ends of the values, inclusive; None is unbounded.
    """

    channels: int
    height: int
    width: int
    low: float | None = None
    high: float | None = None

    @property
    def measure(self) -> Measure:
        return Measure.LEBESGUE

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (self.channels, self.height, self.width)

    def read(self, values: Any) -> Tensor:
        x = values if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
        if x.shape[1:] != self.event_shape:
            expected = shape_words("n", *self.event_shape)
            raise SpaceError("the array has another shape", got=f"shape {list(x.shape)}", expected=expected)
        return x.to(torch.float64)

    def show(self, x: Tensor) -> Any:
        return x.detach().cpu().numpy()

    def contains(self, x: Tensor) -> Tensor:
        inside = torch.isfinite(x)
        if self.low is not None:
            inside &= x >= self.low
        if self.high is not None:
            inside &= x <= self.high
        return inside.flatten(1).all(1)

    def check(self, x: Tensor) -> None:
        check_finite(x, self.describe())

    def describe(self) -> str:
        ends = "" if self.low is None and self.high is None else f", {self.low} to {self.high}"
        return f"real image {size_words(self.event_shape)}{ends}"

"""A map between the user's space and the space a model wants. Value and log-volume travel together.

The one equation: `log p(x) = log q(z) + log_volume(x)` with `z = encode(x)`. For a smooth map log_volume is
`log |dz/dx|`; for a change of names among countable outcomes it is 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pofx.likelihood import Likelihood
from pofx.spaces.base import Scalar, Space


class Codec(ABC):
    """A map from `source` to `target`. Subclasses are frozen dataclasses of plain JSON values, spaces and codecs.

    `encode` is only asked for outcomes of the source space; the contract keeps the others away.
    """

    likelihood = Likelihood.EXACT  # LOWER_BOUND when encoding is random

    @property
    @abstractmethod
    def source(self) -> Space: ...

    @property
    @abstractmethod
    def target(self) -> Space: ...

    @abstractmethod
    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """`x` `[n, *source.event_shape]` to `z` `[n, *target.event_shape]` and log_volume `[n]`, float64.

        An exact codec needs no generator and leaves it alone; a random one refuses to do without.
        """

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """The inverse: `z` to `x`."""


class ColumnCodec(ABC):
    """A map from one column to k >= 0 columns; the pieces of which `Columns` makes a table codec.

    Subclasses are frozen dataclasses with the fields they need; `parts` names the columns they make.
    """

    @property
    @abstractmethod
    def source(self) -> Scalar: ...

    @property
    @abstractmethod
    def parts(self) -> tuple[tuple[str, Scalar], ...]:
        """Suffix and space of each column made; `""` stands for the column itself."""

    @abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`x` `[n]` to `z` `[n, k]` and log_volume `[n]`."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """`z` `[n, k]` to `x` `[n]`."""

"""Codes in the user's units: encode, decode and reconstruct through whatever codec stands before the model."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.data.frames import as_rows
from pofx.errors import LikelihoodError, SpaceError
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle
from pofx.spaces.symbolic import Category, Constant, inner_space
from pofx.spaces.table import Table


@runtime_checkable
class Coder(Protocol):
    """A model with codes; all in the tensor form of its own space."""

    def encode(self, x: Tensor) -> Tensor:
        """`[n, *event] -> [n, codes]`."""

    def decode(self, codes: Tensor) -> Tensor:
        """`[n, codes] -> [n, *event]`."""


class Codes:
    """What a fitted autoencoder or VAE says of rows beside their probability, in the rows' own units.

    >>> import numpy as np
    >>> from pofx.models.autoencoder.estimator import Autoencoder
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> codes = Codes(Autoencoder(latent=None, codes=2, steps=5).fit(x))
    >>> codes.encode(x).shape, codes.reconstruct(x).shape
    ((50, 2), (50, 3))
    """

    def __init__(self, model: Model) -> None:
        inner = getattr(model, "inner", model)
        if not isinstance(inner, Coder):
            raise LikelihoodError(
                "this model has no codes", got=type(inner).__name__, remedy="fit the model 'autoencoder' or 'vae'"
            )
        self.model, self.inner, self._codec = model, inner, getattr(model, "codec", None)

    def read(self, values: Any) -> tuple[Tensor, Tensor]:
        """The model's own tensor form of the user's rows, and log_volume, `[n, *event]` and `[n]`."""
        space = self.model.space
        x = space.read(as_rows(values))
        space.check(x)
        outside = ~space.contains(x)
        if bool(outside.any()):
            row = int(outside.nonzero()[0, 0]) + 1
            raise SpaceError("a row is not an outcome", expected=space.describe(), where=f"row {row}")
        return (x, x.new_zeros(len(x))) if self._codec is None else self._codec.encode(x)

    def encode(self, values: Any) -> np.ndarray:
        """One code a row, float64 `[n, codes]`."""
        return self.inner.encode(self.read(values)[0]).cpu().numpy()

    def decode(self, codes: Any) -> Any:
        """The rows that codes stand for, as the user's values."""
        return self.model.space.show(self._outward(self.inner.decode(torch.as_tensor(codes, dtype=torch.float64))))

    def reconstruct(self, values: Any) -> Any:
        """Each row as it comes back from its code."""
        return self.model.space.show(self._returned(self.read(values)[0]))

    def errors(self, values: Any) -> dict[str, float]:
        """How far rows come back: root mean squared error of each column in its own units, of pixels in levels;
        of labels the share that came back wrong."""
        z, _ = self.read(values)
        x, y = self.model.space.read(as_rows(values)), self._returned(z)
        space = self.model.space
        if not isinstance(space, Table):
            return {"pixels": float((x - y).square().mean().sqrt())}
        return {name: _error(space.spaces[j], x[:, j], y[:, j]) for j, name in enumerate(space.names)}

    def _returned(self, z: Tensor) -> Tensor:
        return self._outward(self.inner.decode(self.inner.encode(z)))

    def _outward(self, z: Tensor) -> Tensor:
        x: Tensor = z if self._codec is None else self._codec.decode(z)
        return x


def _error(space: Scalar, x: Tensor, y: Tensor) -> float:
    both = ~(torch.isnan(x) | torch.isnan(y))
    if not bool(both.any()):
        return float("nan")
    kind = inner_space(space)
    if isinstance(kind, Category | Constant):
        return float((x[both] != y[both]).double().mean())
    gap = x[both] - y[both]
    if isinstance(kind, Circle):
        gap = torch.remainder(gap + kind.period / 2, kind.period) - kind.period / 2
    return float(gap.square().mean().sqrt())

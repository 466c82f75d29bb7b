"""A fitted model with the face of a torch distribution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint

from pofx.core.contract import Model
from pofx.errors import SpaceError
from pofx.neighbours.shapes import table_of_numbers
from pofx.spaces.base import Measure
from pofx.spaces.table import Table


class ModelDistribution(Distribution):
    """A model of columns of numbers: `log_prob`, `sample`, `support`; `cdf` and `icdf` for one column.

    Attributes: `pofx_model`.
    """

    has_rsample = False

    def __init__(self, model: Model) -> None:
        self.pofx_model = model
        self._table = table_of_numbers(model, "torch")
        scalar = self._table.layout == "vector"
        super().__init__(Size(), Size() if scalar else Size([len(self._table.names)]), validate_args=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.pofx_model).__name__} of {', '.join(self._table.names)})"

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """None: a fitted model has no parameters to check."""
        return {}

    @property
    def support(self) -> Constraint:
        """The model's space."""
        return _Outcomes(self._table, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """`[..., *event_shape] -> [...]`, float64, nats; differentiable where the model is."""
        rows, shape = self._rows(value)
        scores: Tensor = self.pofx_model.log_prob(rows)
        return scores.reshape(shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """`[*sample_shape, *event_shape]`, float64; its seed comes from torch's global generator."""
        seed = int(torch.randint(2**62, (1,)))
        shape = Size(sample_shape)
        return self.pofx_model.draw(shape.numel(), seed=seed).reshape(shape + self.event_shape)

    def cdf(self, value: Tensor) -> Tensor:
        """P(X <= value) of a model of one column."""
        rows, shape = self._rows(value)
        levels: Tensor = self.pofx_model.cdf(rows)
        return levels.reshape(shape)

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile function of a model of one column, `[...] -> [..., *event_shape]`."""
        x: Tensor = self.pofx_model.ppf(value)
        return x.reshape(value.shape + self.event_shape)

    def _rows(self, value: Tensor) -> tuple[Tensor, Size]:
        """Rows `[n, d]`, and the shape that an answer should have."""
        events = len(self.event_shape)
        if value.shape[value.dim() - events :] != self.event_shape:
            raise SpaceError(
                "the value does not have the shape of an outcome, and nothing is broadcast",
                got=f"shape {list(value.shape)}",
                expected=f"[..., {', '.join(map(str, self.event_shape))}]",
            )
        return value.reshape(-1, len(self._table.names)), value.shape[: value.dim() - events]


class _Outcomes(Constraint):
    """The outcomes of a table of numbers."""

    def __init__(self, table: Table, events: int) -> None:
        self.table, self.events = table, events
        super().__init__()

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]  # torch declares a class attribute
        return self.table.measure is not Measure.LEBESGUE

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.events

    def check(self, value: Tensor) -> Tensor:
        rows = value.reshape(-1, len(self.table.names)).to(torch.float64)
        return self.table.contains(rows).reshape(value.shape[: value.dim() - self.events])

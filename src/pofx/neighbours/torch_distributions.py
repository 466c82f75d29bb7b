"""torch's distributions as models, and models as torch's distributions.

    law = from_torch(td.Independent(td.Normal(mean, scale), 1))   # a Density: log_prob, sample, save
    to_torch(model).log_prob(x).sum().backward()                  # where the model is differentiable in x

A distribution of a listed family (`torch_laws.FAMILIES`, nested ones too) is kept as name and float64 parameters; any
other one works as it is, in its own precision, but cannot be saved. Gradients go to `x`, not to the parameters.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from pofx.core.contract import Density, Model
from pofx.core.named import Named
from pofx.core.registry import adapter
from pofx.errors import LikelihoodError, SpaceError
from pofx.neighbours.names import dirichlet, named_of_torch
from pofx.neighbours.shapes import columns
from pofx.neighbours.torch_laws import Record, drawing_from, made_from, outcomes, possible, record_of
from pofx.neighbours.torch_view import ModelDistribution
from pofx.rng import generator as new_generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Interval, Positive
from pofx.spaces.table import Table


def from_torch(distribution: Any) -> Density:
    """A torch distribution as a model of a column `x`, or of columns `x1`, `x2`, ...

    Args:
        distribution: with `batch_shape` `()`, and `event_shape` `()` or `(d,)`.

    Raises:
        SpaceError: a batch of distributions, outcomes that are matrices, or outcomes that are not free numbers, such
            as the points of a simplex.
    """
    if isinstance(distribution, ModelDistribution) and isinstance(distribution.pofx_model, Density):
        return distribution.pofx_model
    if not isinstance(distribution, Distribution):
        raise SpaceError("this is not a torch distribution", got=type(distribution).__name__)
    if distribution.batch_shape:
        raise SpaceError(
            "one model is one distribution",
            got=f"batch_shape {list(distribution.batch_shape)}",
            expected="batch_shape []",
            remedy="for independent columns: torch.distributions.Independent(distribution, 1)",
        )
    if len(distribution.event_shape) > 1:
        raise SpaceError("an outcome must be a number or a row", got=f"event_shape {list(distribution.event_shape)}")
    record = record_of(distribution)
    return ForeignDensity(distribution) if record is None else TorchDensity(record)


def to_torch(model: Model) -> Distribution:
    """The model as a torch distribution; one that came from torch gives the distribution that it was made of.

    `event_shape` is `()` for a model fitted to an array `[n]`, and `(d,)` for one of d columns. `log_prob` takes
    `[..., *event_shape]` and nothing that would have to be broadcast, and gives float64 `[...]`. `sample` draws its
    seed from torch's global generator, as torch's users expect: `torch.manual_seed` makes it repeatable.

    Raises:
        SpaceError: a conditional model, or columns that are not plain numbers.
    """
    return model.distribution if isinstance(model, _TorchLaw) else ModelDistribution(model)


class _TorchLaw(Density):
    """A density that torch computes."""

    def __init__(self, distribution: Distribution) -> None:
        super().__init__(columns(outcomes(distribution), "torch"))
        self.distribution = distribution
        trial = _trial(distribution)
        self._dtype = trial.dtype if trial.dtype.is_floating_point else torch.float64
        self.capabilities = frozenset({"cdf"} if _has_cdf(distribution, trial) else ())  # type: ignore[misc]

    @property
    def free_parameters(self) -> int:
        """None was fitted here."""
        return 0

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        value = self._value(x)
        inside = possible(self.distribution, value.detach())
        scores = self.distribution.log_prob(value if bool(inside.all()) else value[inside]).to(torch.float64)
        if scores.shape != (int(inside.sum()),):
            raise LikelihoodError(
                f"{type(self.distribution).__name__} does not give one score a row",
                got=f"shape {list(scores.shape)} for {int(inside.sum())} rows",
            )
        nowhere = torch.full((len(x),), -torch.inf, dtype=torch.float64)
        return scores if bool(inside.all()) else nowhere.masked_scatter(inside, scores)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        with drawing_from(generator):
            x = self.distribution.sample(torch.Size([max(n, 1)]))[:n].to(torch.float64)  # some cannot draw none
        return _inside(x.reshape(n, *self.space.event_shape), _spaces(self))

    def _cdf(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(self._value(x[:, None])).to(torch.float64)

    def _value(self, x: Tensor) -> Tensor:
        """Rows `[n, d]` as torch wants them, `[n, *event_shape]`, ends of the support moved just inside it."""
        value = _inside(x.to(self._dtype), _spaces(self))
        return value if self.distribution.event_shape else value[:, 0]


class TorchDensity(_TorchLaw):
    """A distribution that can be stored.

    Args:
        record: its family and parameters, as `pofx.neighbours.torch_laws` writes them.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(made_from(record))
        self.record = record

    def named(self) -> Named | None:
        return named_of_torch(self.record)


class ForeignDensity(_TorchLaw):
    """A distribution of a family that is not listed: it cannot be stored.

    Args:
        distribution: torch's object.
    """


def _spaces(model: Model) -> tuple[Scalar, ...]:
    assert isinstance(model.space, Table)
    return model.space.spaces


def _inside(x: Tensor, spaces: tuple[Scalar, ...]) -> Tensor:
    """Columns of bounded spaces, kept off the ends, where transforms saturate and densities are infinite or NaN."""
    kept = [_off_the_ends(x[:, j], space) for j, space in enumerate(spaces)]
    return torch.stack(kept, 1)


def _off_the_ends(x: Tensor, space: Scalar) -> Tensor:
    if not isinstance(space, Interval | Positive):
        return x
    low, high = (space.low, space.high) if isinstance(space, Interval) else (0.0, torch.finfo(x.dtype).max)
    ends = torch.tensor([low, high], dtype=x.dtype)
    inner = torch.nextafter(ends, ends.flip(0))
    return x.clamp(inner[0], inner[1])


def _trial(distribution: Distribution) -> Tensor:
    """One outcome, `[1, *event_shape]`."""
    with drawing_from(new_generator(0)):
        return distribution.sample(torch.Size([1]))


def _has_cdf(distribution: Distribution, trial: Tensor) -> bool:
    if distribution.event_shape:
        return False
    try:
        distribution.cdf(trial)
    except NotImplementedError:
        return False
    return True


@adapter
def _taken(value: Any) -> Density | Named | None:
    """torch's distributions wherever a model may stand."""
    return dirichlet(value) or from_torch(value) if isinstance(value, Distribution) else None

"""The contract: what every fitted model answers, and what every estimator is.

Public methods are final: they read, check, batch, move and word the errors once. A subclass writes two short
mathematical methods on float64 tensors: `_log_prob` (or `_log_weight`) and `_sample`. The recipe for a model:

    class Thing(Density):
        capabilities = frozenset({"marginal"})
        def __init__(self, space: Space, centre: Tensor) -> None:
            super().__init__(space)                     # each constructor argument is kept under its own name:
            self.register_buffer("centre", centre)      # that is all the store needs
        def _log_prob(self, x, given): ...              # [n, *event] -> [n], nats, against the space's measure
        def _sample(self, n, generator, given): ...     # -> [n, *event]

Inside a table, NaN in a column means "there is no value here"; a table model leaves such a column out of its product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from pofx.core.batching import in_blocks
from pofx.core.capabilities import CAPABILITIES, Capability
from pofx.core.named import Named
from pofx.core.warp import LAW, Warp
from pofx.data.frames import as_rows
from pofx.errors import LikelihoodError, SpaceError
from pofx.likelihood import Likelihood
from pofx.rng import generator as new_generator
from pofx.spaces.base import Space
from pofx.spaces.sequence import Sequence as Sequences
from pofx.spaces.table import Table


class Model(nn.Module, ABC):
    """A distribution over outcomes of `space`. Use `Density`, `BoundedDensity` or `Sampler` as the base."""

    likelihood: ClassVar[Likelihood]
    capabilities: ClassVar[frozenset[Capability]] = frozenset()

    def __init__(self, space: Space, given_space: Space | None = None) -> None:
        super().__init__()
        self.space = space
        self.given_space = given_space

    # What a user asks -----------------------------------------------------------------------------------------------

    @final
    def sample(self, n: int, *, seed: int, given: Any = None) -> Any:
        """`n` outcomes, as values of the user's space.

        Args:
            n: how many, >= 0.
            seed: the same seed gives the same sample; the global generators are not touched.
            given: one condition a row, for a conditional model.
        """
        return self.space.show(self.draw(n, seed=seed, given=given))

    @final
    def draw(self, n: int, *, seed: int, given: Any = None) -> Tensor:
        """Like `sample`, as the space's tensor `[n, *event]`."""
        if n < 0:
            raise SpaceError("a sample cannot have a negative size", got=str(n), expected="n >= 0")
        conditions = self._read_given(given, n)
        with torch.no_grad():
            x = self._sample(n, new_generator(seed), conditions)
        if bool(torch.isinf(x).any()):
            raise LikelihoodError(f"{type(self).__name__} drew an infinite value", remedy="please report this")
        return x

    @final
    def log_prob(self, x: Any, *, given: Any = None) -> Any:
        """Log-probability (density) of each row, nats, in the user's units, float64 `[n]`.

        `-inf` means outside the support. Torch in, torch out (differentiable where the model is), a tensor being in the
        space's tensor form; anything else in, NumPy out.

        Raises:
            LikelihoodError: the model has only a bound, or no likelihood at all.
            SpaceError: values that are not of the model's space.
        """
        if self.likelihood is not Likelihood.EXACT:
            raise LikelihoodError(
                f"{type(self).__name__} has no exact probability",
                got="log_prob",
                remedy="use log_prob_bound, a lower bound"
                if self.likelihood is Likelihood.LOWER_BOUND
                else "choose a model with a likelihood (pofx models), or compare samples",
            )
        return self._score(x, given, self._log_prob)

    @final
    def log_prob_bound(self, x: Any, *, draws: int = 1, seed: int, given: Any = None) -> Any:
        """A random number whose expectation is at most `log p(x)`, `[n]`; tighter with more `draws`.

        `log mean exp` of `draws` log importance weights (Burda et al. 2016). Exact models return `log_prob`.
        """
        if self.likelihood is Likelihood.NONE:
            raise LikelihoodError(
                f"{type(self).__name__} has no likelihood, not even a bound", remedy="compare its samples instead"
            )
        if self.likelihood is Likelihood.EXACT:
            return self.log_prob(x, given=given)
        if draws < 1:
            raise LikelihoodError("a bound needs at least one draw", got=f"draws={draws}", expected="draws >= 1")
        random = new_generator(seed)

        def bound(block: Tensor, conditions: Tensor | None) -> Tensor:
            weights = torch.stack([self._log_weight(block, conditions, random) for _ in range(draws)])
            return torch.logsumexp(weights, 0) - float(np.log(draws))

        return self._score(x, given, bound)

    @final
    def log_prob_left_out(self) -> np.ndarray:
        """Each training row's log-probability under the model fitted without it, float64 `[n_train]`.

        For models that store their training rows, where `log_prob` of those rows would be flattered by themselves.
        """
        self._require("left_out")
        return self._log_prob_left_out().detach().cpu().numpy()

    @final
    def log_prob_parts(self, x: Any, *, given: Any = None) -> Any:
        """What each value adds to `log_prob` given those before it, nats, float64 `[n, *event]`.

        The chain rule: the parts of a row add up to its `log_prob`. Of a model with a bound, to its bound.
        Where a short row is filled up they are 0. Rows outside the support are refused.
        """
        self._require("parts")
        rows = self._read(x)
        conditions = self._read_given(given, len(rows))
        inside = self.space.contains(rows.detach())
        if not bool(inside.all()):
            row = int((~inside).nonzero()[0, 0])
            raise SpaceError("this is no outcome", expected=self.space.describe(), where=f"row {row + 1}")
        with torch.no_grad():
            parts = self._log_prob_parts(rows, conditions)
        return _like(x, parts)

    @final
    def complete(self, begun: Any, *, seed: int, length: int | None = None, given: Any = None, warp: Warp = LAW) -> Any:
        """Outcomes that begin like `begun`, drawn from the model: one a row.

        Args:
            begun: the first values of each outcome: strings, waves, or pictures of which the first so many values in
                reading order are known and the others NaN.
            seed: the same seed gives the same outcomes.
            length: of an outcome that has no end of its own, all of it; the space's when None.
            given: one condition a row, for a conditional model.
            warp: another law than the model's; scores are always those of the model.
        """
        self._require("complete")
        rows = self.space.read_begun(_rows(self.space, begun)).to(self._device())
        conditions = self._read_given(given, len(rows))
        with torch.no_grad():
            return self.space.show(self._complete(rows, length, new_generator(seed), conditions, warp))

    @final
    def marginal(self, columns: Sequence[str]) -> Model:
        """The distribution of some columns, exactly; raises where the model cannot."""
        self._require("marginal")
        names = tuple(columns)
        self._table().select(names)
        return self._marginal(names)

    @final
    def condition(self, values: Mapping[str, Any]) -> Model:
        """The distribution of the other columns given these values, exactly; raises where the model cannot."""
        self._require("condition")
        names = tuple(values)
        row = self._table().select(names).read(pl.DataFrame({name: [values[name]] for name in names}, strict=False))
        return self._condition(names, row[0])

    @final
    def cdf(self, x: Any) -> Any:
        """P(X <= x) of a one-dimensional model, `[n]` in [0, 1]."""
        row = self._read(x)
        return _like(x, self._cumulative().cdf(row.reshape(len(row))))

    @final
    def ppf(self, u: Any) -> Any:
        """The quantile function, the smallest x with `cdf(x) >= u`, `[n]`."""
        levels = torch.as_tensor(np.asarray(u, dtype=np.float64)) if not isinstance(u, Tensor) else u.double()
        if bool(((levels < 0) | (levels > 1) | torch.isnan(levels)).any()):
            raise SpaceError("a probability level lies outside [0, 1]", expected="0 <= u <= 1")
        return _like(u, self._cumulative().ppf(levels.reshape(-1)).reshape(levels.shape))

    @final
    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The central interval that holds `level` of the probability."""
        low, high = self.ppf(np.array([(1 - level) / 2, (1 + level) / 2]))
        return float(low), float(high)

    # What a subclass writes -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def free_parameters(self) -> int:
        """How many numbers were fitted."""

    @abstractmethod
    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        """`n` outcomes, float64 `[n, *event]`; random only through `generator`."""

    def named(self) -> Named | None:
        """The law by name, where it is one that closed forms know; None elsewhere."""
        return None

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        raise self._cannot("log_prob")

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        raise self._cannot("log_prob_bound")

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        """`[n, *event]`; in blocks of bounded memory."""
        raise self._cannot("parts")

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        """`begun` as the space's `read_begun` gives it; outcomes in tensor form."""
        raise self._cannot("complete")

    def _log_prob_left_out(self) -> Tensor:
        raise self._cannot("left_out")

    def _training_rows(self) -> Tensor:
        """The stored training rows in the model's space `[n, *event]`, for models with `left_out`."""
        raise self._cannot("left_out")

    def _marginal(self, names: tuple[str, ...]) -> Model:
        raise self._cannot("marginal")

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        """`values` `[len(names)]` in the tensor form; NaN means "nothing known, drop the column"."""
        raise self._cannot("condition")

    def _cdf(self, x: Tensor) -> Tensor:
        """P(X <= x), `[n] -> [n]`, for one-dimensional models with `cdf`."""
        raise self._cannot("cdf")

    # What is done once for all --------------------------------------------------------------------------------------

    def _require(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise self._cannot(capability)

    def _cannot(self, capability: Capability) -> LikelihoodError:
        return LikelihoodError(
            f"{type(self).__name__} lacks the capability '{capability}': {CAPABILITIES.get(capability, capability)}",
            remedy=f"choose a model that has it: pofx models --can {capability}",
        )

    def _table(self) -> Table:
        if not isinstance(self.space, Table):
            raise SpaceError("this model has no columns", got=self.space.describe(), expected="a model of a table")
        return self.space

    def _device(self) -> torch.device:
        tensors = [*self.parameters(), *self.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    def _read(self, values: Any) -> Tensor:
        if not isinstance(self.space, Sequences) and not hasattr(values, "columns") and np.ndim(values) == 0:
            raise SpaceError("one bare number is not a set of rows", got=repr(values), expected="an array, e.g. [x]")
        x = self.space.read(_rows(self.space, values))
        self.space.check(x.detach())
        return x.to(self._device())

    def _read_given(self, given: Any, n: int) -> Tensor | None:
        if (given is None) != (self.given_space is None):
            raise SpaceError(
                "this model is conditional and needs conditions" if given is None else "this model takes no conditions",
                got="given=None" if given is None else "given=...",
                expected=self.given_space.describe() if self.given_space is not None else "no `given`",
            )
        if given is None or self.given_space is None:
            return None
        conditions = self.given_space.read(as_rows(given))
        self.given_space.check(conditions)
        if not bool(self.given_space.contains(conditions).all()):
            raise SpaceError("a condition was not met in fitting", expected=self.given_space.describe())
        if len(conditions) != n:
            raise SpaceError("one condition a row is needed", got=f"{len(conditions)}", expected=f"{n}")
        return conditions.to(self._device())

    def _score(self, values: Any, given: Any, score: Callable[[Tensor, Tensor | None], Tensor]) -> Any:
        x = self._read(values)
        conditions = self._read_given(given, len(x))
        inside = self.space.contains(x.detach())
        result = torch.full((len(x),), -torch.inf, dtype=torch.float64, device=x.device)
        if bool(inside.any()):
            kept = x if bool(inside.all()) else x[inside]
            kept_conditions = None if conditions is None else conditions[inside]
            scores = in_blocks(score, kept, kept_conditions)
            _refuse_nan(scores, inside, type(self).__name__)
            result = scores if bool(inside.all()) else result.masked_scatter(inside, scores)
        return _like(values, result)

    def _cumulative(self) -> Any:
        from pofx.core.cumulative import cumulative

        return cumulative(self)


class Density(Model):
    """An exact density: implement `_log_prob` and `_sample`."""

    likelihood = Likelihood.EXACT


class BoundedDensity(Model):
    """A lower bound: implement `_log_weight` (one log importance weight) and `_sample`."""

    likelihood = Likelihood.LOWER_BOUND


class Sampler(Model):
    """No likelihood: implement `_sample` only."""

    likelihood = Likelihood.NONE


def _rows(space: Space, values: Any) -> Any:
    """What a space reads; sequences take lists as they are."""
    return values if isinstance(space, Sequences) else as_rows(values)


def _refuse_nan(scores: Tensor, inside: Tensor, who: str) -> None:
    bad = torch.isnan(scores)
    if bool(bad.any()):
        row = int(inside.nonzero()[int(bad.nonzero()[0, 0]), 0])
        raise LikelihoodError(f"{who} computed a NaN", where=f"row {row + 1}", remedy="please report this")


def _like(values: Any, result: Tensor) -> Any:
    return result.to(values.device) if isinstance(values, Tensor) else result.detach().cpu().numpy()

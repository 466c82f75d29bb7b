"""Stacking: a convex mixture of fitted exact densities, its weights found by EM on rows none of them was fitted to.

Smyth & Wolpert, "Linearly combining density estimators via stacking" (1999). Valid because every part is a density
against the same measure. Never much worse than its best part, often better. Cost: that of all its parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.core.registry import estimator as estimator_named
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.data.split import split_rows
from pofx.errors import FitError
from pofx.likelihood import Likelihood
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Constant, Date, Maybe
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

NEGLIGIBLE = 1e-4  # a part with less weight than this is left out
EVERYTHING: tuple[type[Scalar], ...] = (
    Real, Positive, Interval, Circle, Integer, Grid, Category, Date, Maybe, Constant,
)  # fmt: skip


@register
@dataclass(frozen=True, kw_only=True)
class Stacking(Estimator):
    """Fit several models and mix them with the weights that make held-out rows most probable."""

    name = "stacking"
    accepts = EVERYTHING
    standardise = False
    capabilities = frozenset({"missing", "bounds", "periodic", "discrete", "marginal", "condition"})

    parts: tuple[str, ...] = ("histogram", "independent", "kde", "mixture")
    """Names of the models to mix."""

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        if validation is None:
            split = split_rows(len(data), seed=seed)
            models = self._parts(data.rows(split.train), data.rows(split.validation), plan, seed)
            weights = stacking_weights(_scores(models, data.rows(split.fitted)))
            return stack(self._parts(data, None, plan, seed), weights)
        models = self._parts(data, validation, plan, seed)
        return stack(models, stacking_weights(_scores(models, validation)))

    def _parts(self, data: Data, validation: Data | None, plan: Plan, seed: int) -> list[Model]:
        return [estimator_named(name)().fit(data, validation=validation, plan=plan, seed=seed) for name in self.parts]


def _scores(models: Sequence[Model], data: Data) -> Tensor:
    return torch.stack([model.log_prob(data.values) for model in models], 1)


def stacking_weights(scores: Tensor, rounds: int = 1000, tolerance: float = 1e-10) -> Tensor:
    """Weights `[K]` >= 0 that sum to one and maximise the mean log of the mixture, by EM.

    Args:
        scores: log-densities of rows under each model, `[n, K]`; `-inf` is allowed.

    The log-likelihood is concave in the weights, so that EM finds its maximum. Rows impossible under every model say
    nothing and are left out.
    """
    possible = scores[torch.isfinite(scores).any(1)]
    count = scores.shape[1]
    log_weights = torch.full((count,), -math.log(count), dtype=torch.float64)
    last = -torch.inf
    for _ in range(rounds if len(possible) else 0):
        joint = possible + log_weights  # [n, K]
        evidence = torch.logsumexp(joint, 1)
        log_weights = torch.logsumexp(joint - evidence[:, None], 0) - math.log(len(possible))
        mean = float(evidence.mean())
        if mean - last < tolerance:
            break
        last = mean
    return log_weights.exp()


def stack(models: Sequence[Model], weights: Tensor) -> StackingModel:
    """The mixture of the models with these weights; negligible parts are dropped and the rest scaled up to one."""
    spaces = {model.space for model in models}
    if len(spaces) != 1:
        raise FitError("only models of the same space can be mixed", got=f"{len(spaces)} spaces")
    loose = [type(model).__name__ for model in models if model.likelihood is not Likelihood.EXACT]
    if loose:
        raise FitError("only exact densities can be mixed", got=", ".join(loose), remedy="leave these out")
    kept = [k for k in range(len(models)) if float(weights[k]) > NEGLIGIBLE]
    shares = weights[torch.tensor(kept)]
    space = models[0].space
    assert isinstance(space, Table)
    return StackingModel(space, tuple(models[k] for k in kept), shares / shares.sum())


class StackingModel(Density):
    """`p(x) = sum_k weights[k] p_k(x)`.

    Args:
        space: the space of every part.
        parts: the fitted models.
        weights: `[K]`, positive, summing to one.
    """

    def __init__(self, space: Table, parts: tuple[Model, ...], weights: Tensor) -> None:
        super().__init__(space)
        self.parts = nn.ModuleList(parts)
        self.register_buffer("weights", weights)
        self.weights: Tensor
        can = frozenset.intersection(*(model.capabilities for model in parts))
        self.capabilities = can - {"left_out", "merge", "streaming"}  # type: ignore[misc]

    @property
    def _models(self) -> list[Model]:
        return list(self.parts)  # type: ignore[arg-type]  # a module list of models

    @property
    def free_parameters(self) -> int:
        return len(self.weights) - 1 + sum(model.free_parameters for model in self._models)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        scores = torch.stack([model._log_prob(x, given) for model in self._models], 1)
        return torch.logsumexp(scores + self.weights.log(), 1)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        which = torch.multinomial(self.weights.cpu(), max(n, 1), replacement=True, generator=generator)[:n]
        x = torch.empty(n, *self.space.event_shape, dtype=torch.float64)
        for k, model in enumerate(self._models):
            chosen = which == k
            x[chosen] = model._sample(int(chosen.sum()), generator, None)
        return x

    def _marginal(self, names: tuple[str, ...]) -> Model:
        return self._again([model._marginal(names) for model in self._models], self.weights)

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        evidence = torch.cat([model._marginal(names)._log_prob(values[None], None) for model in self._models])
        if bool(torch.isneginf(evidence).all()):
            raise FitError("the condition has probability zero", got=", ".join(names), remedy="weaken the condition")
        weights = torch.softmax(evidence + self.weights.log(), 0)
        possible = [k for k in range(len(weights)) if float(weights[k]) > 0]
        models = [self._models[k]._condition(names, values) for k in possible]
        return self._again(models, weights[torch.tensor(possible)])

    def _cdf(self, x: Tensor) -> Tensor:
        return torch.stack([model._cdf(x) for model in self._models], 1) @ self.weights

    def _again(self, models: list[Model], weights: Tensor) -> StackingModel:
        table = models[0].space
        assert isinstance(table, Table)
        return StackingModel(table, tuple(models), weights)

"""Deep autoencoders: rows through a bottleneck, trained to come back with the least squared error.

Hinton and Salakhutdinov (2006). Columns count alike: each is standardised, labels are one-hot, angles points on a
circle; with `depth=0` it spans the principal components. An autoencoder is no generative model; `latent` names the
model that is fitted on the codes of the training rows to make it one. `Codes(model)` encodes, decodes, reconstructs
and says errors in the columns' own units. Limits: no likelihood, not even a bound; samples are as good as the density
on the codes; a code of a spike or a missing value is a code like others. Cost O(n * width * hidden) an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import estimator as estimator_named
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.likelihood import Likelihood
from pofx.models.autoencoder.features import Features
from pofx.models.autoencoder.model import ROWS, AutoencoderModel
from pofx.models.autoencoder.options import Options
from pofx.models.autoencoder.training import (
    PATIENCE,
    Parts,
    check_options,
    most_steps,
    parts_of,
    train,
    units,
    weighty,
)
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

PICTURE_CODES = 16


@register
@dataclass(frozen=True, kw_only=True)
class Autoencoder(Options):
    """Encoder, bottleneck, decoder; a sampler by way of a density on the codes.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> Autoencoder(codes=1, latent="gaussian", steps=5).fit(x).sample(4, seed=0).shape
    (4, 3)
    """

    name: ClassVar[str] = "autoencoder"
    accepts: ClassVar[tuple[type[Space], ...]] = (Real, Category, Integer, Circle, Image)
    capabilities = AutoencoderModel.capabilities | {"weights"}
    likelihood = Likelihood.NONE

    def __post_init__(self) -> None:
        check_options(
            self, {"codes": 1, "hidden": 1, "depth": 0, "channels": 1, "steps": 0, "batch": 1, "weight_decay": 0}
        )

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        data = weighty(data)
        assert isinstance(data.space, Table | Image)
        deadline, density = plan.deadline(), _on_codes(self.latent)
        recipe = self._sized(len(data), data.space)
        features = Features.measure(data.space, data.values)
        model = AutoencoderModel(data.space, recipe, *features, seed=split(seed, "weights") % (1 << 31))
        parts = parts_of(data, validation, self.steps, seed)
        _train(model, parts, _first_part(plan, deadline, density), seed, recorder)
        if density is not None:
            model.density = _density(density, model, parts, deadline, seed, recorder)
        return model

    def settled(self, model: Model) -> Estimator:
        """With the sizes that were chosen."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _sized(self, n: int, space: Table | Image) -> Autoencoder:
        if isinstance(space, Image):
            codes = min(PICTURE_CODES, max(1, space.dims // 4))
        else:
            codes = max(1, len(space.names) // 3)
        hidden = self.hidden or units(n, space)
        return replace(self, codes=self.codes or codes, hidden=hidden)


def _on_codes(latent: str | Estimator | None) -> Estimator | None:
    """The estimator that is fitted on the codes."""
    found = estimator_named(latent)() if isinstance(latent, str) else latent
    if found is not None and not isinstance(found, Estimator):
        raise FitError(
            "latent is neither a name nor an estimator", got=repr(latent)[:80], expected="e.g. 'kde' or pofx.KDE()"
        )
    if found is not None and (found.likelihood is Likelihood.NONE or Real not in found.accepts):
        raise FitError(
            "this model puts no density on the codes", got=found.name, expected="a likelihood of real columns",
            remedy="latent='mixture'",
        )  # fmt: skip
    return found


def _first_part(plan: Plan, deadline: Deadline, density: Estimator | None) -> Deadline:
    """The time for the network: all, or what leaves a quarter for the density."""
    if deadline.at is None or plan.seconds is None or density is None:
        return deadline
    return replace(deadline, at=deadline.at - plan.seconds / 4)


def _train(model: AutoencoderModel, parts: Parts, deadline: Deadline, seed: int, recorder: Recorder) -> None:
    """Mean squared error of standardised targets."""
    options, picture = model.recipe, isinstance(model.space, Image)
    recipe = Recipe(
        steps=most_steps(len(parts.rows), options.steps, parts.held, picture=picture, limited=deadline.at is not None),
        batch=min(options.batch, len(parts.rows)), learning_rate=options.learning_rate,
        weight_decay=options.weight_decay, patience=PATIENCE, precision=options.precision, compile=options.compile,
        device=options.device,
    )  # fmt: skip

    def loss(rows: Tensor, random: torch.Generator) -> Tensor:
        return _error(model, rows).mean()

    def held_out() -> float:
        assert parts.held is not None
        error = torch.cat([_error(model, block.to(model.offset.device)).cpu() for block in parts.held.split(ROWS)])
        weights = torch.ones(len(error)) if parts.held_weights is None else parts.held_weights
        return float((error * weights).sum() / weights.sum())

    with torch.no_grad():
        model.offset.copy_(_centre(model, parts.rows))
    train(
        model, loss, parts, recipe, deadline, seed, recorder, None if parts.held is None else held_out,
        lambda value: f"squared error {value:.4g}",
    )  # fmt: skip


def _error(model: AutoencoderModel, rows: Tensor) -> Tensor:
    """Squared error of each row, a mean over the targets that have a value, `[n]`."""
    features = model.features(rows)
    there = model.features.there(rows)
    gap = (model(features) - features.flatten(1)[:, : model.features.targets]) * there
    error: Tensor = gap.square().sum(1) / there.sum(1).clamp(min=1)
    return error


def _centre(model: AutoencoderModel, rows: Tensor) -> Tensor:
    """The mean of each target: where the decoder begins."""
    some = rows[:ROWS]
    there = model.features.there(some)
    seen = model.features(some).flatten(1)[:, : model.features.targets]
    centre: Tensor = (seen * there).sum(0) / there.sum(0).clamp(min=1)
    return centre


def _density(
    estimator: Estimator, model: AutoencoderModel, parts: Parts, deadline: Deadline, seed: int, recorder: Recorder
) -> Model:
    """A model of the training rows' codes: real numbers, also where few different ones or only one occurs."""
    codes = model.encode(parts.rows)
    names = tuple(f"code {k + 1}" for k in range(codes.shape[1]))
    return estimator.fit(
        codes, space=Table(names, (Real(),) * len(names), "torch"),
        weights=parts.weights if "weights" in estimator.capabilities else None,
        plan=deadline.rest().within("density"), seed=split(seed, "density"), recorder=recorder,
    )  # fmt: skip

"""Variational autoencoders for tables (labels, counts, angles, gaps) and pictures.

Kingma and Welling (2014); importance-weighted: Burda et al. (2016); ladder: Sonderby et al. (2016); missing values: the
encoder sees zeros and indicators, the likelihood leaves them out (Nazabal et al. 2020). p(x | z) is a likelihood of the
outcomes as they are: Bernoulli for pixels of one bit, a share for each level where few occur, else a mixture of
discretised logistics, as for counts; Gaussian of learned spread for real columns, categorical, von Mises.
`log_prob_bound(draws=k)` is the k-sample bound; `Codes(model)` encodes, decodes and reconstructs; `terms` and
`units_used` in `models.vae.inspect`.

Limits: a bound, never the exact value; pixels and columns are independent given the latent numbers; one logistic
mixture a channel, so colours hang together through the code only. Cost O(n * width * hidden) an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.heads.levels import FEW, few_levels
from pofx.likelihood import Likelihood
from pofx.models.autoencoder.bodies import kind_of
from pofx.models.autoencoder.features import Features
from pofx.models.autoencoder.training import check_options, parts_of, units, weighty
from pofx.models.vae.fitting import fit
from pofx.models.vae.model import VAEModel
from pofx.models.vae.options import Options
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

PICTURE_LATENT = 40
LEAST = {
    "latent": 1, "levels": 1, "hidden": 1, "depth": 0, "channels": 1, "flow": 0, "samples": 1, "beta": 0,
    "free_bits": 0, "warmup": 0, "components": 1, "floor": 0, "steps": 0, "batch": 1, "weight_decay": 0,
}  # fmt: skip


@register
@dataclass(frozen=True, kw_only=True)
class VAE(Options):
    """A variational autoencoder; its score is a lower bound.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> VAE(steps=5).fit(x).log_prob_bound(x[:2], draws=4, seed=0).shape
    (2,)
    """

    name: ClassVar[str] = "vae"
    accepts: ClassVar[tuple[type[Space], ...]] = (Real, Category, Integer, Circle, Image)
    capabilities = VAEModel.capabilities | {"weights"}
    likelihood = Likelihood.LOWER_BOUND

    def __post_init__(self) -> None:
        check_options(self, LEAST)
        if self.samples > 1 and self.free_bits > 0:
            raise FitError("free bits hold the KL of one sample", got=f"samples={self.samples}", remedy="samples=1")
        if self.levels > 1 and self.depth == 0:
            raise FitError("a ladder needs hidden units", got="depth=0", remedy="levels=1, or depth=2")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        assert isinstance(data.space, Table | Image)
        data, deadline = weighty(data), plan.deadline()
        model = self.untrained(data, seed)
        history = fit(model, parts_of(data, validation, self.steps, seed), deadline, seed, recorder)
        model.recipe = replace(model.recipe, steps=history.best_step or len(history.losses))
        return model

    def untrained(self, data: Data, seed: int) -> VAEModel:
        """A model of the data's space with its first weights."""
        assert isinstance(data.space, Table | Image)
        recipe = self._sized(len(data), data.space)
        features = Features.measure(data.space, data.values)
        return VAEModel(data.space, recipe, *features, seed=split(seed, "weights") % (1 << 31), met=self._met(data))

    def _met(self, data: Data) -> tuple[int, ...]:
        """The levels that have a share each."""
        if not isinstance(data.space, Image) or data.space.bits == 1 or self.pixels == "logistics":
            return ()
        most = data.space.levels if self.pixels == "levels" else FEW
        return few_levels(data.values, data.space.levels, most)

    def settled(self, model: Model) -> Estimator:
        """With the sizes and the number of steps that were chosen: a second fit takes all rows and looks at none."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _sized(self, n: int, space: Table | Image) -> VAE:
        if isinstance(space, Image):
            latent = min(PICTURE_LATENT, max(2, space.dims // 4))
        else:
            latent = min(16, max(2, (len(space.names) + 1) // 2))
        hidden = self.hidden or units(n, space)
        average = self.average if self.average is not None else 0.999 if isinstance(space, Image) else 0.99
        rate = self.learning_rate or (4e-3 if kind_of(space, self.net) == "conv" else 2e-3)
        return replace(self, latent=self.latent or latent, hidden=hidden, average=average, learning_rate=rate)

"""Gated PixelCNN: the exact probability of a picture, each value given all before it in reading order.

van den Oord et al. (2016b), Conditional image generation with PixelCNN decoders: two stacks of gated convolutions
without a blind spot (`nets.gated`). A value has shares of its levels, begun at their counts at each place, or a mixture
of discretised logistics with linear dependence between colours (Salimans et al. 2017, PixelCNN++). The channels of a
pixel follow one another, each exactly conditional on those before. Conditions, such as classes, are columns beside the
pictures: p(x | given).

Limits: a picture is drawn one pixel after another, height x width small steps; order matters. Cost O(pixels (depth
hidden^2 + hidden EACH window)) a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.models.pixelcnn.choice import fit_pixel_by_pixel
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.pixelcnn.options import Options
from pofx.nets.gated import Gated
from pofx.nets.reader import Reader
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder


@register
@dataclass(frozen=True, kw_only=True)
class PixelCNN(Options):
    """A gated PixelCNN.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).integers(0, 4, (40, 5, 5))
    >>> model = PixelCNN(hidden=8, depth=1, steps=2).fit(x, space=Image(1, 5, 5, 2))
    >>> model.log_prob(x[:3]).shape
    (3,)
    """

    name: ClassVar[str] = "pixelcnn"
    accepts: ClassVar[tuple[type[Space], ...]] = (Image,)
    capabilities = PixelModel.capabilities | {"weights"}

    def reader(self, inputs: int, size: tuple[int, int], told: int, random: torch.Generator) -> Reader:
        return Gated(inputs, self.hidden, self.depth, size, told, random)

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        return fit_pixel_by_pixel(self, data, validation, plan, seed, recorder)

    def settled(self, model: Model) -> Estimator:
        """With the law of values and the number of steps that were chosen: a second fit looks at no held-out rows."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

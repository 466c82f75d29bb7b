"""Training on pictures of one bit that are drawn anew at every step from grey ones: dynamic binarisation.

Salakhutdinov and Murray (2008), Burda et al. (2016): a grey level g of 0 .. 255 says that the pixel is 1 with
probability g / 255. `data.images.binarise.sampled` draws the pictures once, as test and validation pictures are, and
keeps the grey ones at hand; a VAE that is given such data trains on new drawings of them at every step. Figures on them
are not to be mixed with those of the fixed file of Larochelle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.data.dataset import Data
from pofx.data.images.binarise import sampled
from pofx.errors import SpaceError
from pofx.models.autoencoder.training import Parts
from pofx.rng import split
from pofx.spaces.image import Image
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Recorder

Draw = Callable[[Tensor, torch.Generator], Tensor]


def redrawn(parts: Parts) -> tuple[Parts, Draw | None]:
    """What to train on and how the outcomes of a step are drawn from it; the rows themselves where nothing is."""
    source = parts.source
    if source is None or not isinstance(source.space, Image):
        return parts, None
    space = source.space
    return replace(parts, rows=source.values), lambda rows, random: binarised(rows, space, random)


def binarised(grey: Tensor, space: Image, random: torch.Generator) -> Tensor:
    """Pictures of one bit, float32, from grey ones `[n, C, H, W]` of `space`."""
    u = torch.rand(grey.shape, generator=random, device=random.device).to(grey.device)
    return (u * (space.levels - 1) < grey).to(torch.float32)


def binarised_once(grey: Tensor, space: Image, *, seed: int) -> Tensor:
    """The pictures of one bit that `sampled` draws with that seed, float64."""
    return sampled(Data(space, grey), seed=seed).values.double()


def fit_binarised(
    estimator: Estimator,
    grey: Data,
    *,
    validation: Data | None = None,
    plan: Plan = Plan(),
    seed: int = 0,
    recorder: Recorder = SILENT,
) -> Model:
    """A model of pictures of one bit from grey ones, which a VAE sees binarised anew at every step.

    Args:
        estimator: the options.
        grey: pictures of two bits or more.
        validation: pictures of one bit, drawn once.
        plan: time budget.
        seed: the same seed and data give the same model.
        recorder: told of progress.
    """
    space = grey.space
    if not isinstance(space, Image) or space.bits == 1:
        raise SpaceError(
            "binarisation takes grey pictures", got=space.describe(), expected="an image of 2 bits or more"
        )
    data = sampled(grey, seed=split(seed, "drawn once"))
    return estimator.fit(data, validation=validation, plan=plan, seed=seed, recorder=recorder)

"""Training on pictures of one bit that are drawn anew at every step from grey ones: dynamic binarisation.

Salakhutdinov and Murray (2008): a grey level g of 0 .. 255 says that the pixel is 1 with probability g / 255. Test
pictures are drawn once from a seed; figures on them are not to be mixed with those of the fixed file of Larochelle.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.errors import SpaceError
from pofx.models.autoencoder.training import parts_of
from pofx.models.vae.estimator import VAE
from pofx.models.vae.fitting import fit
from pofx.models.vae.model import VAEModel
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Recorder


def binarised(grey: Tensor, space: Image, random: torch.Generator) -> Tensor:
    """Pictures of one bit, float32, from grey ones `[n, C, H, W]` of `space`."""
    u = torch.rand(grey.shape, generator=random, device=random.device).to(grey.device)
    return (u * (space.levels - 1) < grey).to(torch.float32)


def binarised_once(grey: Tensor, space: Image, *, seed: int) -> Tensor:
    """The same pictures of one bit for the same seed, float64."""
    return binarised(grey, space, generator(seed)).double()


def fit_binarised(
    estimator: VAE, grey: Data, *, plan: Plan = Plan(), seed: int = 0, recorder: Recorder = SILENT
) -> VAEModel:
    """A VAE of pictures of one bit from grey ones, binarised anew at every step.

    Args:
        estimator: the options.
        grey: pictures of two bits or more.
        plan: time budget.
        seed: the same seed and data give the same model.
        recorder: told of progress.
    """
    space = grey.space
    if not isinstance(space, Image) or space.bits == 1:
        raise SpaceError(
            "binarisation takes grey pictures", got=space.describe(), expected="an image of 2 bits or more"
        )
    deadline = plan.deadline()
    parts = parts_of(grey, None, estimator.steps, seed)
    target = Data(Image(space.channels, space.height, space.width, 1), parts.rows)
    model = estimator.untrained(target, seed)
    history = fit(model, parts, deadline, seed, recorder, draw=lambda rows, random: binarised(rows, space, random))
    model.recipe = replace(model.recipe, steps=history.best_step or len(history.losses))
    return model

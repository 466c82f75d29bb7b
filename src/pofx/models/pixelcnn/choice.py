"""Which law the values of pictures get, by the data, and the fit that all models pixel by pixel share."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.heads.levels import FEW, few_levels
from pofx.models.autoencoder.training import weighty
from pofx.models.conditions import conditions_of, known
from pofx.models.pixelcnn.fitting import fit
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.pixelcnn.options import Options, Pixels
from pofx.rng import split
from pofx.spaces.image import Image
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

FREQUENT = 0.05  # the share of one level above which no smooth law fits
LOOKED_AT = 1 << 22  # values


def fit_pixel_by_pixel(
    options: Options, data: Data, validation: Data | None, plan: Plan, seed: int, recorder: Recorder
) -> Model:
    """A trained model of pictures; its recipe has the choices made."""
    space, deadline = data.space, plan.deadline()
    assert isinstance(space, Image)
    data, conditions = weighty(data), conditions_of(data)
    held = None if validation is None else known(validation, conditions)
    chosen = replace(options, pixels=law_of(options.pixels, data.values, space))
    model = PixelModel(space, chosen, split(seed, "weights") % (1 << 31), conditions)
    steps = fit(model, data, held, deadline, seed, recorder)
    model.recipe = replace(chosen, steps=steps)
    return model


def law_of(asked: Pixels, values: Tensor, space: Image) -> Pixels:
    """Shares where few levels occur or one is frequent, else a smooth law."""
    if asked != "auto":
        return asked
    if few_levels(values, space.levels, FEW):
        return "categorical"
    rows = values[: max(1, LOOKED_AT // space.dims)].flatten().long()
    share = torch.bincount(rows, minlength=space.levels).max().item() / max(len(rows), 1)
    return "categorical" if share > FREQUENT else "logistics"

"""Pixel recurrent networks: the exact probability of a picture, what is before a pixel held in LSTM states.

van den Oord et al. (2016a), Pixel recurrent neural networks. `kind` says how states go: down the rows (Row LSTM) or
along the diagonals from both upper corners (Diagonal BiLSTM), which sees all that is before; a running mean of all
places before makes good what the Row LSTM does not see. Laws of values, conditions and drawing: as `pixelcnn`.

Limits: as `pixelcnn`, and slower to train: rows and diagonals go one after another. Cost O(pixels depth hidden^2) a
picture, about twice that along the diagonals of a square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.pixelcnn.choice import fit_pixel_by_pixel
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.pixelcnn.options import Options
from pofx.nets.diagonal_lstm import DiagonalLSTM
from pofx.nets.reader import Reader
from pofx.nets.recurrent import Layer, Recurrent
from pofx.nets.row_lstm import RowLSTM
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

Kind = Literal["row", "diagonal"]


@register
@dataclass(frozen=True, kw_only=True)
class PixelRNN(Options):
    """A pixel recurrent network.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).integers(0, 4, (40, 5, 5))
    >>> model = PixelRNN(kind="diagonal", hidden=8, depth=1, steps=2).fit(x, space=Image(1, 5, 5, 2))
    >>> model.log_prob(x[:3]).shape
    (3,)
    """

    name: ClassVar[str] = "pixelrnn"
    accepts: ClassVar[tuple[type[Space], ...]] = (Image,)
    capabilities = PixelModel.capabilities | {"weights"}

    kind: Kind = "row"
    """How states go: row (down the rows) or diagonal (from both upper corners)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in get_args(Kind):
            raise FitError("there is no such network", got=f"kind={self.kind}", expected=" or ".join(get_args(Kind)))

    def reader(self, inputs: int, size: tuple[int, int], told: int, random: torch.Generator) -> Reader:
        make: type[RowLSTM] | type[DiagonalLSTM] = RowLSTM if self.kind == "row" else DiagonalLSTM

        def layer(units: int, random: torch.Generator) -> Layer:
            return make(units, random)

        return Recurrent(inputs, self.hidden, self.depth, size, told, layer, random)

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        return fit_pixel_by_pixel(self, data, validation, plan, seed, recorder)

    def settled(self, model: Model) -> Estimator:
        """With the law of values and the number of steps that were chosen: a second fit looks at no held-out rows."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

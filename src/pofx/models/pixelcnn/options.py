"""The options of models that go through pictures pixel by pixel, apart from how they are fitted."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from pofx.core.estimator import Estimator
from pofx.errors import FitError
from pofx.models.autoencoder.training import check_options
from pofx.nets.reader import Reader
from pofx.training.recipe import Optimiser, Precision

Pixels = Literal["auto", "categorical", "logistics"]
LEAST = {
    "hidden": 1, "depth": 0, "bins": 2, "components": 1, "steps": 0, "batch": 1, "weight_decay": 0, "average": 0,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Options(Estimator):
    """What a model that goes pixel by pixel is made of, and how it is trained."""

    hidden: int = 64
    """Channels of the network."""
    depth: int = 2
    """Layers after the first."""
    pixels: Pixels = "auto"
    """The law of a value: shares of its levels (categorical) or a smooth mixture (logistics); auto is shares where few
    levels occur or some are much more frequent than others."""
    bins: int = 64
    """Shares of a categorical law; where there are more levels, runs of rare ones have a share together."""
    components: int = 10
    """Logistics in the mixture of a smooth law."""
    steps: int | None = None
    """Training steps, all of which are taken. None: as long as held-out pictures gain, up to a number that goes by
    pictures; under a time budget until it is spent."""
    batch: int = 16
    """Pictures a step."""
    learning_rate: float = 1e-2
    """The largest step of the optimiser, after warm-up."""
    optimiser: Optimiser = "muon"
    """muon for the kernels of the hidden layers and adamw for the rest, or adamw for all."""
    weight_decay: float = 1e-4
    """By how much weights are drawn to zero a step, as a multiple of the learning rate."""
    average: float = 0.998
    """Decay of the running average of weights, which is the result; 0 takes the last weights."""
    precision: Precision = "f32"
    """f32, or bf16 for the network's products in training, where the hardware is fast at it; not in scores."""
    compile: bool = False
    """Whether to try torch.compile in training; a minute or more at the start, and steps that may be faster."""
    device: str = "auto"
    """Where the network is trained: auto, cpu, cuda."""

    def __post_init__(self) -> None:
        check_options(self, LEAST)
        if self.pixels not in get_args(Pixels):
            raise FitError(
                "there is no such law of pixels", got=f"pixels={self.pixels}", expected=" or ".join(get_args(Pixels))
            )

    @abstractmethod
    def reader(self, inputs: int, size: tuple[int, int], told: int, random: torch.Generator) -> Reader:
        """The network, with first weights.

        Args:
            inputs: numbers of a pixel.
            size: height and width.
            told: numbers that are known of each picture.
            random: of the weights.
        """

"""The options of a VAE, apart from how it is fitted, so that the model may hold them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pofx.core.estimator import Estimator
from pofx.models.autoencoder.bodies import Net
from pofx.training.recipe import Precision


@dataclass(frozen=True, kw_only=True)
class Options(Estimator):
    """What a VAE is made of, and what it is trained for."""

    latent: int | None = None
    """Latent numbers of each level; None is half of the columns but 2 to 16, 40 for pictures."""
    levels: int = 1
    """Levels of latent numbers; 2 or more make a ladder, in which each level's prior depends on those above."""
    hidden: int | None = None
    """Units of each hidden layer of encoder and decoder; None goes by the number of rows."""
    depth: int = 2
    """Hidden layers of each, 0 being a linear map (factor analysis); a convolutional net has one, and one residual
    block for each number above 2."""
    net: Net = "auto"
    """dense, or conv for pictures; auto is conv above 256 values."""
    channels: int = 16
    """Of a convolutional net after the first halving of the picture; twice as many after the second."""
    flow: int = 0
    """Affine couplings after the Gaussian posterior of each level, conditional on the row; 0 leaves it Gaussian."""
    samples: int = 1
    """Importance samples of the training bound: 1 is the evidence lower bound, more is tighter and dearer (IWAE)."""
    beta: float = 1.0
    """The weight of the KL term in training; other than 1 it is no bound that is trained (scores stay bounds)."""
    free_bits: float = 0.0
    """Nats of KL that each latent number may have at no cost in training, against collapse; with samples=1 only."""
    warmup: float = 0.1
    """The share of training over which the weight of the KL term rises from 0."""
    variance: Literal["row", "column"] = "row"
    """Whether the spread of real columns is the decoder's to say for each row, or one learned number a column."""
    pixels: Literal["auto", "levels", "logistics"] = "auto"
    """The law of pixels of two bits and more: a share for each level that occurs, or a smooth mixture; auto is levels
    where at most 32 occur."""
    components: int = 3
    """Logistics in the mixture for pixels of two bits and more, and for counts."""
    floor: float = 1e-2
    """The smallest spread of a real column, in standard deviations; half the resolution if that is more."""
    steps: int | None = None
    """Training steps, all of which are taken. None: as long as held-out rows gain, up to a number that goes by rows."""
    batch: int = 128
    """Rows a step."""
    learning_rate: float | None = None
    """The largest step of the optimiser, after warm-up; None is 2e-3, of a convolutional net 4e-3."""
    weight_decay: float = 1e-4
    """By how much weights are drawn to zero a step, as a multiple of the learning rate."""
    average: float | None = None
    """Decay of the running average of weights, which is the result; 0 takes the last weights. None is 0.99, for
    pictures 0.999."""
    precision: Precision = "f32"
    """f32, or bf16 for the network's products in training, where the hardware is fast at it; not in scores."""
    compile: bool = False
    """Whether to try torch.compile in training; a minute or more at the start, and steps that may be faster."""
    device: str = "auto"
    """Where the network is trained: auto, cpu, cuda."""

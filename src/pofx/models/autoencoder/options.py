"""The options of an autoencoder, apart from how it is fitted, so that the model may hold them too."""

from __future__ import annotations

from dataclasses import dataclass

from pofx.core.estimator import Estimator
from pofx.models.autoencoder.bodies import Net
from pofx.training.recipe import Precision


@dataclass(frozen=True, kw_only=True)
class Options(Estimator):
    """What an autoencoder is made of."""

    codes: int | None = None
    """Numbers of the code, the bottleneck; None is a third of the columns, 16 for pictures."""
    latent: str | Estimator | None = "mixture"
    """A model of ours that is fitted on the codes, by name (mixture, kde, gaussian, flow) or as an estimator with its
    options: it makes the autoencoder a sampler. None leaves it with encode, decode and reconstruct."""
    hidden: int | None = None
    """Units of each hidden layer of encoder and decoder; None goes by the number of rows."""
    depth: int = 2
    """Hidden layers of each, 0 being a linear map (principal components); a convolutional net has one, and one residual
    block for each number above 2."""
    net: Net = "auto"
    """dense, or conv for pictures; auto is conv above 256 values."""
    channels: int = 16
    """Of a convolutional net after the first halving of the picture; twice as many after the second."""
    steps: int | None = None
    """Training steps, all of which are taken. None: as long as held-out rows gain, up to a number that goes by rows."""
    batch: int = 128
    """Rows a step."""
    learning_rate: float = 2e-3
    """The largest step of the optimiser, after warm-up."""
    weight_decay: float = 1e-4
    """By how much weights are drawn to zero a step, as a multiple of the learning rate."""
    precision: Precision = "f32"
    """f32, or bf16 for the network's products in training, where the hardware is fast at it; not in scores."""
    compile: bool = False
    """Whether to try torch.compile in training; a minute or more at the start, and steps that may be faster."""
    device: str = "auto"
    """Where the network is trained: auto, cpu, cuda."""

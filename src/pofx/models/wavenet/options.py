"""The settings of a WaveNet: what it is made of, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pofx.core.estimator import Estimator
from pofx.training.recipe import Optimiser

Head = Literal["logistics", "mulaw"]


@dataclass(frozen=True, kw_only=True)
class Options(Estimator):
    """Fields only; see `WaveNet`."""

    head: Head = "logistics"
    """The law of a sample: a mixture of logistic laws round a linear prediction, or 256 codes of mu-law."""
    residual: int = 32
    """Channels that go from layer to layer."""
    skip: int = 64
    """Channels that go out of each layer."""
    doublings: int = 10
    """Layers of one cycle: they look 1, 2, 4, ... samples back."""
    cycles: int = 1
    """How often the distances start again from 1."""
    components: int = 5
    """Logistic laws in the mixture."""
    steps: int | None = None
    """Gradient steps; None goes by the number of samples, or by the time there is."""
    batch: int = 16_000
    """Samples of one step, about."""
    learning_rate: float | None = None
    """The highest learning rate; None goes by the number of samples."""
    optimiser: Optimiser = "muon"
    """How the hidden matrices are moved."""
    average: float = 0.98
    """Decay of the average of the weights."""
    device: str = "auto"
    """Where to train."""

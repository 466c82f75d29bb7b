"""The hyper-parameters of a gradient fit: what decides its numbers, apart from the network, the rows and the seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from pofx.errors import FitError

Optimiser = Literal["adamw", "muon"]
Cooldown = Literal["cosine", "linear", "none"]
Precision = Literal["f32", "bf16"]
Share = Literal["copies", "shards"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained by gradients. A recipe is plain numbers and words, so that it goes to JSON and back."""

    steps: int = 2000
    """Gradient steps at most; a time budget may cut them."""
    batch: int = 256
    """Rows of one step, over all processes; no more than there are rows."""
    learning_rate: float = 1e-3
    """The highest learning rate, which warm-up ends in and cool-down starts from."""
    optimiser: Optimiser = "adamw"
    """`adamw`, or `muon` for the hidden weight matrices with AdamW for the rest."""
    weight_decay: float = 0.0
    """Decoupled decay of weight matrices and kernels; biases and scales are never decayed."""
    clip: float = 1.0
    """Longest gradient, as a norm over all parameters; 0 does not clip."""
    warmup: int = 100
    """Steps over which the learning rate rises in a line; a tenth of the fit at most."""
    cooldown: Cooldown = "cosine"
    """How the learning rate falls to a hundredth of its height, from the first step to the last."""
    average: float = 0.0
    """Decay of the exponential average of the weights, which is then the result, e.g. 0.999; 0 averages nothing."""
    patience: int = 0
    """Validations without a gain before the fit stops; 0 never stops."""
    check_every: int = 100
    """Steps from one validation to the next."""
    precision: Precision = "f32"
    """`bf16` computes the network in bfloat16 where that is safe (autocast); the weights stay as they are."""
    device: str = "auto"
    """`auto` is the first CUDA device where there is one and otherwise the CPU; or any name that torch knows."""
    compile: bool = False
    """Whether to try torch.compile; where it fails the fit goes on without."""
    share: Share = "copies"
    """What each of several processes has of the network: a whole copy, or (`shards`) only its part of every weight, for
    networks that are too large for one device. One process has it all."""

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("batch", 1), ("warmup", 0), ("patience", 0), ("check_every", 1)):
            if getattr(self, name) < least:
                raise FitError(f"{name} is too small", got=f"{name}={getattr(self, name)}", expected=f">= {least}")
        for name in ("learning_rate", "weight_decay", "clip", "average"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise FitError(f"{name} cannot be negative or infinite", got=f"{name}={value}")
        if self.learning_rate == 0:
            raise FitError("with a learning rate of zero nothing is learnt", remedy="steps=0 leaves a network as it is")
        if self.average >= 1:
            raise FitError("an average that never forgets is the start", got=f"average={self.average}", expected="< 1")
        for name, words in (
            ("optimiser", Optimiser),
            ("cooldown", Cooldown),
            ("precision", Precision),
            ("share", Share),
        ):
            if getattr(self, name) not in get_args(words):
                raise FitError(f"unknown {name}", got=str(getattr(self, name)), expected=" or ".join(get_args(words)))

"""The options of a GPT, apart from how it is fitted, so that the model may hold them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pofx.core.estimator import Estimator
from pofx.training.recipe import Precision

Kind = Literal["modern", "gpt2"]


@dataclass(frozen=True, kw_only=True)
class Options(Estimator):
    """What a GPT is made of, and what it is trained for."""

    tokens: str = "bytes"
    """How a text is cut into symbols: bytes, characters, bpe, bpe:SIZE, or the path of a tokeniser."""
    kind: Kind = "modern"
    """The architecture: modern, or GPT-2's exactly."""
    context: int | None = None
    """Symbols of a window; None goes by the data."""
    stride: int | None = None
    """Symbols from one window to the next, in what is longer than the context; None is a quarter of the context."""
    layers: int | None = None
    """Blocks; None goes by the data."""
    width: int | None = None
    """Numbers that stand for a symbol; None goes by the data."""
    heads: int | None = None
    """Of attention, which divide the width into even parts; None is one for every 32 numbers."""
    orders: int | None = None
    """The longest n-gram with a vector of its own, 1 being none, in the modern architecture; None is 4."""
    rows: int | None = None
    """Rows of each table of n-grams, into which they are hashed; None goes by the data."""
    dropout: float | None = None
    """Share of numbers left out in training, against learning by heart; None is 0.1 for data that are
    seen several times."""
    ngram_dropout: float | None = None
    """The same, of what the n-grams say; None is 0.5 for data that are seen several times."""
    marked: float = 0.1
    """Share of training windows from a stream that begin with the start mark, as a text by itself does."""
    steps: int | None = None
    """Training steps. None: as many as there is time for, or without a budget so many passes that held-out symbols
    gain little more."""
    batch: int | None = None
    """Windows a step; None is 1,536 symbols, 3,072 of longer texts."""
    learning_rate: float | None = None
    """The largest step of the optimiser, after warm-up; None goes by the architecture."""
    weight_decay: float = 0.0
    """By how much weights are drawn to zero a step, as a multiple of the learning rate."""
    average: float = 0.0
    """Decay of the running average of weights, which is then the result; 0 takes the last weights."""
    patience: int = 8
    """Validations without a gain before training stops; 0 never stops, nor does it under a time budget."""
    optimiser: Literal["muon", "adamw"] = "muon"
    """Muon for the matrices of the blocks with AdamW for the rest, or AdamW alone."""
    precision: Precision = "f32"
    """f32, or bf16 for the network's products in training, where the hardware is fast at it; not in scores."""
    compile: bool = False
    """Whether to try torch.compile in training; half a minute at the start, and steps that may be faster."""
    device: str = "auto"
    """Where the network is trained: auto, cpu, cuda."""

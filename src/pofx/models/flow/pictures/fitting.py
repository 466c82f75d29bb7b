"""Training a flow of pictures: single pixels counted, then maximum likelihood by gradient on dequantised pictures.

The loss draws new noise at each step (Theis et al. 2016); validation has the same noise every time. Weights are
float32 while they are trained and float64 afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.codecs.dequantize import Dequantize
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.autoencoder.training import parts_of, weighty
from pofx.models.flow.pictures.model import PictureFlow
from pofx.models.flow.pictures.network import KINDS, PictureKind
from pofx.rng import generator, split
from pofx.spaces.image import Image
from pofx.training.loop import minimise
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

BLIND = 50  # steps where too few pictures are there to hold some out
LONGEST = ((500, 500), (5_000, 3_000))  # up to so many pictures, so many steps
LIMIT = 20_000  # beyond
MOST_HELD = 500  # held-out pictures that are looked at; a look costs as much as ten steps
BLOCK = 100  # of them at once
PATIENCE = 6  # checks without gain
CHECKS, MOST_BETWEEN = 20, 400  # checks in a fit at least, and steps between two at most
AVERAGE = 0.998  # decay of the average of the weights, which is the result
WARMUP = 50  # steps
CLIP = 200.0  # nats a picture have gradients of tens: only outliers are cut


@dataclass(frozen=True)
class PictureSettings:
    """What the estimator says of pictures."""

    kind: PictureKind
    hidden: int
    depth: int
    bins: int
    steps: int | None
    batch: int
    learning_rate: float
    weight_decay: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FitError(
                "there is no such flow of pictures", got=f"pictures={self.kind}", expected=" or ".join(KINDS)
            )


def fit_pictures(
    data: Data, validation: Data | None, settings: PictureSettings, deadline: Deadline, seed: int, recorder: Recorder
) -> tuple[Dequantize, PictureFlow, int]:
    """A trained flow, the noise that leads to it, and the number of steps that were best.

    Args:
        data: pictures in an `Image` space, compact or not.
        validation: to stop by; a part of the pictures where None and the number of steps is open.
        settings: of the estimator.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
    """
    space = data.space
    assert isinstance(space, Image)
    codec, data = Dequantize(space), weighty(data)
    model = PictureFlow(
        codec.target, space.levels, settings.kind, settings.hidden, settings.depth, settings.bins,
        split(seed, "weights") % (1 << 31),
    )  # fmt: skip
    parts = parts_of(data, validation, settings.steps, seed)
    model.net.settle(parts.rows, parts.weights)

    def loss(batch: Tensor, random: torch.Generator) -> Tensor:
        z, volume = codec.encode(batch, random)
        score: Tensor = model.net(z) + volume
        return -score.mean()

    steps = _most_steps(len(data), settings.steps, parts.held is None)
    recipe = Recipe(
        steps=steps, batch=min(settings.batch, len(parts.rows)), learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay, average=AVERAGE, warmup=WARMUP, patience=PATIENCE, clip=CLIP,
        check_every=max(1, min(steps // CHECKS, MOST_BETWEEN)), device="cpu",
    )  # fmt: skip
    even = parts.weights is None or bool((parts.weights == parts.weights[0]).all())
    single(model)
    history = minimise(
        model.net, loss, parts.rows, recipe=recipe, plan=deadline.rest(), seed=split(seed, "training"),
        validation=None if parts.held is None else _score(model, codec, parts.held, parts.held_weights, seed),
        weights=None if even else parts.weights, recorder=recorder, note=_note(space),
    )  # fmt: skip
    model.double().eval()
    return codec, model, len(history.losses) if history.best_step is None else history.best_step


def single(model: PictureFlow) -> None:
    """Weights to float32; what was counted stays float64."""
    margin = model.net.margin
    counted = {name: buffer.clone() for name, buffer in margin.named_buffers()}
    model.float()
    for name, buffer in counted.items():
        setattr(margin, name, buffer)


def _most_steps(n: int, steps: int | None, blind: bool) -> int:
    if steps is not None:
        return steps
    return BLIND if blind else next((count for most, count in LONGEST if n <= most), LIMIT)


def _score(
    model: PictureFlow, codec: Dequantize, held: Tensor, weights: Tensor | None, seed: int
) -> Callable[[], float]:
    x = held[:MOST_HELD]
    share = torch.ones(len(x), dtype=torch.float64) if weights is None else weights[:MOST_HELD]
    share = share / share.sum() if float(share.sum()) > 0 else torch.full_like(share, 1 / len(share))

    def score() -> float:
        random, total = generator(split(seed, "validation")), 0.0
        for i in range(0, len(x), BLOCK):
            z, volume = codec.encode(x[i : i + BLOCK], random)
            total -= float(share[i : i + BLOCK] @ (model.net(z) + volume))
        return total

    return score


def _note(space: Image) -> Callable[[float], str]:
    return lambda loss: f"{loss / math.log(2) / space.dims:.3f} bits/dim"

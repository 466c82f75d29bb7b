"""Training a law of pictures pixel by pixel: values counted, then maximum likelihood by gradient.

Weights are float32 while they are trained and float64 afterwards; what is counted is float64 throughout. Held-out
pictures decide when to stop and which weights are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.models.autoencoder.training import PATIENCE, Parts, most_steps, parts_of, train
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.vae.binarised import redrawn
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

MOST_HELD = 500  # held-out pictures that are looked at; a look costs as much as ten steps
BLOCK = 100  # of them at once
PATIENCE_IN_TIME = 40  # checks without a gain under a time budget: the best weights are kept anyway
CHECKS, LEAST_BETWEEN, MOST_BETWEEN = 20, 50, 400  # checks in a fit at least, and steps between two
WARMUP = 50  # steps
CLIP = 200.0  # nats a picture have gradients of tens: only outliers are cut


def fit(
    model: PixelModel, data: Data, validation: Data | None, deadline: Deadline, seed: int, recorder: Recorder
) -> int:
    """Train the model; the number of steps that were best.

    Args:
        model: with its first weights.
        data: pictures, with conditions where the model has any.
        validation: to stop by; a part of the pictures where None and the number of steps is open.
        deadline: when to be done.
        seed: of all that is random.
        recorder: told of progress.
    """
    options, joined = model.recipe, _joined(model, data)
    held = None if validation is None else _joined(model, validation)
    parts = parts_of(joined, held, options.steps, seed)
    _settle(model, parts)
    parts, draw = redrawn(parts)
    stop = None if parts.held is None else _held_out(model, parts.held, parts.held_weights)
    limited = deadline.at is not None
    steps = most_steps(len(parts.rows), options.steps, parts.held, picture=True, limited=limited)
    recipe = Recipe(
        steps=steps, batch=min(options.batch, len(parts.rows)), learning_rate=options.learning_rate,
        optimiser=options.optimiser, weight_decay=options.weight_decay, average=options.average, warmup=WARMUP,
        patience=PATIENCE_IN_TIME if limited else PATIENCE, clip=CLIP,
        check_every=_between(len(parts.rows) // options.batch, steps, limited),
        precision=options.precision, compile=options.compile, device=options.device,
    )  # fmt: skip

    def loss(rows: Tensor, random: torch.Generator) -> Tensor:
        return -_scores(model, rows if draw is None else draw(rows, random)).mean()

    model.net.float()
    history = train(model, loss, parts, recipe, deadline, seed, recorder, stop, _note(model))
    model.net.double()
    return len(history.losses) if history.best_step is None else history.best_step


def _between(epoch: int, steps: int, limited: bool) -> int:
    """Steps from one validation to the next: a part of the fit, or of time two epochs, within bounds."""
    return min(MOST_BETWEEN, max(LEAST_BETWEEN, 2 * epoch) if limited else max(1, steps // CHECKS))


def _joined(model: PixelModel, data: Data) -> Data:
    """Pictures with what is known of each behind them, `[n, D + k]`; without conditions as they are."""
    if model.conditions is None or data.given is None:
        return data
    with torch.no_grad():
        beside = model.conditions.encode(data.given)[0].float()
    return replace(data, values=torch.cat([data.values.flatten(1).float(), beside], 1), drawn_from=None)


def _scores(model: PixelModel, rows: Tensor) -> Tensor:
    """Nats of each of the rows of `_joined`."""
    if model.conditions is None:
        return model.parts(rows, None).flatten(1).sum(1)
    pixels, told = _apart(model, rows)
    return model.parts(pixels, model.tell(told.double())).flatten(1).sum(1)


def _apart(model: PixelModel, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures `[n, C, H, W]` and what is known of them, of joined rows."""
    shape = model.space.event_shape
    dims = math.prod(shape)
    return rows[:, :dims].reshape(-1, *shape), rows[:, dims:]


def _settle(model: PixelModel, parts: Parts) -> None:
    """Count values and take the units of conditions, from the rows that are trained on."""
    if model.conditions is None:
        model.law.settle(parts.rows, parts.weights)
        return
    pixels, told = _apart(model, parts.rows)
    model.law.settle(pixels, parts.weights)
    weights = torch.ones(len(told), dtype=torch.float64) if parts.weights is None else parts.weights
    model.context.set(told.double(), weights)


def _held_out(model: PixelModel, held: Tensor, weights: Tensor | None) -> Callable[[], float]:
    rows = held[:MOST_HELD]
    share = torch.ones(len(rows), dtype=torch.float64) if weights is None else weights[:MOST_HELD].double()
    share = share / share.sum() if float(share.sum()) > 0 else torch.full_like(share, 1 / len(share))

    def score() -> float:
        device = model.law.margin.mass.device
        blocks = [_scores(model, rows[i : i + BLOCK].to(device)).cpu() for i in range(0, len(rows), BLOCK)]
        return -float(share @ torch.cat(blocks))

    return score


def _note(model: PixelModel) -> Callable[[float], str]:
    dims = math.prod(model.space.event_shape)
    return lambda loss: f"{loss / math.log(2) / dims:.4f} bits/dim"

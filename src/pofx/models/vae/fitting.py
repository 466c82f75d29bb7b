"""Training a VAE: the bound, or what stands for it, by gradient; early stopping on the bound of held-out rows.

Loss with one sample: `-(log p(x | z) - beta w KL)`, KL in closed form where there is one, w rising from 0 to 1 over the
warm-up (Sonderby et al. 2016); free bits hold the mean KL of each latent number over the batch from below (Kingma et
al. 2016). With k samples: minus the log of the mean of k importance weights (Burda et al. 2016). KL is summed over
latent numbers and averaged over rows, like log p: nothing else is a bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from pofx.models.autoencoder.training import PATIENCE, Parts, most_steps, train
from pofx.models.vae.model import USED, VAEModel
from pofx.models.vae.network import Inferred
from pofx.rng import generator, split
from pofx.spaces.image import Image
from pofx.training.history import History
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

LOOKED_AT = 512  # passes of a validation at least, so that few held-out rows are looked at several times
LOOKED_FOR_USE = 2_000  # rows in which collapse is looked for

Draw = Callable[[Tensor, torch.Generator], Tensor]


class Objective:
    """The training loss, which knows how far training is."""

    def __init__(self, model: VAEModel, steps: int, deadline: Deadline, draw: Draw | None) -> None:
        self._model, self._options = model, model.recipe
        self._steps, self._done, self._draw = steps, 0, draw
        self._since, self._deadline = time.monotonic(), deadline
        self._dtype = torch.float32 if isinstance(model.space, Image) else torch.float64

    def __call__(self, rows: Tensor, random: torch.Generator) -> Tensor:
        weight = self._options.beta * self._warm()
        self._done += 1
        x = rows if self._draw is None else self._draw(rows, random)
        k = self._options.samples
        score, found = self._model(x.repeat(k, *[1] * (x.ndim - 1)) if k > 1 else x, self._noise(k * len(x), random))
        if k > 1:
            importance = (score - weight * found.excess.sum(1)).unflatten(0, (k, len(x)))
            return math.log(k) - torch.logsumexp(importance, 0).mean()
        loss: Tensor = weight * self._prior(found) - score.mean()
        return loss

    def _prior(self, found: Inferred) -> Tensor:
        return found.divergence.mean(0).clamp(min=self._options.free_bits).sum()

    def _warm(self) -> float:
        if not self._options.warmup:
            return 1.0
        return min(1.0, max(self._done / max(self._steps, 1), self._time_spent()) / self._options.warmup)

    def _time_spent(self) -> float:
        """The share of the time budget; 0 without one, so that the numbers do not depend on the clock."""
        if self._deadline.at is None:
            return 0.0
        return (time.monotonic() - self._since) / max(self._deadline.at - self._since, 1e-9)

    def _noise(self, n: int, random: torch.Generator) -> Tensor:
        return torch.randn(n, self._model.width, generator=random, device=random.device, dtype=self._dtype)


def fit(
    model: VAEModel,
    parts: Parts,
    deadline: Deadline,
    seed: int,
    recorder: Recorder,
    draw: Draw | None = None,
) -> History:
    """Train the model on rows; `draw` makes the outcomes of a step from the rows, where those are not outcomes yet."""
    options, picture = model.recipe, isinstance(model.space, Image)
    steps = most_steps(len(parts.rows), options.steps, parts.held, picture=picture)
    recipe = Recipe(
        steps=steps, batch=min(options.batch, len(parts.rows)), learning_rate=options.learning_rate,
        weight_decay=options.weight_decay, average=options.average, patience=PATIENCE, clip=CLIP,
        check_every=500 if picture else 50, device=options.device,
    )  # fmt: skip
    first = _once(parts.rows, draw, seed)
    with torch.no_grad():
        model.offset.copy_(model.head.initial(first.flatten(1)))
    validation = (
        None if parts.held is None else held_out(model, _once(parts.held, draw, seed), parts.held_weights, seed)
    )
    history = train(
        model, Objective(model, steps, deadline, draw), parts, recipe, deadline, seed, recorder, validation, note(model)
    )
    tell_use(model, first[:LOOKED_FOR_USE], recorder)
    return history


CLIP = 50.0  # nats a row have gradients of tens: only outliers are cut


def held_out(model: VAEModel, x: Tensor, weights: Tensor | None, seed: int) -> Callable[[], dict[str, float]]:
    """Both terms of minus the bound, means over held-out rows, with the same noise every time."""
    share = torch.full((len(x),), 1.0 / len(x), dtype=torch.float64) if weights is None else weights / weights.sum()
    times = max(1, LOOKED_AT // len(x))

    def terms() -> dict[str, float]:
        random = generator(split(seed, "validation"))
        rows, lost, divergence = x.to(model.offset.device), 0.0, 0.0
        for _ in range(times):
            reconstruction, prior = model.terms(rows, int(torch.randint(1 << 62, (1,), generator=random)))
            lost -= float(share @ reconstruction.cpu()) / times
            divergence += float(share @ prior.cpu()) / times
        return {"reconstruction": lost, "prior": divergence}

    return terms


def note(model: VAEModel) -> Callable[[float], str]:
    """How a loss is shown: bits per dimension of grey and colour pictures, else nats."""
    space = model.space
    if isinstance(space, Image) and space.bits > 1:
        return lambda value: f"bound {value / math.log(2) / space.dims:.4g} bits/dim"
    return lambda value: f"bound {-value:.5g} nats"


def tell_use(model: VAEModel, x: Tensor, recorder: Recorder) -> None:
    """Say how many latent numbers carry nothing, where some do."""
    dead = int((model.units_used(x) < USED).sum())
    if dead:
        recorder.start("latent numbers", None)
        recorder.step(1, f"{dead} of {model.width} latent numbers carry nothing (KL under {USED} nats)")
        recorder.finish()


def _once(rows: Tensor, draw: Draw | None, seed: int) -> Tensor:
    return rows if draw is None else draw(rows, generator(split(seed, "drawn once")))

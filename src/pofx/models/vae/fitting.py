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
from pofx.models.vae.binarised import Draw, redrawn
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


class Objective:
    """The training loss, which knows how far training is."""

    def __init__(self, model: VAEModel, steps: int, deadline: Deadline, draw: Draw | None) -> None:
        self._model, self._options = model, model.recipe
        self._steps, self._draw, self._deadline = steps, draw, deadline
        self._since: float | None = None
        self._dtype = torch.float32 if isinstance(model.space, Image) else torch.float64

    def __call__(self, rows: Tensor, random: torch.Generator) -> Tensor:
        weight: Tensor = self._options.beta * self._warm()
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

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _warm(self) -> Tensor:
        """The weight of the KL term now, a tensor so that no compiler takes it for a constant.

        How far training is stays with the model, so that a checkpoint holds it.
        """
        done, over = self._model.course.tolist()
        if self._since is None:
            self._since, self._over = time.monotonic(), over
        over = max(done / max(self._steps, 1), self._over + (1 - self._over) * self._time_spent(self._since))
        if self._model.training:
            self._model.course.copy_(torch.tensor([done + 1, over], dtype=torch.float64))
        warm = min(1.0, over / self._options.warmup) if self._options.warmup else 1.0
        return torch.tensor(warm, dtype=torch.float64)

    def _time_spent(self, since: float) -> float:
        """The share of the time budget; 0 without one, so that the numbers do not depend on the clock."""
        if self._deadline.at is None:
            return 0.0
        return min(1.0, (time.monotonic() - since) / max(self._deadline.at - since, 1e-9))

    def _noise(self, n: int, random: torch.Generator) -> Tensor:
        return torch.randn(n, self._model.width, generator=random, device=random.device, dtype=self._dtype)


def fit(
    model: VAEModel,
    parts: Parts,
    deadline: Deadline,
    seed: int,
    recorder: Recorder,
) -> History:
    """Train the model on rows; where they were drawn from others (grey pictures), they are drawn anew at each step."""
    options, picture = model.recipe, isinstance(model.space, Image)
    limited = deadline.at is not None
    steps = most_steps(len(parts.rows), options.steps, parts.held, picture=picture, limited=limited)
    assert options.average is not None
    assert options.learning_rate is not None
    recipe = Recipe(
        steps=steps, batch=min(options.batch, len(parts.rows)), learning_rate=options.learning_rate,
        weight_decay=options.weight_decay, average=options.average, clip=CLIP,
        patience=PICTURES_PATIENCE if picture and limited else PATIENCE,
        check_every=_between(steps, limited) if picture else 50,
        precision=options.precision, compile=options.compile, device=options.device,
    )  # fmt: skip
    with torch.no_grad():
        model.offset.copy_(model.head.initial(parts.rows.flatten(1)))
    validation = None if parts.held is None else held_out(model, parts.held, parts.held_weights, seed)
    anew, draw = redrawn(parts)
    loss = Objective(model, steps, deadline, draw)
    history = train(model, loss, anew, recipe, deadline, seed, recorder, validation, note(model))
    tell_use(model, parts.rows[:LOOKED_FOR_USE], recorder)
    return history


def _between(steps: int, limited: bool) -> int:
    """Steps from one validation of pictures to the next."""
    return SELDOM // 2 if limited else min(SELDOM, max(20, steps // 20))


SELDOM = 500  # steps between two validations of pictures at most
PICTURES_PATIENCE = 40  # checks without a gain under a time budget: the best weights are kept anyway
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

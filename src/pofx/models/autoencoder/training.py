"""What fits of autoencoders and VAEs share: sizes that go by the number of rows, rows held out, and the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.rng import generator, split
from pofx.spaces.image import Image
from pofx.training.fit import Validation
from pofx.training.history import History
from pofx.training.loop import minimise
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

FEWEST = 30  # rows under which none are held out
BLIND = 50  # steps then
PART = 10  # one row in so many is held out
MOST_HELD = 2_000
PATIENCE = 6  # checks without a gain
LONGEST = ((500, 600), (5_000, 3_000), (50_000, 10_000))  # up to so many rows, so many steps
LONGEST_OF_PICTURES = LONGEST[:2]
LIMIT = 20_000  # beyond
ENDLESS = 1_000_000
SIZES = ((1_000, 64), (10_000, 128))  # up to so many rows, so many hidden units
LARGE, PICTURES = 256, 256  # beyond, and for pictures


@dataclass(frozen=True, eq=False)
class Parts:
    """Rows to train on and rows to stop by, with their weights or None; `source` is what the rows were drawn from."""

    rows: Tensor
    weights: Tensor | None
    held: Tensor | None
    held_weights: Tensor | None
    source: Data | None = None


def parts_of(data: Data, validation: Data | None, steps: int | None, seed: int) -> Parts:
    """Hold rows out where the number of steps is open."""
    n = len(data)
    if steps is not None or n < FEWEST:
        return Parts(data.values, data.weights, None, None, data.drawn_from)
    if validation is not None and len(validation):
        return Parts(data.values, data.weights, validation.values, validation.weights, data.drawn_from)
    order = torch.randperm(n, generator=generator(split(seed, "held out")))
    held = min(n // PART, MOST_HELD)
    kept, apart = data.rows(order[held:]), data.rows(order[:held])
    return Parts(kept.values, kept.weights, apart.values, apart.weights, kept.drawn_from)


def weighty(data: Data) -> Data:
    """The rows with any weight."""
    if data.weights is None or not bool((data.weights == 0).any()):
        return data
    return data.rows((data.weights > 0).nonzero()[:, 0])


def most_steps(n: int, steps: int | None, held: Tensor | None, *, picture: bool, limited: bool) -> int:
    """How many steps a fit may take; under a time budget (`limited`) pictures are looked at until it is spent."""
    if steps is not None:
        return steps
    if limited and picture:
        return ENDLESS
    if held is None:
        return BLIND
    longest = LONGEST_OF_PICTURES if picture else LONGEST
    return next((count for most, count in longest if n <= most), LIMIT)


def units(n: int, space: object) -> int:
    """Hidden units of a layer."""
    if isinstance(space, Image):
        return min(PICTURES, max(SIZES[0][1], 4 * space.dims))
    return next((width for most, width in SIZES if n <= most), LARGE)


def train(
    module: nn.Module,
    loss: Callable[[Tensor, torch.Generator], Tensor],
    parts: Parts,
    recipe: Recipe,
    deadline: Deadline,
    seed: int,
    recorder: Recorder,
    validation: Validation | None,
    note: Callable[[float], str],
) -> History:
    """`minimise` with what is left of the time."""
    weights = None if parts.weights is None or _even(parts.weights) else parts.weights
    return minimise(
        module, loss, parts.rows, recipe=recipe, plan=deadline.rest(), seed=split(seed, "training"),
        validation=validation, weights=weights, recorder=recorder, note=note,
    )  # fmt: skip


def check_options(options: object, least: Mapping[str, float]) -> None:
    """Refuse numbers below the least that makes sense; None stands for a choice to be made."""
    for name, bound in least.items():
        value = getattr(options, name)
        if value is not None and not value >= bound:
            raise FitError(f"{name} is too small", got=str(value), expected=f">= {bound:g}")


def _even(weights: Tensor) -> bool:
    return bool((weights == weights[0]).all())

"""Training a GPT: windows from one long stream of symbols, at places that change from pass to pass.

Rows that have ends stand one after another, and where a new one begins nothing is seen of those before; a passage of a
stream is read across the borders of rows. A share of the windows of a stream begins with the start mark, so that texts
by themselves are known as well. Held-out symbols decide when to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pofx.data.dataset import Data
from pofx.models.gpt.model import GPTModel
from pofx.models.gpt.windows import parts
from pofx.rng import generator, split
from pofx.spaces.symbols import Symbols
from pofx.training.history import History
from pofx.training.loop import minimise
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.recorder import Recorder

NOTHING = -1  # no symbol is to be said
HELD_SHARE, HELD_MOST, HELD_LEAST = 0.05, 20_000, 256  # symbols held out: a share, at most, and the least worth it
HELD_A_SECOND = 33  # symbols held out for each second of the budget, at most: looking at them takes time
CHECKS = 40  # validations of a fit, about


@dataclass(frozen=True)
class Parts:
    """Symbols to train on, and rows held out, in tensor form."""

    stream: Tensor
    held: Tensor | None


def flat(data: Data) -> Tensor:
    """All symbols in one line, ends included."""
    values = data.values.reshape(-1)
    return values[values >= 0]


def parts_of(data: Data, validation: Data | None, seed: int, seconds: float | None = None) -> Parts:
    """What to train on and what to validate by."""
    assert isinstance(data.space, Symbols)
    if validation is not None:
        return Parts(flat(data), _rows(validation))
    total = len(flat(data))
    many = min(int(HELD_SHARE * total), HELD_MOST if seconds is None else min(HELD_MOST, int(HELD_A_SECOND * seconds)))
    if many < HELD_LEAST:
        return Parts(flat(data), None)
    if not data.space.ends:
        stream = flat(data)
        return Parts(stream[:-many], stream[None, -many:])
    order = torch.randperm(len(data), generator=generator(split(seed, "held out")))
    last = int((data.lengths[order].cumsum(0) <= many).sum())
    if last == 0:
        return Parts(flat(data), None)
    return Parts(flat(data.rows(order[last:].sort().values)), _rows(data.rows(order[:last])))


def _rows(data: Data) -> Tensor:
    """Rows in tensor form, so many as need no more memory than a validation should; a stream as one."""
    assert isinstance(data.space, Symbols)
    if not data.space.ends:
        return flat(data)[None, :HELD_MOST]
    most = max(1, int((data.lengths.cumsum(0) <= HELD_MOST).sum()))
    return data.block(0, most)


def chunks(stream: Tensor, start: int, context: int) -> Tensor:
    """Overlapping pieces of twice the context, as a view, `[chunks, 2 context + 1]`; the start mark stands before."""
    count = max(1, -(-len(stream) // context))
    line = torch.full(((count + 1) * context + 1,), NOTHING, dtype=torch.int16 if start < 1 << 15 else torch.int32)
    line[0] = start
    line[1 : len(stream) + 1] = stream
    return line.unfold(0, 2 * context + 1, context)


class Objective:
    """Mean nats a symbol of one window in each piece, at a random place of it."""

    def __init__(self, model: GPTModel) -> None:
        self._model, self._space, self._marked = model, model.symbols, model.recipe.marked

    def __call__(self, rows: Tensor, random: torch.Generator) -> Tensor:
        context = self._model.net.context
        spare = ((rows[:, 1:] >= 0).sum(1) - context).clamp(0, context - 1)  # how far a window may move
        move = torch.rand(len(rows), generator=random, device=rows.device) * (spare + 1)
        place = move.long()[:, None] + torch.arange(context + 1, device=rows.device)
        found = rows.gather(1, place).long()
        inputs, said = found[:, :-1].clamp(min=0), found[:, 1:]
        if not self._space.ends:
            marked = torch.rand(len(rows), generator=random, device=rows.device) < self._marked
            inputs = torch.cat([torch.where(marked, self._space.end, inputs[:, 0])[:, None], inputs[:, 1:]], 1)
        logits = self._model.net(inputs, self._space.ends)[..., : self._model.values]
        lost = functional.cross_entropy(
            logits.float().flatten(0, 1), said.flatten(), ignore_index=NOTHING, reduction="sum"
        )
        return lost / (said >= 0).sum().clamp(min=1)


def held_out(model: GPTModel, x: Tensor) -> Callable[[], float]:
    """Mean nats a symbol of held-out rows, in single precision."""
    many = int((x >= 0).sum())

    def nats() -> float:
        device = next(model.net.parameters()).device
        return -float(parts(model.net, model.windows, x.to(device), model.values).sum()) / max(many, 1)

    return nats


def fit(model: GPTModel, found: Parts, deadline: Deadline, seed: int, recorder: Recorder) -> History:
    """Train the network of a model."""
    options = model.recipe
    assert options.steps is not None
    assert options.batch is not None
    assert options.learning_rate is not None
    rows = chunks(found.stream, model.symbols.end, model.net.context)
    recipe = Recipe(
        steps=options.steps, batch=options.batch, learning_rate=options.learning_rate, optimiser=options.optimiser,
        weight_decay=options.weight_decay, average=options.average, cooldown="linear",
        patience=options.patience if deadline.at is None else 0,  # a budget has its cool-down at its end
        check_every=max(20, options.steps // CHECKS) if deadline.at is None else CHECK_EVERY,
        precision=options.precision, compile=options.compile, device=options.device,
    )  # fmt: skip
    return minimise(
        model.net, Objective(model), rows, recipe=recipe, plan=deadline.rest(), seed=seed,
        validation=None if found.held is None else held_out(model, found.held),
        recorder=recorder, note=lambda value: f"{value:.4f} nats a symbol",
    )  # fmt: skip


CHECK_EVERY = 250  # steps, under a time budget

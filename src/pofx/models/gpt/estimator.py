"""A GPT over symbols: text as bytes, characters or tokens, tunes, codes of waves.

GPT-2: Radford et al. 2019; the modern architecture and its papers: `nets.transformer`; Muon: Jordan et al. 2024. Sizes
that are not given go by the number of symbols, and how long it is trained by the time budget.
`log_prob` is exact, end mark included, by the windows of `models.gpt.windows`.

Limits: trained on one window after another, so nothing further back than the context is known; a text is learnt by
heart if training goes on after held-out symbols stop to gain. Cost O(symbols (layers width^2 + context width)) a pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.gpt.model import GPTModel
from pofx.models.gpt.options import Options
from pofx.models.gpt.training import fit, flat, parts_of
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.symbols import Symbols
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

LEAST = {"context": 1, "stride": 1, "layers": 1, "width": 2, "heads": 1, "orders": 1, "rows": 1, "batch": 1, "steps": 0}
EACH = 32  # numbers of a head
SOME = 200_000  # symbols from which on windows are longer, and steps have more of them
SYMBOLS, SYMBOLS_OF_MANY = 1_536, 3_072  # of a step
CONTEXT, CONTEXT_OF_MANY = 64, 128
PASSES, PASSES_TIMED = 4, 40  # over the data, without a time budget and at most with one
FEWEST = 60  # steps
DROPOUT, NGRAM_DROPOUT, LARGE = 0.2, 0.5, 5_000_000  # of what is seen several times: texts of fewer symbols than that
RATES = {"muon": 1.6e-2, "adamw": 2e-3}


@register
@dataclass(frozen=True, kw_only=True)
class GPT(Options):
    """A transformer over symbols.

    >>> from pofx.data.dataset import Data
    >>> import torch
    >>> data = Data(Symbols(2, ends=False, length=4), torch.tensor([[0, 1] * 20]))
    >>> GPT(steps=2, width=8, layers=1).fit(data).sample(2, seed=0)[0].shape
    (4,)
    """

    name: ClassVar[str] = "gpt"
    accepts: ClassVar[tuple[type[Space], ...]] = (Symbols,)
    capabilities = GPTModel.capabilities

    def __post_init__(self) -> None:
        for field, least in LEAST.items():
            value = getattr(self, field)
            if value is not None and value < least:
                raise FitError(f"{field} is too small", got=f"{field}={value}", expected=f">= {least}")
        for field in ("dropout", "ngram_dropout", "marked"):
            value = getattr(self, field)
            if value is not None and not 0 <= value < 1:
                raise FitError(f"{field} is a share", got=f"{field}={value}", expected="0 or more, below 1")
        if self.context is not None and self.stride is not None and self.stride > self.context:
            raise FitError("windows would leave symbols out", got=f"stride={self.stride}", expected="<= context")
        if self.width and self.heads and self.width % (2 * self.heads):
            raise FitError("heads do not divide the width into even parts", got=f"{self.width} / {self.heads}")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        assert isinstance(data.space, Symbols)
        deadline, found = plan.deadline(), parts_of(data, validation, seed, plan.seconds)
        if len(found.stream) == 0:
            raise FitError("there is not one symbol to learn from", remedy="give a text that is not empty")
        recipe = self._sized(data, plan.seconds)
        model = GPTModel(data.space, recipe, seed=split(seed, "weights") % (1 << 31))
        history = fit(model, found, deadline, split(seed, "training"), recorder)
        model.recipe = replace(recipe, steps=history.best_step or len(history.losses))
        return model

    def settled(self, model: Model) -> Estimator:
        """With the sizes and the number of steps that were chosen."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _sized(self, data: Data, seconds: float | None) -> GPT:
        """With every size written in."""
        total, longest = len(flat(data)), int(data.lengths.max())
        assert isinstance(data.space, Symbols)
        most = longest if data.space.ends else total
        usual = CONTEXT if total < SOME else CONTEXT_OF_MANY
        context = self.context or min(usual, max(8, 1 << math.ceil(math.log2(max(most, 2)))))
        width, layers = _network(total)
        width = self.width or (2 * self.heads * max(1, width // (2 * self.heads)) if self.heads else width)
        batch = self.batch or max(1, (SYMBOLS if total < SOME else SYMBOLS_OF_MANY) // context)
        passes = PASSES if seconds is None else PASSES_TIMED
        steps = max(FEWEST, passes * total // (batch * context))
        return replace(
            self, context=context, stride=self.stride or max(1, context // 4), width=width,
            layers=self.layers or layers, heads=self.heads or _heads(width), orders=self.orders or 3,
            rows=self.rows or _rows(total), batch=batch, steps=self.steps if self.steps is not None else steps,
            learning_rate=self.learning_rate or RATES[self.optimiser],
            dropout=_share(self.dropout, DROPOUT, total),
            ngram_dropout=_share(self.ngram_dropout, NGRAM_DROPOUT, total),
        )  # fmt: skip


def _network(total: int) -> tuple[int, int]:
    """Width and layers."""
    if total < 20_000:
        return 32, 2
    return (64, 3) if total < SOME else (128, 4)


def _share(given: float | None, usual: float, total: int) -> float:
    """What is left out: nothing of data that are seen about once."""
    return given if given is not None else usual if total < LARGE else 0.0


def _heads(width: int) -> int:
    """One for every 32 numbers, or fewer where that does not divide."""
    return next(heads for heads in range(max(1, width // EACH), 0, -1) if width % (2 * heads) == 0)


def _rows(total: int) -> int:
    """Rows of a table of n-grams: a power of two, fewer than symbols."""
    return min(1 << 14, max(64, 1 << int(math.log2(max(total // 16, 1)))))

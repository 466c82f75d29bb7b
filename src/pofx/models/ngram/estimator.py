"""Sequences of symbols by counting: what comes next, given the last few symbols.

`mixing` weighs all lengths of context for each symbol, as the strongest compressors do; `kneser_ney` and `witten_bell`
are the classical n-gram smoothings, with closed forms. All are exact: a positive probability for every sequence, and
total mass one. Limits and cost in `mixing.py` and `backoff.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from pofx.core.capabilities import Capability
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.ngram.backoff import BackoffModel, fit_backoff
from pofx.models.ngram.mixing import ORDER, MixingModel, fit_mixing
from pofx.rng import generator
from pofx.spaces.symbols import Symbols
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

LONGEST_ORDER = 64


@register
@dataclass(frozen=True, kw_only=True)
class NGram(Estimator):
    """Counts of what follows what, smoothed or mixed."""

    name: ClassVar[str] = "ngram"
    accepts: ClassVar[tuple[type, ...]] = (Symbols,)
    capabilities: ClassVar[frozenset[Capability]] = MixingModel.capabilities | BackoffModel.capabilities

    tokens: str = "bytes"
    """How a text is cut into symbols: bytes, characters, bpe, bpe:SIZE, or the path of a tokeniser."""
    smoothing: Literal["mixing", "kneser_ney", "witten_bell"] = "mixing"
    """How rare contexts are helped out: all lengths mixed by learned weights, or backed off to shorter ones."""
    order: int | None = None
    """The longest run of symbols that is a context; None: 6 for mixing, else the best on a held-out tenth."""
    adapt: bool = True
    """Mixing only: whether what a text has said so far counts while it is scored or written; exact either way."""

    def __post_init__(self) -> None:
        if self.order is not None and not 0 <= self.order <= LONGEST_ORDER:
            raise FitError("a context has so many symbols", got=f"order={self.order}", expected=f"0 to {LONGEST_ORDER}")
        if self.smoothing not in ("mixing", "kneser_ney", "witten_bell"):
            raise FitError(
                "there is no such smoothing", got=self.smoothing, expected="mixing, kneser_ney or witten_bell"
            )

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        if self.smoothing == "mixing":
            order = ORDER if self.order is None else self.order
            return fit_mixing(_mixed(data, seed), order, self.adapt, plan.deadline(), recorder)
        return fit_backoff(data, validation, self.order, self.smoothing == "kneser_ney")


def _mixed(data: Data, seed: int) -> Data:
    """Whole sequences in an order of chance: what was read last counts most, and lists are often sorted."""
    assert isinstance(data.space, Symbols)
    return data.rows(torch.randperm(len(data), generator=generator(seed))) if data.space.ends else data

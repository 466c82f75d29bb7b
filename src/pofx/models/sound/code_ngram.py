"""Waves as mu-law codes, counted: an n-gram of the codes, and even shares of a cell's numbers.

`log P(x_t | before) = log P(code_t | codes before) - log size of the cell`: exact in bits of the samples as recorded.
Limits: nothing is known inside a cell. Cost: that of `models.ngram`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.models.ngram.estimator import NGram
from pofx.models.sound.mulaw import first_numbers
from pofx.models.sound.rows import check_begun, checked_length
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.sequence import PAD
from pofx.spaces.symbols import Symbols
from pofx.spaces.waveform import Waveform
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder


class CodeNGramModel(Density):
    """An n-gram of codes.

    Args:
        space: the waves.
        inner: the model of their codes.
    """

    capabilities = frozenset({"parts", "complete", "discrete"})
    reach = 1  # values back that change a law for certain
    first: Tensor

    def __init__(self, space: Waveform, inner: Model) -> None:
        super().__init__(space)
        self.inner = inner
        self.register_buffer("first", torch.tensor(first_numbers(space.bits)), persistent=False)

    @property
    def free_parameters(self) -> int:
        return self.inner.free_parameters

    @property
    def _sizes(self) -> Tensor:
        assert isinstance(self.space, Waveform)
        return torch.diff(self.first, append=self.first.new_tensor([self.space.high + 1]))

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        code = codes(x, self.first)
        there = code != PAD
        size = self._sizes[torch.where(there, code, 0).long()].double()
        parts: Tensor = self.inner.log_prob_parts(code)
        return torch.where(there, parts - size.log(), 0.0)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._complete(torch.zeros(n, 0, dtype=torch.int32), None, generator, given, Warp())

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        check_begun(self.space, begun, warp)
        long, seed = checked_length(self.space, length), int(torch.randint(1 << 62, (1,), generator=generator))
        code = self.inner.space.read(self.inner.complete(codes(begun, self.first), seed=seed, length=long))
        u = torch.rand(code.shape, generator=generator, dtype=torch.float64)
        there = code != PAD
        known = torch.where(there, code, 0).long()
        drawn = (self.first[known] + (u * self._sizes[known]).long()).int()
        x = torch.where(there, drawn, PAD)
        x[:, : begun.shape[1]] = torch.where(begun != PAD, begun, x[:, : begun.shape[1]])
        return x


def codes(x: Tensor, first: Tensor) -> Tensor:
    """The code of each sample, int32; what is filled up stays so."""
    x = x.long()  # PAD does not fit into the types that waves are kept in
    return torch.where(x == PAD, PAD, torch.searchsorted(first, x, right=True) - 1).int()


@register
@dataclass(frozen=True, kw_only=True)
class CodeNGram(Estimator):
    """An n-gram of mu-law codes."""

    name: ClassVar[str] = "code_ngram"
    accepts: ClassVar[tuple[type[Space], ...]] = (Waveform,)
    capabilities = CodeNGramModel.capabilities

    smoothing: Literal["mixing", "kneser_ney", "witten_bell"] = "witten_bell"
    """How rare contexts are helped out."""
    order: int | None = 2
    """Codes of a context; None leaves it to the n-gram."""

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        assert isinstance(data.space, Waveform)
        ngram = NGram(smoothing=self.smoothing, order=self.order)
        held = None if validation is None else _coded(validation)
        inner = ngram.fit(_coded(data), validation=held, plan=plan, seed=split(seed, "codes"), recorder=recorder)
        return CodeNGramModel(data.space, inner)


def _coded(data: Data) -> Data:
    """Waves as passages of codes."""
    assert isinstance(data.space, Waveform)
    first = torch.tensor(first_numbers(data.space.bits))
    space = Symbols(len(first), ends=False, length=data.space.length)
    return replace(data, space=space, values=codes(data.values, first), given=None, given_space=None)

"""Toy models whose values come one after the other: one that is right, and one broken in each way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from pofx.core.contract import Density, Model
from pofx.core.estimator import Estimator
from pofx.core.warp import LAW, Warp
from pofx.data.dataset import Data
from pofx.laws.orders import back, closing, in_order, values
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.sequence import PAD, Sequence
from pofx.spaces.symbols import Symbols
from pofx.spaces.waveform import Waveform

CAN = frozenset({"parts", "complete", "discrete"})


class ToyChain(Density):
    """What follows the last value by counts, bent by all values before: what comes long before matters less."""

    capabilities = CAN

    def __init__(self, space: Space, table: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("table", table)  # [codes + 1, codes], log shares after each code; the last row begins

    @property
    def free_parameters(self) -> int:
        return self.table.numel()

    def bend(self, last: Tensor, codes: Tensor) -> Tensor:
        """How far the law at each place is bent by the values before it, `[n, L]`, the last of which is `last`."""
        weight = 0.2 * torch.sin(1.0 + 2.0 * last.double())
        age = torch.arange(last.shape[1])
        fade = torch.where(age[:, None] >= age, 0.7 ** (age[:, None] - age).double(), 0.0)
        return weight @ fade.T

    def shares(self, last: Tensor, bend: Tensor) -> Tensor:
        """Log shares, `[n, L, codes]`."""
        slope = torch.linspace(-1, 1, self.table.shape[1], dtype=torch.float64)
        return torch.log_softmax(self.table[last] + bend[..., None] * slope, -1)

    def laws(self, codes: Tensor, start: int = 0) -> Tensor:
        """Log shares at each place from `start` on given the codes before it, `[n, L] -> [n, L - start, codes]`."""
        begin = codes.new_full((len(codes), 1), len(self.table) - 1)
        last = torch.cat([begin, codes[:, :-1].clamp(min=0)], 1)
        return self.shares(last[:, start:], self.bend(last, codes)[:, start:])

    def codes(self, x: Tensor) -> Tensor:
        """Codes from 0 of rows `[n, *event]` in order; -1 where a row is filled up."""
        flat = in_order(self.space, x).long()
        return torch.where(flat == PAD, -1, flat - int(values(self.space)[0])).long()

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        codes = self.codes(x)
        said = self.laws(codes).gather(-1, codes.clamp(min=0)[..., None])[..., 0]
        each = torch.where(codes < 0, 0.0, said)
        return back(self.space, each) if isinstance(self.space, Image) else each

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).flatten(1).sum(1)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._complete(self.nothing(n), None, generator, given, LAW)

    def nothing(self, n: int) -> Tensor:
        if isinstance(self.space, Sequence):
            return torch.zeros(n, 0, dtype=torch.int64)
        return torch.full((n, *self.space.event_shape), torch.nan, dtype=torch.float64)

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        flat, end, low = in_order(self.space, begun), closing(self.space), int(values(self.space)[0])
        x = torch.where(torch.isnan(flat) | (flat == PAD), -1, flat - low).long()
        if isinstance(self.space, Sequence) and end is None:
            wanted = length or self.space.length
        else:
            wanted = x.shape[1] if end is None else 10_000
        place = 0
        while place < wanted and (end is None or not len(x) or not bool((x == end).any(1).all())):
            if not len(x):
                break
            if place >= x.shape[1]:
                x = functional.pad(x, (0, 1), value=-1)
            law = warp(self.laws(functional.pad(x[:, :place], (0, 1), value=0), place)[:, 0])
            drawn = torch.multinomial(torch.softmax(law, -1), 1, generator=generator)[:, 0]
            finished = (x[:, :place] == end).any(1) if end is not None else torch.zeros(len(x), dtype=torch.bool)
            x[:, place] = torch.where(finished, -1, torch.where(x[:, place] < 0, drawn, x[:, place]))
            place += 1
        if not isinstance(self.space, Sequence):
            return back(self.space, x)
        return torch.where(x < 0, PAD, x + low)


@dataclass(frozen=True, kw_only=True)
class Chain(Estimator):
    """Counts what follows what."""

    name: ClassVar[str] = "chain"
    accepts: ClassVar[tuple[type, ...]] = (Symbols, Waveform, Image)
    capabilities: ClassVar[frozenset[str]] = CAN
    made: ClassVar[type[ToyChain]] = ToyChain

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        size = len(values(data.space)) + int(closing(data.space) is not None)
        model = self.made(data.space, torch.zeros(size + 1, size, dtype=torch.float64))
        codes = model.codes(data.block(0, len(data)))
        last = torch.cat([codes.new_full((len(codes), 1), size), codes[:, :-1]], 1)
        pairs = last[codes >= 0] * size + codes[codes >= 0]
        counts = torch.bincount(pairs, minlength=(size + 1) * size).reshape(size + 1, size) + 0.3 / size
        return self.made(data.space, torch.log(counts / counts.sum(1, keepdim=True)).double())


class SeesTheNext(ToyChain):
    """A mask that is one place off: what is said of a value depends on the value after it."""

    def bend(self, last: Tensor, codes: Tensor) -> Tensor:
        after = torch.cat([codes[:, 1:], codes[:, :1] * 0], 1).clamp(min=0).double()
        return super().bend(last, codes) + 0.01 * after


class BlindSpot(ToyChain):
    """Sees the last value and nothing of those before."""

    def bend(self, last: Tensor, codes: Tensor) -> Tensor:
        return torch.zeros(last.shape, dtype=torch.float64)


class SeesTheLastOne(BlindSpot):
    """The same, and says so."""

    reach = 1


class SaysThree(BlindSpot):
    """Claims to look back further than it does."""

    reach = 3


class KnowsTheLength(ToyChain):
    """What is said of each value depends on how long the longest row at hand is."""

    def bend(self, last: Tensor, codes: Tensor) -> Tensor:
        return super().bend(last, codes) + 0.01 * codes.shape[1]


class CountsPadding(ToyChain):
    """Scores where rows are filled up as well."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        codes = self.codes(x)
        return self.laws(codes).gather(-1, codes.clamp(min=0)[..., None])[..., 0].sum(1)


class PartsOfAnother(ToyChain):
    """Its parts are those of another law than its score."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return super()._log_prob(x, given) - 1e-4


class BendsAfterwards(ToyChain):
    """Shares raised to a power and not scaled to one again."""

    def shares(self, last: Tensor, bend: Tensor) -> Tensor:
        return super().shares(last, bend) / 1.02


class DrawsFlat(ToyChain):
    """Draws a little more evenly than its scores say."""

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        warmer = Warp(temperature=1.5 * warp.temperature, top_k=warp.top_k)
        return super()._complete(begun, length, generator, given, warmer)


class StaleCache(ToyChain):
    """Scores well; what it draws from knows the last value only, as if what was cached had been lost."""

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        forgetful = BlindSpot(self.space, self.table)
        return forgetful._complete(begun, length, generator, given, warp)


class AllEquallyLong(ToyChain):
    """Takes what fills up a short beginning for values: they are drawn as if they were given."""

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        return super()._complete(
            torch.where(begun == PAD, values(self.space)[0], begun), length, generator, given, warp
        )


class ForgetsWhatIsGiven(ToyChain):
    """Draws the first value anew."""

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        rows = begun.clone()
        if isinstance(self.space, Sequence):
            rows[:, :1] = PAD
        else:
            rows[:, 0, 0, 0] = torch.nan
        return super()._complete(rows, length, generator, given, warp)


class IgnoresTemperature(ToyChain):
    """Draws by the law whatever it is told."""

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        return super()._complete(begun, length, generator, given, LAW)


class LeavesTheLaw(ToyChain):
    """A warp that keeps the law is taken for another one."""

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        other = Warp(temperature=0.5) if warp.top_p is not None else warp
        return super()._complete(begun, length, generator, given, other)


def chain(made: type[ToyChain]) -> Chain:
    """An estimator of a broken model."""
    kind = type(f"ChainOf{made.__name__}", (Chain,), {"made": made, "name": made.__name__})
    return dataclass(frozen=True, kw_only=True)(kind)()

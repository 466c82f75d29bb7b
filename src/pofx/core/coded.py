"""A model behind a codec: `log p(x) = log q(encode(x)) + log_volume(x)`. As exact as the less exact of the two."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.codecs.base import Codec, ColumnCodec
from pofx.codecs.columns import Columns
from pofx.codecs.scalar import Affine, Same
from pofx.codecs.tokens.base import TokenCodec
from pofx.core.capabilities import Capability
from pofx.core.contract import BoundedDensity, Density, Model, Sampler
from pofx.core.named import Named
from pofx.core.warp import Warp
from pofx.likelihood import Likelihood
from pofx.spaces.table import Table


class Nothing(Density):
    """The distribution over rows without columns: one outcome, probability one."""

    capabilities = frozenset({"marginal", "condition"})

    def __init__(self) -> None:
        super().__init__(Table((), (), "torch"))

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return x.new_zeros(len(x))

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return torch.zeros(n, 0, dtype=torch.float64)

    def _marginal(self, names: tuple[str, ...]) -> Model:
        return self

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        return self


class _Coded(Model):
    """What the three kinds below share. `capabilities` are the inner model's that survive the codec."""

    def __init__(self, codec: Codec, inner: Model) -> None:
        super().__init__(codec.source, inner.given_space)
        self.codec = codec
        self.inner = inner
        self.capabilities: frozenset[Capability] = inner.capabilities - _lost(codec)  # type: ignore[misc]

    @property
    def free_parameters(self) -> int:
        return self.inner.free_parameters

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.codec.decode(self.inner._sample(n, generator, given))

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        z, log_volume = self.codec.encode(x)
        return self.inner._log_prob(z, given) + log_volume

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        z, log_volume = self.codec.encode(x, generator)
        exact = self.inner.likelihood is Likelihood.EXACT  # then only the codec makes it a bound
        score = self.inner._log_prob(z, given) if exact else self.inner._log_weight(z, given, generator)
        return score + log_volume

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        if isinstance(self.codec, TokenCodec):
            return self.codec.spread(self.inner._log_prob_parts(self.codec.encode(x)[0], given), x)
        return self._columns.gathered(self.inner._log_prob_parts(self.codec.encode(x)[0], given), x)

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        symbols = self.codec.symbols(length) if isinstance(self.codec, TokenCodec) and length is not None else length
        z = self.inner._complete(self.codec.encode(begun)[0], symbols, generator, given, warp)
        return self.codec.decode(z)

    def _training_rows(self) -> Tensor:
        return self.codec.decode(self.inner._training_rows())

    def _log_prob_left_out(self) -> Tensor:
        return self.inner._log_prob_left_out() + self.codec.encode(self._training_rows())[1]

    def named(self) -> Named | None:
        if not isinstance(self.codec, Columns):
            return None
        inner = self.inner.named()
        maps = [_straight(codec) for codec in self.codec.codecs]
        moves = torch.tensor([move for move in maps if move is not None], dtype=torch.float64)  # [d, 2]
        return None if inner is None or len(moves) < len(maps) else inner.moved(moves[:, 0], moves[:, 1])

    @property
    def _columns(self) -> Columns:
        """The codec where it is one of a table; the capabilities see to it that no other is asked."""
        assert isinstance(self.codec, Columns)
        return self.codec

    def _marginal(self, names: tuple[str, ...]) -> Model:
        places = self._columns.places(names)
        return coded(self._columns.select(names), self.inner._marginal(places) if places else Nothing())

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        codec = self._columns
        rest = tuple(name for name in codec.table.names if name not in names)
        known = codec.select(names)
        row = known.encode(values[None])[0][0]
        places = known.places(names)
        inner = self.inner._condition(places, row) if places else self.inner
        return coded(codec.select(rest), inner if codec.places(rest) else Nothing())

    def _cdf(self, x: Tensor) -> Tensor:
        return self.inner._cdf(self.codec.encode(x[:, None])[0][:, 0])


class CodedDensity(_Coded, Density):
    """A density behind an exact codec."""


class CodedBound(_Coded, BoundedDensity):
    """A density or a bound, one of it and its codec being a bound."""


class CodedSampler(_Coded, Sampler):
    """A sampler behind a codec."""


def coded(codec: Codec, inner: Model) -> Model:
    """The model in the codec's source space, of the right kind."""
    kinds: dict[Likelihood, type[_Coded]] = {
        Likelihood.EXACT: CodedDensity,
        Likelihood.LOWER_BOUND: CodedBound,
        Likelihood.NONE: CodedSampler,
    }
    return kinds[min(codec.likelihood, inner.likelihood)](codec, inner)


def _straight(codec: ColumnCodec) -> tuple[float, float] | None:
    """Shift and scale of decoding, where that is all it does."""
    if isinstance(codec, Affine):
        return codec.shift, codec.scale
    return (0.0, 1.0) if isinstance(codec, Same) else None


def _lost(codec: Codec) -> frozenset[Capability]:
    """A closed-form cdf survives only where one column makes one column, monotonically; parts only where parts are."""
    if isinstance(codec, TokenCodec):
        return frozenset()
    if not isinstance(codec, Columns):
        return frozenset(
            {"cdf", "marginal", "condition", "parts", "complete"}
            | ({"left_out"} if codec.likelihood < Likelihood.EXACT else set())
        )
    monotone = len(codec.codecs) == 1 and codec.widths == [1]
    return frozenset({"complete"}) | (frozenset() if monotone else frozenset({"cdf"}))

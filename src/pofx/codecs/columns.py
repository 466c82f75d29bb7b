"""A table codec made of column codecs: log-volumes add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pofx.codecs.base import Codec, ColumnCodec
from pofx.spaces.base import Scalar
from pofx.spaces.table import Table


@dataclass(frozen=True)
class Columns(Codec):
    """One column codec for each column of `table`; the target is a table of all columns they make."""

    table: Table
    codecs: tuple[ColumnCodec, ...]

    @property
    def source(self) -> Table:
        return self.table

    @cached_property
    def target(self) -> Table:
        names: list[str] = []
        spaces: list[Scalar] = []
        for name, codec in zip(self.table.names, self.codecs, strict=True):
            for suffix, space in codec.parts:
                names.append(name + suffix)
                spaces.append(space)
        return Table(tuple(names), tuple(spaces), "torch")

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        z: list[Tensor] = []
        volume = x.new_zeros(len(x))
        for j, codec in enumerate(self.codecs):
            part, part_volume = codec.encode(x[:, j])
            z.append(part)
            volume = volume + part_volume
        return torch.cat(z, 1) if z else x.new_zeros(len(x), 0), volume

    def gathered(self, parts: Tensor, x: Tensor) -> Tensor:
        """What target columns add to `log_prob`, `[n, k]`, by source column, log-volumes counted, `[n, d]`."""
        pieces = torch.split(parts, self.widths, 1)
        each = zip(self.codecs, pieces, x.unbind(1), strict=True)
        return torch.stack([piece.sum(1) + codec.encode(column)[1] for codec, piece, column in each], 1)

    def decode(self, z: Tensor) -> Tensor:
        pieces = torch.split(z, self.widths, 1)
        return torch.stack([codec.decode(piece) for codec, piece in zip(self.codecs, pieces, strict=True)], 1)

    @property
    def widths(self) -> list[int]:
        """How many target columns each source column makes."""
        return [len(codec.parts) for codec in self.codecs]

    def places(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of the target columns that some source columns make, in the order given."""
        return tuple(name + suffix for name in names for suffix, _ in self.codecs[self.table.index(name)].parts)

    def select(self, names: Sequence[str]) -> Columns:
        """The codec of some columns."""
        return Columns(self.table.select(names), tuple(self.codecs[self.table.index(name)] for name in names))

    @property
    def is_identity(self) -> bool:
        """Whether encoding changes nothing."""
        from pofx.codecs.scalar import Same

        return all(isinstance(codec, Same) for codec in self.codecs)

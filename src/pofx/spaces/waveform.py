"""Waves: whole numbers as a recorder wrote them, under counting measure. Their length is given, not modelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.sequence import PAD, Sequence, filled, wide


@dataclass(frozen=True)
class Waveform(Sequence):
    """Recordings. A row is `-2^(bits-1) .. 2^(bits-1) - 1`, the channels of one moment one after the other.

    An outcome is how a wave goes on from its first sample for as long as it is known: the probabilities of all waves of
    one length add up to one.

    Args:
        rate: moments a second.
        bits: of one sample, 2 .. 24.
        channels: samples of one moment.
        length: samples of the waves that are drawn, all channels counted.
    """

    rate: int
    bits: int = 16
    channels: int = 1
    length: int = 8000

    def __post_init__(self) -> None:
        if self.rate < 1 or not 2 <= self.bits <= 24 or self.channels < 1:
            raise SpaceError(
                "there is no such recording",
                got=f"{self.rate} Hz, {self.bits} bits, {self.channels} channels",
                expected="at least 1 Hz and one channel, 2 to 24 bits",
            )

    @property
    def low(self) -> int:
        """The least value."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """The largest value."""
        return (1 << (self.bits - 1)) - 1

    def read(self, values: Any) -> Tensor:
        """A list of waves `[moments]` or `[moments, channels]` of whole numbers, an array of equally long ones
        `[n, moments]`, or a tensor in tensor form; int32 `[n, longest]`."""
        if isinstance(values, Tensor):
            return wide(values)
        return filled([self._row(np.asarray(value), row) for row, value in enumerate(values)])

    def show(self, x: Tensor) -> list[np.ndarray]:
        """int16, above 16 bits int32: each wave `[moments]`, or `[moments, channels]` of more than one."""
        kind = np.int16 if self.bits <= 16 else np.int32
        rows = [row[row != PAD].astype(kind) for row in x.detach().cpu().numpy()]
        return rows if self.channels == 1 else [row.reshape(-1, self.channels) for row in rows]

    def allowed(self, x: Tensor) -> Tensor:
        return (x >= self.low) & (x <= self.high)

    def describe(self) -> str:
        kind = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"sound at {self.rate} Hz, {self.bits} bits, {kind}"

    def _row(self, wave: np.ndarray, row: int) -> Tensor:
        if wave.dtype.kind not in "iu":
            raise SpaceError(
                "a wave is not whole numbers",
                got=f"dtype {wave.dtype}",
                expected=f"integers from {self.low} to {self.high}",
                remedy=f"np.round(x * {self.high}).astype(int) where x lies in [-1, 1]",
                where=f"row {row + 1}",
            )
        if wave.ndim > 2 or (wave.ndim == 2 and wave.shape[1] != self.channels):
            raise SpaceError(
                "a wave has other channels",
                got=f"shape {list(wave.shape)}",
                expected=f"[moments, {self.channels}]",
                where=f"row {row + 1}",
            )
        return torch.from_numpy(wave.reshape(-1).astype(np.int32))

"""Pictures: whole numbers under counting measure.

One outcome is `[channels, height, width]`. `Image.read` gives float64, eight bytes a pixel; a data set may keep its
pictures as `Image.compact` gives them, uint8 (int32 above 8 bits): `contains`, `check`, `show` and every codec of
images take either, so 60,000 digits of 28 x 28 cost 47 MB, and only the batch at work is ever float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.spaces.base import Measure, Space

SCALED = "(x * {top}).round() if x lies in [0, 1], ((x + 1) * {half}).round() if in [-1, 1]"


@dataclass(frozen=True)
class Image(Space):
    """Pictures of one size, each value a whole number 0 .. 2^bits - 1, under counting measure.

    `read` takes `[n, H, W]`, `[n, H, W, C]` or `[n, C, H, W]` of whole numbers, a list of Pillow images, or a tensor
    that is in tensor form already, `[n, C, H, W]`.

    Args:
        channels: 1 for grey, 3 for colour (red, green, blue).
        height, width: in pixels.
        bits: of one value, 1 .. 16.
    """

    channels: int
    height: int
    width: int
    bits: int = 8

    def __post_init__(self) -> None:
        if min(self.event_shape) < 1 or not 1 <= self.bits <= 16:
            raise SpaceError(
                "there is no such picture",
                got=f"{self.channels} channels of {self.height} x {self.width}, {self.bits} bits",
                expected="at least one channel and one pixel, 1 to 16 bits",
            )

    @property
    def measure(self) -> Measure:
        return Measure.COUNTING

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (self.channels, self.height, self.width)

    @property
    def dims(self) -> int:
        """How many values one picture has: what bits per dimension divide by."""
        return math.prod(self.event_shape)

    @property
    def levels(self) -> int:
        """How many values one pixel of one channel can take."""
        return 1 << self.bits

    def read(self, values: Any) -> Tensor:
        if isinstance(values, Tensor):
            return self._of_tensor(values)
        array = self._arranged(_array_of(values))
        x = torch.from_numpy(array.astype(np.float64, order="C"))  # [n, C, H, W]
        if array.dtype.kind == "f":
            self._refuse_fractions(x)
        return x

    def read_begun(self, values: Any) -> Tensor:
        """Pictures `[n, C, H, W]` or as `read` takes them, NaN where a pixel is not known."""
        if isinstance(values, Tensor):
            return self._of_tensor(values)
        return torch.from_numpy(self._arranged(np.asarray(values, dtype=np.float64)).copy())

    def compact(self, x: Tensor) -> Tensor:
        """The same pictures in the smallest tensor that holds them: uint8, above 8 bits int32."""
        return x.to(torch.uint8 if self.bits <= 8 else torch.int32)

    def show(self, x: Tensor) -> Any:
        """uint8, above 8 bits uint16: `[n, H, W]` of grey pictures, else `[n, H, W, C]`."""
        whole = x.detach().cpu().round().clamp(0, self.levels - 1)
        array = whole.numpy().astype(np.uint8 if self.bits <= 8 else np.uint16)
        return array[:, 0] if self.channels == 1 else np.ascontiguousarray(array.transpose(0, 2, 3, 1))

    def contains(self, x: Tensor) -> Tensor:
        inside = (x >= 0) & (x <= self.levels - 1)
        if x.is_floating_point():
            inside &= x == torch.round(x)
        return inside.flatten(1).all(1)

    def check(self, x: Tensor) -> None:
        check_finite(x, self.describe())

    def describe(self) -> str:
        return f"image {size_words(self.event_shape)}, {self.bits} bit{'s' if self.bits > 1 else ''}"

    def _of_tensor(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.event_shape:
            raise SpaceError(
                "the tensor does not hold pictures of this space",
                got=f"shape {list(x.shape)}",
                expected=shape_words("n", *self.event_shape),
            )
        return x.to(torch.float64)

    def _arranged(self, array: np.ndarray) -> np.ndarray:
        """As `[n, C, H, W]`, whichever of the three arrangements it came in."""
        channels, height, width = self.event_shape
        found = array.shape[1:]
        last, first = found == (height, width, channels), found == (channels, height, width)
        if last and first and channels > 1:
            raise SpaceError(
                "the shape does not say where the channels are",
                got=f"shape {list(array.shape)}",
                expected=f"it could be {shape_words('n', 'H', 'W', 'C')} or {shape_words('n', 'C', 'H', 'W')}",
                remedy="hand over a torch tensor, which is always [n, C, H, W]",
            )
        if channels == 1 and found == (height, width):
            return array[:, None]
        if last:
            return array.transpose(0, 3, 1, 2)
        if first:
            return array
        raise self._wrong_shape(array.shape)

    def _wrong_shape(self, found: tuple[int, ...]) -> SpaceError:
        channels, height, width = self.event_shape
        grey = [shape_words("n", height, width)] if channels == 1 else []
        wanted = [*grey, shape_words("n", height, width, channels), shape_words("n", channels, height, width)]
        one = found in ((height, width), (height, width, channels), (channels, height, width))
        return SpaceError(
            "the array does not hold pictures of this space",
            got=f"shape {list(found)}",
            expected=", ".join(wanted[:-1]) + " or " + wanted[-1],
            remedy="one picture is x[None]" if one else "resize the pictures, or fit a model to their size",
        )

    def _refuse_fractions(self, x: Tensor) -> None:
        uneven = (torch.isfinite(x) & (x != torch.round(x))).flatten(1).any(1)
        if bool(uneven.any()):
            row = int(uneven.nonzero()[0, 0])
            finite = x[torch.isfinite(x)]
            raise SpaceError(
                "these pixels are fractions, and their range is not stated",
                got=f"values from {float(finite.min()):.6g} to {float(finite.max()):.6g}",
                expected=f"whole numbers 0 .. {self.levels - 1}",
                remedy="write " + SCALED.format(top=self.levels - 1, half=(self.levels - 1) / 2),
                where=f"row {row + 1}",
            )


def check_finite(x: Tensor, expected: str) -> None:
    """A picture has no missing values."""
    if x.is_floating_point() and bool(torch.isnan(x).any()):
        row = int(torch.isnan(x).flatten(1).any(1).nonzero()[0, 0])
        raise SpaceError(
            "a pixel is not a number",
            got="NaN",
            expected=expected,
            remedy="leave this picture out",
            where=f"row {row + 1}",
        )


def _array_of(values: Any) -> np.ndarray:
    """One array of pictures; Pillow's own are taken through their colours, so that a palette is not read as grey."""
    if isinstance(values, Sequence) and len(values) and all(hasattr(v, "convert") for v in values):
        values = [np.asarray(_true_colours(v)) for v in values]
    if isinstance(values, Sequence):
        values = [np.asarray(v) for v in values]
        shapes = sorted({v.shape for v in values}, key=str)
        if len(shapes) > 1:
            shown = ", ".join(str(list(shape)) for shape in shapes[:4])
            raise SpaceError("the pictures have different shapes", got=shown, expected="one shape for all")
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise SpaceError("these are not pixels", got=f"dtype {array.dtype}", expected="whole numbers")
    return array


def _true_colours(image: Any) -> Any:
    """A Pillow image without palette, four-colour print or other colour spaces."""
    return image.convert("RGB") if image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV") else image


def shape_words(*shape: int | str) -> str:
    """`[n, 3, 28, 28]`."""
    return "[" + ", ".join(map(str, shape)) + "]"


def size_words(event_shape: tuple[int, ...]) -> str:
    """`28 x 28, grey`."""
    channels, height, width = event_shape
    return f"{height} x {width}, {({1: 'grey', 3: 'colour'}).get(channels, f'{channels} channels')}"

"""One picture file to one array: frames, depth, palette, print colours, transparency, orientation.

Pillow widens 2- and 4-bit grey and narrows 16-bit colour without a word; the raw mode that it decodes from tells, so
the first is undone exactly and the second refused.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pofx.data.images.form import Form
from pofx.data.images.pillow import load_pillow
from pofx.errors import ReadError

ORIENTATION = 0x0112  # of EXIF
DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError),
    *(SyntaxError, struct.error, zlib.error),  # what Pillow's readers raise on bytes that make no sense
)
WIDENED = {"L;2": 2, "L;4": 4, "L;2I": 2, "L;4I": 4, "L;2IR": 2, "L;4IR": 4, "L;2R": 2, "L;4R": 4}


@dataclass(frozen=True)
class Entry:
    """A picture that can be read: its name, for people, and its bytes, when asked for."""

    name: str
    read: Callable[[], bytes]


@dataclass
class Remarks:
    """What was done to how many pictures, and the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, name: str, count: int = 1) -> None:
        self.counts[what] += count
        self.first.setdefault(what, name)

    def lines(self, total: int) -> list[str]:
        return [f"{n:,} of {total:,} {what}, e.g. {self.first[what]}" for what, n in self.counts.items()]


@dataclass(frozen=True)
class Picture:
    """Pixels `[H, W, C]`, uint8 or uint16, and the bits of one value."""

    pixels: np.ndarray
    bits: int


class Broken(Exception):
    """A picture file that cannot be decoded; the reader counts them before it complains."""


def decode(entry: Entry, form: Form, remarks: Remarks) -> Picture:
    """The picture of an entry.

    Raises:
        Broken: it cannot be opened or is cut short.
        ReadError: it can, but is an animation, transparent, of fractions or too deep; the remedy is named.
    """
    pillow = load_pillow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of metadata
        warnings.simplefilter("error", pillow.DecompressionBombWarning)
        try:
            with pillow.open(io.BytesIO(entry.read())) as image:
                raw = _raw_mode(image)
                _refuse_frames(image, entry.name, form, remarks)
                image.load()
                return _pixels(_upright(image, entry.name, remarks), raw, entry.name, form, remarks)
        except ReadError:
            raise
        except pillow.UnidentifiedImageError:
            raise Broken("not a picture that Pillow knows") from None
        except (*DAMAGE, pillow.DecompressionBombWarning, pillow.DecompressionBombError) as error:
            raise Broken(str(error) or type(error).__name__) from error


def _raw_mode(image: Any) -> str:
    """How the pixels lie in the file, e.g. `RGB;16B`; "" where Pillow does not say."""
    arguments = image.tile[0][3] if getattr(image, "tile", None) else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _refuse_frames(image: Any, name: str, form: Form, remarks: Remarks) -> None:
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a photograph and its previews
    if frames == 1:
        return
    if not form.first_frame:
        raise ReadError(
            "this is not one picture but an animation or a stack of pages",
            got=f"{frames} frames",
            remedy="first_frame=True takes the first, or save the frames as files",
            where=name,
        )
    remarks.add("have more frames than one: the first was taken", name)


def _upright(image: Any, name: str, remarks: Remarks) -> Any:
    if image.getexif().get(ORIENTATION, 1) == 1:
        return image
    remarks.add("turned upright as their EXIF data say", name)
    return load_pillow("ImageOps").exif_transpose(image)


def _pixels(image: Any, raw: str, name: str, form: Form, remarks: Remarks) -> Picture:
    image = _plain(image, raw, name, remarks)
    image = _opaque(image, name, form, remarks)
    pixels = np.asarray(image)
    if image.mode.startswith("I"):
        return Picture(_sixteen(pixels, name)[..., None], 16)
    if image.mode == "1":
        return Picture(pixels.astype(np.uint8)[..., None], 1)
    if raw in WIDENED:
        bits = WIDENED[raw]
        return Picture((pixels // (255 // ((1 << bits) - 1)))[..., None], bits)
    return Picture(pixels if pixels.ndim == 3 else pixels[..., None], 8)


def _plain(image: Any, raw: str, name: str, remarks: Remarks) -> Any:
    """Grey or red, green and blue, with or without alpha."""
    if ";16" in raw and not image.mode.startswith("I"):
        raise ReadError(
            "this picture has 16 bits a colour, of which Pillow would keep 8",
            got=f"{image.mode}, 16 bits",
            remedy="save it with 8 bits, or all pictures as one uint16 array in an .npz",
            where=name,
        )
    if image.mode == "F":
        raise ReadError(
            "the pixels are fractions, and their range is not stated",
            got="32-bit floats",
            remedy="save whole numbers: (x * 255).round() as uint8 if x lies in [0, 1]",
            where=name,
        )
    if image.mode in ("P", "PA"):
        remarks.add("turned from palette colours to grey or colour", name)
        return _without_palette(image)
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        remarks.add(f"turned from {image.mode} to red, green and blue", name)
        return image.convert("RGB")
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        return image.convert("RGBA" if image.mode == "RGB" else "LA")
    return image


def _without_palette(image: Any) -> Any:
    """Grey where every colour in use is grey."""
    colours = image.convert("RGBA")
    red, green, blue, alpha = np.moveaxis(np.asarray(colours), -1, 0)
    grey = bool((red == green).all() and (green == blue).all())
    if bool((alpha == 255).all()):
        return colours.convert("L" if grey else "RGB")
    return colours.convert("LA") if grey else colours


def _opaque(image: Any, name: str, form: Form, remarks: Remarks) -> Any:
    if image.mode not in ("LA", "RGBA", "La", "RGBa"):
        return image
    kept = "L" if image.mode.startswith("L") else "RGB"
    alpha = np.asarray(image.convert(kept + "A").getchannel("A"))
    if bool((alpha == 255).all()):
        remarks.add("lost an alpha channel that was opaque everywhere", name)
        return image.convert(kept)
    if form.background is None:
        raise ReadError(
            "this picture is transparent in places",
            got=f"{100 * float((alpha < 255).mean()):.3g}% of the pixels",
            expected="opaque pictures",
            remedy="background='white' or background='black' puts a colour behind",
            where=name,
        )
    remarks.add(f"transparent in places: laid on {form.background}", name)
    behind = load_pillow().new("RGBA", image.size, form.background)
    return load_pillow().alpha_composite(behind, image.convert("RGBA")).convert(kept)


def _sixteen(pixels: np.ndarray, name: str) -> np.ndarray:
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 65535:
        raise ReadError(
            "the pixels need more than 16 bits",
            got=f"values from {low:,} to {high:,}",
            expected="0 to 65,535",
            remedy="scale them to 16 bits and save again",
            where=name,
        )
    return pixels.astype(np.uint16)

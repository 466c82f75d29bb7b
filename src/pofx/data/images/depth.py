"""How deep the pixels of an array are: from its type, and for wider types from the values; only 0 and 1 is one bit."""

from __future__ import annotations

import numpy as np

from pofx.data.images.form import Background
from pofx.errors import ReadError


def whole_numbers(pixels: np.ndarray, notes: list[str], where: str) -> tuple[np.ndarray, int]:
    """The same as uint8 or uint16, and the bits of one value.

    Raises:
        ReadError: fractions, whose range nobody stated; or values outside 16 bits.
    """
    kind = pixels.dtype.kind
    if kind not in "biuf":
        raise ReadError("these are not pixels", got=f"dtype {pixels.dtype}", expected="whole numbers", where=where)
    low, high = float(pixels.min()), float(pixels.max())
    if kind == "f":
        _refuse_fractions(pixels, low, high, where)
    if low < 0 or high > 65535:
        raise ReadError(
            "the pixels do not fit into 16 bits",
            got=f"values {low:.6g} to {high:.6g}",
            expected="0 to 65535",
            where=where,
        )
    if high == 1:
        if kind != "b":
            notes.append("only the values 0 and 1 occur: pictures of 1 bit")
        return pixels.astype(np.uint8), 1
    if kind == "b":  # all black
        return pixels.astype(np.uint8), 1
    bits = 16 if high > 255 or pixels.dtype == np.uint16 else 8
    return pixels.astype(np.uint8 if bits <= 8 else np.uint16, copy=False), bits


def _refuse_fractions(pixels: np.ndarray, low: float, high: float, where: str) -> None:
    if not np.isfinite(low) or not np.isfinite(high):
        raise ReadError("a pixel is not a finite number", remedy="leave those pictures out", where=where)
    if all(bool((block == np.rint(block)).all()) for block in np.array_split(pixels, max(1, len(pixels) // 1024))):
        return
    recipes = [(0, 1, "(x * 255).round()"), (-1, 1, "((x + 1) * 127.5).round()"), (0, 255, "x.round()")]
    fitting = next((text for a, b, text in recipes if a <= low and high <= b), "scale them to 0 .. 255 and round")
    raise ReadError(
        "these pixels are fractions, and their range is not stated",
        got=f"values from {low:.6g} to {high:.6g}",
        expected="whole numbers 0 .. 255 (or 65535)",
        remedy=f"save {fitting} as uint8, if that is the range" if "round()" in fitting else fitting,
        where=where,
    )


def without_alpha(
    pixels: np.ndarray, bits: int, background: Background | None, notes: list[str], where: str
) -> np.ndarray:
    """Red, green and blue of four channels `[n, H, W, 4]`; what is transparent is refused or laid on a colour."""
    top = (1 << bits) - 1
    colours, alpha = pixels[..., :3], pixels[..., 3:]
    if bool((alpha == top).all()):
        notes.append("an alpha channel that was opaque everywhere is left out")
        return np.ascontiguousarray(colours)
    if background is None:
        raise ReadError(
            "these pictures are transparent in places",
            got=f"{100 * float((alpha < top).mean()):.3g}% of the pixels",
            expected="opaque pictures",
            remedy="background='white' or background='black' puts a colour behind",
            where=where,
        )
    notes.append(f"transparent pictures are laid on {background}")
    behind = top if background == "white" else 0
    flat = np.empty(colours.shape, pixels.dtype)
    for row in range(len(pixels)):
        share = alpha[row] / top
        flat[row] = np.rint(colours[row] * share + behind * (1 - share))
    return flat

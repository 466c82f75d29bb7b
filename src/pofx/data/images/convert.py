"""Pictures in memory to another size, to grey, or to colour."""

from __future__ import annotations

import numpy as np

from pofx.data.images.form import Channels
from pofx.data.images.picture import Picture
from pofx.data.images.pillow import load_pillow

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def recoloured(picture: Picture, channels: Channels | None) -> Picture:
    """Grey by luma, rounded; colour by repeating the grey."""
    pixels, bits = picture.pixels, picture.bits
    if channels == "grey" and pixels.shape[2] == 3:
        return Picture(np.rint(pixels @ LUMA).astype(pixels.dtype)[..., None], bits)
    if channels == "colour" and pixels.shape[2] == 1:
        return Picture(np.repeat(pixels, 3, axis=2), bits)
    return picture


def resized(picture: Picture, size: tuple[int, int] | None) -> Picture:
    """Height and width as asked, by Pillow's bicubic filter, which averages when it shrinks.

    Grey levels appear between black and white, so pictures of fewer than 8 bits come out with 8.
    """
    if size is None or picture.pixels.shape[:2] == size:
        return picture
    bits = max(8, picture.bits)
    pillow, top = load_pillow(), (1 << bits) - 1
    scaled = picture.pixels.astype(np.float32) * (top / ((1 << picture.bits) - 1))
    planes = [
        np.asarray(pillow.fromarray(scaled[..., c]).resize(size[::-1], pillow.Resampling.BICUBIC))
        for c in range(scaled.shape[2])
    ]
    whole = np.rint(np.stack(planes, -1)).clip(0, top)
    return Picture(whole.astype(np.uint8 if bits == 8 else np.uint16), bits)

"""Writing pictures: a folder of PNGs, one .npz, or one PNG that shows them all; whole or not at all.

An .npz keeps the values as they are, under `x`. PNG has 1, 8 and 16 bits: other depths are brightened to the next, and
colour above 8 bits has no place in it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from pofx.data.images.pillow import load_pillow
from pofx.errors import ReadError
from pofx.runs.files import new_folder, replacing
from pofx.spaces.image import Image

GAP = 2  # pixels between the pictures of a sheet
SHEET_PIXELS = 1 << 28  # a larger sheet is refused: no viewer opens it


def write_images(values: Any, space: Image, path: str | Path) -> None:
    """Writes pictures, such as a sample.

    Args:
        values: what `space.read` takes: arrays as `Model.sample` returns them, or a tensor `[n, C, H, W]`.
        space: what they are.
        path: `name.npz`, `name.png` for one sheet, or a folder that is new or empty.

    Raises:
        ReadError: another suffix, a folder with something in it, or a path that cannot be written.
    """
    array: np.ndarray = space.show(space.read(values))
    target = Path(path)
    if target.suffix.lower() == ".npz":
        with replacing(target) as aside, aside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, x=array)
    elif target.suffix.lower() == ".png":
        _write_sheet(_for_png(array, space, target), target)
    elif target.suffix and not target.is_dir():
        raise ReadError(
            "cannot tell how to write pictures here",
            got=f"the suffix {target.suffix!r}",
            expected=".npz, .png for one sheet, or a folder",
            where=str(path),
        )
    else:
        _write_folder(_for_png(array, space, target), space, target)


def sheet(images: np.ndarray) -> np.ndarray:
    """Pictures `[n, H, W]` or `[n, H, W, C]` side by side, nearly square, with grey between: `[H', W']` or with C."""
    n, height, width = images.shape[:3]
    columns = max(1, math.ceil(math.sqrt(n * height / width)))
    rows = max(1, math.ceil(n / columns))
    columns = min(columns, max(n, 1))
    shape = (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, *images.shape[3:])
    board = np.full(shape, np.iinfo(images.dtype).max // 2, images.dtype)
    for k, image in enumerate(images):
        top, left = GAP + (k // columns) * (height + GAP), GAP + (k % columns) * (width + GAP)
        board[top : top + height, left : left + width] = image
    return board


def _for_png(array: np.ndarray, space: Image, path: Path) -> np.ndarray:
    """Brightened to the full range of 8 or 16 bits."""
    if space.channels not in (1, 3) or (space.channels == 3 and space.bits > 8):
        raise ReadError(
            "a PNG cannot hold these pictures",
            got=space.describe(),
            expected="grey, or colour of up to 8 bits",
            remedy="write them to an .npz",
            where=str(path),
        )
    top = 255 if space.bits <= 8 else 65535
    return np.rint(array * (top / (space.levels - 1))).astype(array.dtype)


def _write_sheet(images: np.ndarray, path: Path) -> None:
    if not len(images):
        raise ReadError("there are no pictures to show", where=str(path))
    if images.size > SHEET_PIXELS:
        raise ReadError(
            "so many pictures do not fit on one sheet",
            got=f"{len(images):,}",
            remedy="write fewer, or write a folder or an .npz",
            where=str(path),
        )
    with replacing(path) as aside:
        load_pillow().fromarray(sheet(images)).save(aside, format="PNG")


def _write_folder(images: np.ndarray, space: Image, path: Path) -> None:
    pillow, digits = load_pillow(), len(str(max(len(images), 1)))
    with new_folder(path) as aside:
        for k, pixels in enumerate(images):
            image = pillow.fromarray(pixels)
            (image.convert("1") if space.bits == 1 and space.channels == 1 else image).save(
                aside / f"{k + 1:0{digits}}.png"
            )

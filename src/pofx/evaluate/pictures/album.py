"""Sheets of pictures as PNG files: collected in memory while a run is looked at, written with its records."""

from __future__ import annotations

import io
import math

import numpy as np
from torch import Tensor

from pofx.data.images.pillow import load_pillow
from pofx.runs.pictures import Sheet
from pofx.spaces.image import Image

GAP = 1  # pixels between pictures
PAPER = 128  # the level between pictures
MOST, LEAST, PIXELS = 64, 6, 1 << 20  # pictures of a sheet, and pixels of all of them


class Album:
    """The sheets of one run; `files` maps paths inside the run folder to PNG bytes.

    Args:
        space: what all pictures are.
    """

    def __init__(self, space: Image) -> None:
        self.space = space
        self.files: dict[str, bytes] = {}

    @property
    def most(self) -> int:
        """How many pictures of this size go on a sheet."""
        return max(LEAST, min(MOST, PIXELS // (self.space.height * self.space.width)))

    def add(self, name: str, pictures: Tensor, *, columns: int | None = None, captions: tuple[str, ...] = ()) -> Sheet:
        """A sheet of pictures `[n, C, H, W]`, n >= 1, in tensor form; as square as may be where `columns` is None."""
        n = len(pictures)
        across = columns or max(1, math.ceil(math.sqrt(n * self.space.height / self.space.width)))
        down = math.ceil(n / across)
        board = self._board(pictures, down, across)
        file, buffer = f"pictures/{name}.png", io.BytesIO()
        load_pillow().fromarray(board).save(buffer, format="PNG", optimize=True)
        self.files[file] = buffer.getvalue()
        return Sheet(file, down, across, board.shape[1], board.shape[0], captions)

    def _board(self, pictures: Tensor, down: int, across: int) -> np.ndarray:
        """uint8 `[H', W']`, or `[H', W', 3]`."""
        shown = self._shown(pictures)
        height, width = self.space.height + GAP, self.space.width + GAP
        board = np.full((down * height + GAP, across * width + GAP, *shown.shape[3:]), PAPER, np.uint8)
        for k, picture in enumerate(shown):
            top, left = GAP + (k // across) * height, GAP + (k % across) * width
            board[top : top + height - GAP, left : left + width - GAP] = picture
        return board

    def _shown(self, pictures: Tensor) -> np.ndarray:
        """uint8, whatever the depth: `[n, H, W]` of grey, `[n, H, W, 3]` of colour; other channels, the first alone."""
        whole = pictures.detach().cpu().double().clamp(0, self.space.levels - 1)
        array = (whole * (255 / (self.space.levels - 1))).round().numpy().astype(np.uint8)
        return array.transpose(0, 2, 3, 1) if self.space.channels == 3 else array[:, 0]

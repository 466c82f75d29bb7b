"""Sheets of pictures on a page: PNG files of the run folder, embedded, and shown at a whole number of screen pixels.

A page asks for no file, so a sheet travels inside it as base64, a third longer than the file. What cannot be embedded
(a file that is missing, outside the folder, no PNG or too large) is said in a line, and the rest of the page stands.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pofx.runs.pictures import Sheet

WIDE, PHONE = 480, 320  # CSS pixels a sheet may take on a wide screen, and finds on a phone
CELL = 120  # of one picture with a caption
LARGEST, TOTAL = 6_000_000, 40_000_000  # bytes of a file that is embedded, and of all of them
SIGNATURE = b"\x89PNG\r\n\x1a\n"

Pictures = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet, as the part of it that is seen, in percent, and what stands under it."""

    x: float
    y: float
    caption: str


@dataclass(frozen=True)
class Shown:
    """A sheet and how it is shown."""

    sheet: Sheet
    source: str | None
    """The data URI; None where there is nothing to embed."""
    one: int
    """Width at zoom one, CSS pixels; the page shows the largest whole multiple that fits, up to `wide`."""
    wide: int
    shrinks: str
    """CSS class: whether it is larger than a phone, or than its place on any screen, and so cannot stay crisp."""
    cell: float
    """Width of one picture in CSS pixels, where each stands by itself."""
    cells: tuple[Cell, ...]


def nowhere(_: str) -> bytes | None:
    """No pictures at all."""
    return None


def inside(folder: Path) -> Pictures:
    """Reads the files of a run folder, and none outside of it."""
    root = folder.resolve()

    def read(file: str) -> bytes | None:
        try:
            path = (root / file).resolve()
            fits = path.is_relative_to(root) and path.is_file() and path.stat().st_size <= LARGEST
            return path.read_bytes() if fits else None
        except (OSError, ValueError):  # a name no file can have is a ValueError
            return None

    return read


def budgeted(pictures: Pictures, most: int = TOTAL) -> Pictures:
    """The same pictures in the order they are asked for, as long as they take no more than so many bytes."""
    left = most

    def read(file: str) -> bytes | None:
        nonlocal left
        content = pictures(file)
        if content is None or len(content) > left:
            return None
        left -= len(content)
        return content

    return read


def shown(sheet: Sheet, pictures: Pictures, *, wide: int = WIDE) -> Shown:
    """The sheet, at the largest whole zoom that fits into `wide` CSS pixels, or less on a narrow screen."""
    width = max(1, sheet.width)
    return Shown(
        sheet=sheet,
        source=source(pictures(sheet.file)),
        one=width,
        wide=width * zoom(width, wide),
        shrinks="large" if width > wide else "larger-than-phone" if width > PHONE else "",
        cell=_cell(sheet),
        cells=cells(sheet),
    )


def zoom(width: int, room: int) -> int:
    """The largest whole zoom, at least one, at which `width` pixels fit into `room`.

    >>> zoom(100, 480), zoom(900, 480)
    (4, 1)
    """
    return max(1, room // max(1, width))


def cells(sheet: Sheet) -> tuple[Cell, ...]:
    """Where each picture with a caption lies in its sheet, row by row."""
    places = ((row, column) for row in range(sheet.rows) for column in range(sheet.columns))
    return tuple(
        Cell(_percent(column, sheet.columns), _percent(row, sheet.rows), caption)
        for (row, column), caption in zip(places, sheet.captions, strict=False)
    )


def _cell(sheet: Sheet) -> float:
    width = max(1.0, sheet.width / max(1, sheet.columns))
    return round(width * zoom(math.ceil(width), CELL), 2)


def _percent(place: int, of: int) -> float:
    """As CSS counts the position of a background: 0% is the first picture, 100% the last."""
    return round(100 * place / (of - 1), 4) if of > 1 else 0.0


def source(content: bytes | None) -> str | None:
    """The data URI of a PNG file; None where it is none, or too large."""
    if content is None or not content.startswith(SIGNATURE) or len(content) > LARGEST:
        return None
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")

"""The options by which verbs that read pictures bring them to one form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pofx.errors import PofxError

if TYPE_CHECKING:
    from pofx.data.images.form import Form


@dataclass(frozen=True)
class FormOptions:
    """How pictures of different kinds are brought to one form."""

    resize: str | None = None
    """Pictures: HEIGHTxWIDTH, or one number for both."""
    channels: Literal["grey", "colour"] | None = None
    """Pictures: all to grey, or all to colour."""
    background: Literal["white", "black"] | None = None
    """Pictures: what stands behind transparent pixels."""
    first_frame: bool = False
    """Pictures: the first frame of an animation stands for it."""

    def form(self) -> Form:
        """As the reader takes it."""
        from pofx.data.images.form import Form

        return Form(_size(self.resize), self.channels, self.background, self.first_frame)


def as_options(remedy: str) -> str:
    """A remedy that names an argument of Python's reader, naming the option instead.

    >>> as_options("background='white' or background='black' lays it on one")
    '--background white or --background black lays it on one'
    """
    plain = remedy.replace("resize=(height, width)", "--resize HEIGHTxWIDTH").replace(
        "first_frame=True", "--first-frame"
    )
    plain = re.sub(r"\brate=(\w+)", r"--rate \1", plain).replace("mono=True", "--mono")
    plain = plain.replace("skip_broken=True", "--skip-broken")
    return re.sub(r"\b(channels|background)='(\w+)'", r"--\1 \2", plain)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and int(side) > 0 for side in sides):
        raise PofxError("pictures cannot have this size", got=repr(text), expected="32 or 32x48, height by width")
    return int(sides[0]), int(sides[-1])

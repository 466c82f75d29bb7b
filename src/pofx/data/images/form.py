"""What a caller may ask of the reader of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from pofx.errors import ReadError

Channels = Literal["grey", "colour"]
Background = Literal["white", "black"]
Part = Literal["train", "test", "validation"]


@dataclass(frozen=True)
class Form:
    """How pictures are to be brought to one form; None leaves a thing as it is, and refuses what does not fit.

    Args:
        size: height and width that every picture is resized to, stretched if need be.
        channels: turn all to grey (ITU-R BT.601 luma) or all to colour.
        background: what stands behind transparent pixels.
        first_frame: take the first frame of an animation.
        part: which part to read where training and test pictures lie together; None is the training part.
    """

    size: tuple[int, int] | None = None
    channels: Channels | None = None
    background: Background | None = None
    first_frame: bool = False
    part: Part | None = None

    def __post_init__(self) -> None:
        known: dict[str, Any] = {"channels": Channels, "background": Background, "part": Part}
        for name, words in known.items():
            value = getattr(self, name)
            if value is not None and value not in get_args(words):
                expected = ", ".join(map(repr, get_args(words)))
                raise ReadError(f"{name} cannot be this", got=repr(value), expected=f"{expected} or None")

"""What a path holds: pictures, sounds, texts or a table. Names and first bytes tell; nothing is read."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from pofx.data.images.sniff import is_images
from pofx.data.sounds.sniff import is_sounds
from pofx.data.texts.form import TextForm
from pofx.data.texts.sniff import is_texts


class Kind(Enum):
    """Whose reader a path needs; the value is what its outcomes are called, many of them."""

    PICTURES = "pictures"
    SOUNDS = "sounds"
    TEXTS = "texts"
    TABLE = "rows"


def kind_of(path: Path, text: TextForm = TextForm()) -> Kind:
    """What a path holds; whoever asks for texts in so many words gets them."""
    if text != TextForm():
        return Kind.TEXTS
    tests = ((is_images, Kind.PICTURES), (is_sounds, Kind.SOUNDS), (is_texts, Kind.TEXTS))
    return next((kind for test, kind in tests if test(path)), Kind.TABLE)

"""The one door to soundfile, an optional dependency: imported when the first recording is opened."""

from __future__ import annotations

import importlib
from typing import Any

from pofx.errors import MissingExtra

SUFFIXES = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".mp3"})


def load_soundfile() -> Any:
    """The module `soundfile`, or one line saying what to install."""
    try:
        return importlib.import_module("soundfile")
    except (ImportError, OSError):  # OSError: the package is there, and its libsndfile is not
        raise MissingExtra("audio", "soundfile") from None


def is_sound(head: bytes) -> bool:
    """Whether these first bytes are those of a recording; MP3 is known by its tag only."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX"):
        return head[8:12] == b"WAVE"
    if head[:4] == b"FORM":
        return head[8:12] in (b"AIFF", b"AIFC")
    return head.startswith((b"fLaC", b"OggS", b"ID3"))

"""The one door to Pillow, an optional dependency: imported when the first picture is opened."""

from __future__ import annotations

import importlib
from typing import Any

from pofx.errors import MissingExtra

MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"})


def load_pillow(module: str = "Image") -> Any:
    """`PIL.Image` or another of its modules, or one line saying what to install."""
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError:
        raise MissingExtra("images", "Pillow") from None


def is_picture(head: bytes) -> bool:
    """Whether these first bytes are those of a picture file."""
    return head.startswith(MARKS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")

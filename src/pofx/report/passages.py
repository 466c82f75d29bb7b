"""A text as HTML, piece by piece on a ground that says its bits; white space and odd characters can be seen.

Spaces, tabs and ends of lines stay what they are, so that a text can be selected and copied; only their marks are
drawn. Control characters, and those that would turn the direction of a line or have no width, are named instead.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from pofx.report.text import number
from pofx.units import bits

STEPS = (0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0)  # bits at which the next shade begins
END = "end"
_MARKED = {
    " ": Markup('<span class="space"> </span>'),
    "\n": Markup('<span class="line">\n</span>'),
    "\t": Markup('<span class="tab">\t</span>'),
}
_NAMED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_JOINING = "\u200c\u200d"  # they shape the letters of some scripts


@dataclass(frozen=True)
class Shade:
    """One step of the scale: its CSS class, and the bits it stands for."""

    name: str
    says: str


def shades() -> list[Shade]:
    """The scale, from plain to the strongest."""
    inner = [f"{low:g}–{high:g}" for low, high in pairwise(STEPS)]
    said = [f"under {STEPS[0]:g}", *inner, f"{STEPS[-1]:g} or more"]
    return [Shade(f"s{k}", says) for k, says in enumerate(said)]


def shade(nats: float | None) -> str:
    """The class of a piece.

    >>> shade(-0.1), shade(-1.0), shade(-99.0), shade(None)
    ('s0', 's2', 's7', 's7')
    """
    return f"s{len(STEPS) if nats is None else sum(bits(-nats) >= step for step in STEPS)}"


def marked(pieces: Iterable[tuple[str, float | None]], more: str = "") -> Markup:
    """The pieces one after the other, `more` behind them."""
    found = [_piece(text, nats) for text, nats in pieces]
    return Markup("").join([*found, Markup('<span class="more">{}</span>').format(more) if more else Markup("")])


def visible(text: str, *, spaces: bool = True) -> Markup:
    """A text of which everything can be seen; without marks of white space where those are not asked for."""
    plain = "" if spaces else "".join(_MARKED)
    return Markup("").join(escape(letter) if letter in plain else _visible(letter) for letter in text)


def _piece(text: str, nats: float | None) -> Markup:
    said = "impossible" if nats is None else f"{number(bits(-nats), 2)} bits"
    kind, shown = (shade(nats), visible(text)) if text else (f"{shade(nats)} {END}", Markup(END))
    return Markup('<i class="{}" title="{}">{}</i>').format(kind, said, shown)


def _visible(letter: str) -> Markup:
    if letter in _MARKED:
        return _MARKED[letter]
    if unicodedata.category(letter) not in _NAMED or letter in _JOINING:
        return escape(letter)
    code = ord(letter)
    picture = chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else f"U+{code:04X}"
    return Markup('<span class="odd-letter">{}</span>').format(picture)

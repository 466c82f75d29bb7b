"""Texts spelled out token by token as one HTML page, each piece coloured by how surprising it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

MOST = 12.0  # bits that get the full colour
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.7 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
.text { font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 2rem; }
.text span { background: color-mix(in srgb, #e5484d calc(var(--b) * 1%), transparent); border-radius: 2px; }
.score { font-variant-numeric: tabular-nums; margin: 0; }
"""

Line = tuple[float, float | None, Sequence[tuple[str, float]]]


def page(rule: str, lines: Sequence[Line]) -> str:
    """The page.

    Args:
        rule: what the probabilities are of.
        lines: of each text its score in nats, bits per byte, and the pieces with the nats that each adds.
    """
    body = Markup("").join(_text(*line) for line in lines)
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Surprise by token</title>'
        '<meta name="viewport" content="width=device-width"><style>{}</style></head>'
        "<body><h1>Surprise by token</h1><p>{}. The redder, the more surprising; full at {:g} bits.</p>"
        "{}</body></html>\n"
    ).format(Markup(STYLE), rule, MOST, body)


def _text(log_prob: float, bits: float | None, pieces: Sequence[tuple[str, float]]) -> Markup:
    per_byte = "" if bits is None else f", {bits:.3f} bits per byte"
    shown = Markup("").join(_piece(text, -nats / math.log(2)) for text, nats in pieces)
    return Markup('<p class="score">{:.4f} nats{}</p><p class="text">{}</p>').format(log_prob, per_byte, shown)


def _piece(text: str, bits: float) -> Markup:
    share = round(70 * min(max(bits, 0.0), MOST) / MOST)
    return Markup('<span style="--b:{}" title="{:.2f} bits">{}</span>').format(
        share, bits, escape(text) if text else "\u25a0"
    )

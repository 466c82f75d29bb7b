"""Texts spelled out token by token as one HTML page, each piece on a ground that says its bits."""

from __future__ import annotations

from collections.abc import Sequence

from pofx.report.page import style, template
from pofx.report.passages import marked, shades
from pofx.report.text import number

Line = tuple[float, float | None, Sequence[tuple[str, float]]]


def page(rule: str, lines: Sequence[Line]) -> str:
    """The page.

    Args:
        rule: what the probabilities are of.
        lines: of each text its score in nats, bits per byte, and the pieces with the nats that each adds.
    """
    shown = [{"score": _score(nats, bits), "text": marked(pieces)} for nats, bits, pieces in lines]
    return template("spelled.html").render(rule=rule, lines=shown, shades=shades(), style=style())


def _score(nats: float, bits: float | None) -> str:
    return f"{number(nats, 4)} nats" + ("" if bits is None else f", {number(bits, 3)} bits per byte")

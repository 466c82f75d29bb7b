"""Texts spelled out token by token, coloured by how surprising each is: on the terminal, as a page, as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pofx.errors import PofxError

if TYPE_CHECKING:
    import numpy as np

    from pofx.cli.console import Console
    from pofx.core.contract import Model
    from pofx.data.dataset import Data
    from pofx.evaluate.sequences.pieces import Piece

SHADES = ((2.0, ""), (4.0, "yellow"), (8.0, "dark_orange"), (math.inf, "bold red"))  # bits up to which a style is used
SHOWN = 5  # of the most surprising pieces


@dataclass(frozen=True)
class Spelled:
    """A text, its score in nats, and what each piece adds to it."""

    text: str
    size: int
    """Bytes."""
    log_prob: float
    pieces: tuple[Piece, ...]

    @property
    def bits(self) -> float | None:
        """For each byte."""
        return -self.log_prob / max(self.size, 1) / math.log(2) if math.isfinite(self.log_prob) else None

    def record(self) -> dict[str, Any]:
        """As `--json` prints it: nats, null where the probability is zero."""
        return {
            "text": _plain(self.text),
            "log_prob": self.log_prob if math.isfinite(self.log_prob) else None,
            "bits_per_byte": self.bits,
            "tokens": [[piece.text, piece.nats] for piece in self.pieces],
        }


def spelled(model: Model, data: Data, scores: np.ndarray) -> list[Spelled]:
    """Each text with its pieces; none where its probability is zero, or the model does not tell parts."""
    from pofx.evaluate.sequences.pieces import pieces_of

    found = []
    closed = getattr(data.space, "closing", None) is not None
    for row, score in enumerate(scores.tolist()):
        x = data.block(row, row + 1)
        pieces = pieces_of(model, x)[0] if "parts" in model.capabilities and math.isfinite(score) else ()
        found.append(Spelled(data.space.show(x)[0], x.shape[1] - closed, score, pieces))
    return found


def spelled_out(texts: list[Spelled], name: str, model: Model, out: Path | None, console: Console) -> None:
    """Says the score of each text, and which pieces are surprising."""
    console.say(f"{name}: {_rule(model)}")
    for text in texts:
        _say(text, model.likelihood.word == "exact", console)
    if out is not None:
        _page(texts, f"{name}: {_rule(model)}", out)
        console.say(f"written to {out}")


def _rule(model: Model) -> str:
    """How a text begins and ends, which a probability depends on."""
    if getattr(model.space, "closing", None) is not None:
        return "log p of each whole text, from its beginning to its end mark"
    return "log p that a stream, read from any place on, goes so; what follows is left open"


def _say(text: Spelled, exact: bool, console: Console) -> None:
    bits = "" if text.bits is None else f" ({'' if exact else '<= '}{text.bits:.3f} bits/byte)"
    console.say(f"log p {'=' if exact else '>='} {text.log_prob:.4f} nats{bits}, {text.size} bytes")
    console.styled([(_visible(piece.text), _style(piece)) for piece in text.pieces] or [(_plain(text.text), "")])
    ranked = sorted(text.pieces, key=lambda piece: piece.nats)[:SHOWN]
    if len(text.pieces) > 1:
        said = ", ".join(f"{_visible(piece.text)!r} {-piece.nats / math.log(2):.1f}" for piece in ranked)
        console.say(f"most surprising, in bits: {said}")


def _style(piece: Piece) -> str:
    return next(style for limit, style in SHADES if -piece.nats / math.log(2) <= limit)


def _visible(text: str) -> str:
    """The end mark, and what a terminal would act on, as something that can be seen."""
    if not text:
        return "<end>"
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def _plain(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _page(texts: list[Spelled], rule: str, out: Path) -> None:
    from pofx.report.spelled import page
    from pofx.runs.files import write_text

    if out.suffix.lower() not in (".html", ".htm"):
        raise PofxError("texts spelled out are a page", got=out.name, expected="-o NAME.html")
    lines = [(text.log_prob, text.bits, [(piece.text, piece.nats) for piece in text.pieces]) for text in texts]
    write_text(out, page(rule, lines))

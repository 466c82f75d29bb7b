"""What the templates of texts and of sounds are given: coloured passages, samples, bits by place, waves and sounds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from pofx.report import bits, words
from pofx.report.by_place import by_place
from pofx.report.hues import NAMES
from pofx.report.passages import marked, shades, visible
from pofx.report.sheets import Pictures, budgeted, source
from pofx.report.text import count, number
from pofx.report.waves import LEFT, RIGHT, WIDTH, dearest, loudest, seconds, surprise, wave
from pofx.runs.evidence import Evidence
from pofx.runs.records import Run
from pofx.runs.sequences import Passage, Sound, TextEvidence, Written
from pofx.units import bits as to_bits

TEXTS = 4  # models whose texts are shown
HEARD = 225_000  # bytes of sounds on a page, a third more as text
RIFF = b"RIFF"

_TITLES = {
    "typical": "A typical {}",
    "least probable": "The least probable {}",
    "most probable": "The most probable {}",
}


def sequences(run: Run, evidence: Evidence, files: Pictures) -> dict[str, Any]:
    """Everything by its name in the templates; an empty list, or None, where there are no records."""
    return {**_texts(run, evidence.texts[:TEXTS]), **_sounds(evidence, budgeted(files), budgeted(files, HEARD))}


# Texts ---------------------------------------------------------------------------------------------------------------


def _texts(run: Run, texts: tuple[TextEvidence, ...]) -> dict[str, Any]:
    return {
        "shades": shades(),
        "passages": _passages(run, texts),
        "written": [
            {"model": each.model, "texts": [_written(made, _side(run, each.model)) for made in each.samples]}
            for each in texts
            if each.samples
        ],
        "place_picture": by_place(list(texts), run.outcome, "places"),
        "place_lines": [{"model": each.model, "hue": NAMES[k]} for k, each in enumerate(texts) if len(each.places) > 1],
    }


def _passages(run: Run, texts: tuple[TextEvidence, ...]) -> list[dict[str, Any]]:
    """Each passage once, as every model reads it."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for each in texts:
        for passage in each.passages:
            more = f" … and {count(passage.left_out, 'more piece')}" if passage.left_out else ""
            card = {
                "model": each.model,
                "says": _cost(passage, _side(run, each.model)),
                "marked": marked(passage.pieces, more),
            }
            found.setdefault((passage.what, passage.row), []).append(card)
    return [
        {"title": f"{_title(what, run.outcome)}: {run.outcome} {row:,}", "cards": cards}
        for (what, row), cards in found.items()
    ]


def _title(what: str, outcome: str) -> str:
    return _TITLES.get(what, f"{what} {{}}").format(outcome)


def _side(run: Run, name: str) -> str:
    """`≤ ` before the bits of a model that has only a bound."""
    model = words.named(run, name)
    return "" if model is None else bits.bounded(model)


def _cost(text: Passage | Written, side: str) -> str:
    """`1,000 bytes, 2.31 bits per byte`; of a sample without a likelihood the bytes alone."""
    size = count(text.size, "byte")
    if text.log_prob is None:
        return f"{size}, impossible" if isinstance(text, Passage) else size
    if not text.size:
        return f"{size}, {side}{number(to_bits(-text.log_prob), 2)} bits"
    return f"{size}, {side}{number(to_bits(-text.log_prob) / text.size, 2)} bits per byte"


def _written(made: Written, side: str) -> dict[str, Any]:
    more = f" … and {count(made.left_out, 'more character')}" if made.left_out else ""
    return {"says": _cost(made, side), "shown": visible(made.text, spaces=False) + more}


# Sounds --------------------------------------------------------------------------------------------------------------


def _sounds(evidence: Evidence, pictures: Pictures, waves: Pictures) -> dict[str, Any]:
    held_out = [sound for each in evidence.sounds for sound in each.recordings]
    made = [sound for each in evidence.sounds for sound in each.samples]
    scales = (loudest(held_out + made), dearest(held_out + made))
    card = _drawer(scales, pictures, waves)  # samples first: they are heard as long as there is room
    return {
        "sounds_made": [card(sound, f"Sample {k + 1}", f"made{k}") for k, sound in enumerate(made)],
        "sounds": [
            card(sound, f"{_title(sound.what, 'recording')}: recording {sound.row or 0:,}", f"sound{k}")
            for k, sound in enumerate(held_out)
        ],
    }


def _drawer(
    scales: tuple[float, float], pictures: Pictures, waves: Pictures
) -> Callable[[Sound, str, str], dict[str, Any]]:
    """What draws a sound on axes that all sounds of the page share."""

    def draw(sound: Sound, title: str, key: str) -> dict[str, Any]:
        return {
            "title": title,
            "says": _length(sound),
            "wave": wave(sound, scales[0], f"{key}wave"),
            "spectrogram": source(pictures(sound.spectrogram)) if sound.spectrogram else None,
            "top": f"{sound.top:,.0f} Hz",
            "left": round(100 * LEFT / WIDTH, 4),
            "width": round(100 * (WIDTH - LEFT - RIGHT) / WIDTH, 4),
            "surprise": surprise(sound, scales[1], f"{key}bits"),
            "audio": _audio(waves(sound.file)) if sound.file else None,
            "file": sound.file,
        }

    return draw


def _length(sound: Sound) -> str:
    """`2.50 seconds at 16,000 Hz, 3.21 bits per sample`."""
    shown = f"{number(sound.moments / sound.rate, 2)} seconds at {sound.rate:,} Hz"
    if sound.shown < sound.moments:
        shown += f", the first {number(seconds(sound), 2)} shown"
    if sound.log_prob is None or not sound.shown:
        return shown
    return f"{shown}, {number(to_bits(-sound.log_prob) / (sound.shown * sound.channels), 2)} bits per sample"


def _audio(content: bytes | None) -> str | None:
    if content is None or not content.startswith(RIFF):
        return None
    return "data:audio/wav;base64," + base64.b64encode(content).decode("ascii")

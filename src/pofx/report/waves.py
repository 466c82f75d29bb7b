"""A sound over time: its wave, and under it the bits that a sample of each moment costs, on one axis of seconds."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from pofx.report.scales import Scale
from pofx.report.svg import DATA, MODEL, RULE, canvas, drawing, inline, panel
from pofx.report.text import significant
from pofx.runs.sequences import Sound
from pofx.units import bits

WIDTH, WAVE, SURPRISE = 800, 78, 122
LEFT, RIGHT = 48, 8  # margins, which a picture between the two has to keep as well
SMOOTH = 0.995  # of the columns lie below the top of the axis


def wave(sound: Sound, loudest: float, key: str) -> Markup | None:
    """The wave from its least to its largest value in each column, on an axis from `-loudest` to `loudest`."""
    if not sound.low:
        return None
    with drawing(key):
        figure = canvas(WIDTH, WAVE)
        axes = panel(figure, left=LEFT, right=RIGHT, top=4, bottom=4)
        low, high, room = np.array(sound.low), np.array(sound.high), loudest or 1.0
        least = 0.006 * room  # so that silence is a line
        axes.axhline(0, color=RULE, linewidth=1)
        axes.stairs(high + least, _edges(sound), baseline=low - least, fill=True, color=DATA, linewidth=0)
        axes.set_xlim(0, seconds(sound))
        axes.set_ylim(-1.04 * room, 1.04 * room)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        share = significant(100 * float(max(abs(low.min()), abs(high.max()))), 2)
        return inline(figure, f"Wave of {significant(seconds(sound))} seconds; it reaches {share}% of full scale")


def surprise(sound: Sound, most: float, key: str) -> Markup | None:
    """Bits of a sample over seconds, on an axis from 0 to `most`; None where they are not known."""
    known = [value for value in sound.surprise if value is not None]
    if not known:
        return None
    cost = np.array([most if value is None else bits(-value) for value in sound.surprise])
    with drawing(key):
        figure = canvas(WIDTH, SURPRISE)
        axes = panel(figure, left=LEFT, right=RIGHT, top=8, bottom=38, grid="y")
        axes.stairs(cost, _edges(sound), fill=True, color=MODEL, alpha=0.25, linewidth=0)
        axes.stairs(cost, _edges(sound), baseline=None, color=MODEL, linewidth=1.1)
        Scale(0.0, seconds(sound)).across(axes, most=8)
        Scale(0.0, most or 1.0).up(axes, most=5)
        axes.set_xlabel("seconds", labelpad=6)
        axes.set_ylabel("bits per sample")
        least, most_of_all = significant(bits(-max(known))), significant(bits(-min(known)))
        return inline(figure, f"Bits of a sample over seconds: from {least} to {most_of_all}")


def loudest(sounds: list[Sound]) -> float:
    """The largest value of some sounds, as a share of the largest possible."""
    return max((abs(value) for sound in sounds for value in (*sound.low, *sound.high)), default=0.0)


def dearest(sounds: list[Sound]) -> float:
    """Where an axis of bits ends that is to hold nearly all columns of some sounds."""
    known = sorted(bits(-value) for sound in sounds for value in sound.surprise if value is not None)
    return 1.05 * max(0.0, known[min(len(known) - 1, int(SMOOTH * len(known)))]) if known else 0.0


def seconds(sound: Sound) -> float:
    """As much of the sound as is shown."""
    return sound.shown / sound.rate


def _edges(sound: Sound) -> np.ndarray:
    """Where each column begins, and the end of the last, seconds."""
    return np.linspace(0, sound.shown, len(sound.low) + 1).astype(int) / sound.rate

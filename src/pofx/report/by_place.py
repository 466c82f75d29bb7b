"""Mean bits of a byte by its place in a text, as steps on a log axis: how much it helps to know what stands before."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from pofx.report.curves import hue
from pofx.report.scales import Scale, around
from pofx.report.svg import canvas, drawing, inline, panel
from pofx.report.text import listed, short, significant
from pofx.runs.sequences import Place, TextEvidence
from pofx.units import bits

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 10, 42


def by_place(texts: list[TextEvidence], outcome: str, key: str) -> Markup | None:
    """One line a model; None where no text is longer than a byte."""
    lines = [(k, each) for k, each in enumerate(texts) if len(each.places) > 1]
    if not lines:
        return None
    ends = [place.stop for _, each in lines for place in each.places]
    low, high = _span([place for _, each in lines for place in each.places])
    with drawing(key):
        figure = canvas(WIDTH, HEIGHT)
        axes = panel(figure, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, grid="y")
        for k, each in lines:
            edges = np.array([each.places[0].start, *(place.stop for place in each.places)]) + 1.0
            mean = np.array([bits(-place.log_prob) for place in each.places])
            error = np.array([bits(place.std_error or 0.0) for place in each.places])
            axes.stairs(mean + error, edges, baseline=mean - error, fill=True, color=hue(k), alpha=0.18, linewidth=0)
            axes.stairs(mean, edges, baseline=None, color=hue(k), linewidth=1.8)
        Scale(1.0, max(ends) + 1.0, log=True).across(axes, most=8)
        around([low, high], margin=0.05).up(axes, most=5)
        axes.set_xlabel(f"place in the {outcome}, bytes from its start", labelpad=6)
        axes.set_ylabel("bits per byte")
        said = [f"{short(each.model, 40)} from {_first(each)} to {_last(each)}" for _, each in lines]
        return inline(figure, f"Mean bits of a byte by its place: {listed(said)}")


def _span(places: list[Place]) -> tuple[float, float]:
    found = [bits(-place.log_prob) + sign * bits(place.std_error or 0.0) for place in places for sign in (-1, 1)]
    return min(found), max(found)


def _first(each: TextEvidence) -> str:
    return significant(bits(-each.places[0].log_prob))


def _last(each: TextEvidence) -> str:
    return significant(bits(-each.places[-1].log_prob))

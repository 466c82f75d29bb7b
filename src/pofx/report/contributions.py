"""What each label adds to the Kullback-Leibler divergence of a category, as bars to both sides of zero."""

from __future__ import annotations

import math

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pofx.report.densities import has_integrand
from pofx.report.marginals import LABEL
from pofx.report.svg import DATA, INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import short, significant
from pofx.runs.comparison import ColumnPicture

WIDTH, LINE, TOP, BOTTOM = 284, 19, 8, 10
MOST = 14  # labels drawn one by one; the others are drawn as one
ROOM = 52  # for a figure at either end of a bar

Part = tuple[str, float]  # a label, and p log(p / q) in nats


def contributions(name: str, picture: ColumnPicture, key: str) -> Markup | None:
    """The picture of a category; None where the parts are not known."""
    if picture.kind != "category" or not has_integrand(picture) or len(picture.labels) != len(picture.integrand):
        return None
    parts = [math.inf if part is None else part for part in picture.integrand]
    with drawing(key):
        figure = _bars(_largest(list(zip(picture.labels, parts, strict=True))))
        return inline(figure, f"{short(name, 60)}: p log(p / q) of each label, whose sum is the divergence")


def _largest(parts: list[Part]) -> list[Part]:
    """Those that add most first, those that take most away last; what is small either way as one."""
    ranked = sorted(range(len(parts)), key=lambda k: (-abs(parts[k][1]), k))
    kept = sorted(ranked[:MOST], key=lambda k: (-parts[k][1], k))
    left = [parts[k][1] for k in ranked[MOST:]]
    return [*(parts[k] for k in kept), *([(f"{len(left)} others", sum(left))] if left else [])]


def _bars(parts: list[Part]) -> Figure:
    finite = [value for _, value in parts if math.isfinite(value)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    if not all(math.isfinite(value) for _, value in parts):
        high = max(1.15 * high, -low, 1e-3)  # a bar to the end, longer than any
    span = (high - low) or 1.0
    names = [short(label, LABEL) for label, _ in parts]
    height = LINE * len(parts) + TOP + BOTTOM
    figure = canvas(WIDTH, height)
    sides = 14 + 6.4 * max(map(len, names)), ROOM
    axes = panel(figure, left=sides[0] + (ROOM if low < 0 else 0), right=sides[1], top=TOP, bottom=BOTTOM)
    for place, (_, value) in enumerate(parts):
        _bar(axes, place, value, high)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(min(low, 0.0), low + span)
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.set_yticks(range(len(parts)), names, color=INK)
    axes.tick_params(axis="y", pad=4 + (ROOM if low < 0 else 0))
    return figure


def _bar(axes: Axes, place: int, value: float, high: float) -> None:
    infinite = math.isinf(value)
    end = high if infinite else value
    colour = INK if infinite else DATA if value >= 0 else MODEL
    axes.barh(place, end, 0.62, color=colour, alpha=0.28 if infinite else 0.55)
    side, away = ("left", 4) if value >= 0 else ("right", -4)
    said = "∞" if infinite else ("+" if value > 0 else "") + significant(value, 2)
    axes.annotate(
        said, (end, place), (away, -3.5), textcoords="offset points", ha=side, color=INK if infinite else QUIET, size=10
    )

"""Codes of a model's pictures: a map of them coloured by class, and how many nats each latent number carries."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from pofx.report.hues import HUES, NAMES
from pofx.report.scales import Scale, around
from pofx.report.svg import BAND, CARD, DATA, INK, QUIET, canvas, drawing, inline, panel
from pofx.report.text import short
from pofx.runs.pictures import LatentMap

WIDTH, HEIGHT = 440, 380
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 40
OUTER = 0.005  # of the points on each side lie outside the axes
NEAR = 22.0  # pixels: a name this near to another one is left to the legend
IDLE = 0.01  # nats: a latent number that carries less is not in use


@dataclass(frozen=True)
class Cloud:
    """The points of one class."""

    name: str
    hue: str
    """CSS variable of its colour."""
    colour: str
    points: np.ndarray
    """`[n, 2]`."""


def clouds(latent: LatentMap) -> list[Cloud]:
    """The classes in their order, numbers by value; none where there are no classes, or more than colours."""
    if len(latent.labels) != len(latent.points):
        return []
    names = sorted(set(latent.labels), key=_order)
    if not 2 <= len(names) <= len(HUES):
        return []
    points, labels = np.array(latent.points, dtype=float), np.array(latent.labels, dtype=object)
    return [Cloud(name, NAMES[k], HUES[k], points[labels == name]) for k, name in enumerate(names)]


def latent_map(latent: LatentMap, model: str, key: str) -> Markup | None:
    """The map; None without points."""
    points = np.array(latent.points, dtype=float).reshape(-1, 2)
    points = points[np.isfinite(points).all(1)]
    if not len(points):
        return None
    groups = clouds(latent)
    with drawing(key):
        figure = canvas(WIDTH, HEIGHT)
        axes = panel(figure, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, grid="both")
        x, y = (_middle(points[:, k]) for k in (0, 1))
        x.across(axes, most=6)
        y.up(axes)
        axes.set_xlabel(short(latent.axes[0], 48), labelpad=6)
        axes.set_ylabel(short(latent.axes[1], 40))
        for group in groups:
            _dots(axes, group.points, group.colour)
        if not groups:
            _dots(axes, points, DATA)
        _names(axes, groups, x, y)
        said = f", coloured by {len(groups)} classes" if groups else ""
        return inline(figure, f"Codes of {len(points):,} held-out pictures by {short(model, 40)}{said}")


def use_chart(use: tuple[float, ...], model: str, key: str) -> Markup | None:
    """Mean KL of each latent number, most first; those not in use stand on a grey ground."""
    nats = np.sort(np.array([value for value in use if math.isfinite(value)], dtype=float))[::-1]
    if not len(nats):
        return None
    busy = in_use(use)
    with drawing(key):
        figure = canvas(WIDTH, 190)
        axes = panel(figure, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, grid="y")
        if busy < len(nats):
            axes.axvspan(busy, len(nats), color=BAND, linewidth=0)
        gap = 0.15 if len(nats) <= 100 else 0.0
        for first, last, colour in ((0, busy, DATA), (busy, len(nats), QUIET)):
            places = np.arange(first, last) + 0.5
            axes.bar(places, nats[first:last], 1 - gap, color=colour, alpha=0.8)
        Scale(0, len(nats)).across(axes, most=6)
        Scale(0, 1.06 * max(float(nats[0]), IDLE)).up(axes, most=5)
        axes.set_xlabel("latent numbers, those that carry most first", labelpad=6)
        axes.set_ylabel("nats")
        return inline(figure, f"Mean KL of each latent number of {short(model, 40)}: {busy} of {len(nats)} are in use")


def in_use(use: tuple[float, ...]) -> int:
    """How many latent numbers carry something."""
    return sum(value >= IDLE for value in use)


def _order(name: str) -> tuple[int, float, str]:
    try:
        value = float(name)
    except ValueError:
        value = math.nan
    return (0, value, name) if math.isfinite(value) else (1, 0.0, name)


def _middle(values: np.ndarray) -> Scale:
    low, high = np.quantile(values, [OUTER, 1 - OUTER])
    return around([float(low), float(high)], margin=0.05)


def _dots(axes: Axes, points: np.ndarray, colour: str) -> None:
    """As one path of strokes without length, which is much shorter than one element for each."""
    path = np.stack([points, points, np.full_like(points, np.nan)], axis=1).reshape(-1, 2)
    axes.plot(*path.T, color=colour, alpha=0.85, linewidth=3.6, solid_capstyle="round")


def _names(axes: Axes, groups: list[Cloud], x: Scale, y: Scale) -> None:
    """Each class by name at the middle of its points, where no other name stands yet."""
    size = np.array([WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM], dtype=float)
    taken: list[np.ndarray] = []
    for group in groups:
        middle = np.median(group.points, axis=0)
        spot = np.array([x.fraction(middle[:1])[0], y.fraction(middle[1:])[0]]) * size
        if any(np.hypot(*(spot - other)) < NEAR for other in taken):
            continue
        taken.append(spot)
        box = {"boxstyle": "round,pad=0.2", "facecolor": CARD, "edgecolor": group.colour, "linewidth": 1.5}
        x_at, y_at, name = float(middle[0]), float(middle[1]), short(group.name, 12)
        axes.text(x_at, y_at, name, color=INK, ha="center", va="center_baseline", bbox=box, clip_on=True)

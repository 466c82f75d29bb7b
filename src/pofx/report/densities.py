"""Two densities, and under them what each value adds to the Kullback-Leibler divergence: p log(p / q).

The divergence is the area of the lower picture (Kullback and Leibler 1951): where A is denser it adds, where B is
denser it takes away, and where A has rows and B has none it is infinite. Categories are drawn as bars.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pofx.report.marginals import LINES, SPECIAL, count_bars, gathered, label_bars, special_bars, special_of, steps
from pofx.report.scales import Scale, around
from pofx.report.svg import DATA, INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import short
from pofx.runs.comparison import ColumnPicture

WIDTH, UPPER, LOWER = 284, 118, 72
TOP, BOTTOM, GAP, SIDE = 8, 22, 20, 6
CLOSE = 0.08  # marks of infinity nearer than this share of the width are written once


def densities(name: str, picture: ColumnPicture, key: str) -> Markup | None:
    """The picture of one column; None where there is nothing to draw."""
    edges = bins(picture)
    if not picture.labels and not picture.special and edges is None:
        return None
    with drawing(key):
        if picture.kind == "category":
            bars = list(zip(picture.labels, picture.a, picture.b, strict=True))
            return inline(label_bars(bars, special_of(picture.special)), f"{short(name, 60)}: the shares of A and of B")
        under = ", and under them p log(p / q), whose area is the divergence" if has_integrand(picture) else ""
        return inline(_numbers(picture, edges), f"{short(name, 60)}: the densities of A and of B{under}")


def bins(picture: ColumnPicture) -> np.ndarray | None:
    """The edges of the bins, a single value's widened; None where there are none."""
    edges = np.array(picture.edges, dtype=float)
    if len(edges) < 2 or not len(picture.a) == len(picture.b) == len(edges) - 1:
        return None
    if len(edges) == 2 and edges[0] == edges[1]:
        scale = around(edges)
        return np.array([scale.low, scale.high])
    return edges if (np.diff(edges) > 0).all() else None


def has_integrand(picture: ColumnPicture) -> bool:
    """Whether there is a part of the divergence for every bin or label."""
    return 0 < len(picture.a) == len(picture.integrand)


def gaps(picture: ColumnPicture, edges: np.ndarray) -> list[tuple[float, float]]:
    """Where A has rows and B has none: the ends of each run of such bins."""
    runs = groupby(range(len(picture.integrand)), key=lambda k: picture.integrand[k] is None)
    found = [list(run) for infinite, run in runs if infinite]
    return [(float(edges[run[0]]), float(edges[run[-1] + 1])) for run in found]


def _numbers(picture: ColumnPicture, edges: np.ndarray | None) -> Figure:
    lower = GAP + LOWER if edges is not None and has_integrand(picture) else 0
    height = TOP + UPPER + lower + BOTTOM
    figure = canvas(WIDTH, height)
    special = gathered(special_of(picture.special), SPECIAL)
    aside = 14 + 44 * len(special) if special else SIDE
    if edges is not None:
        scale = around(edges, log=picture.log_scale, is_date=picture.is_date)
        most = 5 if len(special) < 2 else 3
        axes = panel(figure, left=SIDE, right=aside, top=TOP, bottom=lower + BOTTOM)
        _upper(axes, picture, edges, scale)
        common = scale.across(axes, most=most, labels=not lower)
        if lower:
            axes = panel(figure, left=SIDE, right=aside, top=TOP + UPPER + GAP, bottom=BOTTOM)
            _lower(axes, picture, edges, scale)
            scale.across(axes, most=most)
        if common:
            figure.axes[0].text(1, 1, common, transform=figure.axes[0].transAxes, ha="right", va="top")
    if special:
        axes = panel(figure, left=WIDTH - aside + 14, right=2, top=TOP, bottom=lower + BOTTOM)
        special_bars(axes, special)
    return figure


def _upper(axes: Axes, picture: ColumnPicture, edges: np.ndarray, scale: Scale) -> None:
    a, b = np.array(picture.a), np.array(picture.b)
    if picture.kind == "counts" and len(a) <= LINES:
        count_bars(axes, edges, a, b)
    else:
        steps(axes, (a, edges), (b, edges), scale.log)


def _lower(axes: Axes, picture: ColumnPicture, edges: np.ndarray, scale: Scale) -> None:
    """The parts over the widths of their bins, so that the area is their sum."""
    parts = np.array([np.nan if part is None else part for part in picture.integrand], dtype=float)
    heights = np.nan_to_num(parts) / np.diff(np.log(edges) if scale.log else edges)
    axes.grid(True, axis="x")
    for side, colour in ((np.maximum(heights, 0.0), DATA), (np.minimum(heights, 0.0), MODEL)):
        axes.stairs(side, edges, fill=True, color=colour, alpha=0.55, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    low, high = float(heights.min()), float(heights.max())
    room = max(high - low, 1e-300)
    axes.set_ylim(min(low, 0.0) - 0.1 * room, max(high, 0.0) + 0.35 * room)
    axes.text(0, 1.02, "p log(p / q)", transform=axes.transAxes, ha="left", va="bottom", color=QUIET, size=10)
    _infinite(axes, gaps(picture, edges), scale)


def _infinite(axes: Axes, spans: list[tuple[float, float]], scale: Scale) -> None:
    """A dark band where A has rows and B has none, and one sign over bands that stand close."""
    written = -1.0
    for low, high in spans:
        axes.axvspan(low, high, ymax=0.72, color=INK, alpha=0.28, linewidth=0)
        middle = float(scale.fraction([low, high]).mean())
        if middle - written > CLOSE or written < 0:
            at = min(max(middle, 0.02), 0.98)
            axes.text(at, 0.72, "∞", transform=axes.transAxes, ha="center", va="bottom", color=INK, size=13)
            written = middle

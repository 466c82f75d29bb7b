"""The optimal transport plan of one column: each quantile of A on top is moved to the same quantile of B below.

On the line no plan is cheaper than the one that keeps the order (Monge 1781; Villani 2003, theorem 2.18).
"""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from pofx.report.scales import around
from pofx.report.svg import DATA, INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import short
from pofx.runs.comparison import ColumnPicture

WIDTH, HEIGHT = 284, 228
LEFT, RIGHT, TOP, BOTTOM = 20, 8, 16, 32
MOST = 50  # lines
STILL = 0.004  # a move shorter than this share of the axis is drawn as none


def has_moves(picture: ColumnPicture) -> bool:
    return 0 < len(picture.quantiles_a) == len(picture.quantiles_b)


def moves(name: str, picture: ColumnPicture, key: str) -> Markup | None:
    """The picture of one column; None where the quantiles are not known."""
    if not has_moves(picture):
        return None
    chosen = spread(len(picture.quantiles_a))
    start, end = np.array(picture.quantiles_a, dtype=float)[chosen], np.array(picture.quantiles_b, dtype=float)[chosen]
    scale = around([*start, *end], log=picture.log_scale, is_date=picture.is_date, margin=0.02)
    length = scale.fraction(end) - scale.fraction(start)
    with drawing(key):
        figure = canvas(WIDTH, HEIGHT)
        axes = panel(figure, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
        for which, colour in ((abs(length) <= STILL, QUIET), (length > STILL, MODEL), (length < -STILL, DATA)):
            axes.plot(*_lines(start[which], end[which]), color=colour, alpha=0.75, linewidth=1.1)
        for values, height, colour in ((start, 1.0, DATA), (end, 0.0, MODEL)):
            axes.axhline(height, color=INK, linewidth=0.8)
            axes.plot(values, np.full(len(values), height), "|", color=colour, markersize=7, clip_on=False)
        common = scale.across(axes)
        axes.tick_params(axis="x", pad=10)
        axes.set_ylim(0, 1)
        axes.spines["bottom"].set_visible(False)
        for side, height, colour in (("A", 1, DATA), ("B", 0, MODEL)):
            axes.text(-0.03, height, side, transform=axes.transAxes, ha="right", va="center_baseline", color=colour)
        if common:
            axes.text(1, 1.03, common, transform=axes.transAxes, ha="right", va="bottom")
        return inline(figure, f"{short(name, 60)}: lines from the quantiles of A to those of B")


def spread(levels: int) -> np.ndarray:
    """At most `MOST` of so many levels, evenly spread."""
    return np.unique(np.round(np.linspace(0, levels - 1, min(levels, MOST))).astype(int))


def _lines(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Separate lines from top to bottom as one path."""
    nothing = np.full(len(start), np.nan)
    x = np.stack([start, end, nothing], axis=1).ravel()
    return x, np.tile([1.0, 0.0, np.nan], len(start))

"""Two cumulative distributions with the area between them: on the line, that area is the Wasserstein distance W1.

Where A's curve is the higher one, B has moved to larger values, and the other way round (Vallender 1974).
"""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from pofx.report.scales import around
from pofx.report.svg import DATA, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import short
from pofx.runs.comparison import ColumnPicture

WIDTH, HEIGHT = 284, 228
LEFT, RIGHT, TOP, BOTTOM = 30, 8, 8, 22


def has_cumulatives(picture: ColumnPicture) -> bool:
    """Whether both curves are known at two points at least."""
    return 1 < len(picture.grid) == len(picture.cdf_a) == len(picture.cdf_b)


def cumulatives(name: str, picture: ColumnPicture, key: str) -> Markup | None:
    """The picture of one column; None where the curves are not known."""
    if not has_cumulatives(picture):
        return None
    grid, a, b = (np.array(values, dtype=float) for values in (picture.grid, picture.cdf_a, picture.cdf_b))
    scale = around(grid, log=picture.log_scale, is_date=picture.is_date)
    single = grid[0] == grid[-1]
    if single:  # one step from 0, for all to see
        grid, a, b = np.array([scale.low, grid[-1], scale.high]), a[[0, -1, -1]], b[[0, -1, -1]]
        a[0] = b[0] = 0.0
    stepped = single or picture.kind == "counts"
    with drawing(key):
        figure = canvas(WIDTH, HEIGHT)
        axes = panel(figure, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, grid="both")
        axes.fill_between(grid, a, b, step="post" if stepped else None, color=QUIET, alpha=0.35, linewidth=0)
        for curve, colour, width in ((a, DATA, 1.5), (b, MODEL, 1.7)):
            axes.plot(grid, curve, color=colour, linewidth=width, drawstyle="steps-post" if stepped else "default")
        common = scale.across(axes)
        axes.set_ylim(0, 1.01)
        axes.set_yticks([0, 0.5, 1], ["0", "½", "1"])
        if common:
            axes.text(1, 0.02, common, transform=axes.transAxes, ha="right", va="bottom")
        return inline(figure, f"{short(name, 60)}: the cumulative distributions of A and of B, the area between shaded")


def shift(picture: ColumnPicture) -> tuple[float, float]:
    """The area between the curves where A's is higher, so that B is larger, and where B's is."""
    grid, a, b = (np.array(values, dtype=float) for values in (picture.grid, picture.cdf_a, picture.cdf_b))
    gap, width = a - b, np.diff(grid)
    middle = gap[:-1] if picture.kind == "counts" else (gap[:-1] + gap[1:]) / 2
    return float((np.maximum(middle, 0) * width).sum()), float((np.maximum(-middle, 0) * width).sum())

"""Pictures of two columns: held-out points under contours of the model's density, or beside its samples.

A contour encloses the smallest region with a given mass (Hyndman 1996): cells of the grid are taken, densest first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pofx.report.svg import DATA, MODEL, canvas, drawing, inline, panel
from pofx.report.text import short
from pofx.report.ticks import mark
from pofx.runs.evidence import PairEvidence

WIDTH, HEIGHT = 284, 244
MASSES = (0.95, 0.8, 0.5)
LEFT, BOTTOM = 48, 36
HEAVY = 30  # a tail this many times the median is drawn on a log scale


def pair(evidence: PairEvidence, dates: frozenset[str], key: str) -> Markup:
    """The picture of a pair; `dates` names the columns whose numbers are days since 1970."""
    x, y = short(evidence.x, 40), short(evidence.y, 40)
    with drawing(key):
        figure = canvas(WIDTH, HEIGHT)
        if evidence.log_density:
            _contours(figure, evidence, dates)
            return inline(figure, f"{y} against {x}: held-out points and contours of the model's density")
        _side_by_side(figure, evidence, dates)
        return inline(figure, f"{y} against {x}: held-out points on the left, the model's samples on the right")


def levels(log_density: np.ndarray, x: np.ndarray, y: np.ndarray, masses: tuple[float, ...]) -> np.ndarray:
    """Log-densities whose regions hold at least these shares of the mass on the grid.

    Args:
        log_density: `[len(y), len(x)]`, nats; -inf where there is none.
        x, y: increasing.
        masses: shares in (0, 1).
    """
    area = np.outer(np.gradient(y), np.gradient(x))
    mass = (np.exp(log_density - log_density.max()) * area).ravel()
    order = np.argsort(-log_density.ravel(), kind="stable")
    held = np.cumsum(mass[order]) / mass.sum()
    places = np.minimum(np.searchsorted(held, masses), len(held) - 1)
    return np.asarray(log_density.ravel()[order][places])


def _contours(figure: Figure, evidence: PairEvidence, dates: frozenset[str]) -> None:
    x, y = np.array(evidence.grid_x), np.array(evidence.grid_y)
    log_density = np.array(evidence.log_density, dtype=float)  # null becomes NaN
    log_density = np.nan_to_num(log_density, nan=-np.inf, neginf=-np.inf, posinf=np.inf)
    axes = panel(figure, left=LEFT, right=6, top=8, bottom=BOTTOM, grid="both")
    across, up = Frame(x[0], x[-1], is_geometric(x)), Frame(y[0], y[-1], is_geometric(y))
    _frame(axes, evidence, across, up, dates)
    axes.set_ylabel(short(evidence.y, 32))
    _dots(axes, evidence.data, DATA)
    if not np.isfinite(log_density).any():
        return
    # On a log axis, the density per unit of log x, so that regions are the smallest ones of what is seen.
    log_density = log_density + (np.log(x) if across.log else 0.0) + (np.log(y)[:, None] if up.log else 0.0)
    spaced = (np.log(x) if across.log else x, np.log(y) if up.log else y)
    marks = np.unique(levels(log_density, *spaced, MASSES))
    widths = np.linspace(1.0, 1.9, len(marks))
    heights = np.maximum(log_density, marks[0] - 2.0)  # -inf has no contour; two nats below the outermost hide nothing
    axes.contour(x, y, heights, levels=marks, colors=MODEL, linewidths=widths, linestyles="solid")


def _side_by_side(figure: Figure, evidence: PairEvidence, dates: frozenset[str]) -> None:
    both = np.array([*evidence.data, *evidence.samples], dtype=float).reshape(-1, 2)
    across, up = (_limits(both[:, k]) for k in (0, 1))
    half = (WIDTH - LEFT - 6 - 14) / 2
    for points, colour, left in ((evidence.data, DATA, LEFT), (evidence.samples, MODEL, LEFT + half + 14)):
        axes = panel(figure, left=left, right=WIDTH - left - half, top=8, bottom=BOTTOM, grid="both")
        _frame(axes, evidence, across, up, dates, most=3)
        _dots(axes, points, colour)
        if colour == DATA:
            axes.set_ylabel(short(evidence.y, 32))
        else:
            axes.set_yticklabels([])


class Frame(NamedTuple):
    """What an axis shows, and whether on a log scale."""

    low: float
    high: float
    log: bool = False


def _frame(axes: Axes, evidence: PairEvidence, across: Frame, up: Frame, dates: frozenset[str], most: int = 5) -> None:
    axes.set_xscale("log" if across.log else "linear")
    axes.set_yscale("log" if up.log else "linear")
    axes.set_xlim(across.low, across.high)
    axes.set_ylim(up.low, up.high)
    mark(axes.yaxis, up.low, up.high, most=6, is_date=evidence.y in dates, log_scale=up.log)
    is_date = evidence.x in dates
    common = mark(axes.xaxis, across.low, across.high, most=most, is_date=is_date, log_scale=across.log)
    name = short(evidence.x, 36 if most > 3 else 16)
    axes.set_xlabel(f"{name} ({common})" if common else name)


def _dots(axes: Axes, points: tuple[tuple[float, float], ...], colour: str) -> None:
    """Dots as one path of strokes without length, which is much shorter than one element for each."""
    xy = np.array(points, dtype=float).reshape(-1, 2)
    path = np.empty((3 * len(xy), 2))
    path[0::3], path[1::3], path[2::3] = xy, xy, np.nan
    alpha = float(np.clip(8 / max(len(xy), 1) ** 0.4, 0.6, 0.9))
    axes.plot(path[:, 0], path[:, 1], color=colour, alpha=alpha, linewidth=3.2, solid_capstyle="round")


def is_geometric(grid: np.ndarray) -> bool:
    """Whether a grid is evenly spaced on a log scale."""
    if len(grid) < 3 or grid[0] <= 0 or grid[-1] < 2 * grid[0]:
        return False
    steps = np.diff(np.log(grid))
    return bool(np.allclose(steps, steps[0], rtol=1e-6))


def _limits(values: np.ndarray) -> Frame:
    """The middle 99%, with a margin; on a log scale where the tail is heavy."""
    finite = values[np.isfinite(values)]
    low, high = (float(q) for q in np.quantile(finite, [0.005, 0.995])) if len(finite) else (0.0, 1.0)
    if len(finite) and low > 0 and high > HEAVY * np.median(finite):
        return Frame(low, high, log=True)
    margin = 0.05 * (high - low) or max(abs(high) * 0.05, 0.5)
    return Frame(low - margin, high + margin)

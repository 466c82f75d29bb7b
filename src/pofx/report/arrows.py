"""The transport plan between two columns as arrows from rows of A to rows of B, darker the more mass they carry."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from pofx.report.scales import Scale, around
from pofx.report.svg import DATA, INK, MODEL, canvas, drawing, inline, panel
from pofx.report.text import short
from pofx.runs.comparison import ArrowsPicture, ColumnDrift

WIDTH, HEIGHT = 480, 360
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 38
MOST = 300  # arrows
CLASSES = 4  # of mass, each with its own width and opacity
HEAD, SHORT = 6.0, 4.0  # pixels: length of a head; an arrow shorter than this has none


def arrows(picture: ArrowsPicture, columns: tuple[ColumnDrift, ...], key: str) -> Markup | None:
    """The picture; None without arrows. Axes are log or date axes where the columns' own pictures say so."""
    if not picture.arrows:
        return None
    rows = heaviest(picture)
    known = {column.name: column.picture for column in columns}
    with drawing(key):
        figure = canvas(WIDTH, HEIGHT)
        axes = panel(figure, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, grid="both")
        x, y = (
            around(
                [*rows[:, k], *rows[:, k + 2]],
                log=name in known and known[name].log_scale,
                is_date=name in known and known[name].is_date,
                margin=0.04,
            )
            for k, name in enumerate((picture.x, picture.y))
        )
        _frame(axes, picture, x, y)
        _draw(axes, rows, x, y)
        return inline(
            figure, f"{short(picture.y, 40)} against {short(picture.x, 40)}: arrows from rows of A to rows of B"
        )


def heaviest(picture: ArrowsPicture) -> np.ndarray:
    """The arrows that carry most, the lightest of them first, so that the heaviest are drawn on top."""
    rows = np.array(picture.arrows, dtype=float).reshape(-1, 5)  # [n, 5]: x0, y0, x1, y1, mass
    return np.asarray(rows[np.argsort(-rows[:, 4], kind="stable")[:MOST]][::-1])


def _frame(axes: Axes, picture: ArrowsPicture, x: Scale, y: Scale) -> None:
    years = x.across(axes, most=6)
    y.up(axes)
    name = short(picture.x, 48)
    axes.set_xlabel(f"{name} ({years})" if years else name, labelpad=6)
    axes.set_ylabel(short(picture.y, 40))


def _draw(axes: Axes, rows: np.ndarray, x: Scale, y: Scale) -> None:
    """In pixels of the panel, so that heads have the same shape at any slope and on any axis."""
    size = np.array([WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM], dtype=float)
    start = np.stack([x.fraction(rows[:, 0]), y.fraction(rows[:, 1])], axis=1) * size  # [n, 2]
    end = np.stack([x.fraction(rows[:, 2]), y.fraction(rows[:, 3])], axis=1) * size
    weight = rows[:, 4] / max(float(rows[:, 4].max()), 1e-300)
    group = np.clip(np.ceil(weight * CLASSES), 1, CLASSES)
    for k in range(1, CLASSES + 1):
        some, strength = group == k, k / CLASSES
        if some.any():
            _group(axes, start[some] / size, end[some] / size, _heads(start[some], end[some]) / size, strength)


def _group(axes: Axes, start: np.ndarray, end: np.ndarray, heads: np.ndarray, strength: float) -> None:
    """Arrows of one width and opacity: tails as dots, shafts and heads, each kind as one path."""
    alpha, where = 0.35 + 0.6 * strength, axes.transAxes
    nothing = np.full_like(start, np.nan)
    shafts, dots = np.stack([start, end, nothing], axis=1), np.stack([start, start, nothing], axis=1)
    for lines, colour, width in (
        (shafts, INK, 0.5 + 0.9 * strength),
        (dots, DATA, 3.0 + 2.0 * strength),
        (heads, MODEL, 1.2 + 0.8 * strength),
    ):
        path = lines.reshape(-1, 2)
        fade = 0.45 * alpha if colour == INK else alpha
        axes.plot(
            *path.T, color=colour, alpha=fade, linewidth=width, solid_capstyle="round", transform=where, clip_on=False
        )


def _heads(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """`[n, 4, 2]`: the two strokes of each head, and a break; a dot where the arrow is too short for one."""
    move = end - start
    length = np.hypot(*move.T)[:, None]  # [n, 1]
    along = move / np.maximum(length, 1e-9)
    across = along[:, ::-1] * np.array([-1.0, 1.0])
    size = np.where(length > SHORT, np.minimum(HEAD, 0.6 * length), 0.0)
    sides = [end - size * along + side * 0.5 * size * across for side in (1, -1)]
    return np.stack([sides[0], end, sides[1], np.full_like(end, np.nan)], axis=1)

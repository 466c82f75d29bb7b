"""Pictures of one column: held-out rows against the model's samples, special values apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pofx.report.svg import DATA, INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import percent, short
from pofx.report.ticks import mark, round_numbers
from pofx.runs.evidence import ColumnEvidence

WIDTH, HEIGHT = 284, 160
TOP, BOTTOM = 8, 22
BARS = 20  # labels drawn one by one; the others are drawn as one
LINES = 33  # more counts than this are drawn as an outline, not as bars
SPECIAL = 3  # special values drawn one by one
LABEL = 20  # characters of a label
FEW = (800, 150)  # with fewer rows than these, bins are twice as wide, and twice again
ALONE = 0.25  # special values are drawn on a scale that reaches this share at least

Shares = tuple[np.ndarray, np.ndarray]  # in each bin, and the edges of the bins
Bar = tuple[str, float, float]  # a name, its share of the data, its share of the samples


def overlap(column: ColumnEvidence, rows: int) -> float:
    """The share that data and samples have in common, bin by bin as drawn: one minus their total variation."""
    data, samples = (_coarse(column, shares, rows)[0].tolist() for shares in (column.data, column.samples))
    pairs: list[tuple[float, float]] = [*zip(data, samples, strict=True), *column.special.values()]
    common = sum(min(pair) for pair in pairs)
    beyond = min(1 - sum(pair[side] for pair in pairs) for side in (0, 1))
    return min(1.0, max(0.0, common + max(0.0, beyond)))


def marginal(column: ColumnEvidence, rows: int, key: str) -> Markup:
    """The picture of one column, of which `rows` were held out."""
    common = percent(overlap(column, rows))
    label = f"{short(column.name, 60)}: held-out rows against samples, {common} in common"
    with drawing(key):
        if column.kind == "category":
            bars = list(zip(column.labels, column.data, column.samples, strict=True))
            return inline(label_bars(bars, special_of(column.special)), label)
        return inline(_outline(column, rows), label)


def _coarse(column: ColumnEvidence, shares: tuple[float, ...], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares and edges, in wider bins where few rows would make the narrow ones restless."""
    values, edges = np.array(shares, dtype=float), np.array(column.edges, dtype=float)
    wide = 2 ** sum(rows < few for few in FEW)
    if wide == 1 or column.kind != "continuous" or len(values) < 8 * wide:
        return values, edges
    starts = np.arange(0, len(values), wide)
    return np.add.reduceat(values, starts), np.append(edges[starts], edges[-1])


def _outline(column: ColumnEvidence, rows: int) -> Figure:
    figure = canvas(WIDTH, HEIGHT)
    special = gathered(special_of(column.special), SPECIAL)
    aside = 14 + 44 * len(special) if special else 6
    axes = panel(figure, left=6, right=aside, top=TOP, bottom=BOTTOM)
    if len(column.edges) > 1:
        _histogram(axes, column, rows)
    if special:
        special_bars(panel(figure, left=WIDTH - aside + 14, right=2, top=TOP, bottom=BOTTOM), special)
    return figure


def _histogram(axes: Axes, column: ColumnEvidence, rows: int) -> None:
    edges = np.array(column.edges)
    log_scale = column.log_scale and edges[0] > 0
    if log_scale:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    most = 5 if len(column.special) < 2 else 3
    common = mark(axes.xaxis, edges[0], edges[-1], most=most, is_date=column.is_date, log_scale=log_scale)
    if common:
        axes.text(1, 1, common, transform=axes.transAxes, ha="right", va="top")
    if column.kind == "counts" and len(column.data) <= LINES:
        count_bars(axes, edges, np.array(column.data), np.array(column.samples))
    else:
        steps(axes, _coarse(column, column.data, rows), (np.array(column.samples), edges), log_scale)


def steps(axes: Axes, first: Shares, second: Shares, log_scale: bool) -> None:
    """Outlines whose area is a share: shares over the width of their bins on the scale that is drawn."""
    axes.grid(True, axis="x")
    (data, wide), (samples, fine) = first, second
    data, samples = (share / np.diff(np.log(at) if log_scale else at) for share, at in (first, second))
    axes.stairs(data, wide, fill=True, color=DATA, alpha=0.22, linewidth=0)
    axes.stairs(data, wide, color=DATA, linewidth=1.2, baseline=None)
    axes.stairs(samples, fine, color=MODEL, linewidth=1.6, baseline=None)
    axes.set_ylim(0, max(data.max(), samples.max(), 1e-300) * 1.06)


def count_bars(axes: Axes, edges: np.ndarray, data: np.ndarray, samples: np.ndarray) -> None:
    middle, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges) * 0.4
    axes.bar(middle - width / 2, data, width, color=DATA, alpha=0.75)
    axes.bar(middle + width / 2, samples, width, color=MODEL, alpha=0.85)
    axes.set_ylim(0, max(data.max(), samples.max(), 1e-300) * 1.06)


def special_bars(axes: Axes, special: list[Bar]) -> None:
    """Missing values and atoms as shares of all rows: data in the first line of figures, samples in the second."""
    highest = max(ALONE, *(max(d, s) for _, d, s in special))
    for place, (_, d, s) in enumerate(special):
        for side, share, colour in ((-0.2, d, DATA), (0.2, s, MODEL)):
            axes.bar(place + side, share, 0.34, color=colour, alpha=0.8)
        for line, share, colour in ((14, d, DATA), (3, s, MODEL)):
            _remark(axes, percent(share), (place, max(d, s)), (0, line), colour, "center")
    axes.set_xlim(-0.55, len(special) - 0.45)
    axes.set_ylim(0, highest * 1.25)
    axes.set_xticks(range(len(special)), [short(name, 8) for name, _, _ in special], color=INK, size=10)


def _remark(
    axes: Axes,
    words: str,
    spot: tuple[float, float],
    away: tuple[float, float],
    colour: str,
    side: Literal["left", "center"],
) -> None:
    """Small coloured words so many pixels away from a spot of the data."""
    axes.annotate(words, spot, away, textcoords="offset points", ha=side, color=colour, size=10)


def label_bars(bars: list[Bar], special: list[Bar]) -> Figure:
    """Horizontal pairs of bars, special values below a gap."""
    bars, special = gathered(bars, BARS), gathered(special, SPECIAL)
    both = [*bars, *special]
    places = [*range(len(bars)), *(len(bars) + 0.5 + k for k in range(len(special)))]
    names = [short(name, LABEL) for name, _, _ in both]
    height = max(HEIGHT, 19 * len(both) + TOP + BOTTOM)
    figure = canvas(WIDTH, height)
    left = 14 + 6.4 * max(map(len, names), default=0)
    axes = panel(figure, left=left, right=72, top=TOP, bottom=BOTTOM, grid="x")
    axes.spines["bottom"].set_visible(False)
    thickness = min(0.38, 12 * len(both) / (height - TOP - BOTTOM))
    for place, (_, d, s) in zip(places, both, strict=True):
        axes.barh(place - thickness / 2, d, thickness * 0.92, color=DATA, alpha=0.75)
        axes.barh(place + thickness / 2, s, thickness * 0.92, color=MODEL, alpha=0.85)
        for away, share, colour in ((4, d, DATA), (9 + 6.8 * len(percent(d)), s, MODEL)):
            _remark(axes, percent(share), (max(d, s), place), (away, -3.5), colour, "left")
    axes.set_yticks(places, names, color=INK)
    for tick in axes.get_yticklabels()[len(bars) :]:
        tick.set_color(QUIET)
    axes.set_ylim(max(places, default=0) + 0.6, -0.6)
    highest = max([1e-9, *(max(d, s) for _, d, s in both)])
    axes.set_xlim(0, highest)
    marks, labels = round_numbers(0, 100 * highest, 4)
    axes.set_xticks([place / 100 for place in marks], [f"{label}%" for label in labels])
    return figure


def special_of(shares: Mapping[str, tuple[float, float]]) -> list[Bar]:
    """Missing values and atoms as bars."""
    return [(name, first, second) for name, (first, second) in shares.items()]


def gathered(items: list[Bar], most: int) -> list[Bar]:
    """The largest `most` in their order, the others as one."""
    if len(items) <= most:
        return items
    ranked = sorted(range(len(items)), key=lambda k: -sum(items[k][1:]))
    left = [items[k] for k in ranked[most:]]
    rest = (f"{len(left)} others", sum(first for _, first, _ in left), sum(second for _, _, second in left))
    return [*(items[k] for k in sorted(ranked[:most])), rest]

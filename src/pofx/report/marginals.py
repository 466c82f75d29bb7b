"""Pictures of one column: held-out rows against the model's samples, special values apart."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from pofx.report.svg import DATA, INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import percent, short
from pofx.report.ticks import mark
from pofx.runs.records import ColumnEvidence

WIDTH, HEIGHT = 340, 190
BARS = 20  # labels drawn one by one; the others are drawn as one
LINES = 33  # more counts than this are drawn as an outline, not as bars
SPECIAL = 4  # special values drawn one by one
LABEL = 20  # characters of a label


def overlap(column: ColumnEvidence) -> float:
    """The share that data and samples have in common: one minus the total variation of what is drawn."""
    pairs = [*zip(column.data, column.samples, strict=True), *column.special.values()]
    common = sum(min(pair) for pair in pairs)
    beyond = min(1 - sum(pair[0] for pair in pairs), 1 - sum(pair[1] for pair in pairs))
    return min(1.0, max(0.0, common + max(0.0, beyond)))


def marginal(column: ColumnEvidence, key: str) -> Markup:
    """The picture of one column."""
    label = f"{short(column.name, 60)}: held-out rows against samples, {percent(overlap(column))} in common"
    with drawing(key):
        return _bars(column, label) if column.kind == "category" else _outline(column, label)


def _outline(column: ColumnEvidence, label: str) -> Markup:
    figure = canvas(WIDTH, HEIGHT)
    special = _gathered(list(column.special.items()), SPECIAL, "others")
    aside = 18 + 46 * len(special) if special else 8
    axes = panel(figure, left=8, right=aside, top=8, bottom=34)
    if len(column.edges) > 1:
        _histogram(axes, column)
    if special:
        _special(panel(figure, left=WIDTH - aside + 18, right=2, top=22, bottom=34), special)
    return inline(figure, label)


def _histogram(axes: Axes, column: ColumnEvidence) -> None:
    edges = np.array(column.edges)
    log_scale = column.log_scale and edges[0] > 0
    if log_scale:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.grid(True, axis="x")
    common = mark(axes.xaxis, edges[0], edges[-1], is_date=column.is_date, log_scale=log_scale)
    axes.set_xlabel(common, loc="right", labelpad=1)
    widths = np.diff(np.log(edges) if log_scale else edges)
    data, samples = np.array(column.data) / widths, np.array(column.samples) / widths
    if column.kind == "counts" and len(data) <= LINES:
        axes.grid(False)
        _count_bars(axes, edges, data, samples)
    else:
        axes.stairs(data, edges, fill=True, color=DATA, alpha=0.22, linewidth=0)
        axes.stairs(data, edges, color=DATA, linewidth=1.2, baseline=None)
        axes.stairs(samples, edges, color=MODEL, linewidth=1.6, baseline=None)
    axes.set_ylim(0, max(data.max(), samples.max(), 1e-300) * 1.06)


def _count_bars(axes: Axes, edges: np.ndarray, data: np.ndarray, samples: np.ndarray) -> None:
    middle, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges) * 0.4
    axes.bar(middle - width / 2, data, width, color=DATA, alpha=0.75)
    axes.bar(middle + width / 2, samples, width, color=MODEL, alpha=0.85)


def _special(axes: Axes, special: list[tuple[str, float, float]]) -> None:
    """Missing values and atoms, as shares of all rows."""
    highest = max(max(d, s) for _, d, s in special) or 1.0
    for place, (_, d, s) in enumerate(special):
        for x, share, colour in ((place - 0.2, d, DATA), (place + 0.2, s, MODEL)):
            axes.bar(x, share, 0.34, color=colour, alpha=0.8)
        axes.text(place, max(d, s) + 0.04 * highest, percent(d), ha="center", color=DATA, fontsize=10)
    axes.set_xlim(-0.6, len(special) - 0.4)
    axes.set_ylim(0, highest * 1.12)
    axes.set_xticks(range(len(special)), [short(name, 8) for name, _, _ in special], color=INK, fontsize=10)


def _bars(column: ColumnEvidence, label: str) -> Markup:
    """Horizontal pairs of bars, special values below a gap."""
    bars = _gathered([(n, (d, s)) for n, d, s in zip(column.labels, column.data, column.samples, strict=True)], BARS, "others")
    special = _gathered(list(column.special.items()), SPECIAL, "others")
    places = [*range(len(bars)), *(len(bars) + 0.5 + k for k in range(len(special)))]
    names = [short(name, LABEL) for name, _, _ in [*bars, *special]]
    height = max(HEIGHT, 16 * (len(names) + 1) + 30)
    figure = canvas(WIDTH, height)
    left = 14 + 6.2 * max(len(name) for name in names)
    axes = panel(figure, left=left, right=34, top=8, bottom=34, grid="x")
    axes.spines["bottom"].set_visible(False)
    thickness = min(0.38, 13 * (max(places) + 1) / (height - 42))
    for place, (_, d, s) in zip(places, [*bars, *special], strict=True):
        axes.barh(place - thickness / 2, d, thickness * 0.92, color=DATA, alpha=0.75)
        axes.barh(place + thickness / 2, s, thickness * 0.92, color=MODEL, alpha=0.85)
        axes.text(max(d, s), place, "  " + percent(d), va="center_baseline", color=DATA, fontsize=10)
    axes.set_yticks(places, names, color=INK)
    for tick in axes.get_yticklabels()[len(bars) :]:
        tick.set_color(QUIET)
    axes.set_ylim(max(places) + 0.6, -0.6)
    highest = max(max(d, s) for _, d, s in [*bars, *special]) or 1.0
    axes.set_xlim(0, highest)
    mark(axes.xaxis, 0, 100 * highest, most=4)
    axes.set_xticks([t / 100 for t in axes.get_xticks()], [f"{t.get_text()}%" for t in axes.get_xticklabels()])
    return inline(figure, label)


def _gathered(
    items: list[tuple[str, tuple[float, float]]], most: int, rest: str
) -> list[tuple[str, float, float]]:
    """Name, share of the data, share of the samples: the largest `most` in their order, the others as one."""
    ranked = sorted(range(len(items)), key=lambda k: -sum(items[k][1]))
    kept = sorted(ranked if len(items) <= most else ranked[:most])
    left = ranked[len(kept) :]
    found = [(items[k][0], *items[k][1]) for k in kept]
    if left:
        found.append((f"{len(left)} {rest}", sum(items[k][1][0] for k in left), sum(items[k][1][1] for k in left)))
    return found

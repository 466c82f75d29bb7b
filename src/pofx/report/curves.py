"""How models were trained: their losses over time on one axis, and the terms of a loss each on its own.

The first losses of a network may be a thousand times the last ones: an axis ends where the best and the middle of the
values can still be told apart, and what is above runs off its top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from pofx.report.hues import HUES
from pofx.report.scales import Scale, around
from pofx.report.svg import INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import listed, short, significant
from pofx.runs.evidence import Curve
from pofx.units import bits

WIDTH, HEIGHT = 440, 300
LEFT, TOP, BOTTOM = 52, 12, 40
PANEL = 128  # height of one term
MOST = 16  # curves on one chart
POINTS = 300  # of one line
LINE = 15.0  # height of a label
REACH = 4.0  # an axis reaches at most this many times as far above the least value as the middle one
CAP = 6.0  # a training that ends this many times further from the best one than the middle one ran away
APART = 20.0  # times: trainings so different in length stand on a log axis of seconds


def losses(
    curves: Sequence[Curve], dims: float | None, units: str, key: str, *, per: str = "bits per dimension"
) -> Markup | None:
    """Training and validation loss of every curve, in bits per value where there are `dims`, else in nats."""
    factor = 1.0 if not dims else bits(1.0) / dims
    lines = [(c, _line(c.seconds, c.training, factor), _line(c.seconds, c.validation, factor)) for c in curves]
    lines = [line for line in lines if len(line[1]) or len(line[2])][:MOST]
    if not lines:
        return None
    names = [short(curve.model, 16) for curve, _, _ in lines]
    height = max(HEIGHT, LINE * len(lines) + TOP + BOTTOM + 20)
    with drawing(key):
        figure = canvas(WIDTH, height)
        right = 26 + 6.3 * max(map(len, names))
        axes = panel(figure, left=LEFT, right=right, top=TOP, bottom=BOTTOM, grid="y")
        _seconds([line for _, *both in lines for line in both]).across(axes, most=5)
        y = span([line[:, 1] for _, *both in lines for line in both], [_end(*both)[1] for _, *both in lines])
        y.up(axes, most=6)
        axes.set_xlabel("seconds", labelpad=6)
        axes.set_ylabel(per if dims else units)
        for place, (_, training, validation) in enumerate(lines):
            _draw(axes, training, validation, hue(place))
        _labels(axes, names, [_end(*both) for _, *both in lines], y, height - TOP - BOTTOM)
        said = [f"{name} ends at {significant(_end(*both)[1])}" for name, (_, *both) in zip(names, lines, strict=True)]
        return inline(figure, f"Training and validation loss over seconds: {listed(said, MOST)}")


def terms(curve: Curve, key: str) -> Markup | None:
    """The terms of the validation loss over time, each on its own axis, as one is often much larger; nats."""
    lines = [(name, _line(curve.seconds, values)) for name, values in curve.parts.items()]
    lines = [(name, line) for name, line in lines if len(line)]
    if not lines:
        return None
    height = PANEL * len(lines) + BOTTOM
    with drawing(key):
        figure = canvas(WIDTH, height)
        x = _seconds([line for _, line in lines])
        for place, (name, line) in enumerate(lines):
            below = BOTTOM + PANEL * (len(lines) - 1 - place)
            axes = panel(figure, left=LEFT, right=54, top=PANEL * place + 32, bottom=below, grid="y")
            last = place == len(lines) - 1
            x.across(axes, most=5, labels=last)
            span([line[:, 1]], [line[-1, 1]]).up(axes, most=4)
            axes.text(0, 1.07, short(name, 40), transform=axes.transAxes, color=INK, va="bottom")
            axes.plot(*line.T, color=MODEL, linewidth=1.8)
            axes.plot(*line[-1:].T, "o", color=MODEL, markersize=5, clip_on=False)
            spot = (float(line[-1, 0]), float(line[-1, 1]))
            axes.annotate(significant(spot[1]), spot, (8, 0), textcoords="offset points", va="center", color=INK)
            if last:
                axes.set_xlabel("seconds", labelpad=6)
        said = [f"{name} ends at {significant(float(line[-1, 1]))} nats" for name, line in lines]
        return inline(figure, f"Terms of the loss of {short(curve.model, 40)} over seconds: {listed(said)}")


def span(lines: Iterable[np.ndarray], ends: Sequence[float]) -> Scale:
    """The axis of some lines: all of what is near the best, and the last value of each unless it ran away."""
    values = np.concatenate(list(lines))
    low, middle = float(values.min()), float(np.median(values))
    best, typical = min(ends), float(np.median(ends))
    sane = [end for end in ends if end <= best + CAP * (typical - best)]
    high = max([min(float(values.max()), low + REACH * (middle - low)), *sane])
    return around([low, high], margin=0.04)


def hue(place: int) -> str:
    """The colour of the model at this place; the eleventh and later ones are grey."""
    return HUES[place] if place < len(HUES) else QUIET


def apart(places: Sequence[float], gap: float, room: float) -> list[float]:
    """The places, moved as little as keeps them `gap` apart in their order and inside [0, room], if they fit at all.

    >>> apart([50.0, 52.0, 90.0], 10.0, 100.0)
    [46.0, 56.0, 90.0]
    """
    order = sorted(range(len(places)), key=lambda k: places[k])
    blocks: list[tuple[float, int]] = []  # of labels that touch: the middle of each, and how many
    for k in order:
        middle, size = _within(places[k], gap, 1, room), 1
        while blocks and middle - gap * size / 2 < blocks[-1][0] + gap * blocks[-1][1] / 2:
            before, many = blocks.pop()
            size += many
            middle = _within((before * many + middle * (size - many)) / size, gap, size, room)
        blocks.append((middle, size))
    found = [middle + gap * (k - (size - 1) / 2) for middle, size in blocks for k in range(size)]
    return [found[order.index(k)] for k in range(len(places))]


def _within(middle: float, gap: float, size: int, room: float) -> float:
    half = gap * (size - 1) / 2
    return max(half, min(room - half, middle))


def _line(seconds: Sequence[float], values: Sequence[float | None], factor: float = 1.0) -> np.ndarray:
    """`[n, 2]`: seconds and the finite values, thinned, the last one kept."""
    pairs = [(s, factor * v) for s, v in zip(seconds, values, strict=False) if v is not None and math.isfinite(v)]
    stride = -(-len(pairs) // POINTS) or 1
    kept = pairs[::-1][::stride][::-1]
    return np.array(kept, dtype=float).reshape(-1, 2)


def _seconds(lines: Sequence[np.ndarray]) -> Scale:
    found = [line[:, 0] for line in lines if len(line)]
    ends = [float(times[-1]) for times in found]
    log = min(ends) > 0 and max(ends) > APART * min(ends)
    first = min((float(time) for times in found for time in times if time > 0), default=0.0)
    return around([first if log else min(float(times[0]) for times in found), max(ends)], log=log)


def _end(training: np.ndarray, validation: np.ndarray) -> tuple[float, float]:
    """Where the line that counts ends."""
    second, value = (validation if len(validation) else training)[-1]
    return float(second), float(value)


def _draw(axes: Axes, training: np.ndarray, validation: np.ndarray, colour: str) -> None:
    axes.plot(*training.T, color=colour, alpha=0.55, linewidth=1.1, linestyle=(0, (3, 1.5)))
    axes.plot(*validation.T, color=colour, linewidth=2.0)


def _labels(axes: Axes, names: list[str], ends: list[tuple[float, float]], y: Scale, room: float) -> None:
    """Names beside the ends of the lines, apart from each other, each tied to its end."""
    heights = [min(1.0, float(y.fraction([value])[0])) for _, value in ends]
    spots = apart([height * room for height in heights], LINE, room)
    beside = axes.get_yaxis_transform()  # across in parts of the panel, up in values
    for place, ((second, value), name, height, spot) in enumerate(zip(ends, names, heights, spots, strict=True)):
        colour, inside = hue(place), value <= y.high
        at = value if inside else y.high
        if inside:
            axes.plot([second], [value], "o", color=colour, markersize=5, clip_on=False)
            axes.plot([second, axes.get_xlim()[1]], [at, at], color=colour, linewidth=0.8, linestyle=(0, (1, 2)))
        level = y.low + (y.high - y.low) * spot / room
        axes.plot([1, 1.05], [y.low + (y.high - y.low) * height, level], color=colour, transform=beside, clip_on=False)
        axes.text(1.06, level, name if inside else f"{name} ↑", transform=beside, va="center_baseline", color=INK)

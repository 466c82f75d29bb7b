"""Pictures of the whole run: the leaderboard's differences, flatness of calibration, scores of rows and of samples."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from scipy.special import bdtr, bdtrik  # scipy.stats would take a second to load

from pofx.report.svg import BAND, DATA, INK, MODEL, QUIET, canvas, drawing, inline, panel
from pofx.report.text import number, short
from pofx.report.ticks import mark, round_numbers
from pofx.runs.evidence import Evidence
from pofx.runs.records import ModelRow

WIDE = 720
LINE = 26  # height of a model's line
CAP = 6.0  # a model this many times further off than the median one is drawn at the edge
EXPECTED = 8  # rows that a bar of a calibration histogram should stand for


def differences(models: list[ModelRow], chosen: str, key: str, units: str = "nats per row") -> Markup:
    """Paired differences to the best model, with 95% intervals; a hollow mark is a bound."""
    known = [(model, model.delta) for model in models if model.delta is not None]
    errors = [1.96 * (model.delta_std_error or 0.0) for model, _ in known]
    low = _furthest([delta - error for (_, delta), error in zip(known, errors, strict=True)])
    high = max([0.0, *(delta + error for (_, delta), error in zip(known, errors, strict=True))])
    high += 0.02 * (high - low)
    with drawing(key):
        figure = canvas(WIDE, LINE * len(known) + 48)
        axes = panel(figure, left=150, right=14, top=6, bottom=42, grid="x")
        for place, ((model, delta), error) in enumerate(zip(known, errors, strict=True)):
            colour = MODEL if model.name == chosen else QUIET
            face = colour if model.likelihood == "exact" else "none"
            if delta < low:
                axes.text(low, place, f"← {number(delta, 1)}", va="center_baseline", color=QUIET)
                continue
            axes.plot([delta - error, delta + error], [place, place], color=colour, linewidth=2, solid_capstyle="round")
            axes.plot([delta], [place], "o", markersize=8, markerfacecolor=face, markeredgecolor=colour)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_xlim(low - 0.02 * (high - low), high)
        axes.set_ylim(len(known) - 0.4, -0.6)
        axes.set_yticks(range(len(known)), [short(model.name, 22) for model, _ in known], color=INK)
        mark(axes.xaxis, low, high, most=7)
        axes.set_xlabel(f"{units} below the best model, with 95% intervals", labelpad=6)
        said = "; ".join(f"{model.name} {number(delta)}" for model, delta in known)
        return inline(figure, f"Paired differences to the best model: {said}")


def _furthest(ends: list[float]) -> float:
    """Where the axis starts: at the worst model, unless it is so far off that nobody could tell the others apart."""
    worse = [end for end in ends if end < 0]
    limit = CAP * float(np.median(worse)) if worse else 0.0
    return min([-1e-3, *(end for end in worse if end >= limit)])


def merged(shares: tuple[float, ...], rows: int) -> tuple[float, ...]:
    """The same histogram in fewer bins, where a bar would stand for a handful of rows."""
    while rows < EXPECTED * len(shares) and len(shares) % 2 == 0:
        shares = tuple(shares[k] + shares[k + 1] for k in range(0, len(shares), 2))
    return shares


def flatness_band(rows: int, bins: int, level: float = 0.99) -> tuple[float, float]:
    """Where the share of `rows` in one of `bins` equal bins lies with probability `level`, if the law is flat."""
    low, high = (_binomial_quantile(q, rows, 1 / bins) for q in ((1 - level) / 2, (1 + level) / 2))
    return low / rows, high / rows


def _binomial_quantile(q: float, n: int, p: float) -> float:
    """The smallest count whose cumulative probability is at least `q`."""
    count = float(np.ceil(bdtrik(q, n, p)))
    return count - 1 if count > 0 and bdtr(count - 1, n, p) >= q else count


def flat(
    shares: tuple[float, ...], rows: int, label: str, key: str, *, width: float = 190, height: float = 104
) -> Markup:
    """Shares in equal bins of [0, 1] against the band expected of a flat histogram."""
    shares = merged(shares, rows)
    bins = len(shares)
    low, high = flatness_band(rows, bins)
    with drawing(key):
        figure = canvas(width, height)
        axes = panel(figure, left=8, right=8, top=6, bottom=22)
        axes.axhspan(low, high, color=BAND, linewidth=0)
        middle = (np.arange(bins) + 0.5) / bins
        inside = np.array([low <= share <= high for share in shares])
        for chosen, alpha in ((inside, 0.45), (~inside, 0.95)):
            axes.bar(middle[chosen], np.array(shares)[chosen], 1 / bins - 0.007, color=DATA, alpha=alpha)
        for edge in (low, high):
            axes.axhline(edge, color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(*shares, high) * 1.06)
        axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
        level = f"{int(inside.sum())} of {bins} bars within the band expected of a flat histogram"
        return inline(figure, f"{label}: {level}")


def scores(evidence: Evidence, key: str, outcome: str = "row") -> Markup:
    """Log-probabilities of held-out rows, or whatever an outcome is called, and of the model's own samples."""
    edges = np.array(evidence.score_edges)
    with drawing(key):
        figure = canvas(WIDE, 220)
        axes = panel(figure, left=10, right=10, top=8, bottom=42, grid="x")
        test, samples = np.array(evidence.score_test), np.array(evidence.score_samples)
        if len(test):
            axes.stairs(test, edges, fill=True, color=DATA, alpha=0.22, linewidth=0)
            axes.stairs(test, edges, color=DATA, linewidth=1.2, baseline=None)
        if len(samples):
            axes.stairs(samples, edges, color=MODEL, linewidth=1.6, baseline=None)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 1.06 * max([*test, *samples, 1e-300]))
        places, labels = round_numbers(edges[0], edges[-1], 8)
        axes.set_xticks(places, labels)
        axes.set_xlabel(f"log-probability of a {outcome}, nats", labelpad=6)
        says = f"Histogram of the log-probability of held-out {outcome}s, with that of the model's own samples"
        return inline(figure, says)

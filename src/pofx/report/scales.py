"""One axis of a picture: its ends, whether it is a log or a date axis, and where a value stands on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from pofx.report.ticks import mark

THIN = 1e-9  # an axis whose ends differ by less than this, relative to their size, is widened


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, `low < high`."""

    low: float
    high: float
    log: bool = False
    is_date: bool = False

    def fraction(self, values: Iterable[float]) -> np.ndarray:
        """How far along the axis: 0 at its low end, 1 at its high end."""
        ends, found = np.array([self.low, self.high]), np.array(list(values), dtype=float)
        if self.log:
            ends, found = np.log(ends), np.log(np.maximum(found, self.low * 1e-9))
        span = ends[1] / 2 - ends[0] / 2  # halves, as the whole may overflow
        return np.asarray((found / 2 - ends[0] / 2) / span)

    def across(self, axes: Axes, *, most: int = 5, labels: bool = True) -> str:
        """Makes it the horizontal axis; returns what its marks have in common, e.g. a year."""
        axes.set_xscale("log" if self.log else "linear")
        axes.set_xlim(self.low, self.high)
        common = mark(axes.xaxis, self.low, self.high, most=most, is_date=self.is_date, log_scale=self.log)
        if not labels:
            axes.tick_params(axis="x", labelbottom=False)
        return common

    def up(self, axes: Axes, *, most: int = 6) -> str:
        """Makes it the vertical axis."""
        axes.set_yscale("log" if self.log else "linear")
        axes.set_ylim(self.low, self.high)
        return mark(axes.yaxis, self.low, self.high, most=most, is_date=self.is_date, log_scale=self.log)


def around(values: Iterable[float], *, log: bool = False, is_date: bool = False, margin: float = 0.0) -> Scale:
    """The scale that holds `values`, with a margin relative to its length; one value stands in its middle."""
    found = np.array([value for value in values if np.isfinite(value)], dtype=float)
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 1.0)
    log = log and low > 0
    if high - low <= THIN * max(abs(low), abs(high)):
        room = abs(low) * 0.05 or 0.5
        return Scale(low - room, high + room, log, is_date)
    if log:
        return Scale(low * (low / high) ** margin, high * (high / low) ** margin, log, is_date)
    return Scale(low - margin * (high - low), high + margin * (high - low), log, is_date)

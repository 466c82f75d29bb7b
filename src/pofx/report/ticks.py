"""Where the marks of an axis stand and how they read: round numbers, powers of ten, dates; few and short."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.ticker import MaxNLocator

FIRST_DAY, LAST_DAY = (float(date2num(np.datetime64(day))) for day in ("0001-01-02", "9999-12-30"))
_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def mark(axis: Axis, low: float, high: float, *, most: int = 5, is_date: bool = False, log_scale: bool = False) -> str:
    """Puts marks on an axis from `low` to `high`; returns what they have in common, e.g. `2015`, or nothing."""
    common = ""
    if is_date and FIRST_DAY <= low < high <= LAST_DAY:
        places, labels, common = dates(low, high, most)
    elif log_scale and low > 0:
        places, labels = powers(low, high)
    else:
        places, labels = round_numbers(low, high, most)
    axis.set_ticks(places, labels)
    axis.set_ticks([], minor=True)
    return common


def round_numbers(low: float, high: float, most: int) -> tuple[list[float], list[str]]:
    """Round numbers inside [low, high], at most about `most` of them.

    >>> round_numbers(-1, 1, 4)
    ([-1.0, 0.0, 1.0], ['−1', '0', '1'])
    >>> round_numbers(0, 45_000, 4)[1]
    ['0', '20k', '40k']
    """
    found = MaxNLocator(nbins=most - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    slack = 1e-9 * (high - low)
    places = [float(place) for place in found if low - slack <= place <= high + slack]
    return places, decimal_labels(places)


def decimal_labels(places: list[float]) -> list[str]:
    """All with the same number of decimals, those the step needs; thousands as k, M, G, T; extremes as 2e-7."""
    if not places:
        return []
    largest = max(abs(place) for place in places)
    step = min(np.diff(places), default=largest) or 1.0
    if largest and (largest < 1e-4 or largest >= 1e15):
        return [_minus(f"{place:.3g}") for place in places]
    unit, suffix = next(((u, s) for u, s in _SCALES if largest >= 10 * u and step >= u / 100), (1.0, ""))
    decimals = next((d for d in range(9) if _is_whole(step / unit * 10**d)), 9)
    return [_minus(f"{place / unit + 0.0:,.{decimals}f}") + (suffix if place else "") for place in places]


def powers(low: float, high: float) -> tuple[list[float], list[str]]:
    """1, 10, 100 on a log axis, with 2 and 5 between where there are few.

    >>> powers(0.8, 30)[1]
    ['1', '2', '5', '10', '20']
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    digits = (1, 2, 5) if span < 2.2 else (1,)
    stride = max(1, math.ceil(span / 5))
    places = [digit * 10.0**k for k in decades if k % stride == 0 for digit in digits]
    places = [place for place in places if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)]
    return places, [decimal_labels([place])[0] for place in places]


def dates(low: float, high: float, most: int) -> tuple[list[float], list[str], str]:
    """Dates between two numbers of days since 1970, and the part they share."""
    locator = AutoDateLocator(minticks=3, maxticks=most)
    found = [float(place) for place in locator.tick_values(num2date(low), num2date(high)) if low <= place <= high]
    formatter = ConciseDateFormatter(locator)
    labels = formatter.format_ticks(found)
    return found, labels, formatter.get_offset()


def spacer(low: float, high: float, log_scale: bool) -> Callable[[np.ndarray], np.ndarray]:
    """The scale an axis is drawn on, in which a bin's width is measured."""
    return np.log10 if log_scale and low > 0 else np.asarray


def _is_whole(x: float) -> bool:
    return abs(x - round(x)) < 1e-6 * max(1.0, abs(x))


def _minus(text: str) -> str:
    return text.replace("-", "−") if not text.lstrip("-").startswith("0e") else "0"

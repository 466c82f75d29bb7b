"""Where the marks of an axis stand and how they read: round numbers, powers of ten, dates; few and short."""

from __future__ import annotations

import math

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
        places, labels = powers(low, high, most)
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
    locator = MaxNLocator(nbins=most - 1, steps=[1, 2, 2.5, 5, 10], integer=high - low >= most)
    found = locator.tick_values(low, high)
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
        return ["0" if place == 0 else _minus(f"{place:.3g}") for place in places]  # 2e-7
    unit, suffix = next(((u, s) for u, s in _SCALES if largest >= max(u, 1e4) and step >= u / 100), (1.0, ""))
    decimals = next((d for d in range(15) if _is_whole(step / unit * 10**d)), 15)
    comma = "," if largest / unit >= 1e4 else ""  # not in years
    return [_minus(f"{place / unit + 0.0:{comma}.{decimals}f}") + (suffix if place else "") for place in places]


def powers(low: float, high: float, most: int) -> tuple[list[float], list[str]]:
    """1, 10, 100 on a log axis, with 2 and 5 between where there are few.

    >>> powers(0.8, 30, 5)[1]
    ['1', '2', '5', '10', '20']
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    digits = (1, 2, 5) if 3 * span <= most else (1,)
    stride = max(1, math.ceil(span / most))
    places = [digit * 10.0**k for k in decades if k % stride == 0 for digit in digits]
    places = [place for place in places if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)]
    if len(places) < 2:
        return round_numbers(low, high, most)
    return places, [decimal_labels([place])[0] for place in places]


def dates(low: float, high: float, most: int) -> tuple[list[float], list[str], str]:
    """Dates between two numbers of days since 1970, and the years, unless they are the labels.

    >>> dates(16_000, 16_050, 5)[1:]
    (['Nov', '15', 'Dec'], '2013')
    """
    locator = AutoDateLocator(minticks=3, maxticks=most)
    found = [float(place) for place in locator.tick_values(num2date(low), num2date(high)) if low <= place <= high]
    labels = ConciseDateFormatter(locator).format_ticks(found)
    years = [str(num2date(day).year) for day in (low, high)]
    return found, labels, "" if any(len(label) == 4 for label in labels) else "–".join(dict.fromkeys(years))


def _is_whole(x: float) -> bool:
    """Up to rounding; a zero is none."""
    return round(x) != 0 and abs(x - round(x)) < 1e-6 * max(1.0, abs(x))


def _minus(text: str) -> str:
    return text.replace("-", "−").replace("e+", "e").replace("e0", "e").replace("e−0", "e−")

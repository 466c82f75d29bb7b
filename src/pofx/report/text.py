"""Numbers in words: scores with their nature, gains, p-values, counts. No HTML here; what is returned is plain text.

Exact scores read `−3.21 ± 0.04`, lower bounds `≥ −3.40 ± 0.04`, no likelihood `–`. Minus signs are real ones (U+2212).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pofx.runs.records import ModelRow

NONE = "–"
MISSING = "missing"


def number(value: float, decimals: int = 2, *, sign: bool = False) -> str:
    """A number with a real minus sign, thousands set apart by commas, and a plus sign if asked for.

    >>> number(-1234.5), number(0.617, sign=True), number(-0.001)
    ('−1,234.50', '+0.62', '0.00')
    """
    rounded = round(value, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"{rounded:{'+' if sign and rounded else ''},.{decimals}f}".replace("-", "−")


def decimals_for(errors: Iterable[float | None]) -> int:
    """Decimals that show the middle one of the standard errors: two at least, four at most.

    >>> decimals_for([0.04, None]), decimals_for([0.004]), decimals_for([])
    (2, 3, 2)
    """
    known = sorted(error for error in errors if error)
    return min(4, max(2, math.ceil(-math.log10(known[len(known) // 2])))) if known else 2


def plus_minus(value: float, error: float | None, decimals: int, *, sign: bool = False) -> str:
    """A number and its standard error: `−3.21 ± 0.04`."""
    shown = number(value, decimals, sign=sign)
    return shown if error is None else f"{shown} ± {number(error, decimals)}"


def score(model: ModelRow, decimals: int) -> str:
    """A model's mean log-probability, and whether it is exact, a lower bound, or not there at all."""
    if model.log_prob is None:
        return "−∞" if model.impossible and model.likelihood == "exact" else NONE
    return bounded(model) + plus_minus(model.log_prob, model.std_error, decimals)


def delta(model: ModelRow, decimals: int) -> str:
    """A model's paired difference to the best one."""
    if model.delta is None:
        return NONE
    if model.delta == 0 and not model.delta_std_error:
        return "best"
    return bounded(model) + plus_minus(model.delta, model.delta_std_error, decimals, sign=True)


def bounded(model: ModelRow) -> str:
    return "≥ " if model.likelihood == "bound" else ""


def count(value: int, noun: str) -> str:
    """`1 row`, `1,461 rows`; a noun in -y or -s is not expected here."""
    return f"{value:,} {noun}" + ("" if value == 1 else "s")


def ratio(nats: float) -> str:
    """What a difference in nats means for a probability: e to its power, in digits a person can read.

    >>> ratio(0.62), ratio(12), ratio(40), ratio(2000)
    ('1.9', '163,000', '2 × 10¹⁷', '10⁸⁶⁹')
    """
    power = nats / math.log(10)
    if power < 6:
        value = math.exp(nats)
        return f"{value:.2g}" if value < 100 else f"{float(f'{value:.3g}'):,.0f}"
    whole = round(power) if power > 100 else math.floor(power)
    return ten_to(whole) if power > 100 else f"{10 ** (power % 1):.1g} × {ten_to(whole)}"


def ten_to(power: int) -> str:
    """A power of ten: `10¹⁷`."""
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def significant(value: float, digits: int = 3) -> str:
    """A number to so many digits, however small or large it is.

    >>> significant(0.04567), significant(-1234.5), significant(2.34e-9), significant(math.inf)
    ('0.0457', '−1,234', '2.34 × 10⁻⁹', '∞')
    """
    if not math.isfinite(value):
        return "−∞" if value < 0 else "∞"
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    if value == 0 or -5 < int(power) < 9:
        return number(value, max(0, digits - 1 - int(power)) if value else 0)
    return f"{mantissa} × {ten_to(int(power))}".replace("-", "−")


def measured(value: float | None, error: float | None, nature: str) -> str:
    """A measured number with its error; a bound with the side it is on; null is infinite.

    >>> measured(0.4321, 0.012, "Monte Carlo"), measured(0.4321, 0.012, "lower bound"), measured(None, None, "")
    ('0.432 ± 0.012', '≥ 0.432 ± 0.012', '∞')
    """
    side = {"upper bound": "≤ ", "lower bound": "≥ "}.get(nature, "")
    if value is None or not error:
        return side + significant(math.inf if value is None else value)
    places = max(0, 1 - math.floor(math.log10(error)))
    if places > 7 or max(abs(value), error) >= 1e9:
        return f"{side}{significant(value)} ± {significant(error, 2)}"
    return side + plus_minus(value, error, places)


def p_value(p: float) -> str:
    """`p = 0.31`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def one_in(share: float) -> str:
    """A small share as a person would say it.

    >>> one_in(0.0005), one_in(0.03), one_in(0.0)
    ('1 in 2,000', '3%', 'never')
    """
    if share <= 0:
        return "never"
    return percent(share) if share > 0.02 else f"1 in {float(f'{1 / share:.2g}'):,.0f}"


def percent(share: float) -> str:
    """A share in percent, with a decimal only where it is small: `34%`, `2.1%`, `<0.1%`."""
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{100 * share:.0f}%" if share >= 0.0995 or share == 0 else f"{100 * share:.1f}%".replace(".0%", "%")


def moment(created: str) -> str:
    """An ISO time in UTC, to the minute.

    >>> moment("2025-01-31T09:15:02+00:00")
    '2025-01-31 09:15 UTC'
    """
    return f"{created[:10]} {created[11:16]} UTC" if created[10:11] == "T" else created


def value(x: Any) -> str:
    """A cell of the data as text: floats to six digits, nothing as `missing`."""
    if x is None or (isinstance(x, float) and math.isnan(x)):
        return MISSING
    if not isinstance(x, float):
        return str(x)
    return (f"{x:.0f}" if 1e5 <= abs(x) < 1e15 else f"{x:.6g}").replace("-", "−")


def short(text: str, longest: int) -> str:
    """The text, with its middle left out where it is longer than `longest`; on one line.

    >>> short("a very long column name", 12)
    'a very…name'
    """
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    head = longest // 2 + 1
    return f"{line[:head].rstrip()}…{line[len(line) - (longest - 1 - head) :].lstrip()}"


def listed(names: Iterable[str], most: int = 12) -> str:
    """`a, b and c`; after `most` names, `and 88 more`."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

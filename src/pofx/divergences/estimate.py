"""The one result type: a number with what it is, how it was got, in which units and direction, and how sure it is.

`nature` says what may be claimed: a closed form and quadrature are the number itself, Monte Carlo is the number up to
its standard error, a bound lies on the side it names, and an asymptotically unbiased estimate from samples is off by a
bias that only more rows make small. `null` is what the same measure gives between two halves of the same sample: a
value that is not clearly above its null says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum


class Nature(StrEnum):
    """What a number may be taken for."""

    CLOSED_FORM = "closed form"
    QUADRATURE = "quadrature"
    MONTE_CARLO = "Monte Carlo"
    UPPER_BOUND = "upper bound"
    LOWER_BOUND = "lower bound"
    ASYMPTOTICALLY_UNBIASED = "asymptotically unbiased"


_SIGNS = {Nature.CLOSED_FORM: "=", Nature.QUADRATURE: "=", Nature.UPPER_BOUND: "<=", Nature.LOWER_BOUND: ">="}


@dataclass(frozen=True)
class Estimate:
    """A measured quantity. `float(estimate)` is its value; printed, it reads as a person would write it.

    Args:
        value: the number; `inf` where the quantity is infinite, and then `note` says where.
        std_error: standard error of `value`; None where there is no randomness in it or no honest figure.
        nature: what `value` may be taken for.
        method: how it was got, e.g. `closed form, normal` or `5 nearest neighbours`.
        units: `nats`, the column's own units, or empty for a bare number.
        direction: `P || Q` for a divergence, `P, Q` for what is symmetric, `P` for what is of one alone.
        draws: random draws or rows it rests on; None where none.
        null: the same between two halves of the same sample; None where that is zero or was not asked for.
        name: the measure, e.g. `KL`.
        note: what else must be known, e.g. where an infinite divergence is infinite.
    """

    value: float
    std_error: float | None = None
    nature: Nature = Nature.CLOSED_FORM
    method: str = ""
    units: str = ""
    direction: str = ""
    draws: int | None = None
    null: float | None = None
    name: str = ""
    note: str = ""

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        head = f"{self.name}({self.direction})" if self.name else self.direction
        said = f"{head} {_SIGNS.get(self.nature, '=')} {self._number()}{' ' + self.units if self.units else ''}".strip()
        ways = [self.method if str(self.nature) in self.method else f"{self.nature}, {self.method}".strip(", ")]
        if self.draws is not None:
            ways.append(f"{self.draws:,} draws" if self.nature is Nature.MONTE_CARLO else f"{self.draws:,} rows")
        if self.null is not None:
            ways.append(f"two halves of the same sample: {self.null:.3g}")
        return f"{said}  [{'; '.join(ways)}]" + (f"  {self.note}" if self.note else "")

    def _number(self) -> str:
        if self.std_error is None or not math.isfinite(self.value) or self.std_error <= 0:
            return f"{self.value:.6g}"
        places = min(max(1 - math.floor(math.log10(self.std_error)), 0), 12)
        return f"{self.value:.{places}f} +- {self.std_error:.{places}f}"

    def mapped(self, value: float, slope: float, **changes: object) -> Estimate:
        """The same after a smooth increasing map: its value there, and the error by the slope (delta method)."""
        error = None if self.std_error is None else abs(slope) * self.std_error
        return replace(self, value=value, std_error=error, **changes)  # type: ignore[arg-type]

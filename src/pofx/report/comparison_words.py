"""What a comparison says, in sentences: the verdict, which columns drifted, and what each picture of a column shows."""

from __future__ import annotations

import math
from pathlib import PurePath

from pofx.report.cumulatives import has_cumulatives, shift
from pofx.report.densities import bins, gaps, has_integrand
from pofx.report.measures import short_name
from pofx.report.moves import has_moves
from pofx.report.text import count, listed, measured, p_value, percent, short, significant
from pofx.runs.comparison import ColumnDrift, ColumnPicture, Comparison, Measure, Part

TAIL = 0.05  # of A's rows: those where B is thinnest
APART = 0.15  # the drawn area and the measured W1 differ by more than this share of it: ends or atoms are not drawn
ONE_WAY = 0.95  # of the area on one side: B is larger, or smaller, throughout

_NATURES = {
    "closed form": "exact",
    "quadrature": "exact, integrated",
    "Monte Carlo": "estimate, random draws",
    "upper bound": "upper bound",
    "lower bound": "lower bound",
    "asymptotically unbiased": "estimate, from rows",
}


def name_of(part: Part) -> str:
    """A file by its last name, a run by its model: `today.csv`, `model kde of weather`."""
    name = PurePath(part.path).name or part.path
    return f"model {part.model} of {name}" if part.kind == "model" and part.model else name


def size_of(part: Part) -> str:
    return count(part.rows, "draw" if part.kind == "model" else "row")


def nature(name: str) -> str:
    """What a number may be taken for, in words."""
    return _NATURES.get(name, name)


def verdict(comparison: Comparison) -> str:
    """The record's own sentence, or one made from its figures."""
    said = comparison.verdict
    if said.text:
        return said.text
    found = "A difference was found" if said.drifted else "No difference was found that chance would not give"
    return f"{found} ({p_value(said.p_value)}, false-alarm rate {percent(said.alpha)})."


def drifted(comparison: Comparison) -> str:
    """Which columns drifted."""
    names = [c for c in comparison.columns if c.drifted]
    if not names:
        return f"None of {count(len(comparison.columns), 'column')} drifted by itself."
    which = listed(
        (short(c.name, 40) + (f" ({p_value(c.p_value)})" if c.p_value is not None else "") for c in names), 8
    )
    return f"{len(names)} of {count(len(comparison.columns), 'column')} drifted: {which}."


def tiles(comparison: Comparison) -> list[tuple[str, str, str]]:
    """The few figures at the top: what, how much, a remark."""
    said, columns = comparison.verdict, comparison.columns
    least = f"; the smallest p-value it can give is {1 / (1 + said.permutations):.2g}"
    return [
        ("difference", "yes" if said.drifted else "none found", f"{p_value(said.p_value)}, corrected for every test"),
        (
            "columns drifted",
            f"{sum(c.drifted for c in columns)} of {len(columns)}",
            "their p-values are corrected, too",
        ),
        (
            "false-alarm rate",
            percent(said.alpha),
            count(said.permutations, "permutation") + (least if said.permutations else ""),
        ),
        *((f"{side} · {short(name_of(part), 40)}", size_of(part), part.kind) for side, part in parts(comparison)),
    ]


def parts(comparison: Comparison) -> tuple[tuple[str, Part], tuple[str, Part]]:
    return ("A", comparison.a), ("B", comparison.b)


def headline(column: ColumnDrift) -> str:
    """The column's measure as one would write it down: `W₁(A, B) = 1.23 ± 0.04 mm`."""
    said = measured(column.value, column.std_error, column.nature)
    equals = said if said[0] in "≤≥" else f"= {said}"
    return f"{short_name(column.measure)}({arrow(column.direction)}) {equals} {column.units}".rstrip()


def arrow(direction: str) -> str:
    return direction.replace("||", "‖")


def tails(picture: ColumnPicture) -> str:
    """How the divergence of the binned column comes about, and how much of it from few rows."""
    if not has_integrand(picture):
        return ""
    lost = [a for a, part in zip(picture.a, picture.integrand, strict=True) if part is None]
    if lost:
        start = f"So drawn, KL(A ‖ B) is infinite: at ∞ A has rows, {percent(sum(lost))} of them, and B has none"
        return f"{start}{_where(picture)}. One such row is enough, even where B lacks it by chance."
    total = math.fsum(part or 0.0 for part in picture.integrand)
    start = f"The parts add up to KL(A ‖ B) = {significant(total)} nats"
    tail = tail_part(picture)
    if total <= 1e-9 or tail <= 0:
        return f"{start}."
    return f"{start}. The {percent(TAIL)} of A's rows where B is thinnest give {_of(tail, total)}."


def tail_part(picture: ColumnPicture) -> float:
    """What the `TAIL` of A's rows with the largest p / q add to the divergence, in nats."""
    known = [(part / a, a) for a, part in zip(picture.a, picture.integrand, strict=True) if part is not None and a > 0]
    left, found = TAIL, 0.0
    for log_ratio, share in sorted(known, reverse=True):
        taken = min(left, share)
        found, left = found + taken * log_ratio, left - taken
    return found


def _of(tail: float, total: float) -> str:
    return f"{percent(tail / total)} of it" if tail < total else f"{significant(tail)}; other rows take some of it away"


def _where(picture: ColumnPicture) -> str:
    if picture.kind == "category":
        names = [label for label, part in zip(picture.labels, picture.integrand, strict=False) if part is None]
        return f" ({listed((short(name, 20) for name in names), 3)})" if names else ""
    edges = bins(picture)
    if edges is None or picture.is_date:
        return ""
    spans = gaps(picture, edges)
    if len(spans) > 3:
        return f" ({len(spans)} gaps from {significant(spans[0][0])} to {significant(spans[-1][1])})"
    return f" ({listed(f'{significant(low)} to {significant(high)}' for low, high in spans)})"


def area(column: ColumnDrift) -> str:
    """What the shaded area is, and to which side B has moved."""
    if not has_cumulatives(column.picture):
        return ""
    up, down = shift(column.picture)
    known = _wasserstein(column)
    shown = significant(up + down) if known is None else measured(known.value, known.std_error, known.nature)
    units = known.units if known else ""
    log = " (in the column's own units; the axis is a log scale)" if column.picture.log_scale else ""
    if known is not None and known.value is not None and abs(known.value - up - down) > APART * known.value:
        said = f"The shaded area is {significant(up + down)} {units}".rstrip()
        return f"{said}{log}; W₁ itself, of all rows as they were measured, is {shown}. {_side(up, down, units)}"
    said = f"The shaded area is W₁: {shown} {units}".rstrip()
    return f"{said}{log}. {_side(up, down, units)}"


def _side(up: float, down: float, units: str) -> str:
    if up + down <= 0:
        return "The curves agree."
    if max(up, down) >= ONE_WAY * (up + down):
        return f"B is {'larger' if up > down else 'smaller'} nearly throughout."
    much = f"{significant(abs(up - down), 2)} {units}".rstrip()
    return f"B is {much} {'larger' if up > down else 'smaller'} on average, but not throughout."


def plan(column: ColumnDrift) -> str:
    """What a line of the plan is, and how far the middle and the extremes are moved."""
    picture, known = column.picture, _wasserstein(column)
    if not has_moves(picture):
        return ""
    length = [b - a for a, b in zip(picture.quantiles_a, picture.quantiles_b, strict=True)]
    middle, furthest = length[len(length) // 2], max(length, key=abs)
    moved = f"The median moves by {_signed(middle)}, the most by {_signed(furthest)} {known.units if known else ''}"
    return f"Each line takes the same share of rows from A, above, to B, below. {moved.strip()}."


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + significant(value, 2)


def _wasserstein(column: ColumnDrift) -> Measure | None:
    return next((m for m in column.measures if m.name == "wasserstein" and m.value is not None), None)

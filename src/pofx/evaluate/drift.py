"""One column of A and of B: its measures, its test, and the numbers of its picture."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
from torch import Tensor

from pofx.data.dataset import Data
from pofx.divergences import distances, information
from pofx.divergences.estimate import Estimate
from pofx.divergences.two_sample.permutation import ColumnTest
from pofx.errors import PofxError
from pofx.evaluate.columns import column_evidence
from pofx.runs.comparison import ColumnDrift, ColumnPicture, Measure
from pofx.spaces.base import Scalar
from pofx.spaces.symbolic import Category, Constant, Maybe, inner_space
from pofx.spaces.table import Table

GRID = 200  # places where the distribution functions are drawn
LEVELS = 41  # quantiles of the transport plan
MOST = 20_000  # rows that neighbour estimates look at


def measure_of(
    found: Estimate, name: str, *, direction: str = "", p_value: float | None = None, null: float | None = None
) -> Measure:
    """An estimate as a record: infinite is null with a note, and A and B instead of P and Q."""
    finite = math.isfinite(found.value)
    said = direction or found.direction.replace("P", "A").replace("Q", "B")
    note = found.note
    if not finite and not note.startswith("infinite"):
        note = f"infinite {note}".strip()
    error = found.std_error if found.std_error is not None and math.isfinite(found.std_error) else None
    between = found.null if null is None else null
    between = between if between is not None and math.isfinite(between) else None
    return Measure(
        name, found.value if finite else None, error, str(found.nature), found.method, found.units, said, between,
        p_value, found.draws, note,
    )  # fmt: skip


def column_drift(
    table: Table, j: int, a: Tensor, b: Tensor, test: ColumnTest, *, alpha: float, seed: int
) -> ColumnDrift:
    """Everything about one column: `a` `[n]` and `b` `[m]` in its tensor form."""
    name, space = table.names[j], table.spaces[j]
    measures = _measures(Table((name,), (space,)), a, b, seed)
    picture = _picture(name, space, a, b, seed)
    head, *rest = measures or [_nothing()]
    headline = asdict(head)
    headline.pop("name"), headline.pop("p_value"), headline.pop("draws"), headline.pop("note")
    tested = Measure(**{**asdict(head), "p_value": test.p_value})
    return ColumnDrift(
        name,
        head.name,
        **headline,
        p_value=test.p_value,
        p_value_alone=test.p_value_alone,
        drifted=test.p_value <= alpha,
        space=space.describe(),
        measures=(tested, *rest),
        picture=picture,
    )


def kinds(table: Table) -> list[str]:
    """What the permutation tests take each column for."""
    return ["label" if isinstance(inner_space(s), Category | Constant) else "number" for s in table.spaces]


def _nothing() -> Measure:
    return Measure("tv", 0.0, None, "closed form", "one value everywhere", "", "A, B", None, None)


def _measures(table: Table, a: Tensor, b: Tensor, seed: int) -> list[Measure]:
    """The headline first: how far numbers moved, in their own units; how many labels changed."""
    space = table.spaces[0]
    p, q = _thinned(table, a), _thinned(table, b)
    found: list[Measure] = []
    if not isinstance(inner_space(space), Category | Constant):
        found += _tried("wasserstein", lambda: distances.wasserstein(*_regular(space, table, a, b), seed=seed))
    if isinstance(space, Maybe):
        flags = [information.counts(_flag_counts(space, x)) for x in (a, b)]
        found += _tried("tv of missing and special values", lambda: information.total_variation(*flags))
    found += _tried("tv", lambda: information.total_variation(p, q, seed=seed))
    found += _tried("js", lambda: information.js(p, q, seed=seed))
    found += _tried("kl", lambda: information.kl(p, q, seed=seed))
    found += _tried("kl", lambda: information.kl(q, p, seed=seed), direction="B || A")
    return found


def _tried(name: str, ask: object, direction: str = "") -> list[Measure]:
    """The measure, or nothing where this column has none, such as neighbours of a column with one value."""
    assert callable(ask)
    try:
        return [measure_of(ask(), name, direction=direction)]
    except PofxError:
        return []


def _thinned(table: Table, x: Tensor) -> Data:
    kept = x if len(x) <= MOST else x[:: math.ceil(len(x) / MOST)]
    return Data(table, kept[:, None])


def _regular(space: Scalar, table: Table, a: Tensor, b: Tensor) -> tuple[Data, Data]:
    """The values that are neither missing nor atoms."""
    inner = inner_space(space)
    assert isinstance(inner, Scalar)
    plain = Table(table.names, (inner,))
    kept = [x[space.flag(x) != 1] if isinstance(space, Maybe) else x for x in (a, b)]
    if not all(len(x) for x in kept):
        raise PofxError("one side has no values at all")
    return Data(plain, kept[0][:, None]), Data(plain, kept[1][:, None])


def _flag_counts(space: Maybe, x: Tensor) -> list[float]:
    flags = space.flag(x).numpy().astype(int)
    return np.bincount(flags, minlength=2 + len(space.atoms)).astype(float).tolist()  # type: ignore[no-any-return]


# The picture ---------------------------------------------------------------------------------------------------------


def _picture(name: str, space: Scalar, a: Tensor, b: Tensor, seed: int) -> ColumnPicture:
    bins = column_evidence(name, space, a, b, seed=seed, bins=_bins(min(len(a), len(b))))
    shares_a, shares_b = np.array(bins.data), np.array(bins.samples)
    drawn: dict[str, tuple[float, ...]] = {}
    if bins.kind != "category":
        x, y = (_values(space, side) for side in (a, b))
        if len(x) and len(y):
            drawn = _curves(x, y, np.array(bins.edges))
    return ColumnPicture(
        bins.kind, bins.data, bins.samples, bins.edges, bins.labels, bins.log_scale, bins.is_date, bins.special,
        integrand=_integrand(shares_a, shares_b), **drawn,
    )  # fmt: skip


def _bins(n: int) -> int:
    """So few that a bin without rows is a finding and not chance: Rice's rule, 8 to 40."""
    return int(min(max(round(2 * n ** (1 / 3)), 8), 40))


def _values(space: Scalar, x: Tensor) -> np.ndarray:
    kept = x[space.flag(x) != 1] if isinstance(space, Maybe) else x
    return np.sort(kept.numpy())


def _curves(x: np.ndarray, y: np.ndarray, edges: np.ndarray) -> dict[str, tuple[float, ...]]:
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    both = np.concatenate([x, y])
    places = np.quantile(both, np.linspace(0, 1, GRID // 2))
    grid = np.unique(np.concatenate([places, np.linspace(edges[0], edges[-1], GRID // 2)]))
    return {
        "grid": tuple(grid.tolist()),
        "cdf_a": tuple((np.searchsorted(x, grid, side="right") / len(x)).tolist()),
        "cdf_b": tuple((np.searchsorted(y, grid, side="right") / len(y)).tolist()),
        "quantiles_a": tuple(np.quantile(x, levels).tolist()),
        "quantiles_b": tuple(np.quantile(y, levels).tolist()),
    }


def _integrand(p: np.ndarray, q: np.ndarray) -> tuple[float | None, ...]:
    """p log(p / q) of each bin; None where it is infinite."""
    return tuple(0.0 if a == 0 else None if b == 0 else float(a * math.log(a / b)) for a, b in zip(p, q, strict=True))

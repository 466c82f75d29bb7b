"""A whole comparison of two files, runs or objects: joint measures, every column, one verdict with a false-alarm rate.

The verdict rests on two families of permutation tests: every column with the correction of Westfall and Young, and the
energy distance of whole rows; the smaller p-value is doubled (Bonferroni), so that the probability of `drifted` where
nothing changed is at most `alpha`. A run stands by draws of its chosen model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.data.frames import to_frame
from pofx.data.tables import read
from pofx.divergences.coordinates import Coordinates
from pofx.divergences.matching import carrier
from pofx.divergences.sides import Side, two
from pofx.divergences.transport.exact import exact_plan
from pofx.divergences.two_sample.permutation import column_tests
from pofx.errors import MissingExtra, PofxError, SpaceError
from pofx.evaluate.drift import column_drift, kinds
from pofx.evaluate.whole_rows import some, whole_rows
from pofx.rng import split
from pofx.runs.comparison import ArrowsPicture, ColumnDrift, Comparison, Part, Verdict
from pofx.runs.layout import RunFolder
from pofx.spaces.symbolic import Maybe
from pofx.spaces.table import Table
from pofx.training.recorder import SILENT, Recorder

DRAWS = 10_000  # of a model, where it is compared with fewer rows
ARROWS = 250
FEWEST = 10


@dataclass(frozen=True)
class Asked:
    """How to compare."""

    alpha: float = 0.05
    permutations: int = 999
    seed: int = 0
    command: str = ""


def compare(
    a: Any,
    b: Any,
    *,
    alpha: float = 0.05,
    permutations: int = 999,
    seed: int = 0,
    command: str = "",
    recorder: Recorder = SILENT,
) -> Comparison:
    """How far B is from A, overall and column by column, with p-values.

    Args:
        a, b: frames, arrays, models, paths of data files or of run folders.
        alpha: the false-alarm rate of the verdict.
        permutations: the smallest possible p-value of a column is 1 / (permutations + 1).
        seed: of draws, permutations and folds.
        recorder: progress.

    Raises:
        PofxError: nothing to compare: no common column, too few rows, a file that cannot be read.
    """
    if not 0 < alpha < 1 or 2 / (permutations + 1) > alpha:  # two families of tests: the smallest p is doubled
        raise PofxError(
            "these settings allow no test",
            got=f"alpha={alpha}, permutations={permutations}",
            expected="0 < alpha < 1 and at least 2 / alpha - 1 permutations",
        )
    asked = Asked(alpha, permutations, seed, command)
    first, second, only_a, only_b = _opened(a, b)
    sides = two(first, second, labels="AB")
    table, rows_a, rows_b = _rows(sides, seed)
    _enough(sides, rows_a, rows_b)
    columns, tests_note = _columns(table, rows_a, rows_b, asked, recorder)
    measures, joint_p = whole_rows(sides, table, rows_a, rows_b, permutations, seed, recorder)
    verdict = _verdict(columns, joint_p, asked)
    recorder.finish()
    return Comparison(
        a=_part(a, sides[0], len(rows_a)),
        b=_part(b, sides[1], len(rows_b)),
        verdict=verdict,
        measures=tuple(measures),
        columns=tuple(sorted(columns, key=lambda c: (c.p_value or 0.0, -_size(c)))),
        arrows=_arrows(table, rows_a, rows_b, columns, seed),
        only_in_a=only_a,
        only_in_b=only_b,
        notes=(*_notes(sides), *tests_note),
        seed=seed,
        command=command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("pofx", "torch", "numpy")},
    )


# What is compared ----------------------------------------------------------------------------------------------------


def _opened(a: Any, b: Any) -> tuple[Any, Any, tuple[str, ...], tuple[str, ...]]:
    """Both, frames reduced to the columns they share; what only one of them has."""
    first, second = _framed(a), _framed(b)
    if hasattr(first, "columns") and hasattr(second, "columns"):
        common = [name for name in first.columns if name in second.columns]
        only_a = tuple(name for name in first.columns if name not in second.columns)
        only_b = tuple(name for name in second.columns if name not in first.columns)
        if not common:
            raise SpaceError(
                "A and B have no column in common",
                got=f"A: {', '.join(only_a[:6])}; B: {', '.join(only_b[:6])}",
                expected="the same names on both sides",
            )
        return first.select(common), second.select(common), only_a, only_b
    return first, second, (), ()


def _framed(value: Any) -> Any:
    """A data file as its frame; run folders, models and arrays as they are."""
    if isinstance(value, str | Path):
        path = Path(value)
        if (path / "run.json").exists() or path.suffix == ".safetensors":
            return value
        if path.is_dir():
            RunFolder(path).read()  # says in one line that this is not a run folder
        return read(path).frame
    return to_frame(value) if hasattr(value, "columns") and not hasattr(value, "log_prob") else value


def _rows(sides: tuple[Side, Side], seed: int) -> tuple[Table, Tensor, Tensor]:
    a, b = sides
    if a.space is None or b.space is None:
        raise PofxError("a law that only has a name cannot be compared row by row", remedy="use pofx.kl and its like")
    n = max([DRAWS, *(len(side.data) for side in sides if side.data is not None)])
    n = n if a.data is None or b.data is None else 0
    rows_b = carrier(b.space, a.space)(b.rows(n, split(seed, "B")))
    return a.space, a.rows(n, split(seed, "A")), rows_b


def _enough(sides: tuple[Side, Side], a: Tensor, b: Tensor) -> None:
    for side, rows in zip(sides, (a, b), strict=True):
        if len(rows) < FEWEST:
            raise PofxError(
                f"{side.label} has too few rows to be compared", got=f"{len(rows)}", expected=f"at least {FEWEST}"
            )


def _part(value: Any, side: Side, rows: int) -> Part:
    path = str(value) if isinstance(value, str | Path) else ""
    model = "" if side.model is None else type(side.model).__name__
    if path and (Path(path) / "run.json").exists():
        model = RunFolder(path).read().chosen
    return Part(path or f"({side.label} in memory)", "data" if side.model is None else "model", rows, model)


def _notes(sides: tuple[Side, Side]) -> tuple[str, ...]:
    drawn = [side.label for side in sides if side.model is not None]
    if not drawn:
        return ()
    return (f"{' and '.join(drawn)} stand{'s' * (len(drawn) == 1)} by draws of the model.",)


# Columns -------------------------------------------------------------------------------------------------------------


def _columns(
    table: Table, a: Tensor, b: Tensor, asked: Asked, recorder: Recorder
) -> tuple[list[ColumnDrift], tuple[str, ...]]:
    tests = column_tests(
        a.numpy(), b.numpy(), kinds(table), permutations=asked.permutations,
        seed=split(asked.seed, "columns"), recorder=recorder,
    )  # fmt: skip
    found = []
    recorder.start("columns", len(table.names))
    for j, test in enumerate(tests):
        seed = split(asked.seed, "column", j)
        found.append(column_drift(table, j, a[:, j], b[:, j], test, alpha=asked.alpha, seed=seed))
        recorder.step(j + 1, table.names[j])
    recorder.finish()
    return found, tuple(dict.fromkeys(f"Columns were tested by {test.method}." for test in tests))


def _size(column: ColumnDrift) -> float:
    """How far beyond its own null: for sorting columns that are equally certain."""
    if column.value is None:
        return float("inf")
    return column.value / column.null if column.null and column.null > 0 else column.value


# The verdict ---------------------------------------------------------------------------------------------------------


def _verdict(columns: list[ColumnDrift], joint_p: float, asked: Asked) -> Verdict:
    tests = 2 if len(columns) > 1 else 1
    least = min([column.p_value for column in columns if column.p_value is not None], default=1.0)
    p_value = min(1.0, tests * min(least, joint_p)) if tests > 1 else least
    drifted = p_value <= asked.alpha
    moved = [column.name for column in columns if column.drifted]
    if not drifted:
        text = f"No difference found at a false-alarm rate of {asked.alpha:g} (p = {p_value:.3g})."
    elif moved:
        text = f"B differs from A (p = {p_value:.3g}): {len(moved)} of {len(columns)} columns drifted."
    else:
        text = f"B differs from A (p = {p_value:.3g}) in how columns go together; no single column drifted."
    return Verdict(drifted, p_value, asked.alpha, asked.permutations, text)


def _arrows(table: Table, a: Tensor, b: Tensor, columns: list[ColumnDrift], seed: int) -> ArrowsPicture | None:
    """The transport plan between the two numeric columns that drifted most."""

    numeric = [c for c in sorted(columns, key=lambda c: (c.p_value or 0.0, -_size(c))) if c.measure == "wasserstein"]
    if len(numeric) < 2:
        return None
    pair = table.select([numeric[0].name, numeric[1].name])
    places = [table.index(name) for name in pair.names]
    parts = [some(x[:, places], ARROWS, seed) for x in (_regular(table, a, places), _regular(table, b, places))]
    if min(map(len, parts)) < 2:
        return None
    place = Coordinates.of(pair, parts[0], parts[1])
    try:
        plan = exact_plan(place(parts[0]), place(parts[1]))
    except MissingExtra:
        return None  # a picture less
    starts, ends = parts[0].numpy()[plan.rows], parts[1].numpy()[plan.columns]
    arrows = np.column_stack([starts, ends, plan.mass])
    method = f"{plan.method}, {len(parts[0])} rows of A onto {len(parts[1])} of B"
    return ArrowsPicture(pair.names[0], pair.names[1], tuple(map(tuple, arrows.tolist())), method)


def _regular(table: Table, rows: Tensor, places: list[int]) -> Tensor:
    keep = torch.ones(len(rows), dtype=torch.bool)
    for j in places:
        space = table.spaces[j]
        if isinstance(space, Maybe):
            keep &= space.flag(rows[:, j]) != 1
    return rows[keep]

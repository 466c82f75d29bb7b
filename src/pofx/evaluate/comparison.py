"""A whole comparison of two files, runs or objects: joint measures, every column, one verdict with a false-alarm rate.

The verdict rests on two families of permutation tests: every column with the correction of Westfall and Young, and the
energy distance of whole rows; the smaller p-value is doubled (Bonferroni), so that the probability of `drifted` where
nothing changed is at most `alpha`. A run stands by draws of its chosen model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.data.frames import to_frame
from pofx.data.tables import read
from pofx.divergences import distances, entropies, information
from pofx.divergences.coordinates import Coordinates
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.divergences.matching import carrier
from pofx.divergences.sides import Side, two
from pofx.divergences.transport.exact import exact_plan
from pofx.divergences.two_sample import classifier, energy
from pofx.divergences.two_sample.classified import judged
from pofx.divergences.two_sample.permutation import column_tests, energy_test
from pofx.errors import MissingExtra, PofxError, SpaceError
from pofx.evaluate.drift import column_drift, kinds, measure_of
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.runs.comparison import ArrowsPicture, ColumnDrift, Comparison, Measure, Part, Verdict
from pofx.runs.layout import RunFolder
from pofx.spaces.base import Measure as SpaceMeasure
from pofx.spaces.symbolic import Maybe
from pofx.spaces.table import Table
from pofx.training.recorder import SILENT, Recorder

DRAWS = 10_000  # of a model, where it is compared with fewer rows
JOINT = 5_000  # rows of each side that whole-row measures look at
CLASSIFIED = 5_000
ARROWS = 250
FEWEST = 10
STAGES = 5


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
    measures, joint_p = _whole_rows(sides, table, rows_a, rows_b, asked, recorder)
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


# Whole rows ----------------------------------------------------------------------------------------------------------


def _whole_rows(
    sides: tuple[Side, Side], table: Table, a: Tensor, b: Tensor, asked: Asked, recorder: Recorder
) -> tuple[list[Measure], float]:
    """Measures of all columns together, and the p-value of the energy test."""
    recorder.start("whole rows", STAGES)
    p, q = _some(a, JOINT, asked.seed), _some(b, JOINT, asked.seed + 1)
    place = Coordinates.of(table, p, q)
    x, y = place(p), place(q)
    test = energy_test(x, y, permutations=asked.permutations, seed=split(asked.seed, "energy"))
    recorder.step(1, "energy distance")
    found = [_energy(x, y, test.p_value, asked.seed)]
    recorder.step(2, "classifier")
    found += _classified(table, p, q, asked.seed)
    recorder.step(3, "divergences")
    found += _divergences(sides, table, p, q, asked.seed)
    recorder.step(4, "cross entropy")
    found += _scores(sides, asked.seed)
    recorder.step(STAGES)
    return found, test.p_value


def _some(rows: Tensor, most: int, seed: int) -> Tensor:
    if len(rows) <= most:
        return rows
    return rows[torch.from_numpy(np.random.default_rng(split(seed, "rows")).permutation(len(rows))[:most])]


def _energy(x: np.ndarray, y: np.ndarray, p_value: float, seed: int) -> Measure:
    found = energy.energy_distance(x, y, units="pooled sd", seed=seed)
    one, other = halves(len(x), seed)
    between = energy.energy_distance(x[one], x[other], seed=seed).value
    return measure_of(found, "energy", p_value=p_value, null=between)


def _classified(table: Table, p: Tensor, q: Tensor, seed: int) -> list[Measure]:
    """What a classifier can tell, and what that proves."""
    if min(len(p), len(q)) < classifier.FEWEST:
        return []
    test = judged(table, _some(p, CLASSIFIED, seed), _some(q, CLASSIFIED, seed), split(seed, "classifier"))
    accuracy = Estimate(
        test.accuracy, test.std_error, Nature.ASYMPTOTICALLY_UNBIASED, test.method, "", "A, B", test.rows, 0.5
    )
    proved = [
        ("js", classifier.js_lower_bound(test), "A, B"),
        ("tv", classifier.tv_lower_bound(test), "A, B"),
    ]
    told = [measure_of(bound, name, direction=direction) for name, bound, direction in proved]
    return [measure_of(accuracy, "c2st", p_value=test.p_value), *told]


def _divergences(sides: tuple[Side, Side], table: Table, p: Tensor, q: Tensor, seed: int) -> list[Measure]:
    """KL both ways, of the models themselves where both are exact, and the sliced distance."""
    models = [side.model for side in sides]
    exact = all(model is not None and model.likelihood is Likelihood.EXACT for model in models)
    mine, other = (models[0], models[1]) if exact else (Data(table, p), Data(table, q))
    asks: list[tuple[str, str, Callable[[], Estimate]]] = [
        ("kl", "A || B", lambda: information.kl(mine, other, seed=seed)),
        ("kl", "B || A", lambda: information.kl(other, mine, seed=seed)),
    ]
    if exact:
        asks.append(("js", "A, B", lambda: information.js(mine, other, seed=seed)))
    if len(table.names) > 1 and any(space.measure is not SpaceMeasure.COUNTING for space in table.spaces):
        a, b = Data(table, p), Data(table, q)
        sliced = functools.partial(distances.sliced_wasserstein, a, b, order=1.0, scale="pooled", seed=seed)
        asks.append(("sliced_wasserstein", "A, B", sliced))
    found = []
    for name, direction, ask in asks:
        try:
            found.append(measure_of(ask(), name, direction=direction))
        except PofxError:
            continue  # this measure has no answer here; the others do
    return found


def _scores(sides: tuple[Side, Side], seed: int) -> list[Measure]:
    """A model's mean surprise at the other side."""
    found = []
    for mine, other, direction in ((0, 1, "A, B"), (1, 0, "B, A")):
        data, model = sides[mine], sides[other].model
        if model is None or model.likelihood is Likelihood.NONE:
            continue
        source = data.data if data.data is not None else data.model
        found.append(
            measure_of(entropies.cross_entropy(source, model, seed=seed), "cross_entropy", direction=direction)
        )
    return found


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
    parts = [_some(x[:, places], ARROWS, seed) for x in (_regular(table, a, places), _regular(table, b, places))]
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

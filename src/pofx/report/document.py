"""A run's records as one self-contained HTML page: no scripts, no requests, the same records to the same bytes.

It reads the torch-free records of a run folder and nothing else. What is too much for a page is left out with a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

from markupsafe import Markup

from pofx.report import bits, text, words
from pofx.report.figures import differences, flat, scores
from pofx.report.marginals import marginal, overlap
from pofx.report.page import style, template
from pofx.report.pairs import pair
from pofx.report.picture_sections import sections
from pofx.report.sequence_sections import sequences
from pofx.report.sheets import Pictures, inside, nowhere
from pofx.report.tiles import tiles
from pofx.runs.evidence import ColumnEvidence, Evidence, OddRow
from pofx.runs.files import write_text
from pofx.runs.layout import RunFolder
from pofx.runs.records import Run

COLUMNS = 24  # columns drawn
PAIRS = 12
LINES = 200  # lines of a table
BARS = 6  # columns shown of an odd row
SHOWN = 3  # odd rows, and columns of one, that are shown in any case
UNUSUAL = 0.1  # a row of this surprise is not odd
NOTHING = 0.05  # nats that make no row odd
IMPOSSIBLE = -1e6  # nats: a share below this stands for minus infinity

T = TypeVar("T")


def write_report(folder: RunFolder) -> Path:
    """Draws the report of a run folder and writes it there, whole or not at all.

    Raises:
        StoreError: the folder has no records, or damaged ones.
        ReadError: the report cannot be written.
    """
    write_text(folder.report, render(folder.read(), folder.read_evidence(), inside(folder.path)))
    return folder.report


def render(run: Run, evidence: Evidence, pictures: Pictures = nowhere) -> str:
    """The report as one HTML document; `pictures` gives the content of a PNG file of the run folder, or None."""
    return template("template.html").render(
        run=run,
        evidence=evidence,
        text=text,
        words=words,
        bits=bits,
        tiles=tiles(run, evidence),
        style=style(),
        title=PurePath(run.source.path).name,
        **_leaderboard(run),
        **_columns(run, evidence),
        **_pairs(evidence),
        **_calibration(run, evidence),
        **_odd(evidence),
        **sections(run, evidence, pictures),
        **sequences(run, evidence, pictures),
        score_picture=scores(evidence, "scores", run.outcome) if len(evidence.score_edges) > 1 else None,
        recipe_json=_recipes(run),
    )


def _leaderboard(run: Run) -> dict[str, Any]:
    compared = [model for model in run.models if model.delta is not None]
    return {
        "places": text.decimals_for(model.std_error for model in run.models),
        "bits_places": bits.places(run),
        "delta_places": text.decimals_for(model.delta_std_error for model in run.models),
        "difference_picture": differences(compared, run.chosen, "differences", run.units)
        if len(compared) > 1
        else None,
    }


def _columns(run: Run, evidence: Evidence) -> dict[str, Any]:
    taken, rows = {column.name: column for column in run.columns}, run.rows.test
    drawn = _worst(evidence.columns, COLUMNS, lambda column: overlap(column, rows))
    return {
        "column_cards": [
            {
                "name": column.name,
                "common": text.percent(overlap(column, rows)),
                "taken": taken.get(column.name),
                "picture": marginal(column, rows, f"column{k}"),
            }
            for k, column in enumerate(drawn)
        ],
        "left_out": [
            {"name": column.name, "reason": column.reason.removeprefix("left out").lstrip(": ")}
            for column in words.left_out(run)
        ],
        "column_lines": run.columns[:LINES],
    }


def _pairs(evidence: Evidence) -> dict[str, Any]:
    dates = frozenset(column.name for column in evidence.columns if column.is_date)
    return {
        "pair_cards": [
            {"x": each.x, "y": each.y, "picture": pair(each, dates, f"pair{k}"), "contours": bool(each.log_density)}
            for k, each in enumerate(evidence.pairs[:PAIRS])
        ]
    }


def _calibration(run: Run, evidence: Evidence) -> dict[str, Any]:
    tested = [column for column in evidence.columns if column.pit]
    drawn = _worst(tested, COLUMNS, lambda column: 1.0 if column.pit_p_value is None else column.pit_p_value)
    return {
        "flat_cards": [
            {"name": column.name, "p": column.pit_p_value, "picture": _flat(column, run, f"pit{k}")}
            for k, column in enumerate(drawn)
        ],
        "flat_total": len(tested),
        "surprise_picture": flat(
            evidence.surprise, run.rows.test, f"Surprise of held-out {run.outcome}s", "surprise", width=420, height=150
        )
        if evidence.surprise and run.rows.test
        else None,
    }


def _flat(column: ColumnEvidence, run: Run, key: str) -> Markup:
    regular = 1 - sum(data for data, _ in column.special.values())
    return flat(
        column.pit, max(1, round(run.rows.test * regular)), f"Calibration of {text.short(column.name, 60)}", key
    )


def _odd(evidence: Evidence) -> dict[str, Any]:
    excesses = [value for row in evidence.odd for value in row.excess.values() if value > IMPOSSIBLE]
    longest = max([1e-9, *(-value for value in excesses)])
    rows = [row for k, row in enumerate(evidence.odd) if k < SHOWN or row.surprise < UNUSUAL]
    return {"odd_cards": [{"row": row, "lines": _odd_lines(row, longest)} for row in rows]}


def _odd_lines(row: OddRow, longest: float) -> list[dict[str, Any]]:
    """The columns that make a row odd first; without shares, the columns in their order."""
    names = sorted(row.excess, key=lambda name: row.excess[name]) if row.excess else list(row.values)
    lines = []
    for k, name in enumerate(names[:BARS]):
        excess = row.excess.get(name)
        if k >= SHOWN and excess is not None and excess > -NOTHING:
            break
        possible = excess is None or excess > IMPOSSIBLE
        lines.append(
            {
                "name": name,
                "value": text.value(row.values.get(name)),
                "excess": "" if excess is None else text.number(excess, 1, sign=True) if possible else "−∞",
                "bar": 0.0 if excess is None else round(100 * min(1.0, max(0.0, -excess / longest)), 1),
            }
        )
    return lines


def _worst(columns: Sequence[ColumnEvidence], most: int, key: Any) -> list[ColumnEvidence]:
    """All columns in their order, or the `most` with the smallest key, in their order."""
    if len(columns) <= most:
        return list(columns)
    ranked = sorted(range(len(columns)), key=lambda k: (key(columns[k]), k))
    return [columns[k] for k in sorted(ranked[:most])]


def _recipes(run: Run) -> str:
    """The fitted estimators, one JSON line each, the chosen one first."""
    return "\n".join(_lines((m.name == run.chosen, m.name, m.estimator) for m in run.models))


def _lines(items: Iterable[tuple[bool, str, dict[str, Any]]]) -> list[str]:
    ordered = sorted(items, key=lambda item: not item[0])
    return [f"{name}: {json.dumps(recipe, ensure_ascii=False)}" for _, name, recipe in ordered if recipe]

"""A comparison's record as one self-contained HTML page: no scripts, no requests, the same record to the same bytes.

It reads the torch-free record of a comparison and nothing else. What is too much for a page is left out with a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from pofx.report import comparison_words as words
from pofx.report import measures, text
from pofx.report.arrows import MOST as ARROWS
from pofx.report.arrows import arrows
from pofx.report.contributions import contributions
from pofx.report.cumulatives import cumulatives
from pofx.report.densities import densities, has_integrand
from pofx.report.drift import drift_chart
from pofx.report.moves import moves
from pofx.report.page import style, template
from pofx.runs.comparison import ColumnDrift, Comparison
from pofx.runs.files import write_text
from pofx.runs.layout import ComparisonFolder

DRIFTS = 40  # columns on the chart of drift
CARDS = 24  # columns drawn one by one
LINES = 500  # lines of a table
NOTES = 20


def write_comparison(folder: ComparisonFolder) -> Path:
    """Draws the report of a comparison's folder and writes it there, whole or not at all.

    Raises:
        StoreError: the folder has no record, or a damaged one.
        ReadError: the report cannot be written.
    """
    write_text(folder.report, render_comparison(folder.read()))
    return folder.report


def render_comparison(comparison: Comparison) -> str:
    """The report as one HTML document."""
    # Sorted already; a stable sort puts what drifted first even where a record was made by hand.
    columns = sorted(comparison.columns, key=lambda column: not column.drifted)
    said = comparison.verdict
    names = [measure.name for measure in comparison.measures] + [column.measure for column in columns]
    return template("comparison.html").render(
        comparison=comparison,
        columns=columns,
        words=words,
        measures=measures,
        text=text,
        style=style(),
        chart=drift_chart(columns[:DRIFTS], said.alpha, said.permutations),
        cards=[_card(column, f"column{k}") for k, column in enumerate(columns[:CARDS])],
        arrow_picture=arrows(comparison.arrows, comparison.columns, "arrows") if comparison.arrows else None,
        most={"lines": LINES, "notes": NOTES, "arrows": ARROWS},
        glossary=measures.glossary(names),
    )


def _card(column: ColumnDrift, key: str) -> dict[str, Any]:
    """A column with its pictures, each with what it shows."""
    name, picture = column.name, column.picture
    first = "Densities" if picture.kind == "continuous" else "Shares"
    with_parts = picture.kind != "category" and has_integrand(picture)
    drawn: list[tuple[str, Markup | None, str]] = [
        (
            f"{first}, and KL below" if with_parts else first,
            densities(name, picture, f"{key}a"),
            words.tails(picture) if with_parts else "",
        ),
        ("What adds to KL", contributions(name, picture, f"{key}b"), words.tails(picture)),
        ("The area between is W₁", cumulatives(name, picture, f"{key}c"), words.area(column)),
        ("The transport plan", moves(name, picture, f"{key}d"), words.plan(column)),
    ]
    return {"column": column, "pictures": [(title, image, says) for title, image, says in drawn if image is not None]}

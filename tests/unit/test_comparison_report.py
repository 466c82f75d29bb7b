"""The report of a comparison: what it says, what it must never do, and that odd records draw."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from tests.unit.comparison_records import drift, integrand, labels, make_arrows, make_comparison, measure, numbers
from tests.unit.html_outline import NASTY, outline

from pofx.errors import StoreError
from pofx.report import comparison_words as words
from pofx.report import text
from pofx.report.arrows import MOST, heaviest
from pofx.report.comparison import render_comparison, write_comparison
from pofx.report.cumulatives import shift
from pofx.report.densities import gaps
from pofx.report.drift import drift_chart, multiple
from pofx.report.moves import spread
from pofx.report.scales import Scale, around
from pofx.runs.comparison import ArrowsPicture, ColumnDrift, ColumnPicture, Comparison, Part, Verdict
from pofx.runs.layout import ComparisonFolder


def said_by(**changes: Any) -> str:
    """The text of a report with next to nothing in it but the changes."""
    nothing: dict[str, Any] = {"columns": (), "measures": (), "arrows": None, "notes": ()}
    return outline(render_comparison(make_comparison(**{**nothing, **changes}))).text


@pytest.fixture(scope="module")
def page() -> str:
    return render_comparison(make_comparison())


def test_the_verdict_stands_at_the_top(page: str) -> None:
    said = outline(page).text
    top = said[: said.index("Overall")]
    assert "winter.csv and summer.csv" in top
    assert "The two files differ" in top
    assert "difference yes p = 0.001" in top
    assert "columns drifted 4 of 6" in top
    assert "false-alarm rate 5% 999 permutations; the smallest p-value it can give is 0.001" in top
    assert "A · winter.csv 900 rows" in top
    assert "temp_max (p = 0.001), precipitation (p = 0.001), weather (p = 0.001) and date (p = 0.001)." in top
    assert "Only in A, and not compared: station ." in top
    assert "Only in B, and not compared: pressure , cloud cover ." in top
    assert "The column 'id' is different in every row" in top


def test_a_model_is_counted_in_draws_and_no_difference_is_not_called_sameness() -> None:
    model = Part("runs/weather", "model", 4096, "kde")
    said = said_by(b=model, verdict=Verdict(False, 0.31, 0.05, 999, ""))
    assert "B · model kde of weather 4,096 draws" in said
    assert "difference none found p = 0.31" in said
    assert "No difference was found that chance would not give (p = 0.31, false-alarm rate 5%)." in said


def test_every_part_is_there(page: str) -> None:
    said = outline(page).text
    for words_of_a_part in (
        "energy distance A, B 0.420 ± 0.012",
        "All 6 columns in figures",
        "The shaded area is W₁: 5.10 ± 0.26 °C. B is larger nearly throughout.",
        "the axis is a log scale",
        "What adds to KL",
        "Each line takes the same share of rows from A, above, to B, below. The median moves by +5",
        "Transport in two columns",
        "Method: exact plan of 80 rows each.",
        "How to read it",
        "total variation (TV)",
        "pofx compare data/winter.csv data/summer.csv --seed 7",
    ):
        assert words_of_a_part in said


def test_a_bound_is_shown_with_its_sign_and_never_as_an_equality(page: str) -> None:
    said = outline(page).text
    assert "≥ 0.610 ± 0.012 nats 0.010 lower bound" in said
    assert "≤ 0.110 nats – upper bound" in said
    bounded = dataclasses.replace(make_comparison().columns[0], nature="lower bound")
    card = said_by(columns=(bounded,))
    assert "W₁(A, B) ≥ 5.10 ± 0.26 °C" in card
    assert "= 5.10" not in card
    assert "W₁(A, B) = 5.10 ± 0.26 °C" in said


def test_an_infinite_value_says_where(page: str) -> None:
    assert "∞ nats 0.010 estimate, from rows rows infinite where snow = yes" in outline(page).text
    infinite = drift("x", make_comparison().columns[5].picture, None, 0.1)
    assert "W₁(A, B) = ∞ mm" in said_by(columns=(infinite,))
    assert text.measured(None, None, "lower bound") == "≥ ∞"


def test_gaps_of_b_are_marked_and_explained() -> None:
    p, q = np.array([0.2, 0.3, 0.1, 0.4]), np.array([0.0, 0.0, 0.5, 0.5])
    picture = ColumnPicture("continuous", tuple(p), tuple(q), edges=(0, 1, 2, 3, 4), integrand=integrand(p, q))
    assert gaps(picture, np.arange(5.0)) == [(0.0, 2.0)]
    page = render_comparison(make_comparison(columns=(drift("x", picture, 1.0, 0.1),), arrows=None))
    assert "at ∞ A has rows, 50% of them, and B has none (0 to 2.00)" in outline(page).text
    assert page[page.index("<svg") : page.index("</svg>")].count("∞") == 1


def test_the_caption_says_how_much_the_tails_give() -> None:
    p, q = np.array([0.95, 0.05]), np.array([0.9999, 0.0001])
    picture = ColumnPicture("continuous", tuple(p), tuple(q), edges=(0.0, 1.0, 2.0), integrand=integrand(p, q))
    tail = 0.05 * math.log(500)
    assert words.tail_part(picture) == pytest.approx(tail)
    total = tail + 0.95 * math.log(0.95 / 0.9999)
    assert f"KL(A ‖ B) = {total:.3f} nats" in words.tails(picture)
    assert f"thinnest give {tail:.3f}; other rows take some of it away" in words.tails(picture)
    even = dataclasses.replace(
        picture, a=(0.6, 0.4), b=(0.5, 0.5), integrand=integrand(np.array([0.6, 0.4]), np.full(2, 0.5))
    )
    share = 0.05 * math.log(1.2) / (0.6 * math.log(1.2) + 0.4 * math.log(0.8))
    assert f"{share:.0%} of it" in words.tails(even)


def test_the_area_and_its_side_are_those_of_a_shift() -> None:
    grid = np.linspace(0, 3, 301)
    a, b = np.clip(grid, 0, 1), np.clip(grid - 1.5, 0, 1)
    picture = ColumnPicture("continuous", (), (), grid=tuple(grid), cdf_a=tuple(a), cdf_b=tuple(b))
    assert shift(picture) == (pytest.approx(1.5), 0.0)
    assert shift(dataclasses.replace(picture, cdf_a=tuple(b), cdf_b=tuple(a))) == (0.0, pytest.approx(1.5))


def test_an_area_that_is_not_all_of_w1_says_so() -> None:
    picture = ColumnPicture("continuous", (), (), grid=(0.0, 1.0), cdf_a=(1.0, 1.0), cdf_b=(0.0, 0.0))
    assert "The shaded area is W₁: 1.000 ± 0.050 mm. B is larger" in words.area(drift("x", picture, 1.0, 0.1))
    clipped = words.area(drift("x", picture, 9.0, 0.1))
    assert "The shaded area is 1.00 mm; W₁ itself, of all rows as they were measured, is 9.00 ± 0.45." in clipped


def test_steps_of_counts_are_not_smoothed() -> None:
    picture = ColumnPicture("counts", (), (), grid=(0.0, 1.0, 2.0), cdf_a=(1.0, 1.0, 1.0), cdf_b=(0.0, 0.0, 1.0))
    assert shift(picture) == (2.0, 0.0)  # from always 0 to always 2


def test_drift_is_drawn_against_the_null() -> None:
    columns = make_comparison().columns
    chart = drift_chart(columns, 0.05, 999)
    assert chart.by_null
    assert chart.lines[0].said == "16×"
    places = {line.column.name: line.place for line in chart.lines}
    assert places["temp_max"] > places["precipitation"] > chart.reference > places["wind"]
    assert all(0 <= place <= 100 for place in places.values())
    assert {label: place for place, label in chart.marks}["1×"] == chart.reference


def test_drift_without_a_null_is_drawn_by_p_value() -> None:
    columns = [dataclasses.replace(c, null=None) for c in make_comparison().columns]
    columns[1] = dataclasses.replace(columns[1], p_value=0.0)  # below what permutations can give: at the smallest
    columns[2] = dataclasses.replace(columns[2], p_value=None)
    chart = drift_chart(columns, 0.05, 999)
    assert not chart.by_null
    assert chart.lines[0].place == chart.lines[1].place
    assert chart.lines[2].place is None
    assert chart.lines[0].place > chart.reference > chart.lines[4].place
    assert {label: place for place, label in chart.marks}["0.001"] == chart.lines[0].place


def test_an_infinite_drift_stands_beyond_all_others_and_does_not_hide_them() -> None:
    columns = make_comparison().columns
    columns = (dataclasses.replace(columns[0], value=None), *columns[1:])
    lines = drift_chart(columns, 0.05, 999).lines
    assert lines[0].said == "∞"
    assert lines[0].place == max(line.place or 0.0 for line in lines)
    assert (lines[2].place or 0.0) > 60


@pytest.mark.parametrize(
    ("value", "null", "times"), [(None, 0.1, math.inf), (0.1, 0.0, math.inf), (0.0, 0.0, 0.0), (0.3, 0.1, 3.0)]
)
def test_multiples_of_a_null(value: float | None, null: float, times: float) -> None:
    column = dataclasses.replace(make_comparison().columns[0], value=value, null=null)
    assert multiple(column) == pytest.approx(times)
    chart = drift_chart([column], 0.05, 99)
    assert 0 <= (chart.lines[0].place or 0.0) <= 100
    assert {label: place for place, label in chart.marks}["1×"] == chart.reference


def test_self_contained_and_accessible(page: str) -> None:
    found = outline(page)
    names = [tag for tag, _ in found.tags]
    assert not {"script", "link", "img", "iframe", "object"} & set(names)
    assert not re.search(r"https?://|@import|url\((?!#)", page)
    assert all(a.get("role") == "img" and a.get("aria-label") for tag, a in found.tags if tag == "svg")
    assert names.count("svg") == 5 * 3 + 2 + 1
    assert all(a.get("scope") for tag, a in found.tags if tag == "th")
    assert not any(key.startswith("on") for _, a in found.tags for key in a)
    assert len(page) < 300_000


def test_identifiers_are_unique_and_references_resolve(page: str) -> None:
    found = outline(page)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for tag, a in found.tags if a.get("href")]
    assert set(re.findall(r"url\(#([^)]+)\)", page)) | set(links) <= set(ids)


def test_follows_the_page_in_light_and_dark(page: str) -> None:
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert not re.search(r"#[0-9a-fA-F]{6}\b|font-family", pictures)
    variables = set(re.findall(r"(--[a-z]+):", page))
    assert set(re.findall(r"var\((--[a-z]+)\)", page)) <= variables


def test_same_record_same_bytes(page: str) -> None:
    with matplotlib.rc_context({"font.size": 31}):
        assert render_comparison(make_comparison()) == page


def test_users_text_is_escaped_everywhere() -> None:
    plain = make_comparison()
    category = dataclasses.replace(
        plain.columns[2].picture, labels=(NASTY, "b", "c", "d", "e"), special={NASTY: (0.1, 0.2)}
    )
    nasty: dict[str, Any] = {"method": NASTY, "units": NASTY, "direction": NASTY, "nature": NASTY}
    columns = [
        dataclasses.replace(
            c, name=f"{NASTY}{k}", space=NASTY, measure=NASTY, measures=(measure(NASTY, 1.0, note=NASTY),), **nasty
        )
        for k, c in enumerate(plain.columns)
    ]
    columns[2] = dataclasses.replace(columns[2], picture=category)
    page = render_comparison(
        dataclasses.replace(
            plain,
            a=Part(f"data/{NASTY}", "data", 3),
            b=Part(NASTY, "model", 3, NASTY),
            verdict=Verdict(True, 0.01, 0.05, 99, NASTY),
            measures=(measure(NASTY, 1.0, note=NASTY, **nasty),),
            columns=tuple(columns),
            arrows=dataclasses.replace(make_arrows(), x=NASTY, y=NASTY, method=NASTY),
            only_in_a=(NASTY,),
            only_in_b=(NASTY,),
            notes=(NASTY,),
            command=NASTY,
            created=NASTY,
            versions={NASTY: NASTY},
        )
    )
    assert "<script" not in page
    found = outline(page)
    assert "script" not in [tag for tag, _ in found.tags]
    assert "<script>alert('$x$')" in found.text


EMPTY = ColumnPicture("continuous", (), ())
RNG = np.random.default_rng(3)
ODD = {
    "empty": EMPTY,
    "all missing": dataclasses.replace(EMPTY, special={"missing": (1.0, 1.0)}),
    "no labels": ColumnPicture("category", (), ()),
    "one label": ColumnPicture("category", (1.0,), (1.0,), labels=("7",), integrand=(0.0,)),
    "many labels": labels(*([f"label {k % n} with a tail" for k in range(200)] for n in (60, 45))),
    "all infinite": ColumnPicture(
        "category", (0.5, 0.5, 0.0), (0.0, 0.0, 1.0), labels=("a", "b", "c"), integrand=(None, None, 0.0),
    ),
    "constant": ColumnPicture(
        "continuous", (1.0,), (1.0,), edges=(7.0, 7.0), integrand=(0.0,), grid=(7.0, 7.0), cdf_a=(1.0, 1.0),
        cdf_b=(1.0, 1.0), quantiles_a=(7.0,) * 9, quantiles_b=(7.0,) * 9,
    ),
    "one count": ColumnPicture("counts", (1.0,), (1.0,), edges=(-0.5, 0.5), integrand=(0.0,)),
    "zeros": ColumnPicture("continuous", (0.0,) * 4, (0.0,) * 4, edges=(0, 1, 2, 3, 4), integrand=(0.0,) * 4),
    "no overlap": numbers(RNG.normal(0, 1, 50), RNG.normal(90, 1, 50)),
    "huge": ColumnPicture(
        "continuous", (0.5, 0.5), (0.2, 0.8), edges=(-1e300, 0.0, 1e300), grid=(-1e300, 1e300), cdf_a=(0.0, 1.0),
        cdf_b=(0.1, 1.0), quantiles_a=(-1e300, 1e300), quantiles_b=(0.0, 1e300),
    ),
    "tiny": ColumnPicture(
        "continuous", (0.5, 0.5), (0.2, 0.8), edges=(1.0, 1.0 + 1e-15, 1.0 + 2e-15), integrand=(0.1, None),
        grid=(1.0, 1.0 + 1e-15), cdf_a=(0.5, 1.0), cdf_b=(0.2, 1.0), quantiles_a=(1.0,), quantiles_b=(1.0 + 1e-15,),
    ),
    "log with zero": dataclasses.replace(numbers(np.arange(0.0, 50), np.arange(1.0, 60)), log_scale=True),
    "far date": ColumnPicture("continuous", (0.5, 0.5), (0.2, 0.8), edges=(-1e9, 0.0, 1e9), is_date=True),
    "many atoms": ColumnPicture("counts", (0.1,), (0.1,), edges=(0, 1), special={f"{k}": (0.1, 0.0) for k in range(9)}),
    "uneven": ColumnPicture(
        "continuous", (0.5,), (0.5, 0.5), edges=(0.0, 1.0), grid=(0.0,), cdf_a=(1.0,), quantiles_a=(1.0,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_columns_draw(name: str) -> None:
    column = drift(name, ODD[name], 0.0, 0.0)
    found = outline(render_comparison(make_comparison(columns=(column,), arrows=None, measures=())))
    assert "nan" not in found.text.lower().split()
    assert "None" not in found.text.replace("None of 1 column", "")
    pictures = sum(tag == "svg" for tag, _ in found.tags)
    assert pictures > 0 or name in ("empty", "no labels", "uneven")
    assert ("There is nothing to draw" in found.text) == (pictures == 0)


def test_a_column_without_any_figures() -> None:
    bare = ColumnDrift(
        "x",
        "tv",
        None,
        None,
        "quadrature",
        "",
        "",
        "A, B",
        None,
        None,
        None,
        False,
        "",
        (),
        ColumnPicture("category", (), ()),
    )
    said = said_by(columns=(bare,), only_in_a=(), only_in_b=(), versions={}, command="", created="")
    assert "None of 1 column drifted by itself." in said
    assert "Only in" not in said
    assert "TV(A, B) = ∞" in said


def test_no_arrows_no_section_and_too_many_are_cut_with_a_word() -> None:
    nowhere = ArrowsPicture("x", "y", (), "exact")
    assert "Transport in two columns" not in said_by(arrows=nowhere)
    still = ArrowsPicture("x", "y", ((1.0, 1.0, 1.0, 1.0, 0.0),), "exact")
    assert "Transport in two columns" in said_by(arrows=still)
    many = ArrowsPicture("x", "y", tuple((0.0, float(k), 1.0, float(k), k / 1e5) for k in range(400)), "exact")
    assert f"the {MOST} arrows of 400 that carry most are drawn" in said_by(arrows=many)
    assert heaviest(many)[[0, -1], 4].tolist() == [100 / 1e5, 399 / 1e5]


def test_arrows_on_log_and_date_axes() -> None:
    columns = make_comparison().columns
    rows = tuple((0.1 * 2**k, 15_340.0 + 30 * k, 0.3 * 2**k, 15_360.0 + 30 * k, 0.1) for k in range(10))
    picture = ArrowsPicture("precipitation", "date", rows, "exact")
    page = render_comparison(make_comparison(columns=columns, arrows=picture))
    drawn = outline(
        page[page.index('<figure class="arrows">') : page.index('<section id="reading">')].removesuffix(
            "</section>\n\n"
        )
    )
    assert {"0.1", "1", "10"} <= set(drawn.words)
    assert {"Apr", "Jul", "Oct"} & set(drawn.words)


def test_three_hundred_columns_with_long_names_stay_small() -> None:
    pictures = [column.picture for column in make_comparison().columns]
    columns = tuple(
        drift(f"{'a very long name of a column, with commas; and more, ' * 8}{k}", pictures[k % 6], 1.0, 0.1)
        for k in range(300)
    )
    page = render_comparison(make_comparison(columns=columns))
    said = outline(page).text
    assert "The first 40 of 300 columns are drawn; the table below has all of them." in said
    assert "The first 24 of 300 columns are drawn, those that drifted before the others." in said
    assert "and 292 more" in said
    assert len(page) < 1_500_000


def test_what_drifted_is_drawn_before_the_others() -> None:
    columns = make_comparison().columns[::-1]
    said = said_by(columns=columns)
    assert said.index("every measure of temp_max") < said.index("every measure of wind")


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (12345.6, 234.6, "12,346 ± 235"),
        (0.5, 0.0, "0.500"),
        (1.2e-9, 3e-10, "1.20 × 10⁻⁹ ± 3.0 × 10⁻¹⁰"),
        (0.0, None, "0"),
    ],
)
def test_measured(value: float, error: float | None, said: str) -> None:
    assert text.measured(value, error, "quadrature") == said


def test_scales_hold_their_values() -> None:
    assert Scale(1.0, 100.0, log=True).fraction([1.0, 10.0, 100.0]) == pytest.approx([0.0, 0.5, 1.0])
    assert Scale(-1e308, 1e308).fraction([0.0])[0] == pytest.approx(0.5)
    assert around([3.0, 3.0]).fraction([3.0])[0] == pytest.approx(0.5)
    assert not around([0.0, 5.0], log=True).log
    assert around([]) == Scale(0.0, 1.0)
    assert len(spread(1000)) == 50 and spread(1000)[[0, -1]].tolist() == [0, 999]
    assert spread(1).tolist() == [0]


def test_the_folder_keeps_a_record_and_says_what_is_wrong(tmp_path: Path) -> None:
    folder, record = ComparisonFolder(tmp_path / "c"), make_comparison()
    with pytest.raises(StoreError, match=r"there is no such comparison.*pofx compare"):
        folder.read()
    folder.write(record)
    assert folder.read() == record
    assert write_comparison(folder) == folder.report
    assert folder.report.read_text(encoding="utf-8") == render_comparison(record)
    path = folder.path / "comparison.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    for damaged in ("{", json.dumps({**whole, "columns": 3}), json.dumps({"a": 1})):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(StoreError, match=r"the record is damaged.*remedy: compare again"):
            folder.read()
    path.write_text(json.dumps({**whole, "format": 99}), encoding="utf-8")
    with pytest.raises(StoreError, match="newer version"):
        folder.read()


def test_a_default_comparison_is_enough() -> None:
    bare = Comparison(Part("a.csv", "data", 1), Part("b.csv", "data", 1), Verdict(False, 1.0, 0.05, 0, ""), (), ())
    said = outline(render_comparison(bare)).text
    assert "0 permutations" in said
    assert "p = 1.00" in said


def test_torch_is_not_loaded() -> None:
    code = "import sys, pofx.report.comparison; sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0

"""The report: what it says, what it must never do (run scripts, ask the network, load torch), that odd runs draw."""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from scipy import stats
from tests.unit.html_outline import NASTY, outline
from tests.unit.report_records import make_records, model_row

from pofx.errors import StoreError
from pofx.report import text, words
from pofx.report.document import render, write_report
from pofx.report.figures import flatness_band
from pofx.report.marginals import overlap
from pofx.report.pairs import is_geometric, levels
from pofx.report.ticks import dates, powers, round_numbers
from pofx.runs.evidence import ColumnEvidence, Evidence, PairEvidence
from pofx.runs.layout import RunFolder
from pofx.runs.records import ColumnRow, Failure, Rows, Run


def bare(**changes: Any) -> tuple[Run, Evidence]:
    """Records with next to no pictures, for a test of one part."""
    nothing: dict[str, Any] = dict.fromkeys(("columns", "pairs", "odd", "surprise", "score_edges", "failed"), ())
    nothing |= {"models": (model_row("kde", -1.0, 0.0),), "chosen": "kde"}
    run, evidence = make_records(**{k: v for k, v in {**nothing, **changes}.items() if k != "columns"})
    return run, dataclasses.replace(evidence, columns=changes.get("columns", ()))


@pytest.fixture(scope="module")
def page() -> str:
    return render(*make_records())


def test_headline_says_what_was_fitted_chosen_and_gained(page: str) -> None:
    said = outline(page).text
    assert "8 models were fitted to seattle-weather.csv: 1,461 rows, 7 columns." in said
    assert "the chosen model, stacking, has a mean log-probability of −9.41 ± 0.07 nats per row." in said
    assert "1.49 ± 0.09 nats per row better than taking the columns as independent" in said
    assert f"{math.exp(1.492):.1f} times as probable" in said


def test_exact_scores_bounds_and_no_likelihood_look_different(page: str) -> None:
    said = outline(page).text
    assert "vae ≥ −9.71 ± 0.07 ≥ −0.30" in said
    assert "histogram −∞ 3 impossible rows" in said
    assert "gan – – – none" in said
    assert "student_t the covariance is singular" in said


def test_every_part_is_there(page: str) -> None:
    said = outline(page).text
    for words_of_a_part in (
        "precipitation",
        "57%",
        "1461 different texts",
        "Contours enclose",
        "1 of 5 columns departs from flat: temp_min (p < 0.001)",
        "It is right 52.7% ± 2.1% of the time",
        "Row 37 surprise 1 in 10,000",
        "log-probability −∞",
        "pofx fit data/seattle-weather.csv --seed 7 --time 60 --column wind=positive",
        "(pofx 0.1.0, seed 7, random split) scores −9.41 ± 0.07 nats per row (−13.58 ± 0.10 bits)",
        "Likelihood alone does not detect every outlier",
        '"components": 8',
    ):
        assert words_of_a_part in said


def test_self_contained_and_accessible(page: str) -> None:
    found = outline(page)
    names = [tag for tag, _ in found.tags]
    assert not {"script", "link", "img", "iframe", "object"} & set(names)
    assert not re.search(r"https?://|@import|url\((?!#)", page)
    assert all(a.get("role") == "img" and a.get("aria-label") for tag, a in found.tags if tag == "svg")
    assert names.count("svg") == 1 + 7 + 3 + 5 + 1 + 1
    assert all(a.get("scope") for tag, a in found.tags if tag == "th")
    assert len(page) < 300_000


def test_identifiers_are_unique_and_references_resolve(page: str) -> None:
    found = outline(page)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for tag, a in found.tags if a.get("href")]
    assert set(re.findall(r"url\(#([^)]+)\)", page)) | set(links) <= set(ids)


def test_follows_the_page_in_light_and_dark(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert not re.search(r"#[0-9a-fA-F]{6}\b|font-family", pictures)
    assert set(re.findall(r"var\((--[a-z]+)\)", page)) <= set(re.findall(r"(--[a-z]+):", page))


def test_same_records_same_bytes_and_settings_are_left_alone(page: str) -> None:
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 31, "axes.edgecolor": "red"}):
        assert render(*make_records()) == page
    assert dict(matplotlib.rcParams) == before


def test_users_text_is_escaped_everywhere() -> None:
    run, evidence = make_records()
    nasty = dataclasses.replace(evidence.columns[6], name=NASTY, labels=(NASTY, "b", "c", "d", "e"))
    special = dataclasses.replace(evidence.columns[4], name=NASTY + "2", special={NASTY: (0.1, 0.2)})
    odd = dataclasses.replace(evidence.odd[0], values={NASTY: NASTY}, shares={NASTY: -1.0}, excess={NASTY: -1.0})
    pair = dataclasses.replace(evidence.pairs[2], x=NASTY, y=NASTY)
    page = render(
        dataclasses.replace(
            run,
            columns=(ColumnRow(NASTY, "category", NASTY),),
            failed=(Failure(NASTY, NASTY),),
            models=(*run.models, model_row(NASTY, -12.0, -3.0)),
            source=dataclasses.replace(run.source, path=f"data/{NASTY}", notes=(NASTY,)),
            recipe=dataclasses.replace(run.recipe, command=f"pofx fit '{NASTY}'", columns={NASTY: NASTY}),
        ),
        dataclasses.replace(evidence, columns=(nasty, special), pairs=(pair,), odd=(odd,)),
    )
    assert "<script" not in page
    found = outline(page)
    assert "script" not in [tag for tag, _ in found.tags]
    assert "<script>alert('$x$')" in found.text
    assert "温度 $" in found.text


def one_column() -> tuple[Run, Evidence]:
    run, evidence = make_records(odd=(), pairs=(), two_sample=None)
    models = (model_row("independent", -1.5, 0.0),)
    run = dataclasses.replace(run, models=models, chosen="independent", columns=run.columns[2:3], failed=())
    return run, dataclasses.replace(evidence, model="independent", columns=evidence.columns[2:3])


def test_one_column_one_model_no_pairs() -> None:
    said = outline(render(*one_column())).text
    assert "One model was fitted to seattle-weather.csv: 1,461 rows, 1 column." in said
    assert "Pairs" not in said
    assert "oddest" not in said
    assert "too few held-out rows to ask a classifier" in said
    assert "gain over" not in said


def test_a_model_without_scores_or_with_impossible_rows() -> None:
    models = make_records()[0].models
    said = outline(render(*bare(models=models, chosen="gan"))).text
    assert "The chosen model, gan, can be sampled, but has no probability to ask for." in said
    assert "fitted without a mean held-out score" in said
    edges = make_records()[1].score_edges
    said = outline(render(*bare(models=models, chosen="histogram", score_edges=edges))).text
    assert "histogram, gives probability zero to 3 rows, so it has no mean score." in said
    assert "3 rows of probability zero among it" in said


def test_odd_rows_without_shares_show_their_values() -> None:
    plain = tuple(dataclasses.replace(row, shares={}, excess={}) for row in make_records()[1].odd)
    said = outline(render(*bare(odd=plain))).text
    assert "date 2014-12-02" in said
    assert "to blame" not in said


def test_a_hundred_columns_with_long_names_stay_small() -> None:
    run, evidence = make_records()
    names = [f"{'a very long name of a column, with commas; and more, ' * 8}{k}" for k in range(100)]
    columns = tuple(dataclasses.replace(evidence.columns[k % 7], name=name) for k, name in enumerate(names))
    values = dict.fromkeys(names, 1.5)
    odd = tuple(dataclasses.replace(row, values=values, shares=values, excess=values) for row in evidence.odd)
    run = dataclasses.replace(run, columns=tuple(ColumnRow(name, "real", "real numbers") for name in names))
    page = render(run, dataclasses.replace(evidence, columns=columns, pairs=evidence.pairs * 10, odd=odd))
    said = outline(page).text
    assert "The 24 of 100 columns in which they differ most are drawn." in said
    assert "12 of 30 pairs are drawn." in said
    assert page.count("<svg") == 1 + 24 + 12 + 24 + 2
    assert len(page) < 2_000_000


def test_many_labels_are_gathered() -> None:
    shares = tuple(float(s) for s in np.arange(50, 0, -1) / 1275)
    labels = tuple(f"label {k} with a long tail of words" for k in range(50))
    column = ColumnEvidence("kind", "category", shares, shares, labels=labels, special={"missing": (0.0, 0.0)})
    said = outline(render(*bare(columns=(column,)))).text
    assert "label 0 wit…of words" in said
    assert "30 others" in said
    assert "100% in common" in said


@pytest.mark.parametrize(
    "column",
    [
        ColumnEvidence("constant", "category", (1.0,), (1.0,), labels=("7",)),
        ColumnEvidence(
            "empty", "continuous", (0.0,) * 40, (0.0,) * 40, edges=tuple(range(41)), special={"missing": (1.0, 1.0)}
        ),
        ColumnEvidence("no labels", "category", (), ()),
        ColumnEvidence("huge", "continuous", (0.5, 0.5), (0.2, 0.8), edges=(-1e300, 0.0, 1e300)),
        ColumnEvidence("tiny", "continuous", (0.5, 0.5), (0.2, 0.8), edges=(1.0, 1.0 + 1e-15, 1.0 + 2e-15)),
        ColumnEvidence("far date", "continuous", (0.5, 0.5), (0.2, 0.8), edges=(-1e9, 0.0, 1e9), is_date=True),
        ColumnEvidence(
            "one day", "continuous", (0.5, 0.5), (0.2, 0.8), edges=(16_000.0, 16_000.2, 16_000.5), is_date=True
        ),
        ColumnEvidence("log", "continuous", (0.5, 0.5), (0.2, 0.8), edges=(1e-9, 1.0, 1e9), log_scale=True),
        ColumnEvidence("one count", "counts", (1.0,), (1.0,), edges=(-0.5, 0.5)),
        ColumnEvidence("atoms", "counts", (0.1,), (0.1,), edges=(0, 1), special={f"{k}": (0.1, 0.0) for k in range(9)}),
    ],
    ids=lambda column: column.name,
)
def test_odd_columns_draw(column: ColumnEvidence) -> None:
    found = outline(render(*bare(columns=(column,))))
    assert "nan" not in found.text.lower()
    assert any(column.name in str(a.get("aria-label")) for tag, a in found.tags if tag == "svg")


@pytest.mark.parametrize("data", [(), ((1.0, 2.0),), ((1.0, 2.0), (1.0, 2.0))])
def test_odd_pairs_draw(data: tuple[tuple[float, float], ...]) -> None:
    nowhere = PairEvidence("x", "y", data, data, (0.0, 1.0, 2.0), (0.0, 1.0, 2.0), ((None,) * 3,) * 3)
    alone = PairEvidence("x", "y", data, ())
    assert render(*bare(pairs=(nowhere, alone))).count("y against x") == 2


def test_a_model_far_off_does_not_hide_the_others() -> None:
    page = render(*bare(models=(*make_records()[0].models, model_row("awful", -5e6, -5e6))))
    assert "← −5,000,000.0" in page


def test_gain_from_two_differences_is_honest_about_its_error() -> None:
    run, _ = make_records(chosen="mixture")
    better = words.gain(run)
    assert better is not None
    assert better.value == pytest.approx(1.492 - 0.036)
    assert better.at_most
    assert better.error == pytest.approx(0.02 + 0.05 * 0.036 + 0.02 + 0.05 * 1.492)
    assert "± at most 0.12" in " ".join(words.headline(run))


def test_a_gain_within_two_standard_errors_may_be_chance() -> None:
    models = (model_row("kde", -2.0, 0.0), model_row("independent", -2.01, -0.01))
    run, _ = make_records(models=models, chosen="kde")
    assert "may be chance" in " ".join(words.headline(run))


def test_levels_enclose_their_mass_of_a_normal_law() -> None:
    x, y = np.linspace(-6, 6, 241), np.linspace(-12, 12, 201)
    log_density = stats.norm.logpdf(x)[None, :] + stats.norm.logpdf(y, scale=2)[:, None]  # [y, x]
    masses = (0.95, 0.8, 0.5)
    # The region of mass m is (x^2 + y^2 / 4) / 2 <= -log(1 - m), as its double is chi-square with two degrees.
    expected = [math.log(1 - m) - math.log(2 * math.pi * 2) for m in masses]
    assert levels(log_density, x, y, masses) == pytest.approx(expected, abs=0.02)


def test_levels_do_not_depend_on_how_the_grid_is_spaced() -> None:
    even, uneven = np.linspace(-6, 6, 301), 6 * np.linspace(-1, 1, 301) ** 3
    found = []
    for x in (even, uneven):
        log_density = stats.norm.logpdf(x)[None, :] + stats.norm.logpdf(even)[:, None]
        found.append(levels(log_density, x, even, (0.9,))[0])
    assert found[0] == pytest.approx(found[1], abs=0.03)


def test_a_geometric_grid_is_drawn_on_a_log_scale_and_regions_are_those_of_the_log() -> None:
    assert is_geometric(np.geomspace(0.1, 1e4, 48))
    assert not is_geometric(np.linspace(0.1, 1e4, 48))
    assert not is_geometric(np.linspace(0.1, 0.15, 48))
    x, y = np.geomspace(1e-3, 1e3, 60), np.linspace(-4, 4, 50)
    log_density = stats.lognorm.logpdf(x, 1.5)[None, :] + stats.norm.logpdf(y)[:, None]
    rows = tuple(tuple(row) for row in log_density.tolist())
    points = tuple((float(a), 0.0) for a in x)
    heavy = PairEvidence("x", "y", points, points, tuple(x.tolist()), tuple(y.tolist()), rows)
    plain = dataclasses.replace(heavy, grid_x=(), grid_y=(), log_density=())
    found = outline(render(*bare(pairs=(heavy, plain)))).text
    assert "0.01" in found
    assert "100" in found


def test_flatness_band_holds_99_in_100_bars() -> None:
    low, high = flatness_band(400, 20)
    counts = np.random.default_rng(0).multinomial(400, [1 / 20] * 20, size=5_000) / 400
    inside = ((counts >= low) & (counts <= high)).mean()
    assert 0.99 <= inside < 0.997


@pytest.mark.parametrize("rows", [1, 8, 69, 400, 12_345])
@pytest.mark.parametrize("bins", [5, 20])
def test_flatness_band_is_the_binomial_one(rows: int, bins: int) -> None:
    low, high = stats.binom.interval(0.99, rows, 1 / bins)
    assert flatness_band(rows, bins) == pytest.approx((low / rows, high / rows))


def test_overlap_is_one_minus_total_variation() -> None:
    column = ColumnEvidence("x", "counts", (0.2, 0.3), (0.4, 0.3), edges=(0, 1, 2), special={"missing": (0.5, 0.3)})
    assert overlap(column, 1000) == pytest.approx(0.8)
    beyond = ColumnEvidence("x", "counts", (0.5, 0.4), (0.5, 0.3), edges=(0, 1, 2))
    assert overlap(beyond, 1000) == pytest.approx(0.9)  # a tenth lies beyond the edges in both


def test_marks_are_round_few_and_distinct() -> None:
    for low, high in ((0, 1), (-3e-7, 8e-7), (1e6, 1e6 + 1), (0.1, 0.100001), (-4e9, 9e12), (-1e300, 1e300)):
        places, labels = round_numbers(low, high, 5)
        assert 2 <= len(places) <= 6
        assert len(set(labels)) == len(labels)
    assert round_numbers(2010, 2020, 5)[1] == ["2010", "2015", "2020"]
    assert round_numbers(-3e-7, 8e-7, 5)[1] == ["0", "5e−7"]
    assert powers(1e-3, 1e5, 5)[1] == ["0.01", "1", "100", "10k"]
    assert powers(5, 7, 4)[1] == ["5", "6", "7"]
    assert dates(15_340.0, 16_800.0, 5)[1:] == (["2012", "2013", "2014", "2015"], "")


@pytest.mark.parametrize(
    ("value", "said"), [(0.5, "50%"), (0.0213, "2.1%"), (0.00002, "<0.1%"), (0.0, "0%"), (1.0, "100%")]
)
def test_percent(value: float, said: str) -> None:
    assert text.percent(value) == said


def test_writes_into_the_run_folder_and_says_what_is_missing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run, evidence = bare()
    folder.write(run)
    with pytest.raises(StoreError, match=r"evidence\.json"):
        write_report(folder)
    assert not folder.report.exists()
    folder.write(evidence)
    assert write_report(folder) == folder.report
    assert folder.report.read_text(encoding="utf-8") == render(run, evidence)
    assert sorted(file.name for file in folder.path.iterdir()) == ["evidence.json", "report.html", "run.json"]


def test_rows_of_zero_test_rows_do_not_divide() -> None:
    _, evidence = make_records()
    flat = render(*bare(rows=Rows(10, 5, 0), surprise=evidence.surprise, columns=evidence.columns[:1]))
    assert "Whole rows: surprise" not in flat


def test_torch_is_not_loaded() -> None:
    code = "import sys, pofx.report.document; sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0

"""The report of a run on pictures: bits per dimension, sheets, codes, bounds, and training curves of any run."""

from __future__ import annotations

import base64
import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.html_outline import NASTY, outline
from tests.unit.picture_records import DIMS, curve, latent_map, make_picture_records, picture_row, sheet
from tests.unit.report_records import make_records, model_row

from pofx.report import bits, picture_words
from pofx.report.curves import MOST, apart, span
from pofx.report.document import render, write_report
from pofx.report.hues import DARK, LIGHT, NAMES
from pofx.report.latent import clouds, in_use
from pofx.report.sheets import LARGEST, SIGNATURE, budgeted, cells, inside, shown
from pofx.runs.evidence import Curve, Evidence
from pofx.runs.layout import RunFolder
from pofx.runs.pictures import Bound, LatentMap, Memory, PictureEvidence, Sheet
from pofx.runs.records import Run

SECTIONS = {
    "training": {"curves": ()},
    "samples": {"pictures": (), "truth": None},
    "scores": {"score_edges": ()},
    "calibration": {"surprise": (), "two_sample": None},
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run, Evidence]:
    folder = tmp_path_factory.mktemp("run")
    return (folder, *make_picture_records(folder))


@pytest.fixture(scope="module")
def page(records: tuple[Path, Run, Evidence]) -> str:
    folder, run, evidence = records
    return render(run, evidence, inside(folder))


def bare(**changes: Any) -> tuple[Run, Evidence]:
    """A run on pictures with nothing to draw, for a test of one part."""
    run, evidence = make_records(dims=DIMS, outcome="picture", units="nats per picture")
    run = dataclasses.replace(run, columns=(), failed=(), models=(picture_row("vae", -673.2, 0.0),), chosen="vae")
    nothing: dict[str, Any] = dict.fromkeys(("columns", "pairs", "odd", "surprise", "score_edges"), ())
    ours = {f.name for f in dataclasses.fields(Run)}
    return (
        dataclasses.replace(run, **{k: v for k, v in changes.items() if k in ours}),
        dataclasses.replace(
            evidence, **{**nothing, "two_sample": None, **{k: v for k, v in changes.items() if k not in ours}}
        ),
    )


def identifiers(page: str) -> set[str]:
    return {str(a["id"]) for tag, a in outline(page).tags if tag == "section"}


# ------------------------------------------------------------------------------------------------ scores and words


def test_bits_per_dimension_come_first_and_are_those_of_the_nats(page: str) -> None:
    said = outline(page).text
    cost, error = 673.2 / (DIMS * math.log(2)), 2.1 / (DIMS * math.log(2))
    assert f"vae, needs ≤ {cost:.3f} ± {error:.3f} bits per dimension: a mean log-probability of ≥ −673.20" in said
    assert f"vae chosen ≤ {cost:.3f} ± {error:.3f} ≥ −673.20 ± 2.10 best ≤ 1.244 bound 64 draws" in said
    assert f"flow {701.9 / (DIMS * math.log(2)):.3f} ± {error:.3f} −701.90 ± 2.10 −28.70" in said
    assert "autoencoder – – – – none" in said
    assert "autoencoder has no likelihood and so no score" in said
    assert "off by 17.9 levels" in said
    assert f"scores ≤ {cost:.3f} ± {error:.3f} bits per dimension (≥ −673.20 ± 2.10 nats per picture, 64 draws)" in said


def test_recorded_bits_win_over_converted_ones() -> None:
    run, _ = bare()
    assert bits.value(run, picture_row("x", -100.0, bits_per_dim=1.5)) == 1.5
    assert bits.value(run, picture_row("x", -DIMS * math.log(2))) == pytest.approx(1.0)
    assert bits.error(run, DIMS * math.log(2)) == pytest.approx(1.0)
    assert bits.score(run, picture_row("x", None, impossible=2), 2) == "∞"


def test_words_are_of_pictures_and_not_of_rows(page: str) -> None:
    said = outline(page).text
    assert "4 models were fitted to digits.npz: 10,000 pictures, 784 values each." in said
    assert "at least 537.20 ± 5.37 nats per picture better than taking the pixels as independent" in said
    assert "Whole pictures: surprise" in said
    assert "It is right 61.2%" in said
    assert not re.search(r"\bcolumns?\b", said)
    sheets = re.compile(r"\d+ rows? of \d+")  # of pictures: in alternative texts only
    assert not re.search(r"\brows?\b", sheets.sub("", said))


@pytest.mark.parametrize(("likelihood", "said"), [("bound", "That is at least 30.00"), ("exact", "That is 30.00")])
def test_a_gain_of_a_bound_is_at_least_so_much(likelihood: str, said: str) -> None:
    models = (picture_row("vae", -600.0, 0.0, likelihood=likelihood), picture_row("independent", -630.0, -30.0))
    assert f"{said} ± 0.30 nats per picture better" in outline(render(*bare(models=models))).text


def test_a_chosen_model_without_likelihood_says_so() -> None:
    said = outline(render(*bare(models=(picture_row("vae", None, likelihood="none"),)))).text
    assert "The chosen model, vae, can be sampled, but has no probability to ask for." in said
    assert "vae has no likelihood" not in said  # there are no pictures to judge it by


@pytest.mark.parametrize(("refitted", "said"), [(True, "then fitted again to both."), (False, "not fitted again")])
def test_says_whether_models_were_fitted_again(refitted: bool, said: str) -> None:
    assert said in outline(render(*bare(refitted=refitted))).text


def test_binarised_pictures_are_named() -> None:
    run, evidence = bare()
    assert "binarised" not in outline(render(run, evidence)).text
    dynamic = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, binarise="dynamic"))
    assert "binarised dynamically: each pixel" in outline(render(dynamic, evidence)).text


def test_a_table_of_rows_says_nothing_of_pictures() -> None:
    said = outline(render(*make_records())).text
    assert "picture" not in said
    assert "bits per dimension" not in said


# ------------------------------------------------------------------------------------------------ the page as a whole


def test_every_section_is_there_and_nowhere_twice(page: str) -> None:
    found = [str(a["id"]) for tag, a in outline(page).tags if tag == "section"]
    assert found == [
        "models",
        "training",
        "samples",
        "reconstructions",
        "latent",
        "bounds",
        "pictures",
        "calibration",
        "scores",
        "recipe",
    ]


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_a_section_without_records_is_not_there(section: str, records: tuple[Path, Run, Evidence]) -> None:
    folder, run, evidence = records
    page = render(run, dataclasses.replace(evidence, **SECTIONS[section]), inside(folder))
    assert section not in identifiers(page)
    assert f'href="#{section}"' not in page


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("reconstructions", {"reconstructions": None}),
        ("latent", {"latent": None, "walk": None, "use": ()}),
        ("bounds", {"bounds": ()}),
        ("pictures", {"odd": None}),
    ],
)
def test_a_section_without_pictures_is_not_there(
    section: str, changes: dict[str, Any], records: tuple[Path, Run, Evidence]
) -> None:
    folder, run, evidence = records
    pictures = tuple(dataclasses.replace(each, **changes) for each in evidence.pictures)
    page = render(run, dataclasses.replace(evidence, pictures=pictures), inside(folder))
    assert section not in identifiers(page)
    assert f'href="#{section}"' not in page
    assert "samples" in identifiers(page)


def test_no_model_no_pictures_is_a_page_all_the_same() -> None:
    assert identifiers(render(*bare(models=(), chosen="none"))) == {"models", "recipe"}


def test_many_models_are_cut_with_a_word(tmp_path: Path) -> None:
    one = sheet(tmp_path, "a", 2, 2)
    pictures = tuple(PictureEvidence(f"m{k}", one) for k in range(30))
    curves = tuple(curve(f"m{k}", 900.0, 100.0 + k) for k in range(30))
    page = render(*bare(pictures=pictures, curves=curves), inside(tmp_path))
    said = outline(page).text
    assert "18 more models not shown" in said
    assert f"{30 - MOST} more models not drawn" in said
    assert page.count("<img") == 12


def test_self_contained_accessible_and_in_the_colours_of_the_page(page: str) -> None:
    found = outline(page)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert not re.search(r"https?://|@import|url\((?!#|data:image/png;base64,)", page)
    images = [a for tag, a in found.tags if tag == "img"]
    assert images
    assert all(str(a["src"]).startswith("data:image/png;base64,") and len(str(a["alt"])) > 10 for a in images)
    assert all(a.get("aria-label") for tag, a in found.tags if tag == "svg" or a.get("role") == "img")
    assert all(a.get("scope") for tag, a in found.tags if tag == "th")
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert not re.search(r"#[0-9a-fA-F]{6}\b|font-family|nan", pictures, re.I)
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) <= set(re.findall(r"(--[\w-]+):", page))
    assert set(NAMES) <= set(re.findall(r"var\((--[\w-]+)\)", pictures))
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_same_records_same_bytes(page: str, records: tuple[Path, Run, Evidence]) -> None:
    folder, run, evidence = records
    assert render(run, evidence, inside(folder)) == page


def test_users_text_is_escaped_everywhere(tmp_path: Path) -> None:
    latent = dataclasses.replace(latent_map(np.random.default_rng(0)), axes=(NASTY, NASTY))
    latent = dataclasses.replace(latent, labels=tuple(NASTY + label for label in latent.labels))
    one = sheet(tmp_path, "a", 2, 2, captions=(NASTY,) * 4)
    missing = dataclasses.replace(one, file=f"pictures/{NASTY}.png")
    trained = dataclasses.replace(curve(NASTY, 900.0, 100.0, parts=True), parts={NASTY: (1.0,) * 40})
    page = render(
        *bare(
            models=(picture_row(NASTY, -700.0, 0.0), picture_row(NASTY + "2", None, likelihood="none")),
            curves=(trained,),
            truth=missing,
            pictures=(
                PictureEvidence(
                    NASTY, one, one, None, one, 1.0, one, latent, (1.0,), (Bound(1, 10, -700.0, None),), one
                ),
                PictureEvidence(NASTY + "2", missing, odd=missing),
            ),
        ),
        inside(tmp_path),
    )
    assert "<script" not in page
    assert "温度 $" in outline(page).text


# ---------------------------------------------------------------------------------------------------------- sheets


def test_sheets_are_read_from_the_run_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    run, evidence = make_picture_records(tmp_path)
    folder.write(run)
    folder.write(evidence)
    content = write_report(folder).read_text(encoding="utf-8")
    assert content == render(run, evidence, inside(tmp_path))
    assert evidence.truth is not None
    assert base64.b64encode((tmp_path / evidence.truth.file).read_bytes()).decode() in content


def test_a_missing_file_is_a_line_and_the_page_stands(tmp_path: Path) -> None:
    run, evidence = make_picture_records(tmp_path)
    (tmp_path / "pictures/vae-samples.png").unlink()
    said = outline(render(run, evidence, inside(tmp_path))).text
    assert said.count("Not shown: pictures/vae-samples.png is not in the run folder") == 1
    assert said.count("Not shown") == 1
    assert outline(render(run, evidence)).text.count("Not shown") == 9  # no reader at all: every sheet


def test_only_png_files_inside_the_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(SIGNATURE)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "good.png").write_bytes(SIGNATURE)
    (folder / "page.png").write_bytes(b"<html>")
    (folder / "huge.png").write_bytes(SIGNATURE + bytes(LARGEST))
    read = inside(folder)
    outside = ("../secret.png", str(tmp_path / "secret.png"), "link.png")
    for file in (*outside, "page.png", "huge.png", ".", "", "a\0b", "no.png"):
        assert shown(Sheet(file, 1, 1, 1, 1), read).source is None, file
    assert shown(Sheet("good.png", 1, 1, 1, 1), read).source is not None


@pytest.mark.parametrize(
    ("width", "wide", "shrinks"),
    [(233, 466, ""), (100, 400, ""), (400, 400, "larger-than-phone"), (2_000, 2_000, "large")],
)
def test_sheets_are_shown_at_a_whole_zoom(width: int, wide: int, shrinks: str) -> None:
    found = shown(Sheet("a.png", 1, 1, width, 10), lambda _: None)
    assert (found.one, found.wide, found.shrinks) == (width, wide, shrinks)


def test_a_page_embeds_so_many_bytes_and_no_more() -> None:
    read = budgeted(lambda file: b"x" * len(file), most=5)
    assert [read(file) for file in ("abc", "abc", "ab", "a")] == [b"xxx", None, b"xx", None]


def test_captions_stand_under_their_pictures(page: str) -> None:
    four = cells(Sheet("a.png", 2, 3, 84, 56, captions=("a", "b", "c", "d")))
    assert [(cell.x, cell.y, cell.caption) for cell in four] == [
        (0.0, 0.0, "a"),
        (50.0, 0.0, "b"),
        (100.0, 0.0, "c"),
        (0.0, 100.0, "d"),
    ]
    assert [(cell.x, cell.y) for cell in cells(Sheet("a.png", 1, 1, 28, 28, captions=("a", "b")))] == [(0.0, 0.0)]
    labels = [a["aria-label"] for tag, a in outline(page).tags if tag == "span" and a.get("role") == "img"]
    assert labels[0] == "Held-out picture, 2.90 bits/dim"
    assert len(labels) == 12


# -------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("nearer", "error", "said"),
    [
        (0.5, 0.02, "no nearer to training pictures than held-out pictures are"),
        (0.559, 0.02, "no nearer"),
        (0.561, 0.02, "suspiciously near to training pictures: copies?"),
        (0.4, 0.02, "no copies, but not yet like the data"),
        (0.5, 0.0, "no nearer"),
        (1.0, 0.0, "suspiciously near"),
    ],
)
def test_copies_are_suspected_beyond_three_standard_errors(nearer: float, error: float, said: str) -> None:
    found = picture_words.memory(Memory(nearer, error, samples=500, training=8_000))
    assert said in found
    assert "Looked through: 8,000 training pictures, for 500 samples." in found


@pytest.mark.parametrize(
    ("use", "busy", "said"),
    [
        ((1.0, 0.5, 0.009), 2, "2 of 3 latent numbers are in use (at least 0.01 nats each); together they carry 1.51"),
        ((1.0, 0.5), 2, "None has collapsed"),
        ((0.0, 0.001), 0, "learnt to ignore its code: posterior collapse"),
        ((3.0, 0.0), 1, "1 of 2 latent numbers is in use"),
    ],
)
def test_use_of_the_code(use: tuple[float, ...], busy: int, said: str) -> None:
    assert in_use(use) == busy
    assert said in picture_words.use(use)


def test_bounds_are_in_nats_and_bits() -> None:
    run, evidence = bare()
    bounds = (Bound(1, 1_000, -DIMS * math.log(2), DIMS * math.log(2) / 100), Bound(64, 200, -500.0, None))
    picture = PictureEvidence("vae", Sheet("a.png", 1, 1, 28, 28), bounds=bounds)
    found = dataclasses.replace(evidence, pictures=(picture,))
    rows = picture_words.bounds(run, found)
    assert rows[0] == ("vae", "1", "1,000", "≥ −543.43 ± 5.43", "≤ 1.00 ± 0.01")
    assert rows[1] == ("vae", "64", "200", "≥ −500.00", "≤ 0.92")
    assert picture_words.uneven(found)
    assert not picture_words.uneven(
        dataclasses.replace(evidence, pictures=(dataclasses.replace(picture, bounds=bounds[:1]),))
    )


# ------------------------------------------------------------------------------------------------------------ codes


@pytest.mark.parametrize(("classes", "drawn"), [(0, 0), (1, 0), (2, 2), (10, 10), (11, 0), (30, 0)])
def test_classes_have_colours_as_long_as_there_are_some(classes: int, drawn: int, tmp_path: Path) -> None:
    latent = latent_map(np.random.default_rng(0), max(classes, 1), 300)
    latent = latent if classes else dataclasses.replace(latent, labels=())
    picture = PictureEvidence("vae", sheet(tmp_path, "a", 1, 1), latent=latent)
    page = render(*bare(pictures=(picture,)))
    assert len(clouds(latent)) == drawn
    assert page.count('class="swatch"') == drawn
    assert ("too many for colours" in page) == (classes > 10)
    assert "This plane holds 23% of the variance" in page


def test_classes_are_in_the_order_of_numbers() -> None:
    labels = ("10", "9", "cat", "2")
    latent = LatentMap(((0.0, 0.0),) * 4, labels, ("a", "b"))
    assert [cloud.name for cloud in clouds(latent)] == ["2", "9", "10", "cat"]


@pytest.mark.parametrize(
    ("points", "use"),
    [
        ((), ()),
        (((1.0, 2.0),), (0.0,)),
        (((1.0, 2.0),) * 9, (1e-9,) * 700),
        (((math.nan, 0.0), (1e9, -1e9)), (math.nan,)),
    ],
    ids=["none", "one", "same", "odd"],
)
def test_odd_codes_draw(points: tuple[tuple[float, float], ...], use: tuple[float, ...], tmp_path: Path) -> None:
    latent = LatentMap(points, ("a", "b", "c")[: len(points)], ("x", "y"))
    picture = PictureEvidence("vae", sheet(tmp_path, "a", 1, 1), latent=latent, use=use)
    page = render(*bare(pictures=(picture,)))
    assert ("latent" in identifiers(page)) == bool(points or use)
    assert "nan" not in outline(page).text.lower()
    assert not any("nan" in svg.lower() for svg in re.findall(r"<svg.*?</svg>", page, re.S))


def test_colours_are_legible_and_apart() -> None:
    for colours, paper, least in ((LIGHT, "#ffffff", 2.4), (DARK, "#13171c", 3.0)):
        assert len(set(colours)) == len(NAMES)
        ratios = [_contrast(colour, paper) for colour in colours]
        assert min(ratios) >= least


def _contrast(a: str, b: str) -> float:
    """WCAG's ratio of two colours."""
    first, second = sorted((_luminance(a), _luminance(b)))
    return (second + 0.05) / (first + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --------------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize(("end", "alike"), [(9.5, True), (2.5, False)])
def test_a_loss_that_is_not_the_score_stands_apart(end: float, alike: bool) -> None:
    run, evidence = make_records(curves=(curve("mixture", 900.0, end),))  # its validation score is -9.431
    said = outline(render(run, evidence)).text
    assert ("Loss, nats per row" in said) == alike
    assert ("Loss of mixture, in its own units" in said) != alike
    assert "on the validation rows" in said


def test_curves_of_pictures_are_in_bits_and_name_their_ends(page: str) -> None:
    labels = [str(a["aria-label"]) for tag, a in outline(page).tags if tag == "svg"]
    loss = next(label for label in labels if label.startswith("Training and validation loss"))
    end = curve("vae", 9_000.0, 676.2).validation[-1]
    assert end is not None
    assert f"vae ends at {end / (DIMS * math.log(2)):.2f}" in loss
    assert any(label.startswith("Terms of the loss of vae") and "prior ends at 24.0 nats" in label for label in labels)
    said = outline(page).text
    assert "Reconstruction is what it costs to say a picture once its code is known; prior is what" in said


def test_a_loss_that_is_no_likelihood_stands_apart(page: str) -> None:
    labels = [str(a["aria-label"]) for tag, a in outline(page).tags if tag == "svg"]
    both = [label for label in labels if label.startswith("Training and validation loss")]
    assert ["autoencoder" in label for label in both] == [False, True]
    assert "Loss of autoencoder, in its own units" in outline(page).text
    run, evidence = bare(curves=(curve("a", 9.0, 1.0),), models=(picture_row("a", None, likelihood="none"),))
    assert "training" in identifiers(render(run, evidence))


def test_the_axis_is_not_that_of_the_first_huge_losses() -> None:
    steep = np.array([1e6, 5_000.0, 300.0, 150.0, 120.0, 110.0, 105.0, 102.0, 101.0, 100.0])
    assert span([steep], [100.0]).high < 170
    assert span([np.linspace(200, 100, 50)], [100.0]).high > 200  # a loss that falls evenly is seen whole
    both = span([np.array([3.0, 1.0]), np.array([9.0, 2.0]), np.array([9.0, 1e12])], [1.0, 2.0, 1e12])
    assert 2 < both.high < 50  # what ran away hides nothing


@pytest.mark.parametrize(
    "lines",
    [
        Curve("empty", (), (), (), ()),
        Curve("one", (1,), (0.5,), (2.0,), (2.5,)),
        Curve("none", (1, 2), (0.5, 1.0), (None, None), (None, None), {"prior": (None, None)}),
        Curve("gaps", (1, 2, 3), (0.5, 1.0, 1.5), (None, 2.0, 1.0), (3.0, None, 2.0), {"prior": (1.0, None, 2.0)}),
        Curve("nan", (1, 2), (0.5, 1.0), (math.nan, 1.0), (math.inf, 2.0)),
        Curve("flat", (1, 2), (0.5, 1.0), (1.0, 1.0), (1.0, 1.0), {"odd term": (0.0, 0.0)}),
        Curve("negative", (1, 2), (0.0, 0.0), (-1.0, -2.0), (-1.0, -2.0), {"prior": (-1.0, -2.0)}),
        curve("long", 1e9, 1.0, parts=True, points=5_000),
    ],
    ids=lambda lines: lines.model,
)
def test_odd_curves_draw(lines: Curve) -> None:
    page = render(*bare(curves=(lines,)))
    assert ("training" in identifiers(page)) == (lines.model not in ("empty", "none"))
    svgs = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert "nan" not in svgs.lower().replace("nan ends", "").replace(">nan<", "")
    assert len(page) < 120_000


def test_trainings_very_different_in_length_stand_on_a_log_axis() -> None:
    page = render(*bare(curves=(curve("quick", 90.0, 10.0, seconds=2), curve("slow", 90.0, 10.0, seconds=2_000))))
    marks = re.findall(r">([\d.k]+)</text>", page)
    assert {"1", "10", "100"} <= set(marks)


def test_a_training_that_ran_away_is_named_at_the_top() -> None:
    curves = (curve("a", 90.0, 10.0), curve("b", 90.0, 11.0), dataclasses.replace(curve("c", 90.0, 1e9)))
    assert "c ↑" in outline(render(*bare(curves=curves, dims=None))).text


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_labels_stay_apart_in_order_and_inside(count: int) -> None:
    wanted = np.random.default_rng(count).uniform(0, 300, count).round().tolist()
    found = apart(wanted, 15.0, 300.0)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 15.0 - 1e-9).all()
    assert min(found) >= -1e-9
    assert max(found) <= 300 + 1e-9


def test_labels_that_are_apart_do_not_move() -> None:
    assert apart([10.0, 100.0, 50.0], 15.0, 200.0) == [10.0, 100.0, 50.0]


def test_one_model_of_a_table_with_a_bound_draws_as_before() -> None:
    run, evidence = make_records(models=(model_row("vae", -1.0, 0.0, likelihood="bound"),), chosen="vae")
    assert "vae chosen ≥ −1.00 ± 0.07" in outline(render(run, evidence)).text

"""Pictures from the command line: fit, score, sample; odd and bad folders; a killed fit goes on."""

import json
import math

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from pofx.cli.main import main
from pofx.runs.alone import alone
from pofx.runs.layout import RunFolder

SIZE = 8


def strokes(n, seed=0):
    """Grey pictures of an upright or a lying stroke, uint8 `[n, 8, 8]`, and which."""
    random = np.random.default_rng(seed)
    pictures = np.zeros((n, SIZE, SIZE), np.uint8)
    lying = random.random(n) < 0.5
    for k in range(n):
        line = random.integers(1, SIZE - 1)
        pictures[(k, line) if lying[k] else (k, slice(None), line)] = random.integers(100, 255)
    return pictures, lying


def write(folder, pictures, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for k, pixels in enumerate(pictures):
        Pillow.fromarray(pixels).save(folder / f"{start + k:03}.png")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of two classes, and a run on it."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures, lying = strokes(150)
    write(folder / "strokes" / "lying", pictures[lying])
    write(folder / "strokes" / "upright", pictures[~lying])
    words = ["fit", str(folder / "strokes"), "--models", "independent,autoencoder,vae", "--time", "6"]
    assert main([*words, "--out", str(folder / "run")]) == 0
    return folder


def ask(capsys, *words):
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refuse(capsys, *words):
    capsys.readouterr()
    assert main(list(words)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pofx: ")]
    assert len(lines) == 1
    return lines[0]


def test_the_run_says_bits_and_kinds(home):
    run = RunFolder(home / "run").read()
    assert run.outcome == "picture" and run.dims == SIZE * SIZE and run.units == "nats per picture"
    rows = {row.name: row for row in run.models}
    assert [rows[name].likelihood for name in ("independent", "vae", "autoencoder")] == ["exact", "bound", "none"]
    assert rows["vae"].draws and rows["independent"].draws is None and rows["autoencoder"].log_prob is None
    bits = -rows["independent"].log_prob / run.dims / math.log(2)
    assert rows["independent"].bits_per_dim == pytest.approx(bits)
    assert not run.refitted and sum((run.rows.train, run.rows.validation, run.rows.test)) == 150
    assert run.models[-1].name == "autoencoder"


def test_the_evidence_has_its_pictures(home):
    folder = RunFolder(home / "run")
    evidence = folder.read_evidence()
    assert {each.model for each in evidence.pictures} == {"independent", "autoencoder", "vae"}
    shown = {each.model: each for each in evidence.pictures}
    sheets = [evidence.truth, *(sheet for each in evidence.pictures for sheet in (each.samples, each.neighbours))]
    sheets += [shown["vae"].reconstructions, shown["vae"].walk, shown["autoencoder"].walk, shown["independent"].odd]
    for sheet in sheets:
        with Pillow.open(folder.path / sheet.file) as image:
            assert image.size == (sheet.width, sheet.height)
    assert shown["vae"].use and not shown["autoencoder"].use and shown["independent"].latent is None
    assert set(shown["vae"].latent.labels) == {"lying", "upright"}
    assert 0 <= shown["independent"].memory.nearer <= 1 and [b.draws for b in shown["vae"].bounds] == [1, 64, 1000]
    curve = next(curve for curve in evidence.curves if curve.model == "vae")
    both = zip(curve.parts["prior"], curve.parts["reconstruction"], curve.validation, strict=True)
    assert all(a + b == pytest.approx(whole) for a, b, whole in both)


def test_scores_are_written_with_names_and_bits(home, tmp_path, capsys):
    out = tmp_path / "scored.csv"
    answer = ask(capsys, "score", str(home / "run"), str(home / "strokes"), "--model", "independent", "-o", str(out))
    assert answer["n"] == 150 and answer["likelihood"] == "exact" and answer["units"] == "nats per picture"
    scored = pl.read_csv(out)
    assert scored.columns == ["picture", "log_prob", "bits_per_dim", "surprise"]
    assert scored["picture"][0] == "lying/000.png" and scored["log_prob"].mean() == pytest.approx(answer["log_prob"])
    bound = ask(capsys, "score", str(home / "run"), str(home / "strokes"), "--model", "vae", "--draws", "4")
    assert bound["likelihood"] == "bound" and bound["draws"] == 4
    assert "no probability" in refuse(
        capsys, "score", str(home / "run"), str(home / "strokes"), "--model", "autoencoder"
    )


def test_samples_go_to_a_sheet_an_archive_or_a_folder(home, tmp_path, capsys):
    run = str(home / "run")
    assert main(["sample", run, "-n", "9", "-o", str(tmp_path / "s.png")]) == 0
    assert main(["sample", run, "-n", "5", "-o", str(tmp_path / "s.npz")]) == 0
    assert main(["sample", run, "-n", "5", "-o", str(tmp_path / "many")]) == 0
    with np.load(tmp_path / "s.npz") as file:
        drawn = file["x"]
    assert drawn.shape == (5, SIZE, SIZE) and drawn.dtype == np.uint8
    assert np.array_equal(np.asarray(Pillow.open(tmp_path / "many" / "1.png")), drawn[0])
    assert "-o samples.png" in refuse(capsys, "sample", run)


def test_binarised_runs_say_so_and_binarise_what_they_score(home, tmp_path, capsys):
    words = ["fit", str(home / "strokes"), "--models", "independent", "--binarise"]
    answer = ask(capsys, *words, "dynamic", "--out", str(tmp_path / "r"))
    assert "--binarise dynamic" in answer["recipe"]["command"]
    again = ask(capsys, "score", str(tmp_path / "r"), str(home / "strokes"))
    assert again["bits_per_dim"] < 1
    ask(capsys, *words, "threshold", "--out", str(tmp_path / "t"))


def test_a_test_part_beside_the_training_part_is_the_test(tmp_path, capsys):
    write(tmp_path / "d" / "train", strokes(40)[0])
    write(tmp_path / "d" / "test", strokes(17, seed=1)[0])
    answer = ask(capsys, "fit", str(tmp_path / "d"), "--models", "independent", "--out", str(tmp_path / "r"))
    assert answer["rows"]["test"] == 17 and answer["rows"]["train"] + answer["rows"]["validation"] == 40
    assert not any("only the training part" in note for note in answer["source"]["notes"])


def test_an_interrupted_fit_goes_on_and_forgets_nothing(home, tmp_path, monkeypatch):
    from pofx.cli.console import Console

    words = ["fit", str(home / "strokes"), "--models", "independent,vae", "--time", "4", "--out", str(tmp_path / "r")]
    steps = []

    def interrupted(self, done, note=""):
        if "bound" in note:
            steps.append(note)
        if len(steps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Console, "step", interrupted)
    assert main(words) == 130
    unfinished = tmp_path / ".r.unfinished"
    assert list(unfinished.glob("independent-*.safetensors")) and list(unfinished.rglob("checkpoint.safetensors"))
    assert not (tmp_path / "r").exists()
    monkeypatch.undo()
    assert main(words) == 0
    assert RunFolder(tmp_path / "r").read().chosen and not unfinished.exists()


# Odd folders that have an answer, and bad ones that get a line -----------------------------------------------------


def grey(tmp_path, n=12):
    return write(tmp_path / "d", strokes(n)[0])


def test_a_broken_picture_is_named(tmp_path, capsys):
    folder = grey(tmp_path)
    (folder / "003.png").write_bytes((folder / "003.png").read_bytes()[:40])
    assert "003.png" in refuse(capsys, "fit", str(folder), "--out", str(tmp_path / "r"))


def test_one_picture_is_too_few(tmp_path, capsys):
    line = refuse(capsys, "fit", str(grey(tmp_path, 1)), "--out", str(tmp_path / "r"))
    assert "1" in line and "at least" in line


def test_one_class_only_and_one_pixel(tmp_path, capsys):
    random = np.random.default_rng(0)
    write(tmp_path / "d" / "dots", random.integers(0, 255, (30, 1, 1), dtype=np.uint8))
    words = ["fit", str(tmp_path / "d"), "--models", "independent,vae,autoencoder,flow", "--time", "4"]
    answer = ask(capsys, *words, "--out", str(tmp_path / "r"))
    assert answer["dims"] == 1 and not answer["failed"]


def test_sixteen_bits_are_kept(tmp_path, capsys):
    folder = tmp_path / "d"
    folder.mkdir()
    for k, pixels in enumerate(strokes(12)[0]):
        Pillow.fromarray(pixels.astype(np.uint16) * 257 + k).save(folder / f"{k}.png")
    answer = ask(capsys, "fit", str(folder), "--models", "independent,vae", "--time", "4", "--out", str(tmp_path / "r"))
    assert answer["models"][0]["bits_per_dim"] > 3 and not answer["failed"]


@pytest.mark.parametrize(
    ("kind", "word"),
    [("mixed", "--channels"), ("alpha", "--background"), ("gif", "--first-frame"), ("sizes", "--resize")],
)
def test_what_has_no_one_answer_is_refused_with_the_option_that_gives_one(tmp_path, capsys, kind, word):
    folder = grey(tmp_path)
    picture = Pillow.fromarray(strokes(1)[0][0])
    if kind == "mixed":
        picture.convert("CMYK").save(folder / "odd.jpg")  # printed in four colours: read as red, green and blue
    elif kind == "alpha":
        half = np.dstack([strokes(1)[0][0], np.full((SIZE, SIZE), 100, np.uint8)])
        Pillow.fromarray(half).save(folder / "odd.png")
    elif kind == "gif":
        picture.save(folder / "odd.gif", save_all=True, append_images=[Pillow.fromarray(255 - strokes(1)[0][0])])
    else:
        picture.resize((5, 9)).save(folder / "odd.png")
    line = refuse(capsys, "fit", str(folder), "--out", str(tmp_path / "r"), "--models", "independent")
    assert word in line


def test_fractions_without_a_stated_range_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(20, 5, 6)))
    line = refuse(capsys, "fit", str(tmp_path / "x.npz"), "--out", str(tmp_path / "r"))
    assert "range" in line


def test_options_of_tables_and_of_pictures_are_not_mixed(home, tmp_path, capsys):
    pl.DataFrame({"x": range(20)}).write_csv(tmp_path / "t.csv")
    assert "table" in refuse(capsys, "fit", str(tmp_path / "t.csv"), "--resize", "8")
    assert "columns" in refuse(capsys, "fit", str(home / "strokes"), "--weights", "w", "--out", str(tmp_path / "r"))
    assert "split" in refuse(capsys, "fit", str(home / "strokes"), "--split", "time", "--out", str(tmp_path / "r"))
    assert "32x48" in refuse(capsys, "fit", str(home / "strokes"), "--resize", "big", "--out", str(tmp_path / "r"))
    assert "mixture" in refuse(
        capsys, "fit", str(home / "strokes"), "--models", "mixture", "--out", str(tmp_path / "r")
    )
    write(tmp_path / "large", np.zeros((12, 9, 9), np.uint8))
    assert "--resize" in refuse(capsys, "score", str(home / "run"), str(tmp_path / "large"))


# What a hostile user found -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("grey_level", [0, 77])
def test_pictures_that_are_all_the_same_are_modelled(tmp_path, capsys, grey_level):
    write(tmp_path / "d", np.full((30, SIZE, SIZE), grey_level, np.uint8))
    answer = ask(capsys, "fit", str(tmp_path / "d"), "--models", "independent,autoencoder", "--time", "2",
                 "--out", str(tmp_path / "r"))  # fmt: skip
    assert not answer["failed"] and answer["models"][0]["bits_per_dim"] < 0.01
    words = ["sample", str(tmp_path / "r"), "--model", "autoencoder", "-n", "3", "-o", str(tmp_path / "s.npz")]
    assert main(words) == 0
    with np.load(tmp_path / "s.npz") as file:
        assert np.abs(file["x"].astype(int) - grey_level).max() <= 1


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_a_time_that_is_none_is_refused(home, tmp_path, capsys, seconds):
    line = refuse(capsys, "fit", str(home / "strokes"), "--time", seconds, "--out", str(tmp_path / "r"))
    assert "time" in line and not (tmp_path / "r").exists()


def test_a_run_folder_that_cannot_be_made_is_refused_before_the_fit(home, capsys):
    line = refuse(capsys, "fit", str(home / "strokes"), "--models", "independent", "--out", "/dev/fd/run")
    assert "/dev/fd/run" in line


def test_two_fits_do_not_work_on_one_run(home, tmp_path, capsys):
    words = ["fit", str(home / "strokes"), "--models", "independent", "--out", str(tmp_path / "r")]
    with alone(tmp_path / ".r.unfinished", "r"):
        assert "another pofx fit" in refuse(capsys, *words)
    assert not any(tmp_path.iterdir())
    assert main(words) == 0


def test_a_fit_that_fails_leaves_nothing(home, tmp_path, capsys):
    refuse(capsys, "fit", str(home / "strokes"), "--models", "mixture", "--out", str(tmp_path / "r"))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["compare", "watch"])
def test_pictures_are_not_compared_as_tables(home, tmp_path, capsys, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"x": range(60)}).write_csv("t.csv")
    for pair in ((home / "strokes", "t.csv"), ("t.csv", home / "strokes"), (home / "run", "t.csv")):
        assert "only tables" in refuse(capsys, verb, *map(str, pair))
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_refusals_speak_of_pictures_and_of_options(home, tmp_path, capsys):
    write(tmp_path / "few", strokes(1)[0])
    line = refuse(capsys, "fit", str(tmp_path / "few"), "--out", str(tmp_path / "r"))
    assert "got 1 picture;" in line and "row" not in line
    folder = tmp_path / "alpha"
    folder.mkdir()
    Pillow.fromarray(np.full((SIZE, SIZE, 4), 100, np.uint8)).save(folder / "a.png")
    line = refuse(capsys, "fit", str(folder), "--out", str(tmp_path / "r"))
    assert "--background black" in line and str(folder / "a.png") in line
    line = refuse(capsys, "score", str(home / "run"), str(home / "strokes"), "--model", "vae", "--draws", "0")
    assert "--draws 0" in line
    assert "--" not in refuse(capsys, "sample", str(home / "run"), "-n", "abc").split("invalid")[0].replace("--n", "")


def test_of_photographs_few_are_drawn_at_once():
    from pofx.evaluate.surprise import VALUES, affordable

    assert affordable(500, 28 * 28) == 500
    assert affordable(500, 3 * 500 * 700) * 3 * 500 * 700 <= VALUES
    assert affordable(500, 1 << 30) == 16 and affordable(3, 1 << 30) == 3

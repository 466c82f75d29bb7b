"""`pofx compare` and `pofx watch` from the command line: what they print, write and refuse."""

import json

import numpy as np
import polars as pl
import pytest

from pofx.cli.main import main
from pofx.runs.layout import ComparisonFolder

FAST = ["--permutations", "99"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    random = np.random.default_rng(0)
    for name, shift in (("old", 0.0), ("new", 1.0)):
        size = random.lognormal(shift, 0.4, 150)
        frame = pl.DataFrame(
            {"size": size, "weight": 3 * size + random.normal(0, 0.3, 150), "kind": random.choice(["a", "b"], 150)}
        )
        frame.write_csv(folder / f"{name}.csv")
    assert main(["fit", str(folder / "old.csv"), "--out", str(folder / "run"), "--models", "independent"]) == 0
    return folder


def test_two_files(home, capsys):
    assert main(["compare", str(home / "old.csv"), str(home / "new.csv"), "--out", str(home / "c"), *FAST]) == 0
    said = capsys.readouterr().out
    assert "B differs from A" in said and "*  size" in said
    record = ComparisonFolder(home / "c").read()
    assert record.verdict.drifted and (home / "c" / "report.html").stat().st_size > 20_000


def test_a_run_and_a_file_as_json(home, capsys):
    capsys.readouterr()
    words = ["compare", str(home / "run"), str(home / "new.csv"), "--out", str(home / "d"), *FAST, "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["a"]["model"] == "independent" and document["verdict"]["drifted"]
    assert {m["name"] for m in document["measures"]} >= {"energy", "c2st", "js", "kl", "cross_entropy"}
    assert [c["name"] for c in document["columns"]][-1] == "kind"


def test_watch(home, capsys):
    capsys.readouterr()
    assert main(["watch", str(home / "old.csv"), str(home / "new.csv"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["alarm"] and 1 <= document["alarm_row"] <= 150
    assert main(["watch", str(home / "old.csv"), str(home / "old.csv"), "--json"]) == 0
    assert not json.loads(capsys.readouterr().out)["alarm"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["compare", "old.csv", "gone.csv"], "gone.csv"),
        (["compare", "old.csv", "."], "not a run folder"),
        (["compare", "old.csv", "other.csv"], "no column in common"),
        (["compare", "old.csv", "empty.csv"], "empty"),
        (["compare", "old.csv", "new.csv", "--alpha", "2"], "no test"),
        (["compare", "old.csv", "new.csv", "--out", "old.csv/x"], "cannot be made"),
        (["watch", "old.csv", "other.csv"], "no column"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two(home, monkeypatch, capsys, words, line):
    monkeypatch.chdir(home)
    (home / "other.csv").write_text("p,q\n1,2\n3,4\n")
    (home / "empty.csv").write_text("size,weight,kind\n")
    capsys.readouterr()
    assert main([*words, *(FAST if words[0] == "compare" and "--alpha" not in words else [])]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert line in said[-1] and said[-1].startswith("pofx: ")

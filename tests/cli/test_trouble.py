"""Odd input that has an answer gets it; bad input gets one line, exit code 2, and nothing is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from pofx.cli.main import main

QUICK = ["--models", "independent"]


def refuse(capsys, *words) -> str:
    """The one line of a command that fails."""
    capsys.readouterr()
    assert main(list(words)) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("pofx: ")]
    assert len(lines) == 1 and "Traceback" not in said.err
    return lines[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "data.csv"
    random = np.random.default_rng(0)
    pl.DataFrame({"x": random.normal(size=60), "c": random.choice(["a", "b"], 60)}).write_csv(file)
    return file


@pytest.fixture(scope="module")
def run(data):
    out = data.parent / "run"
    assert main(["fit", str(data), "--out", str(out), *QUICK]) == 0
    return out


BAD_FILES = {
    "empty": (b"", "empty"),
    "header only": (b"a,b\n", "no rows"),
    "ragged": (b"a,b\n1,2\n1,2,3\n4,5\n", "row 2"),
    "wrong encoding": ("a,b\né,2\nü,3\n".encode("latin-1"), "byte"),
    "few rows": (b"a,b\n1,2\n2,4\n", "fewer rows"),
    "constant": (b"a,b\n" + b"1,2\n" * 30, "constant"),
    "infinite": (b"a\n" + b"1.5\n2.5\n3.25\n" * 10 + b"inf\n", "row 31"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_one_line(name, tmp_path, capsys):
    content, said = BAD_FILES[name]
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    line = refuse(capsys, "fit", str(file), "--out", str(tmp_path / "r"))
    assert said in line and "bad.csv" in line
    assert not (tmp_path / "r").exists()


def test_more_bad_input(data, run, tmp_path, capsys):
    assert "no such" in refuse(capsys, "fit", str(tmp_path / "none.csv"))
    refuse(capsys, "fit", str(tmp_path))
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + b"\0" * 40)
    assert "cut.parquet" in refuse(capsys, "fit", str(tmp_path / "cut.parquet"))
    assert "did you mean 'mixture'" in refuse(capsys, "fit", str(data), "--models", "mixtur")
    assert "no column 'xx'" in refuse(capsys, "fit", str(data), "--column", "xx=real")
    assert "no kind of column" in refuse(capsys, "fit", str(data), "--column", "x=sphere")
    assert "NAME=SPACE" in refuse(capsys, "fit", str(data), "--column", "x")
    assert "--colum" in refuse(capsys, "fit", str(data), "--colum", "x=real")
    assert "did you mean 'pofx score'" in refuse(capsys, "scor", str(run))
    assert "such run" in refuse(capsys, "sample", str(tmp_path / "nowhere"))
    assert "not a run folder" in refuse(capsys, "sample", str(tmp_path))
    assert "negative" in refuse(capsys, "sample", str(run), "-n", "-3")
    assert "no model 'kde'" in refuse(capsys, "sample", str(run), "--model", "kde")


def test_an_error_is_json_when_asked(tmp_path, capsys):
    capsys.readouterr()
    assert main(["fit", str(tmp_path / "none.csv"), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert set(error) == {"what", "got", "expected", "remedy", "where"} and "none.csv" in error["where"]


def test_scoring_what_does_not_fit(run, tmp_path, capsys):
    pl.DataFrame({"x": [1.0]}).write_csv(tmp_path / "a.csv")
    assert "no column 'c'" in refuse(capsys, "score", str(run), str(tmp_path / "a.csv"))
    pl.DataFrame({"x": ["1", "one"], "c": ["a", "b"]}).write_csv(tmp_path / "b.csv")
    line = refuse(capsys, "score", str(run), str(tmp_path / "b.csv"))
    assert "b.csv" in line and "row 2" in line and "column 'x'" in line
    pl.DataFrame({"x": [1.0, None], "c": ["a", "b"]}).write_csv(tmp_path / "c.csv")
    assert "row 2" in refuse(capsys, "score", str(run), str(tmp_path / "c.csv"))


def test_a_new_category_has_a_probability(run, tmp_path, capsys):
    pl.DataFrame({"x": [0.1, 0.1], "c": ["a", "never seen"]}).write_csv(tmp_path / "new.csv")
    assert main(["score", str(run), str(tmp_path / "new.csv"), "-o", str(tmp_path / "o.csv")]) == 0
    seen, new = pl.read_csv(tmp_path / "o.csv")["log_prob"]
    assert np.isfinite(new) and new < seen - 2


def test_a_run_that_cannot_be_replaced_stays_whole(run, data, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    before = (copy / "run.json").read_bytes()
    few = tmp_path / "few.csv"
    few.write_text("x\n1\n2\n")
    refuse(capsys, "fit", str(few), "--out", str(copy))
    assert (copy / "run.json").read_bytes() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    assert "not empty" in refuse(capsys, "fit", str(data), "--out", str(tmp_path / "full"))
    (tmp_path / "taken").write_text("precious")
    refuse(capsys, "fit", str(data), "--out", str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_text() == (tmp_path / "full" / "thesis.txt").read_text() == "precious"


def test_a_damaged_or_newer_run_says_so(run, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    model = copy / "models" / "independent.safetensors"
    whole = model.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"not a model at all"):
        model.write_bytes(content)
        assert "damaged" in refuse(capsys, "sample", str(copy))
    model.unlink()
    assert "no such model file" in refuse(capsys, "sample", str(copy))
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"format": 99}))
    assert "newer version" in refuse(capsys, "sample", str(copy))
    (copy / "run.json").write_text("{")
    assert "damaged" in refuse(capsys, "report", str(copy))


def test_an_output_that_cannot_be_written_loses_nothing(run, data, tmp_path, capsys):
    refuse(capsys, "score", str(run), str(data), "-o", str(tmp_path / "no" / "such" / "folder.csv"))
    refuse(capsys, "sample", str(run), "-o", str(tmp_path / "x.docx"))
    assert list(tmp_path.iterdir()) == []


def test_odd_tables_get_their_answer(tmp_path, capsys):
    random = np.random.default_rng(1)
    odd = {
        "one column": "x\n" + "\n".join(map(str, random.normal(size=40))),
        "duplicate names": "a,a\n" + "\n".join(f"{v},{v * 2 + w}" for v, w in random.normal(size=(40, 2))),
        "mixed types": "a,b\n" + "\n".join(f"{k * 1.7},{'word' if k % 3 else k}" for k in range(40)),
        "missing column": "a,b\n" + "\n".join(f"{v}," for v in random.normal(size=40)),
        "ties": "a,b\n" + "\n".join(f"{k % 2}.5,{k % 3}.25" for k in range(40)),
    }
    for name, text in odd.items():
        file = tmp_path / "odd.csv"
        file.write_text(text + "\n")
        assert main(["fit", str(file), "--out", str(tmp_path / "r"), *QUICK, "--json"]) == 0, name
        document = json.loads(capsys.readouterr().out)
        assert np.isfinite(document["models"][0]["log_prob"]), name


def test_many_categories(tmp_path, capsys):
    n = 3000
    pl.DataFrame({"c": [f"v{k % (n // 3)}" for k in range(n)], "x": np.random.default_rng(0).normal(size=n)}).write_csv(
        tmp_path / "m.csv"
    )
    assert main(["fit", str(tmp_path / "m.csv"), "--out", str(tmp_path / "r"), *QUICK]) == 0


def test_ctrl_c_ends_with_130_and_the_next_fit_goes_on(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 6)) @ random.normal(size=(6, 6))
    pl.DataFrame(x, schema=[f"x{k}" for k in range(6)]).write_csv(tmp_path / "big.csv")
    words = [sys.executable, "-m", "pofx", "fit", str(tmp_path / "big.csv"), "--out", str(tmp_path / "run")]
    words += ["--models", "gaussian,kde,mixture"]
    shelf = tmp_path / ".run.unfinished"
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=one_thread)
    deadline = time.monotonic() + 60
    while not list(shelf.glob("gaussian-*.json")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said.decode()
    assert b"Traceback" not in said and not (tmp_path / "run").exists()
    assert list(shelf.glob("gaussian-*.safetensors"))


def test_help_is_instant_and_imports_no_torch():
    code = "import sys; from pofx.cli.main import main; main(['--help']); print('torch' in sys.modules)"
    began = time.perf_counter()
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("False")
    assert time.perf_counter() - began < 10  # seconds on any machine; a second here

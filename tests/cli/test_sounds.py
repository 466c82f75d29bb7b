"""Sounds from the command line: fit, score, sample; odd and bad folders."""

import json
import math
import wave

import numpy as np
import polars as pl
import pytest

from pofx.cli.main import main
from pofx.runs.layout import RunFolder

pytest.importorskip("soundfile")
RATE = 4000


def write(path, samples, rate=RATE, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())


def tone(pitch, length, seed):
    random = np.random.default_rng(seed)
    moments = np.arange(length) / RATE
    return np.round(3000 * np.sin(2 * np.pi * pitch * moments + seed) + 200 * random.normal(size=length)).astype(
        np.int16
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of two classes of tones of different lengths, and a run on it."""
    folder = tmp_path_factory.mktemp("sounds")
    for k in range(24):
        write(
            folder / "tones" / ("low" if k % 2 else "high") / f"{k:02}.wav", tone(200 + 200 * (k % 2), 300 + 10 * k, k)
        )
    words = ["fit", str(folder / "tones"), "--models", "independent,linear_prediction", "--out", str(folder / "run")]
    assert main(words) == 0
    return folder


def ask(capsys, *words):
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refuse(capsys, *words):
    capsys.readouterr()
    assert main(list(map(str, words))) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pofx: ")]
    assert len(lines) == 1
    return lines[0]


def test_the_run_is_in_bits_per_sample(home):
    record = RunFolder(home / "run").read()
    assert (record.outcome, record.dim, record.units) == ("recording", "sample", "nats per recording")
    best = record.models[0]
    assert best.name == record.chosen == "linear_prediction"
    assert best.bits_per_dim == pytest.approx(-best.log_prob / record.dims / math.log(2))
    assert best.bits_per_dim < 16


def test_recordings_are_scored_by_name(home, capsys):
    out = home / "scored.csv"
    document = ask(capsys, "score", home / "run", home / "tones", "-o", out)
    frame = pl.read_csv(out)
    assert document["n"] == len(frame) == 24
    assert "low/01.wav" in frame["recording"].to_list()
    assert document["bits_per_sample"] == pytest.approx(
        -frame["log_prob"].sum() / sum(300 + 10 * k for k in range(24)) / math.log(2)
    )


def test_samples_are_recordings(home, capsys):
    assert main(["sample", str(home / "run"), "-n", "2", "--length", "500", "-o", str(home / "new")]) == 0
    files = sorted((home / "new").iterdir())
    assert len(files) == 2
    with wave.open(str(files[0])) as file:
        assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (RATE, 500, 2)
    assert main(["sample", str(home / "run"), "-n", "1", "-o", str(home / "one.wav")]) == 0
    assert "do not go to the terminal" in refuse(capsys, "sample", home / "run")


def test_other_recordings_are_refused(home, tmp_path, capsys):
    write(tmp_path / "other" / "a.wav", tone(100, 400, 1), rate=8000)
    said = refuse(capsys, "score", home / "run", tmp_path / "other")
    assert "8000 Hz" in said
    assert "--rate" in said
    resampled = ask(capsys, "score", home / "run", tmp_path / "other", "--rate", RATE)
    assert resampled["n"] == 1
    for k in range(12):
        write(tmp_path / "mixed" / f"{k}.wav", tone(100, 400, k), rate=8000 if k == 5 else RATE)
    assert "5.wav" in refuse(capsys, "fit", tmp_path / "mixed", "-o", tmp_path / "run")


def test_empty_files_are_named_and_left_out_on_request(home, tmp_path, capsys):
    for k in range(20):
        write(tmp_path / "s" / f"{k:02}.wav", [] if k == 7 else tone(100, 200, k))
    words = ["fit", tmp_path / "s", "--models", "independent", "-o", tmp_path / "run"]
    assert "07.wav" in refuse(capsys, *words)
    record = ask(capsys, *words, "--skip-broken")
    assert sum(record["rows"].values()) == 19
    assert any("07.wav" in note for note in record["source"]["notes"])
    assert "--skip-broken" in record["recipe"]["command"]


def test_options_of_others_are_refused(home, capsys):
    assert "these are sounds" in refuse(capsys, "fit", home / "tones", "--resize", "8", "-o", home / "x")
    assert "--text" in refuse(capsys, "score", home / "run", "--text", "hello")
    assert "to prompt" in refuse(capsys, "sample", home / "run", "--prompt", "a", "-o", home / "p.wav")

"""The main job from the command line: fit, score, sample, report, and what each says in JSON."""

import json

import numpy as np
import polars as pl
import pytest

from pofx.cli.main import main
from pofx.runs.layout import RunFolder

FAST = ["--models", "independent,mixture,stacking", "--time", "20"]


def rows(n: int = 240, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    size = random.lognormal(0, 0.5, n)
    kind = random.choice(["a", "b"], n)
    return pl.DataFrame(
        {
            "size": size,
            "weight": 3 * size + random.normal(0, 0.1, n) + 2 * (kind == "a"),
            "kind": kind,
            "rain": np.where(random.random(n) < 0.4, 0.0, random.exponential(2, n)),
            "always": ["x"] * n,
        }
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a data file and a run on it."""
    folder = tmp_path_factory.mktemp("home")
    rows().write_csv(folder / "data.csv")
    assert main(["fit", str(folder / "data.csv"), "--out", str(folder / "run"), *FAST]) == 0
    return folder


def ask(capsys, *words):
    """The JSON document of a command that succeeds."""
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_fit_json_has_the_documented_keys(home, tmp_path, capsys):
    document = ask(capsys, "fit", str(home / "data.csv"), "--out", str(tmp_path / "r"), "--models", "histogram,kde")
    assert {"run", "chosen", "units", "rows", "models", "columns"} <= set(document)
    assert set(document["rows"]) == {"train", "validation", "test"} and sum(document["rows"].values()) == 240
    assert {m["name"] for m in document["models"]} == {"histogram", "kde"}
    wanted = {"name", "likelihood", "log_prob", "std_error", "delta", "delta_std_error", "seconds", "parameters"}
    for model in document["models"]:
        assert wanted <= set(model) and model["likelihood"] == "exact"
    assert max(model["delta"] for model in document["models"]) == 0
    assert {c["name"]: c["space"] for c in document["columns"]}["always"] == "always x"
    assert RunFolder(tmp_path / "r").report.stat().st_size > 10_000


def test_the_same_command_gives_the_same_numbers(home, tmp_path, capsys):
    words = ["fit", str(home / "data.csv"), "--models", "histogram,kde,stacking", "--seed", "5", "--out"]
    first, again = (ask(capsys, *words, str(tmp_path / name)) for name in "ab")
    assert [m["log_prob"] for m in first["models"]] == [m["log_prob"] for m in again["models"]]


def test_the_chosen_model_beats_independent_where_columns_depend(home):
    record = RunFolder(home / "run").read()
    score = {model.name: model for model in record.models}
    independent = score["independent"]
    assert record.chosen != "independent"
    assert independent.delta < -5 * independent.delta_std_error


def test_score_adds_columns_that_add_up(home, tmp_path, capsys):
    out = tmp_path / "scored.csv"
    shuffled = rows().select("kind", "always", "rain", "weight", "size").with_columns(extra=pl.lit(1))
    shuffled.write_csv(tmp_path / "new.csv")
    document = ask(capsys, "score", str(home / "run"), str(tmp_path / "new.csv"), "-o", str(out))
    assert document["n"] == 240 and document["likelihood"] == "exact" and document["units"] == "nats per row"
    scored = pl.read_csv(out)
    assert document["log_prob"] == pytest.approx(scored["log_prob"].mean())
    shares = scored.select(pl.col("^share_.*$")).sum_horizontal()
    assert np.allclose(shares, scored["log_prob"])
    assert scored["surprise"].is_between(0, 1).all() and "extra" in scored.columns


def test_scores_do_not_depend_on_the_order_of_rows(home, tmp_path, capsys):
    rows().reverse().write_csv(tmp_path / "back.csv")
    ask(capsys, "score", str(home / "run"), str(tmp_path / "back.csv"), "-o", str(tmp_path / "b.csv"))
    ask(capsys, "score", str(home / "run"), str(home / "data.csv"), "-o", str(tmp_path / "a.csv"))
    a, b = (pl.read_csv(tmp_path / name)["log_prob"].to_numpy() for name in ("a.csv", "b.csv"))
    assert np.allclose(a, b[::-1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("models", ["independent", "mixture", "kde,histogram,stacking"])
def test_a_column_times_a_thousand_shifts_each_score_by_log_1000(tmp_path, capsys, models):
    frame = rows(120).select("weight", "size", "kind")
    scores = []
    for name, factor in (("a", 1.0), ("b", 1000.0)):
        file, run, out = tmp_path / f"{name}.csv", tmp_path / name, tmp_path / f"{name}-scored.parquet"
        frame.with_columns(pl.col("weight") * factor).write_csv(file)
        ask(capsys, "fit", str(file), "--out", str(run), "--models", models)
        ask(capsys, "score", str(run), str(file), "-o", str(out))
        scores.append(pl.read_parquet(out)["log_prob"].to_numpy())
    assert np.abs(scores[1] - scores[0] + np.log(1000)).max() < 1e-6


def test_samples_are_rows_like_the_data(home, tmp_path, capsys):
    out = tmp_path / "more.parquet"
    ask(capsys, "sample", str(home / "run"), "-n", "500", "--seed", "3", "-o", str(out))
    drawn = pl.read_parquet(out)
    assert drawn.columns == rows().columns and drawn.height == 500
    assert set(drawn["always"]) == {"x"} and (drawn["size"] > 0).all() and (drawn["rain"] >= 0).all()
    assert 0.3 < (drawn["rain"] == 0).mean() < 0.5
    again = ask(capsys, "sample", str(home / "run"), "-n", "2", "--seed", "3")
    assert again == ask(capsys, "sample", str(home / "run"), "-n", "2", "--seed", "3") and len(again["rows"]) == 2


def test_models_and_doctor_and_report(home, capsys):
    listed = ask(capsys, "models", "--can", "marginal")
    assert {"mixture", "kde", "independent"} <= {model["name"] for model in listed["models"]}
    assert set(ask(capsys, "report", str(home / "run"))) == {"report"}
    found = ask(capsys, "doctor", str(home / "run" / "models" / "mixture.safetensors"))
    assert found["passed"] and {"check", "passed", "why"} <= set(found["findings"][0])


def test_a_date_splits_in_time_and_is_left_out(tmp_path, capsys):
    import datetime as dt

    days = [dt.date(2020, 1, 1) + dt.timedelta(days=k) for k in range(100)]
    pl.DataFrame({"day": days, "x": np.arange(100.0) % 7 + 0.1}).sample(100, shuffle=True, seed=1).write_csv(
        tmp_path / "d.csv"
    )
    document = ask(capsys, "fit", str(tmp_path / "d.csv"), "--out", str(tmp_path / "r"), "--models", "independent")
    assert document["recipe"]["split"] == "time:day"
    assert {c["name"]: c["space"] for c in document["columns"]}["day"] == "left out"


def test_weights_are_taken_from_a_column(tmp_path, capsys):
    frame = rows(100).select("size").with_columns(w=pl.Series(np.arange(100) % 3))
    frame.write_csv(tmp_path / "w.csv")
    document = ask(
        capsys, "fit", str(tmp_path / "w.csv"), "--out", str(tmp_path / "r"), "--weights", "w", "--models", "mixture"
    )
    assert [c["name"] for c in document["columns"]] == ["size"]

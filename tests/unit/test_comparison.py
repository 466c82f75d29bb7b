"""`pofx.compare` and `pofx.Watch`: the verdict keeps its false-alarm rate, finds what moved, and takes odd tables."""

import json
import math

import numpy as np
import polars as pl
import pytest

import pofx
from pofx.errors import PofxError
from pofx.runs.comparison import Comparison
from pofx.runs.plain import from_json, to_json


def table(n: int, seed: int, shift: float = 0.0, gap: float = 0.1, labels: str = "abc") -> pl.DataFrame:
    random = np.random.default_rng(seed)
    u = random.normal(shift, 1, n)
    return pl.DataFrame(
        {
            "u": u,
            "v": 100 * (0.6 * (u - shift) + random.normal(size=n)),
            "kind": random.choice(list(labels), n),
            "count": random.poisson(3, n),
            "hole": pl.Series(np.where(random.random(n) < gap, np.nan, random.exponential(1, n))).fill_nan(None),
            "same": ["x"] * n,
        }
    )


def test_what_moved_is_found_and_what_did_not_is_not():
    found = pofx.compare(table(300, 0), table(250, 1, shift=1.0), permutations=199)
    moved = {column.name for column in found.columns if column.drifted}
    assert found.verdict.drifted and moved == {"u"}
    first = found.columns[0]
    assert first.name == "u" and first.measure == "wasserstein" and first.value == pytest.approx(1.0, abs=0.2)
    assert first.null < 0.5 * first.value
    assert first.p_value == pytest.approx(1 / 200)
    assert {m.name for m in found.measures} >= {"energy", "c2st", "js", "tv", "kl", "sliced_wasserstein"}
    assert all(m.nature == "lower bound" for m in found.measures if m.name == "tv")
    assert "u: wasserstein" in str(found)


def test_a_change_in_how_columns_go_together_is_found():
    random = np.random.default_rng(2)
    u, w = random.normal(size=(2, 300))
    a = pl.DataFrame({"u": u, "v": u + 0.2 * w})
    b = pl.DataFrame({"u": random.permutation(u), "v": -0.98 * u + 0.2 * w})
    found = pofx.compare(a, b, permutations=199)
    assert found.verdict.drifted
    assert not any(column.drifted for column in found.columns)
    assert "how columns go together" in found.verdict.text


@pytest.mark.slow
def test_the_false_alarm_rate_is_the_one_that_is_stated():
    from pofx.divergences.two_sample.permutation import column_tests, energy_test

    alarms = 0
    runs = 120
    for seed in range(runs):
        random = np.random.default_rng(seed)
        a, b = random.standard_t(3, size=(60, 5)), random.standard_t(3, size=(50, 5))
        columns = column_tests(a, b, ["number"] * 5, permutations=99, seed=seed)
        joint = energy_test(a, b, permutations=99, seed=seed).p_value
        alarms += 2 * min(min(test.p_value for test in columns), joint) <= 0.1
    assert alarms <= 0.1 * runs + 3 * math.sqrt(0.1 * 0.9 * runs)


def test_the_record_survives_json_and_has_the_documented_keys():
    found = pofx.compare(table(60, 0), table(50, 1), permutations=99)
    document = json.loads(json.dumps(to_json(found), allow_nan=False))
    again = from_json(Comparison, document, "here")
    assert to_json(again) == to_json(found)
    keys = {"name", "value", "std_error", "nature", "method", "units", "direction", "null", "p_value"}
    assert all(keys <= set(row) for row in document["measures"] + document["columns"])


def test_the_same_seed_gives_the_same_answer():
    a, b = table(80, 0), table(70, 1)
    first, second = (to_json(pofx.compare(a, b, permutations=99, seed=3)) for _ in range(2))
    first.pop("created"), second.pop("created")
    assert first == second


def test_different_columns_are_said_and_the_common_ones_compared():
    a, b = table(60, 0).drop("kind"), table(50, 1).drop("count").select("v", "u", "kind", "hole", "same")
    found = pofx.compare(a, b, permutations=99)
    assert (found.only_in_a, found.only_in_b) == (("count",), ("kind",))
    with pytest.raises(PofxError, match="no column in common"):
        pofx.compare(a.select("u"), b.select("v"))


def test_odd_tables_have_an_answer():
    few = pl.DataFrame({"x": [1.0] * 30, "y": [None] * 30})
    found = pofx.compare(few, few, permutations=99)
    assert not found.verdict.drifted
    new = pofx.compare(table(80, 0, labels="ab"), table(80, 1, labels="bc"), permutations=99)
    kind = next(column for column in new.columns if column.name == "kind")
    infinite = [m for m in kind.measures if m.name == "kl"]
    assert kind.drifted and infinite[0].value is None and "kind = a" in infinite[0].note
    words = pofx.compare(pl.DataFrame({"c": ["1", "two"] * 20}), pl.DataFrame({"c": [1, 2] * 20}), permutations=99)
    assert words.columns[0].measure == "tv"
    arrays = pofx.compare(np.random.default_rng(0).normal(size=(50, 2)), np.zeros((40, 2)), permutations=99)
    assert arrays.verdict.drifted


@pytest.mark.parametrize(
    ("options", "words"),
    [({"alpha": 0.0}, "no test"), ({"permutations": 5}, "no test")],
)
def test_settings_that_allow_no_test_are_refused(options, words):
    with pytest.raises(PofxError, match=words):
        pofx.compare(table(60, 0), table(60, 1), **options)


def test_too_few_rows_are_refused():
    with pytest.raises(PofxError, match="B has too few rows"):
        pofx.compare(table(60, 0), table(3, 1))


def test_a_model_stands_by_its_draws():
    frame = table(300, 0).select("u", "v")
    model = pofx.Gaussian().fit(frame)
    found = pofx.compare(model, table(300, 1, shift=1.5).select("u", "v"), permutations=99)
    assert found.a.kind == "model" and found.verdict.drifted
    assert "draws of the model" in found.notes[0]
    scores = [m for m in found.measures if m.name == "cross_entropy"]
    assert len(scores) == 1 and scores[0].direction == "B, A"
    both = pofx.compare(model, pofx.Gaussian().fit(table(300, 1).select("u", "v")), permutations=99)
    assert next(m for m in both.measures if m.name == "kl").nature == "closed form"


def test_watch_takes_mixed_rows_and_finds_a_drift():
    watch = pofx.Watch(table(400, 0), alpha=0.01)
    assert not watch.update(table(200, 1)).alarm
    state = watch.update(table(300, 2, shift=2.0))
    assert state.alarm and 200 < state.alarm_row <= 500
    assert watch.state == state
    with pytest.raises(PofxError, match="no column 'u'"):
        watch.update(pl.DataFrame({"w": [1.0]}))

"""Permutation tests: statistics as published, false alarms at the stated rate, power, corrections."""

import numpy as np
import pytest
from scipy import stats

from pofx.divergences.two_sample.permutation import column_tests, energy_test, mmd_test
from pofx.errors import SpaceError

ALPHA = 0.1


def most_false_alarms(repetitions, rate=ALPHA):
    return stats.binom.ppf(1 - 1e-4, repetitions, rate)


def few_false_alarms(repetitions, rate=ALPHA):
    return stats.binom.ppf(1e-4, repetitions, rate)


def scholz_stephens(x, y):
    """The statistic for ties, term by term as in the paper."""
    z, counts = np.unique(np.r_[x, y], return_counts=True)
    total, result = len(x) + len(y), 0.0
    for sample in (x, y):
        for value, count in zip(z, counts, strict=True):
            m = (sample < value).sum() + (sample == value).sum() / 2
            b = (np.r_[x, y] < value).sum() + count / 2
            result += (
                count / total * (total * m - len(sample) * b) ** 2 / (b * (total - b) - total * count / 4) / len(sample)
            )
    return (total - 1) / total * result


def test_statistics_are_the_published_ones():
    random = np.random.default_rng(0)
    x, y = random.normal(size=40).round(1), random.normal(0.5, 1, 55).round(1)
    number, label, fine = column_tests(
        np.c_[x, x.round(), x + 1e-9 * np.arange(40)], np.c_[y, y.round(), y + 3e-10 * np.arange(55)],
        ["number", "label", "number"], seed=0,
    )  # fmt: skip
    assert number.statistic == pytest.approx(scholz_stephens(x, y), rel=1e-9)
    assert fine.statistic == pytest.approx(
        scholz_stephens(x + 1e-9 * np.arange(40), y + 3e-10 * np.arange(55)), rel=1e-9
    )
    codes = np.unique(np.r_[x, y].round())
    table = [[(v.round() == c).sum() for c in codes] for v in (x, y)]
    chi = stats.chi2_contingency(table)
    assert label.statistic == pytest.approx(chi.statistic) and label.p_value_alone == pytest.approx(
        chi.pvalue, abs=0.05
    )


def test_units_and_logarithms_change_nothing():
    random = np.random.default_rng(0)
    a, b = random.lognormal(size=(50, 2)), random.lognormal(0.5, size=(60, 2))
    kinds = ["number", "number"]
    plain = column_tests(a, b, kinds, seed=3, permutations=99)
    assert plain == column_tests(np.log(a), np.log(b), kinds, seed=3, permutations=99)
    assert plain == column_tests(1e9 * a, 1e9 * b, kinds, seed=3, permutations=99)


def test_false_alarms_over_all_columns_come_at_the_stated_rate():
    random = np.random.default_rng(0)
    alarms = alone = 0
    for k in range(300):
        rows = random.normal(size=(60, 1)) * [1, 1, 0, 0, 0, 0] + random.normal(size=(60, 6)) * [0.5, 0.5, 1, 1, 1, 1]
        rows[:, 4] = np.floor(rows[:, 4])
        rows[random.random(60) < 0.2, 5] = np.nan
        tests = column_tests(rows[:35], rows[35:], ["number"] * 4 + ["label", "number"], permutations=99, seed=k)
        alarms += min(t.p_value for t in tests) <= ALPHA
        alone += min(t.p_value_alone for t in tests) <= ALPHA
    assert few_false_alarms(300) <= alarms <= most_false_alarms(300)
    assert alone > most_false_alarms(300)  # uncorrected: what the correction is for


@pytest.mark.parametrize("test", [energy_test, mmd_test])
def test_joint_tests_keep_the_level_and_see_a_shift(test):
    random = np.random.default_rng(0)
    rejected = [
        test(random.normal(size=(20, 2)), random.normal(size=(30, 2)), permutations=99, seed=k).p_value <= ALPHA
        for k in range(300)
    ]
    assert few_false_alarms(300) <= sum(rejected) <= most_false_alarms(300)
    shifted = test(random.normal(size=(1500, 3)), random.normal(0.5, 1, size=(1000, 3)), seed=0)
    assert shifted.p_value == 0.001 and shifted.rows == 2000 and "chosen at random" in shifted.method


def test_power_with_the_smallest_p_value_at_many_columns():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(150, 40)), random.normal(size=(150, 40))
    b[:, 7] += 1
    b[random.random(150) < 0.3, 9] = np.nan
    tests = column_tests(a, b, ["number"] * 40, seed=0)
    assert tests[7].p_value == tests[9].p_value == tests[9].p_value_missing == 0.001
    assert tests[7].p_value_missing is None and tests[9].p_value_alone > 0.001
    others = [t for j, t in enumerate(tests) if j not in (7, 9)]
    assert min(t.p_value for t in others) > 0.005  # one null column in 200 such tables falls below
    assert all(t.p_value >= t.p_value_alone for t in others)


def test_progress_blocks_and_odd_columns():
    told = []

    class Listener:
        def start(self, what, total):
            told.append(total)

        def step(self, done, note=""):
            told.append(done)

        def finish(self):
            told.append("over")

    a = np.c_[np.ones(20_000), np.full(20_000, np.nan), np.r_[np.nan, np.ones(19_999)]]
    tests = column_tests(a, a[:5_000], ["number", "label", "number"], seed=0, permutations=19, recorder=Listener())
    assert [t.statistic for t in tests] == [0, 0, 0] and [t.p_value for t in tests[:2]] == [1, 1]
    assert told[0] == 20 and told[-2:] == [20, "over"] and len(told) > 3
    infinite = column_tests(np.array([[1.0], [np.inf], [np.inf]]), np.array([[-np.inf], [2.0]]), ["number"], seed=0)
    assert np.isfinite(infinite[0].statistic)


@pytest.mark.parametrize(
    ("a", "b", "kinds", "permutations", "told"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), ["number"], 99, "same columns"),
        (np.zeros((0, 1)), np.zeros((3, 1)), ["number"], 99, "empty"),
        (np.zeros((3, 1)), np.zeros((3, 1)), ["colour"], 99, "no kind"),
        (np.zeros((3, 1)), np.zeros((3, 1)), ["number"], 3, "too few permutations"),
    ],
    ids=["columns", "empty", "kind", "permutations"],
)
def test_what_has_no_answer_gets_one_line(a, b, kinds, permutations, told):
    with pytest.raises(SpaceError, match=told):
        column_tests(a, b, kinds, permutations=permutations, seed=0)

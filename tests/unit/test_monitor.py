"""Drift monitor: false alarms at every time together, detection, batches, and a restart."""

import json

import numpy as np
import pytest
from scipy import stats

from pofx.divergences.two_sample.monitor import DriftMonitor
from pofx.errors import SpaceError, StoreError


def watched(random, draw, rows, reference=200, **settings):
    monitor = DriftMonitor(random.normal(size=(reference, 2)), **settings)
    return monitor, monitor.update(draw(rows))


def test_alarms_without_drift_stay_under_alpha_with_continuous_peeking():
    random = np.random.default_rng(0)
    streams, alpha = 80, 0.2  # 400 rows against 150 in reserve: well into its renewal
    ends = [watched(random, lambda k: random.normal(size=(k, 2)), 400, alpha=alpha, seed=s)[1] for s in range(streams)]
    assert sum(end.alarm for end in ends) <= stats.binom.ppf(1 - 1e-3, streams, alpha)
    assert any(end.p_value < 0.7 for end in ends)  # it does bet
    assert all(end.alarm == (end.p_value <= alpha) for end in ends)


def test_a_factor_and_that_of_the_exchanged_pair_sum_to_two():
    """The whole guarantee: with new and old exchanged, the mean stake is what it was."""
    random = np.random.default_rng(1)
    rows = random.normal(size=(60, 2))
    record = DriftMonitor(rows, seed=0).record()
    record["reserve"] = record["reserve"][:1]  # so that the partner is known
    for bettor in record["bettors"]:
        bettor["weights"] = (0.3 * random.normal(size=len(bettor["weights"]))).tolist()
    record["keep"] = 0
    old, new = np.array(record["reserve"]), np.array([[2.0, -1.0]])
    forward = DriftMonitor.from_record(record).update(new).e_value
    record["reserve"] = new.tolist()
    backward = DriftMonitor.from_record(record).update(old).e_value
    assert forward != pytest.approx(1, abs=1e-4)
    assert (forward + backward) / 2 == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "draw", "within"),
    [
        ("shift", lambda r, k: r.normal([1, 0], 1, size=(k, 2)), 200),
        ("spread", lambda r, k: 2 * r.normal(size=(k, 2)), 400),
        ("missing", lambda r, k: np.where(r.random((k, 2)) < 0.4, np.nan, r.normal(size=(k, 2))), 200),
    ],
    ids=["shift", "spread", "missing"],
)
def test_a_drift_is_seen_soon(name, draw, within):
    random = np.random.default_rng(2)
    for seed in range(3):
        monitor, quiet = watched(random, lambda k: random.normal(size=(k, 2)), 50, reference=1000, seed=seed)
        assert not quiet.alarm and quiet.tests == 50
        assert monitor.update(draw(random, within)).alarm, name


def test_a_drift_after_the_reference_is_spent_is_seen_too():
    random = np.random.default_rng(3)
    monitor, quiet = watched(random, lambda k: random.normal(size=(k, 2)), 1500, reference=600, seed=0)
    assert not quiet.alarm and quiet.tests < 1000
    drifted = monitor.update(random.normal([1, 0], 1, size=(500, 2)))
    assert drifted.alarm and drifted.alarm_row > 1500


def test_batches_and_a_restart_change_nothing():
    random = np.random.default_rng(4)
    reference, stream = random.normal(size=(100, 3)), random.normal(0.3, 1, size=(130, 3))
    reference[0, 0] = stream[5, 1] = np.nan
    whole = DriftMonitor(reference, seed=5)
    end = whole.update(stream)
    single = DriftMonitor(reference, seed=5)
    for row in stream[:77]:
        single.update(row)
    saved = json.dumps(single.record(), allow_nan=False)
    restored = DriftMonitor.from_record(json.loads(saved))
    assert restored.state == single.state
    assert restored.update(stream[77:]) == end == single.update(stream[77:])
    assert json.dumps(restored.record()) == json.dumps(whole.record())


def test_an_empty_batch_and_odd_input():
    reference = np.random.default_rng(0).normal(size=(50, 2))
    monitor = DriftMonitor(reference)
    start = monitor.update(np.zeros((0, 2)))
    assert start.rows == 0 and start.e_value == pytest.approx(1) and start.p_value == 1 and not start.alarm
    for call, told in [
        (lambda: DriftMonitor(reference[:10]), "too few reference rows"),
        (lambda: DriftMonitor(reference, alpha=2.0), "no false-alarm rate"),
        (lambda: monitor.update(np.zeros((1, 3))), "columns"),
        (lambda: monitor.update(np.array([[0.0, np.inf]])), "infinite"),
    ]:
        with pytest.raises(SpaceError, match=told):
            call()
    with pytest.raises(StoreError, match="no saved"):
        DriftMonitor.from_record({"alpha": 0.05})
    with pytest.raises(StoreError, match="newer"):
        DriftMonitor.from_record(monitor.record() | {"format": 99})

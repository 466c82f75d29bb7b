"""Every registered model keeps every law on every case that it accepts; exceptions only in `pofx.laws.excuses`."""

from __future__ import annotations

import pytest

from pofx.core.estimator import Estimator
from pofx.core.registry import estimators
from pofx.laws.book import LAWS, attempt, trials
from pofx.laws.excuses import EXCUSES
from pofx.laws.mass import TESTS

TRIALS = [
    pytest.param(law.name, estimator, case.name, id=f"{name}-{law.name}-{case.name}")
    for name, kind in estimators().items()
    for estimator in (kind(),)
    for law, case in trials(estimator)
]
LAW = {law.name: law for law in LAWS}


@pytest.mark.parametrize(("law", "estimator", "case"), TRIALS)
def test_law(law: str, estimator: Estimator, case: str) -> None:
    outcome = attempt(LAW[law], estimator, case)
    if outcome is None:
        pytest.skip("does not apply to this model")
    excuse = EXCUSES.get((law, estimator.name))
    assert outcome.passed or excuse is not None, f"{LAW[law].statement}: {outcome.why}"


def test_every_model_is_tried() -> None:
    tried = {trial.values[1].name for trial in TRIALS}  # type: ignore[union-attr]
    assert tried == set(estimators())


@pytest.mark.parametrize("excused", EXCUSES, ids="-".join)
def test_each_excuse_has_a_reason_and_is_needed(excused: tuple[str, str]) -> None:
    law, name = excused
    assert len(EXCUSES[excused]) > 20
    estimator = estimators()[name]()
    outcomes = [attempt(LAW[law], estimator, case.name) for tried, case in trials(estimator, (LAW[law],)) if tried]
    assert any(outcome is not None and not outcome.passed for outcome in outcomes), "no longer needed: remove it"


def test_false_alarms_are_shared_among_all_statistical_tests() -> None:
    assert sum(trial.values[0] == "samples" for trial in TRIALS) <= TESTS


def test_laws_have_different_names() -> None:
    assert len(LAW) == len(LAWS)

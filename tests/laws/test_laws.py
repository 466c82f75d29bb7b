"""Every registered model keeps every law on every case that it accepts; exceptions only in `pofx.laws.excuses`."""

from __future__ import annotations

import pytest

from pofx.core.estimator import Estimator
from pofx.core.registry import estimators
from pofx.errors import FitError
from pofx.laws.book import LAWS, attempt, trials
from pofx.laws.cases import CASES
from pofx.laws.excuses import EXCUSES, REFUSED
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
    if (law, estimator.name, case) in EXCUSES:
        assert not outcome.passed, "the excuse is no longer needed: remove it"
    else:
        assert outcome.passed, f"{LAW[law].statement}: {outcome.why}"


def test_every_model_is_tried() -> None:
    tried = {trial.values[1].name for trial in TRIALS}  # type: ignore[union-attr]
    assert tried == set(estimators())


def test_each_excuse_has_a_reason_and_is_about_something_that_is_tried() -> None:
    tried = {(law, estimator.name, case) for law, estimator, case in (trial.values for trial in TRIALS)}  # type: ignore[union-attr]
    assert set(EXCUSES) <= tried
    assert all(len(reason) > 20 for reason in (*EXCUSES.values(), *REFUSED.values()))


@pytest.mark.parametrize("refused", REFUSED, ids="-".join)
def test_each_refusal_teaches(refused: tuple[str, str]) -> None:
    name, case = refused
    with pytest.raises(FitError) as caught:
        estimators()[name]().fit(CASES[case].make(0))
    assert caught.value.remedy


def test_false_alarms_are_shared_among_all_statistical_tests() -> None:
    assert sum(trial.values[0] == "samples" for trial in TRIALS) <= TESTS


def test_laws_have_different_names() -> None:
    assert len(LAW) == len(LAWS)

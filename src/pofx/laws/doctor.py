"""`pofx doctor`: the laws, run on anyone's estimator or fitted model, as records to print.

An estimator is fitted to every case that it declares to accept; a fitted model is asked only what a model can answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.laws.book import CRASHES, LAWS, attempt, crash, trials
from pofx.laws.excuses import EXCUSES
from pofx.laws.subject import Law, Outcome, Subject
from pofx.likelihood import Likelihood

Verdict = Literal["passed", "failed", "excused", "does not apply"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table. All fields are JSON.

    Args:
        check: the law's name.
        passed: False only where the law was broken without an excuse.
        why: what was measured, or what was wrong.
        number: the law's number in docs/laws.md.
        statement: the law in one line.
        verdict: passed, failed, excused, or does not apply.
        cases: the data sets that it was tried on.
    """

    check: str
    passed: bool
    why: str
    number: int
    statement: str
    verdict: Verdict
    cases: tuple[str, ...] = ()


def examine(what: Estimator | Model) -> list[Finding]:
    """One finding for each law, in the order of their numbers."""
    return _estimator(what) if isinstance(what, Estimator) else [_model(law, what) for law in LAWS if law.alone]


def _estimator(estimator: Estimator) -> list[Finding]:
    outcomes: dict[str, dict[str, Outcome]] = {law.name: {} for law in LAWS}
    for law, case in trials(estimator):
        outcome = attempt(law, estimator, case.name)
        if outcome is not None:
            outcomes[law.name][case.name] = outcome
    return [_finding(law, outcomes[law.name], estimator.name) for law in LAWS]


def _model(law: Law, model: Model) -> Finding:
    if not law.space(model.space) or (law.capability is not None and law.capability not in model.capabilities):
        return _finding(law, {})
    if law.smooth and model.likelihood is not Likelihood.EXACT:
        return _finding(law, {})
    try:
        outcome = law.check(Subject(model))
    except CRASHES as error:
        outcome = crash(error)
    return _finding(law, {} if outcome is None else {"": outcome})


def _finding(law: Law, outcomes: dict[str, Outcome], name: str = "") -> Finding:
    failed = {case: outcome for case, outcome in outcomes.items() if not outcome.passed}
    broken = {case: outcome for case, outcome in failed.items() if (law.name, name, case) not in EXCUSES}
    verdict: Verdict = "failed" if broken else "excused" if failed else "passed" if outcomes else "does not apply"
    return Finding(
        law.name,
        not broken,
        _why(law, outcomes, broken, name),
        law.number,
        law.statement,
        verdict,
        tuple(filter(None, outcomes)),
    )


def _why(law: Law, outcomes: dict[str, Outcome], broken: dict[str, Outcome], name: str) -> str:
    """What is wrong; else which excuses there are; else the first measurement."""
    if broken:
        return "; ".join(f"{case}: {o.why}" if case else o.why for case, o in broken.items())
    excused = [f"{case} excused: {EXCUSES[law.name, name, case]}" for case, o in outcomes.items() if not o.passed]
    return "; ".join(excused) or next(
        (o.why for o in outcomes.values()), "it has no case or capability that this law is about"
    )

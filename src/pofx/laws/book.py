"""All laws in the order of their numbers, and on which cases each is tried."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pofx.core.estimator import Estimator
from pofx.laws.cases import CASES, Case, applies
from pofx.laws.causal import CAUSAL
from pofx.laws.drawing import DRAWING
from pofx.laws.enumerated import ENUMERATED
from pofx.laws.excuses import COSTLY, REFUSED
from pofx.laws.mass import MASS
from pofx.laws.peers import PEERS
from pofx.laws.shape import SHAPE
from pofx.laws.state import STATE
from pofx.laws.subject import Law, Outcome, Subject
from pofx.laws.units import UNITS
from pofx.likelihood import Likelihood

ALL = (*SHAPE, *MASS, *ENUMERATED, *UNITS, *STATE, *PEERS, *CAUSAL, *DRAWING)
LAWS: tuple[Law, ...] = tuple(sorted(ALL, key=lambda law: law.number))

CRASHES = (  # what a broken model may raise
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
SEED = 0


@lru_cache(maxsize=4)
def subject_of(estimator: Estimator, case: str) -> Subject:
    """The estimator fitted to a case; fitted once, as several laws ask for it in turn."""
    data = CASES[case].make(SEED)
    return Subject(estimator.fit(data, seed=SEED), estimator, data, case)


def trials(estimator: Estimator, laws: tuple[Law, ...] = LAWS) -> Iterator[tuple[Law, Case]]:
    """Each law with each case on which it can be tried, case by case."""
    done: set[str] = set()
    for case in CASES.values():
        spared = case.name not in COSTLY.get(estimator.name, CASES) or (estimator.name, case.name) in REFUSED
        if spared or not applies(estimator, case.make(SEED)):
            continue
        for law in laws:
            if law.name not in done and concerns(law, estimator, case):
                if law.once:
                    done.add(law.name)
                yield law, case


def concerns(law: Law, estimator: Estimator, case: Case) -> bool:
    """Whether a law is about this kind of estimator and of data."""
    return (
        (law.cases is None or case.name in law.cases)
        and (law.capability is None or law.capability in estimator.capabilities)
        and (case.smooth or not law.smooth)
        and (estimator.likelihood is Likelihood.EXACT or not law.exact)
        and law.space(case.make(SEED).space)
    )


def attempt(law: Law, estimator: Estimator, case: str) -> Outcome | None:
    """Try a law on a case; a crash is a failure. None where the law turns out not to apply."""
    try:
        subject = subject_of(estimator, case)
        if law.exact and subject.model.likelihood is not Likelihood.EXACT:
            return None  # such as a flow of pictures
        return law.check(subject)
    except CRASHES as error:
        return crash(error)


def crash(error: Exception) -> Outcome:
    """A failure that says what was raised."""
    return Outcome(False, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")

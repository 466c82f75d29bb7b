"""The laws can fail: models broken in one way each are caught by the law that is about it."""

from __future__ import annotations

import math

import pytest
import torch
from tests.laws import toys, toys_in_order

from pofx.codecs.scalar import Log
from pofx.core.estimator import Estimator
from pofx.laws.book import LAWS, attempt, concerns, trials
from pofx.laws.cases import CASES
from pofx.laws.doctor import examine
from pofx.laws.shape import bounds
from pofx.laws.subject import Subject
from pofx.laws.units import one_codec
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.table import Table

LAW = {law.name: law for law in LAWS}

BROKEN: list[tuple[str, str, Estimator]] = [
    ("samples", "normal", toys.toy(toys.VarianceForDeviation)),
    ("samples", "correlated", toys.toy(toys.IndependentSamples)),
    ("mass", "normal", toys.toy(toys.EpsilonAdded)),
    ("mass", "correlated", toys.toy(toys.EpsilonAdded)),
    ("finite", "correlated", toys.toy(toys.Underflows)),
    ("mass", "normal", toys.toy(toys.NotNormalised)),
    ("mass", "correlated", toys.toy(toys.NotNormalised)),
    ("mass", "positive", toys.ForgetsVolume()),
    ("units", "positive", toys.ForgetsVolume()),
    ("batch", "normal", toys.toy(toys.LooksAtTheBatch)),
    ("seed", "normal", toys.toy(toys.GlobalGenerator)),
    ("storage", "normal", toys.toy(toys.ForgetsAnArgument)),
    ("marginal", "correlated", toys.toy(toys.WrongMarginal, capabilities=frozenset({"marginal"}))),
    ("cdf", "normal", toys.toy(toys.WrongCdf, capabilities=frozenset({"cdf"}))),
    ("gradient", "normal", toys.toy(toys.WrongSlope)),
    ("refit", "normal", toys.RemembersTheLast()),
    ("units", "normal", toys.IgnoresScale()),
    ("columns", "correlated", toys.FirstColumnIsSpecial()),
    ("rows", "normal", toys.TakesTheFirst()),
    ("weights", "normal", toys.IgnoresWeights()),
    ("absent", "normal", toys.IgnoresWeights()),
    ("gain", "correlated", toys.toy(toys.Diagonal)),
]


@pytest.mark.parametrize(("law", "case", "estimator"), BROKEN, ids=lambda part: getattr(part, "name", part))
def test_the_law_catches_it(law: str, case: str, estimator: Estimator) -> None:
    outcome = attempt(LAW[law], estimator, case)
    assert outcome is not None
    assert not outcome.passed, outcome.why


def test_a_right_model_passes_everything() -> None:
    findings = examine(toys.Toy())
    assert [finding.check for finding in findings if not finding.passed] == []
    assert {finding.check for finding in findings if finding.verdict == "passed"} >= {
        "mass",
        "samples",
        "units",
        "weights",
    }
    assert {law.name for law, _ in trials(toys.Toy())} <= {finding.check for finding in findings}


@pytest.mark.parametrize("codec", [toys.LogWithoutVolume, toys.LogThatDoesNotInvert])
def test_a_wrong_codec_is_caught(codec: type[Log]) -> None:
    x = CASES["positive"].make(0).values[:, 0]
    assert one_codec(Log(Positive(), 1.0, 2.0), x, "x").passed
    assert not one_codec(codec(Positive(), 1.0, 2.0), x, "x").passed


def test_an_estimator_that_is_no_value_is_caught() -> None:
    finding = next(finding for finding in examine(toys.HoldsAList()) if finding.check == "value")
    assert not finding.passed
    assert "unhashable" in finding.why


def _vae(kind: type[toys.LinearVae]) -> Subject:
    return Subject(kind(Table(("x",), (Real(),))))


def test_a_bound_grows_and_stays_below_the_exact_value() -> None:
    subject = _vae(toys.LinearVae)
    outcome = bounds(subject)
    assert outcome is not None
    assert outcome.passed, outcome.why
    x = subject.own[:, 0]
    exact = float((-0.25 * x**2 - 0.5 * math.log(4 * math.pi)).mean())
    rows = subject.own.numpy()
    loose, tight = (
        float(
            torch.stack([torch.tensor(subject.model.log_prob_bound(rows, draws=k, seed=s)) for s in range(64)]).mean()
        )
        for k in (1, 32)
    )
    assert loose < tight < exact + 1e-3
    assert tight == pytest.approx(exact, abs=5e-3)


def test_a_bound_that_disobeys_its_seed_is_caught() -> None:
    outcome = bounds(_vae(toys.BoundWithoutSeed))
    assert outcome is not None
    assert not outcome.passed


def test_an_exact_model_has_no_bound_to_examine() -> None:
    assert bounds(Subject(toys.Toy().fit(CASES["normal"].make(0)))) is None


def test_findings_of_a_fitted_model_name_what_is_broken() -> None:
    findings = examine(toys.toy(toys.NotNormalised).fit(CASES["normal"].make(0)))
    assert [finding.check for finding in findings if not finding.passed] == ["mass", "cdf"]
    assert "1.05" in next(finding.why for finding in findings if not finding.passed)


IN_ORDER: list[tuple[str, str, type[toys_in_order.ToyChain]]] = [
    ("causal", "symbols", toys_in_order.SeesTheNext),
    ("causal", "colours", toys_in_order.SeesTheNext),
    ("listed", "stream", toys_in_order.SeesTheNext),
    ("causal", "symbols", toys_in_order.BlindSpot),
    ("causal", "colours", toys_in_order.BlindSpot),
    ("causal", "wave", toys_in_order.SaysThree),
    ("chain", "wave", toys_in_order.KnowsTheLength),
    ("chain", "symbols", toys_in_order.KnowsTheLength),
    ("batch", "symbols", toys_in_order.KnowsTheLength),
    ("padding", "wave", toys_in_order.KnowsTheLength),
    ("padding", "symbols", toys_in_order.CountsPadding),
    ("parts", "symbols", toys_in_order.CountsPadding),
    ("parts", "stream", toys_in_order.PartsOfAnother),
    ("listed", "stream", toys_in_order.PartsOfAnother),
    ("next", "symbols", toys_in_order.BendsAfterwards),
    ("next", "wave", toys_in_order.BendsAfterwards),
    ("listed", "symbols", toys_in_order.BendsAfterwards),
    ("listed", "wave", toys_in_order.BendsAfterwards),
    ("counted", "symbols", toys_in_order.DrawsFlat),
    ("counted", "stream", toys_in_order.DrawsFlat),
    ("cached", "wave", toys_in_order.DrawsFlat),
    ("cached", "colours", toys_in_order.DrawsFlat),
    ("cached", "stream", toys_in_order.StaleCache),
    ("complete", "symbols", toys_in_order.ForgetsWhatIsGiven),
    ("complete", "colours", toys_in_order.ForgetsWhatIsGiven),
    ("cached", "symbols", toys_in_order.AllEquallyLong),
    ("warp", "stream", toys_in_order.IgnoresTemperature),
    ("warp", "symbols", toys_in_order.IgnoresTemperature),
    ("warp", "wave", toys_in_order.LeavesTheLaw),
]


@pytest.mark.parametrize(
    ("law", "case", "made"), IN_ORDER, ids=lambda part: part if isinstance(part, str) else part.__name__
)
def test_the_law_catches_it_in_order(law: str, case: str, made: type[toys_in_order.ToyChain]) -> None:
    outcome = attempt(LAW[law], toys_in_order.chain(made), case)
    assert outcome is not None
    assert not outcome.passed, outcome.why
    assert "Error" not in outcome.why


@pytest.mark.parametrize("case", ["colours", "symbols", "stream", "wave"])
@pytest.mark.parametrize(
    "law", ["shape", "listed", "next", "counted", "causal", "padding", "parts", "chain", "cached", "complete", "warp"]
)
def test_a_right_model_in_order_passes(law: str, case: str) -> None:
    if concerns(LAW[law], toys_in_order.Chain(), CASES[case]):
        outcome = attempt(LAW[law], toys_in_order.Chain(), case)
        assert outcome is not None
        assert outcome.passed, outcome.why


def test_a_model_may_say_how_far_it_looks_back() -> None:
    outcome = attempt(LAW["causal"], toys_in_order.chain(toys_in_order.SeesTheLastOne), "symbols")
    assert outcome is not None
    assert outcome.passed, outcome.why
    assert "each value of the 1 before" in outcome.why

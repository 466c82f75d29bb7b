"""Plug-in estimators for discrete distributions: oracles, traps, counts, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from pofx.divergences.engine import plug_in
from pofx.divergences.engine.cells import counted, exact
from pofx.divergences.engine.nearest.entropy import entropy as differential_entropy
from pofx.divergences.estimate import Estimate, Nature
from pofx.errors import PofxError

P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.25, 0.25, 0.5])
PAIRS: list[Callable[..., Estimate]] = [
    plug_in.kl,
    plug_in.jensen_shannon,
    plug_in.total_variation,
    plug_in.hellinger_squared,
    plug_in.chi_square,
    plug_in.cross_entropy,
    lambda p, q: plug_in.renyi(p, q, 0.5),
    lambda p, q: plug_in.renyi(p, q, 2.0),
    lambda p, q: plug_in.alpha_divergence(p, q, 0.5),
    lambda p, q: plug_in.alpha_divergence(p, q, 2.0),
]
IDS = ["KL", "JS", "TV", "Hellinger", "chi2", "H", "Renyi half", "Renyi 2", "alpha half", "alpha 2"]
TRUTHS = [
    (P * np.log(P / Q)).sum(),
    0.5 * (P * np.log(2 * P / (P + Q))).sum() + 0.5 * (Q * np.log(2 * Q / (P + Q))).sum(),
    0.3,
    1 - np.sqrt(P * Q).sum(),
    ((P - Q) ** 2 / Q).sum(),
    -(P * np.log(Q)).sum(),
    -2 * math.log(np.sqrt(P * Q).sum()),
    math.log((P**2 / Q).sum()),
    4 * (1 - np.sqrt(P * Q).sum()),
    ((P**2 / Q).sum() - 1) / 2,
]


@pytest.mark.parametrize(("measure", "truth"), list(zip(PAIRS, TRUTHS, strict=True)), ids=IDS)
def test_from_probabilities(measure: Callable[..., Estimate], truth: float) -> None:
    found = measure(P, Q)
    assert found.value == pytest.approx(truth, rel=1e-13)
    assert found.nature is Nature.CLOSED_FORM and found.std_error is None and found.draws is None


@pytest.mark.parametrize(("measure", "truth"), list(zip(PAIRS, TRUTHS, strict=True)), ids=IDS)
def test_from_counts_with_calibrated_errors(measure: Callable[..., Estimate], truth: float) -> None:
    random = np.random.default_rng(0)
    runs = [measure(counted(random.multinomial(2000, P)), counted(random.multinomial(1000, Q))) for _ in range(200)]
    values, errors = np.array([e.value for e in runs]), np.array([e.std_error for e in runs])
    assert 0.85 < errors.mean() / values.std() < 1.15
    assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(200) + 0.003
    assert runs[0].nature is Nature.ASYMPTOTICALLY_UNBIASED and runs[0].draws == 3000


def test_entropy_and_information_from_counts() -> None:
    random = np.random.default_rng(0)
    flat = [counted(random.multinomial(60, np.full(20, 0.05))) for _ in range(300)]
    plain, mended = (np.mean([plug_in.entropy(c, corrected=b).value for c in flat]) for b in (False, True))
    assert abs(mended - math.log(20)) < 0.03 < math.log(20) - plain
    joint = np.outer(P, Q)
    tables = [counted(random.multinomial(100, joint.ravel()).reshape(3, 3)) for _ in range(300)]
    plain, mended = (np.mean([plug_in.mutual_information(c, corrected=b).value for c in tables]) for b in (False, True))
    assert abs(mended) < 0.004 < plain and "Miller" in plug_in.entropy(flat[0], corrected=True).method
    pairs = [(counted(random.multinomial(90, P)), counted(random.multinomial(90, P))) for _ in range(300)]
    plain, mended = (np.mean([plug_in.kl(a, b, corrected=c).value for a, b in pairs]) for c in (False, True))
    assert abs(mended) < 0.006 < plain
    linked = np.array([[0.4, 0.1], [0.1, 0.4]])
    assert plug_in.mutual_information(linked).value == pytest.approx(0.8 * math.log(1.6) + 0.2 * math.log(0.4))
    assert plug_in.mutual_information(np.outer(P, Q)).value == pytest.approx(0.0, abs=1e-15)
    assert plug_in.entropy(P).value == pytest.approx(stats.entropy(P))


def test_nothing_where_something_is_needed_is_infinite_and_says_where() -> None:  # trap 15
    p, q = exact([0.5, 0.5, 0.0], "abc"), exact([0.0, 0.5, 0.5], "abc")
    for found in (plug_in.kl(p, q), plug_in.cross_entropy(p, q), plug_in.chi_square(p, q), plug_in.renyi(p, q, 2)):
        assert found.value == math.inf and "at a" in found.note
    assert plug_in.kl([0.0, 1.0], [0.5, 0.5]).value == pytest.approx(math.log(2))  # 0 log 0 = 0
    assert plug_in.renyi(p, q, 0.5).value == pytest.approx(2 * math.log(2))
    assert plug_in.renyi([1.0, 0.0], [0.0, 1.0], 0.5).value == math.inf
    assert plug_in.alpha_divergence(q, p, -1.0).value == math.inf
    assert plug_in.entropy([1.0, 0.0]).value == 0.0


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([0.0, 1.0], [5e-324, 1.0]),
        ([0.5, 0.5], [math.nextafter(0.5, 0), math.nextafter(0.5, 1)]),
        ([1.0, 0.0], [0.0, 1.0]),
        ([1e-300, 1.0], [1e-10, 1.0 - 1e-10]),
        ([5e-324, 1.0], [1.0, 5e-324]),
        (P, P),
    ],
    ids=["denormal", "next float", "apart", "tiny", "swapped", "same"],
)
def test_no_rounding_makes_a_divergence_negative(p: list[float], q: list[float]) -> None:  # trap L8
    found = plug_in.jensen_shannon(p, q).value
    assert 0 <= found <= math.log(2) and not math.isnan(math.sqrt(found))
    assert found == plug_in.jensen_shannon(q, p).value
    for measure in PAIRS[:5]:
        assert measure(p, q).value >= 0 and not math.isnan(measure(p, q).value)


@pytest.mark.parametrize("order", [1e-9, 0.3, 1 - 1e-9, 1 + 1e-9, 1.7])
def test_orders_near_one_are_smooth(order: float) -> None:
    log_power = math.log((P**order * Q ** (1 - order)).sum())
    rough = 1e-6 if abs(order - 1) < 0.1 or order < 0.1 else 1e-12
    assert plug_in.renyi(P, Q, order).value == pytest.approx(log_power / (order - 1), rel=rough, abs=rough)
    limit = plug_in.kl(P, Q) if order > 0.9 else plug_in.kl(Q, P)
    if rough == 1e-6:
        assert plug_in.alpha_divergence(P, Q, order).value == pytest.approx(limit.value, rel=1e-7)


def test_limits_of_the_orders() -> None:
    assert plug_in.alpha_divergence(P, Q, 1).value == plug_in.renyi(P, Q, 1).value == plug_in.kl(P, Q).value
    assert plug_in.alpha_divergence(P, Q, 0).value == plug_in.kl(Q, P).value
    assert plug_in.alpha_divergence(P, Q, 0).direction == "P || Q"
    assert plug_in.renyi(P, Q, 0).value == 0.0


def test_discrete_is_not_differential() -> None:  # trap 24
    x = np.random.default_rng(0).standard_normal(500)
    with pytest.raises(PofxError, match="not negative"):
        plug_in.entropy(x)
    assert differential_entropy(1e-3 * x).value < 0 < plug_in.entropy(counted(np.ones(500))).value


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plug_in.kl([0.5, 0.5], [0.3, 0.3]), "do not sum to one; got a sum of 0.6"),  # trap L9
        (lambda: plug_in.entropy([0.5, 0.5 + 1e-8]), "a sum of 1.00000001"),
        (lambda: plug_in.entropy([3, 4]), "counts"),
        (lambda: plug_in.entropy([]), "empty"),
        (lambda: plug_in.entropy([1.5, -0.5]), "not negative; got -0.5 at cell 1"),
        (lambda: plug_in.entropy([math.nan, 1.0]), "got nan at cell 0"),
        (lambda: plug_in.entropy("ab"), "not numbers"),
        (lambda: counted([1.5, 2]), "whole numbers"),
        (lambda: counted([0, 0]), "nothing was counted"),
        (lambda: exact([0.5, 0.5], "abc"), "one label per cell"),
        (lambda: plug_in.kl(P, [0.5, 0.5]), "different cells"),
        (lambda: plug_in.kl(exact(P, "abc"), exact(Q, "abd")), "different labels"),
        (lambda: plug_in.mutual_information(P), "two axes"),
        (lambda: plug_in.renyi(P, Q, -1), "order"),
        (lambda: plug_in.alpha_divergence(P, Q, math.inf), "finite"),
    ],
)
def test_bad_input_is_one_clear_line(call: Callable[[], object], words: str) -> None:
    with pytest.raises(PofxError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)

import math

import numpy as np
import ot
import pytest
import scipy.stats as st
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.optimize import linprog

from pofx.divergences.estimate import Nature
from pofx.divergences.transport.circle import wasserstein_circle
from pofx.divergences.transport.laws import law, law_of_sample, wasserstein_laws
from pofx.divergences.transport.line import line_distance, pair, paired_distance, potentials, wasserstein_line
from pofx.divergences.transport.monotone import histogram_plan, monotone_plan
from pofx.errors import PofxError

ORDERS = [1, 2, 3.5, math.inf]
small = some.lists(some.integers(-20, 20), min_size=1, max_size=9)


def drawn(n: int, m: int, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, ...]:
    r = np.random.default_rng(seed)
    x, y = r.normal(size=n), r.normal(0.7, 1.4, size=m)
    return (x.round(1), y.round(1), r.random(n), r.random(m)) if ties else (x, y, r.random(n), r.random(m))


def by_program(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, p: float) -> float:
    n, m = len(x), len(y)
    sums = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    cost = np.abs(x[:, None] - y).ravel() ** p
    return float(linprog(cost, A_eq=sums, b_eq=np.concatenate([a / a.sum(), b / b.sum()])).fun ** (1 / p))


@pytest.mark.parametrize("order", [1, 2, 3.5])
@pytest.mark.parametrize(("n", "m"), [(9, 9), (7, 12), (1, 5)])
@pytest.mark.parametrize("ties", [False, True])
def test_line_equals_the_linear_program(order, n, m, ties):
    x, y, u, v = drawn(n, m, ties=ties)
    for a, b in [(u, v), (np.ones(n), np.ones(m)), (u, np.ones(m))]:
        mine = wasserstein_line(x, y, order=order, x_weights=a, y_weights=b, null=False)
        assert mine.value == pytest.approx(by_program(x, y, a, b, order), rel=1e-7)
    assert wasserstein_line(x, y, order=order, null=False).value == pytest.approx(
        by_program(x, y, np.ones(n), np.ones(m), order), rel=1e-7
    )


def test_line_agrees_with_scipy_and_pot_in_the_large():
    x, y, u, v = drawn(30_000, 41_000)
    assert line_distance(x, y) == pytest.approx(st.wasserstein_distance(x, y), rel=1e-9)
    u, v = u / u.sum(), v / v.sum()
    assert line_distance(x, y, 1, u, v) == pytest.approx(st.wasserstein_distance(x, y, u, v), rel=1e-9)
    for p in (2, 3.5):
        assert line_distance(x, y, p, u, v) == pytest.approx(ot.wasserstein_1d(x, y, u, v, p=p) ** (1 / p), rel=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_the_number_alone_equals_the_staircase(order):
    x, y, u, v = drawn(50, 80, ties=True)
    u, v = u / u.sum(), v / v.sum()
    assert line_distance(x, y, order, u, v) == pytest.approx(paired_distance(pair(x, y, u, v), order), rel=1e-12)


def test_order_inf_is_the_longest_move():
    assert wasserstein_line([0, 1, 2], [0, 1, 5], order=math.inf).value == 3
    assert wasserstein_line([0.0, 9.0], [0.0, 1.0], order=math.inf, x_weights=[1, 0]).value == 1


@pytest.mark.parametrize("order", ORDERS)
def test_weights_are_repetitions(order):
    x, y = np.array([0.0, 1.0, 5.0]), np.array([0.5, 2.0])
    weighted = wasserstein_line(x, y, order=order, x_weights=[2, 1, 3], y_weights=[1, 4])
    repeated = wasserstein_line(np.repeat(x, [2, 1, 3]), np.repeat(y, [1, 4]), order=order)
    assert weighted.value == pytest.approx(repeated.value, rel=1e-12)
    assert (weighted.std_error is None) == (order == math.inf)
    if weighted.std_error is not None:
        assert weighted.std_error == pytest.approx(repeated.std_error, rel=0.2)  # the dual has a little freedom at ties


@settings(max_examples=60, deadline=None)
@given(small, small, small, some.sampled_from(ORDERS))
def test_it_is_a_metric(x, y, z, order):
    def w(a, b):
        return wasserstein_line(a, b, order=order, null=False).value

    assert w(x, y) == pytest.approx(w(y, x), rel=1e-9, abs=1e-12)
    assert w(x, z) <= w(x, y) + w(y, z) + 1e-9
    assert w(x, x) == 0
    assert (w(x, y) <= 1e-12) == (sorted(x * len(y)) == sorted(y * len(x)))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("a", [-3.0, 1e-150, 1e150])
def test_scale(order, a):
    x, y, u, v = drawn(20, 30)
    one = wasserstein_line(x, y, order=order, x_weights=u, y_weights=v)
    other = wasserstein_line(a * x, a * y, order=order, x_weights=u, y_weights=v)
    assert other.value == pytest.approx(abs(a) * one.value, rel=1e-9)
    if one.std_error is not None:
        assert other.std_error == pytest.approx(abs(a) * one.std_error, rel=0.05)


def test_potentials_are_feasible_and_tight():
    x, y, u, v = drawn(15, 22)
    paired = pair(x, y, u / u.sum(), v / v.sum())
    f, g = potentials(paired, 2.0)
    assert (f[:, None] + g <= (np.sort(x)[:, None] - np.sort(y)) ** 2 + 1e-12).all()
    dual = f @ paired.shares[0] + g @ paired.shares[1]
    assert dual == pytest.approx(paired_distance(paired, 2.0) ** 2, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_std_error_is_the_spread_over_repetitions(order):
    r = np.random.default_rng(1)
    found = [
        wasserstein_line(r.normal(size=300), r.normal(1, 1.5, size=400), order=order, null=False) for _ in range(400)
    ]
    spread = np.std([f.value for f in found])
    assert np.mean([f.std_error for f in found]) == pytest.approx(spread, rel=0.12)


def test_the_same_law_is_a_positive_distance_and_null_shows_it():  # trap L10
    r = np.random.default_rng(2)
    same = wasserstein_line(r.normal(size=200), r.normal(size=200), order=2)
    assert same.nature is Nature.ASYMPTOTICALLY_UNBIASED
    assert same.value > 0.05
    assert same.value < 3 * same.null
    assert wasserstein_line(r.normal(size=200), r.normal(3, 1, size=200)).null < 0.5
    assert wasserstein_line([1.0], [2.0]).null is None


BAD = [
    (([], [1.0]), {}, "empty"),
    (([1.0, math.nan], [1.0]), {}, "row 2"),
    (([1.0], [math.inf]), {}, "finite"),
    (([1.0], [1.0]), {"order": 0.5}, "order"),
    (([1.0], [1.0]), {"order": math.nan}, "order"),
    (([1.0, 2.0], [1.0]), {"x_weights": [1.0, -1.0]}, "negative"),
    (([1.0, 2.0], [1.0]), {"x_weights": [0.0, 0.0]}, "zero"),
    (([1.0, 2.0], [1.0]), {"x_weights": [1.0]}, "one weight"),
    (([1.0, 2.0], [1.0]), {"x_weights": [1.0, math.nan]}, "finite"),
    ((np.ones((2, 2)), [1.0]), {}, "column"),
    ((["a"], [1.0]), {}, "numbers"),
]


@pytest.mark.parametrize(("args", "options", "says"), BAD, ids=[b[2] + str(k) for k, b in enumerate(BAD)])
def test_bad_input_is_one_line(args, options, says):
    with pytest.raises(PofxError, match=says) as caught:
        wasserstein_line(*args, **options)
    assert "\n" not in str(caught.value)


def test_monotone_plan_meets_its_marginals():
    x, y, u, v = drawn(20, 33)
    plan = monotone_plan(x, y, order=2, x_weights=u, y_weights=v)
    assert plan.marginal_error < 1e-12
    assert plan.value == pytest.approx(by_program(x, y, u, v, 2), rel=1e-7)
    assert plan.f @ (u / u.sum()) + plan.g @ (v / v.sum()) == pytest.approx(plan.cost, rel=1e-9)
    assert len(plan.mass) <= 20 + 33 - 1
    points, mass = plan.interpolate(0.5)
    assert line_distance(x, points[:, 0], 2, u / u.sum(), mass) == pytest.approx(plan.value / 2, rel=1e-9)


def test_histograms_of_unequal_mass_are_refused():
    plan = histogram_plan([0, 1], [3.0, 1.0], [0, 1], [1.0, 3.0])
    assert plan.cost == pytest.approx(2.0)
    assert plan.mass.sum() == pytest.approx(4.0)
    assert plan.marginal_error < 1e-12
    with pytest.raises(PofxError, match="same mass"):
        histogram_plan([0, 1], [0.5, 0.5], [0, 1], [0.5, 0.5001])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_circle_agrees_with_pot_and_goes_the_short_way(order):
    x, y, u, v = drawn(30, 47)
    u, v = u / u.sum(), v / v.sum()
    theirs = ot.wasserstein_circle((x % 2.5) / 2.5, (y % 2.5) / 2.5, u_weights=u, v_weights=v, p=order)[0]
    mine = wasserstein_circle(x, y, 2.5, order=order, x_weights=u, y_weights=v).value
    assert mine == pytest.approx(2.5 * theirs ** (1 / order), rel=1e-6)
    assert wasserstein_circle([0.1], [23.9], 24.0, order=order).value == pytest.approx(0.2, rel=1e-6)


NORMALS = [(0, 1, 1, 1, 1, 1.0), (0, 1, 1, 1, 2, 1.0), (0, 1, 1, 1.5, 2, math.sqrt(1.25)),
           (0, 1, 0, 3, 1, 2 * math.sqrt(2 / math.pi))]  # fmt: skip


@pytest.mark.parametrize(("m1", "s1", "m2", "s2", "order", "true"), NORMALS)
def test_laws_of_normals(m1, s1, m2, s2, order, true):
    found = wasserstein_laws(law(st.norm(m1, s1).ppf), law(st.norm(m2, s2).ppf), order=order)
    assert found.value == pytest.approx(true, rel=1e-7)
    assert found.nature is Nature.QUADRATURE


def test_laws_with_jumps_and_gaps():
    poisson = wasserstein_laws(law(st.poisson(3).ppf), law(st.poisson(5).ppf))
    assert poisson.value == pytest.approx(2.0, rel=1e-7)  # stochastically ordered: the difference of the means
    scales = wasserstein_laws(law(st.expon(scale=1).ppf), law(st.expon(scale=3).ppf), order=2)
    assert scales.value == pytest.approx(math.sqrt(8), rel=1e-7)
    gap = wasserstein_laws(law(lambda u: np.where(u < 1 / 3, u, u + 100)), law(lambda u: u))
    assert gap.value == pytest.approx(200 / 3, rel=1e-8)


def test_infinite_distances_are_infinite_and_say_where():
    normal, cauchy = law(st.norm().ppf), law(st.cauchy().ppf)
    found = wasserstein_laws(cauchy, normal)
    assert found.value == math.inf
    assert "tail" in found.note
    only = wasserstein_laws(law(st.pareto(1.5).ppf), law(st.expon().ppf), order=2)
    assert only.value == math.inf
    assert "upper" in only.note and "lower" not in only.note
    assert wasserstein_laws(cauchy, law(st.cauchy(1).ppf)).value == pytest.approx(1.0, rel=1e-6)
    assert wasserstein_laws(law(st.pareto(1.5).ppf), law(st.pareto(3).ppf)).value == pytest.approx(1.5, rel=1e-4)


def test_a_sample_against_a_law():
    x, y, u, v = drawn(60, 40)
    both = wasserstein_laws(law_of_sample(x, u), law_of_sample(y, v), order=2)
    assert both.value == pytest.approx(wasserstein_line(x, y, order=2, x_weights=u, y_weights=v).value, rel=1e-8)
    found = [wasserstein_laws(law_of_sample(np.random.default_rng(k).normal(1, 1, 200)), law(st.norm().ppf))
             for k in range(60)]  # fmt: skip
    assert np.mean([f.std_error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.3)

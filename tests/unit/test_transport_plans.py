import sys
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from pofx.divergences.estimate import Nature
from pofx.divergences.transport import entropic
from pofx.divergences.transport.barycentre import barycentre_grid, barycentre_line
from pofx.divergences.transport.bures import bures_wasserstein
from pofx.divergences.transport.dispatch import wasserstein_points
from pofx.divergences.transport.entropic import entropic_plan, sinkhorn_divergence
from pofx.divergences.transport.exact import exact_plan, wasserstein_exact
from pofx.divergences.transport.line import wasserstein_line
from pofx.divergences.transport.sliced import max_sliced_wasserstein, sliced_wasserstein
from pofx.errors import MissingExtra, PofxError


def clouds(n: int = 60, m: int = 60, d: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    return r.normal(size=(n, d)), r.normal(size=(m, d)) + 0.5


@pytest.mark.parametrize("order", [1, 2, 3.5])
def test_exact_equals_the_assignment(order):
    x, y = clouds()
    costs = cdist(x, y) ** order
    best = costs[linear_sum_assignment(costs)].mean()
    plan = exact_plan(x, y, order=order)
    assert plan.cost == pytest.approx(best, rel=1e-9)
    assert plan.value == pytest.approx(best ** (1 / order), rel=1e-9)
    assert plan.converged and plan.marginal_error < 1e-12
    assert plan.f.mean() + plan.g.mean() == pytest.approx(best, rel=1e-9)
    assert (plan.f[:, None] + plan.g <= costs + 1e-9).all()
    assert exact_plan(-3 * x, -3 * y, order=order).value == pytest.approx(3 * plan.value, rel=1e-9)


def test_exact_in_one_column_equals_the_line_with_its_error():
    x, y = clouds(50, 70, 1)
    u = np.random.default_rng(3).random(50)
    one = wasserstein_exact(x, y, x_weights=u)
    other = wasserstein_line(x, y, order=2, x_weights=u)
    assert one.value == pytest.approx(other.value, rel=1e-9)
    assert one.std_error == pytest.approx(other.std_error, rel=0.05)
    assert one.null == pytest.approx(other.null, rel=1e-9)


def test_the_plan_moves_mass():
    x, y = clouds(8, 8)
    plan = exact_plan(x, y)
    assert plan.dense().sum() == pytest.approx(1)
    assert np.allclose(plan.interpolate(0)[0][np.argsort(plan.rows)], x)
    half, mass = plan.interpolate(0.5)
    assert exact_plan(x, half, y_weights=mass).value == pytest.approx(plan.value / 2, rel=1e-9)
    assert np.allclose(plan.project()[plan.rows], y[plan.columns])
    starts, ends, masses = plan.arrows(3)
    assert starts.shape == ends.shape == (3, 2) and masses.shape == (3,)
    for bad in (lambda: plan.interpolate(1.1), lambda: plan.arrows(0), lambda: plan.dense(budget=100)):
        with pytest.raises(PofxError):
            bad()


def test_a_cost_matrix_that_cannot_fit_is_refused_with_sizes():
    x, y = clouds(100, 90)
    with pytest.raises(PofxError, match=r"100 x 90.*MiB.*sliced"):
        exact_plan(x, y, budget=1000)


def test_without_pot_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingExtra, match=r"pofx\[transport\]"):
        exact_plan(*clouds(3, 3))


def grid_of_normals() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    s = np.linspace(-12, 14, 600)
    return s, np.exp(-(s**2) / 2), np.exp(-(((s - 1) / 1.5) ** 2) / 2)


def test_entropic_transport_of_normals():
    s, a, b = grid_of_normals()
    plan = entropic_plan(s, s, epsilon=0.5, x_weights=a, y_weights=b)
    assert plan.converged
    assert plan.value == pytest.approx(1.95835052, abs=2e-8)
    divergence = sinkhorn_divergence(s, s, epsilon=0.5, x_weights=a, y_weights=b)
    assert divergence.value == pytest.approx(1.24913695, abs=2e-8)


@pytest.mark.parametrize("epsilon", [1e-1, 1e-2, 1e-3, 1e-4])
def test_small_epsilon_keeps_its_mass_and_its_cost(epsilon):  # traps L1 and 21
    x, y = clouds(80, 100)
    true = exact_plan(x, y).cost
    plan = entropic_plan(x, y, epsilon=epsilon)
    assert plan.converged
    assert plan.marginal_error < 1e-6
    assert plan.mass.sum() == pytest.approx(1, abs=1e-8)
    assert true - 1e-6 <= plan.cost <= true + epsilon * np.log(80 * 100)
    assert plan.value >= plan.cost - 1e-9  # trap 22: the dual value is the primal one, cost plus epsilon times KL
    a = np.full(len(plan.mass), 1 / (80 * 100))
    kl = float(np.sum(plan.mass * np.log(plan.mass / a)))
    assert plan.value == pytest.approx(plan.cost + epsilon * kl, rel=1e-5)


def test_not_converged_is_said_and_refused():
    x, y = clouds(30, 40)
    entropic_plan(x, y, epsilon=1e-3)
    few = {"epsilon": 1e-3, "iterations": 5, "budget": 30 * 40 * 24}
    lazy = entropic_plan(x, y, **(few | {"budget": 16 * 30 * 40 - 1}))  # no room for the costs: no Newton steps
    assert not lazy.converged
    with pytest.raises(PofxError, match="marginal error"):
        sinkhorn_divergence(x, y, **(few | {"budget": 1000}))


def test_divergence_is_never_negative_and_zero_at_itself():  # trap 22
    x, _ = clouds(40)
    assert sinkhorn_divergence(x, x[::-1], epsilon=0.05).value == pytest.approx(0, abs=1e-9)
    assert sinkhorn_divergence(x, x + 1e-4, epsilon=0.05).value >= 0


def test_the_lazy_path_is_the_same_in_bounded_memory(monkeypatch):
    x, y = clouds(300, 200)
    u = np.random.default_rng(0).random(300)
    kept = sinkhorn_divergence(x, y, epsilon=0.5, x_weights=u)
    monkeypatch.setattr("pofx.divergences.transport.softmin.BLOCK_BYTES", 40_000)
    lazy = sinkhorn_divergence(x, y, epsilon=0.5, x_weights=u, budget=1000)
    assert lazy.value == pytest.approx(kept.value, rel=1e-6)
    seen: list[int] = []
    costs = entropic.Costs
    blocks = costs.blocks
    monkeypatch.setattr(costs, "blocks", lambda self: (seen.append(c.numel() * 8) or (s, c) for s, c in blocks(self)))
    sinkhorn_divergence(x, y, epsilon=0.5, budget=1000)
    assert max(seen) <= 40_000


def test_sliced_is_the_mean_over_the_directions_drawn():  # trap 25
    r = np.random.default_rng(0)
    x = r.normal(size=(500, 3))
    moved = x + np.array([3.0, 0, 0])
    few, many = (sliced_wasserstein(x, moved, projections=k, null=False) for k in (40, 4000))
    assert many.value == pytest.approx(3 / np.sqrt(3), abs=4 * many.std_error)
    assert few.value == pytest.approx(many.value, abs=4 * few.std_error)
    assert few.std_error == pytest.approx(10 * many.std_error, rel=0.5)
    assert many.nature is Nature.MONTE_CARLO
    assert sliced_wasserstein(x, moved, projections=40).null < 1


@pytest.mark.parametrize("order", [1, 2])
def test_sliced_paths_agree(order):
    x, y = clouds(60, 40, 3)
    even = sliced_wasserstein(x, y, order=order, null=False)
    weights = np.repeat([1.0, 0.0], [40, 5])
    padded = sliced_wasserstein(x, np.vstack([y, y[:5] + 9]), order=order, y_weights=weights, null=False)
    assert padded.value == pytest.approx(even.value, rel=1e-9)
    repeated = sliced_wasserstein(np.repeat(x, 2, 0), np.repeat(y, 3, 0), order=order, null=False)
    assert repeated.value == pytest.approx(even.value, rel=1e-9)


def test_sliced_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("pofx.divergences.transport.sliced.SHADOW_BYTES", 4 << 20)
    x, y = clouds(20_000, 20_000, 2)
    tracemalloc.start()
    sliced_wasserstein(x, y, projections=50, null=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20  # all 50 shadows at once would take 16 MiB


def test_max_sliced_finds_the_direction():
    x = np.random.default_rng(0).normal(size=(400, 5))
    toward = np.array([3.0, 4.0, 0, 0, 0])
    found, along = max_sliced_wasserstein(x, x + toward)
    assert found.value == pytest.approx(5, rel=1e-6)
    assert abs(along @ toward) == pytest.approx(5, rel=1e-3)
    assert found.nature is Nature.LOWER_BOUND
    y = np.random.default_rng(1).normal(size=(300, 5)) * [1, 1, 4, 1, 1]
    wide, along = max_sliced_wasserstein(x, y)
    assert abs(along[2]) > 0.95
    assert wide.value <= exact_plan(x, y).value


def test_bures():
    first, second = [[2, 0.5], [0.5, 1]], [[1, -0.3], [-0.3, 1.5]]
    assert bures_wasserstein([0, 0], first, [1, 2], second).value ** 2 == pytest.approx(5.46347119, abs=5e-9)
    assert bures_wasserstein([0, 0], first, [0, 0], first).value < 1e-14
    assert bures_wasserstein([0, 0], np.zeros((2, 2)), [3, 4], [[1, 1], [1, 1]]).value ** 2 == pytest.approx(27)
    assert bures_wasserstein(0, 1, 1, 2.25).value ** 2 == pytest.approx(1.25)
    for bad in ([[1, 2], [2, 1]], [[1, 0.5], [0, 1]], [[1]], [[np.nan, 0], [0, 1]]):
        with pytest.raises(PofxError, match="covariance"):
            bures_wasserstein([0, 0], first, [0, 0], bad)


def test_barycentre_of_two_bumps_is_a_bump_between():
    g = np.linspace(0, 1, 80)
    one, two = (np.exp(-((g - c) ** 2) / 0.005) for c in (0.3, 0.7))
    one, two = one / one.sum(), two / two.sum()
    centre = barycentre_line([g, g], [one, two], [1, 3])
    assert centre.masses.sum() == pytest.approx(1)
    assert centre.places @ centre.masses == pytest.approx(0.6, abs=1e-6)
    spread = np.sqrt((centre.places - 0.6) ** 2 @ centre.masses)
    assert spread == pytest.approx(0.05, rel=0.02)
    blurred = barycentre_grid(g, [one, two], epsilon=1e-3, shares_of=[1, 3])
    assert blurred.converged and blurred.places[:, 0] @ blurred.masses == pytest.approx(0.6, abs=1e-3)
    with pytest.raises(PofxError, match="did not converge"):
        barycentre_grid(g, [one, two], epsilon=1e-3, iterations=10)
    with pytest.raises(PofxError, match="same mass"):
        barycentre_line([g, g, g], [one, one, 2 * two])


def test_the_dispatcher_says_which_way_it_took():
    x, y = clouds()
    assert "ranks" in wasserstein_points(x[:, 0], y[:, :1]).method
    assert "simplex" in wasserstein_points(x, y).method
    over = wasserstein_points(x, y, budget=1000)
    assert "sliced" in over.method and "not an estimate of W" in over.note and "too many" in over.note
    assert "Sinkhorn" in wasserstein_points(x, y, order=2, method="sinkhorn").method
    assert wasserstein_points(x[:1], y[:1]).value == pytest.approx(np.linalg.norm(x[0] - y[0]))
    assert wasserstein_points(x, y, order=2, method="sliced").value < wasserstein_points(x, y, order=2).value


BAD = [
    ((np.ones((3, 2)), np.ones((3, 3))), {}, "same columns"),
    ((np.ones((0, 2)), np.ones((3, 2))), {}, "empty"),
    ((np.full((3, 2), np.nan), np.ones((3, 2))), {}, "row 1"),
    ((np.ones((3, 2)), np.ones((3, 2))), {"method": "magic"}, "no such way"),
    ((np.ones((3, 2)), np.ones((3, 2))), {"method": "line"}, "one column"),
    ((np.ones((3, 2)), np.ones((3, 2))), {"order": np.inf}, "finite order"),
]


@pytest.mark.parametrize(("args", "options", "says"), BAD, ids=[b[2] for b in BAD])
def test_bad_points_are_one_line(args, options, says):
    with pytest.raises(PofxError, match=says):
        wasserstein_points(*args, **options)

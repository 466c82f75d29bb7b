"""Divergences against closed forms and constants computed independently (to the digits given)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats as st
import torch
import torch.distributions as td

import pofx
from pofx.divergences.estimate import Nature

N0, N1 = st.norm(0, 1), st.norm(1, 1)
PAIRS = {
    "gamma": (st.gamma(2.3, scale=1 / 1.7), st.gamma(3.1, scale=1 / 0.9), 1.04236596),
    "beta": (st.beta(2, 3.5), st.beta(1.5, 5), 0.319300253),
    "laplace": (st.laplace(0.3, 0.7), st.laplace(-1, 1.9), 0.74025653),
    "weibull": (st.weibull_min(1.7, scale=1.2), st.weibull_min(2.4, scale=0.8), 1.23218439),
    "exponential": (st.expon(scale=1 / 2.0), st.expon(scale=1 / 0.5), math.log(4) + 0.25 - 1),
    "cauchy": (st.cauchy(0.5, 1.0), st.cauchy(-1, 2.0), math.log((9 + 2.25) / 8)),
    "poisson": (st.poisson(3), st.poisson(5), 3 * math.log(3 / 5) + 2),
    "log-normal": (st.lognorm(0.5, scale=2), st.lognorm(0.8, scale=1), None),
    "inverse gamma": (st.invgamma(2.3, scale=1.7), st.invgamma(3.1, scale=0.9), None),
}


@pytest.mark.parametrize("family", PAIRS)
def test_kl_by_formula_equals_quadrature_and_the_published_value(family: str) -> None:
    p, q, value = PAIRS[family]
    formula = pofx.kl(p, q)
    assert formula.nature is Nature.CLOSED_FORM
    assert formula.units == "nats"
    assert pofx.kl(p, q, method="quadrature").value == pytest.approx(formula.value, rel=1e-9)
    if value is not None:
        assert formula.value == pytest.approx(value, rel=5e-9)


def test_dirichlet() -> None:
    p, q = (td.Dirichlet(torch.tensor(a, dtype=torch.float64)) for a in ([1.2, 3.0, 0.8], [2.0, 2.0, 1.5]))
    assert pofx.kl(p, q).value == pytest.approx(0.92220594, abs=5e-9)
    assert pofx.kl(st.dirichlet([1.2, 3.0, 0.8]), q).value == pytest.approx(0.92220594, abs=5e-9)


CONSTANTS = {
    "kl": 0.5,
    "js": 0.11142148,
    "tv": 0.38292492,
    "chi2": math.e - 1,
    "hellinger": math.sqrt(0.11750310),
}


@pytest.mark.parametrize("measure", CONSTANTS)
@pytest.mark.parametrize("method", ["auto", "quadrature", "importance"])
def test_two_normals_one_apart(measure: str, method: str) -> None:
    found = pofx.divergence(N0, N1, measure, method=method)
    if method == "importance":
        assert found.nature is Nature.MONTE_CARLO
        assert found.std_error is not None
        assert abs(found.value - CONSTANTS[measure]) < 4 * found.std_error
    else:
        assert found.value == pytest.approx(CONSTANTS[measure], abs=6e-9)


@pytest.mark.parametrize("order", [0.3, 0.5, 2.0, 3.0])
def test_renyi_and_alpha_follow_from_each_other(order: float) -> None:
    value = 0.5 * order  # of two normals one apart
    assert pofx.renyi(N0, N1, order).value == pytest.approx(value, rel=1e-12)
    assert pofx.renyi(N0, N1, order, method="quadrature").value == pytest.approx(value, rel=1e-8)
    power = math.exp((order - 1) * value)
    alpha = (power - 1) / (order * (order - 1))
    assert pofx.alpha_divergence(N0, N1, order).value == pytest.approx(alpha, rel=1e-10)


def test_the_lectures_identity() -> None:
    for p, q in ((N0, st.norm(0.3, 2)), (st.gamma(2.0), st.gamma(3.0)), (st.t(5), N0)):
        gap = pofx.cross_entropy(p, q, draws=200_000).value - pofx.entropy(p).value
        assert gap == pytest.approx(pofx.kl(p, q).value, abs=0.02)
    exact = pofx.cross_entropy(N0, st.norm(0.3, 2)).value - pofx.entropy(N0).value
    assert exact == pytest.approx(pofx.kl(N0, st.norm(0.3, 2)).value, rel=1e-12)


@pytest.mark.parametrize("k", range(1, 16))
def test_marron_wand_entropies(k: int) -> None:
    published = [1.41894, 1.17350, 1.00144, 1.02455, -0.42980, 1.54025, 1.41509, 1.45161, 1.56958, 1.19276, 1.53459,
                 1.42376, 1.51521, 1.41270, 1.41190]  # fmt: skip
    found = pofx.entropy(pofx.marron_wand(k))
    assert found.nature is Nature.QUADRATURE
    assert found.value == pytest.approx(published[k - 1], abs=6e-6)


@pytest.mark.parametrize("k", [2, 6, 8, 10, 14])
def test_bounds_of_mixtures_enclose_the_divergence(k: int) -> None:
    p, q = pofx.marron_wand(k), pofx.marron_wand(6)
    low, high = (pofx.kl(p, q, method=f"{side} bound") for side in ("lower", "upper"))
    assert (low.nature, high.nature) == (Nature.LOWER_BOUND, Nature.UPPER_BOUND)
    assert low.value <= pofx.kl(p, q).value + 1e-9
    assert pofx.kl(p, q).value <= high.value + 1e-9


def test_bures_and_energy_and_mmd_constants() -> None:
    p = st.multivariate_normal([0, 0], [[2, 0.5], [0.5, 1]])
    q = st.multivariate_normal([1, 2], [[1, -0.3], [-0.3, 1.5]])
    assert pofx.wasserstein(p, q, order=2).value ** 2 == pytest.approx(5.46347119, abs=5e-9)
    for order in (1, 2, 3.5):
        assert pofx.wasserstein(N0, N1, order=order, method="line").value == pytest.approx(1.0, abs=1e-8)
    random = np.random.default_rng(0)
    x, y = random.normal(size=20_000), random.normal(1, 1, size=20_000)
    from pofx.divergences.two_sample.mmd import Gaussian

    for found, value in (
        (pofx.energy_distance(x, y, null=False), 0.54180658),
        (pofx.mmd_squared(x, y, kernel=Gaussian(1.0), null=False), 0.17726763),
    ):
        assert found.std_error is not None
        assert abs(found.value - value) < 4 * found.std_error


def test_two_dimensions_by_quadrature() -> None:
    p = st.multivariate_normal([0, 1], [[2, 0.5], [0.5, 1]])
    q = st.multivariate_normal([1, 0], [[1, -0.3], [-0.3, 1.5]])
    found = pofx.kl(p, q, method="quadrature")
    assert found.nature is Nature.QUADRATURE
    assert found.value == pytest.approx(pofx.kl(p, q).value, abs=1e-6)


def test_what_is_infinite_says_where() -> None:
    for p, q, where in (
        (N0, st.uniform(-1, 2), "at x ="),
        (st.t(2), N0, "tail of 'x'"),
        (st.cauchy(), N0, "tail of 'x'"),
    ):
        found = pofx.kl(p, q)
        assert math.isinf(found.value)
        assert where in found.note
    assert math.isfinite(pofx.kl(st.t(3), N0).value)  # E x^2 = 3, the integral converges
    assert pofx.kl(st.t(3), N0).value == pytest.approx(-pofx.entropy(st.t(3)).value + 0.5 * math.log(2 * math.pi) + 1.5)
    assert math.isinf(pofx.wasserstein(st.cauchy(), N0).value)

"""cdf, ppf and interval of any one-dimensional model, and inverse-CDF sampling, against scipy's distributions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from pofx.core.contract import Density, Model, Sampler
from pofx.core.cumulative import cumulative
from pofx.core.store import load, save
from pofx.data.marron_wand import marron_wand
from pofx.errors import FitError, LikelihoodError, SpaceError
from pofx.models.inverse_cdf import InverseCDFModel, inverse_cdf
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table

LEVELS = np.array([1e-12, 1e-6, 0.01, 0.2, 0.5, 0.77, 0.99, 1 - 1e-9])


class _Frozen(Density):
    """A scipy distribution as a model that knows its density only."""

    def __init__(self, space: Scalar, law: Any) -> None:
        super().__init__(Table(("x",), (space,), "vector"))
        self.law = law

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        name = "logpdf" if hasattr(self.law.dist, "pdf") else "logpmf"
        with np.errstate(all="ignore"):
            return torch.tensor(getattr(self.law, name)(x[:, 0].numpy()))

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        u = torch.rand(n, generator=generator, dtype=torch.float64).numpy()
        return torch.tensor(self.law.ppf(u), dtype=torch.float64)[:, None]


class _WithClosedForm(_Frozen):
    """The same with its distribution function."""

    capabilities = frozenset({"cdf"})

    def _cdf(self, x: Tensor) -> Tensor:
        return torch.tensor(self.law.cdf(x.numpy()))


class _Spiked(Density):
    """Missing with 0.2, an atom at 0 with 0.24, an atom at 2 with 0.08, and N(0, 1) with 0.48."""

    def __init__(self, missing: bool = True) -> None:
        super().__init__(Table(("x",), (Maybe(Real(), missing, (2.0, 0.0)),), "vector"))
        self.share = 0.8 if missing else 1.0

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        v = x[:, 0]
        log_p = math.log(0.6) - 0.5 * v**2 - 0.5 * math.log(2 * math.pi)
        log_p = torch.where(v == 0, math.log(0.3), log_p)
        log_p = torch.where(v == 2, math.log(0.1), log_p) + math.log(self.share)
        return torch.where(torch.isnan(v), math.log(1 - self.share) if self.share < 1 else -math.inf, log_p)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        x = torch.randn(n, generator=generator, dtype=torch.float64)
        x[: n // 4] = 0.0
        x[-n // 5 :] = torch.nan if self.share < 1 else 0.0
        return x[:, None]


LINES = {
    "normal": (Real(), stats.norm(3, 2)),
    "far": (Real(), stats.norm(1e6, 0.01)),
    "tiny": (Real(), stats.norm(0, 1e-12)),
    "cauchy": (Real(), stats.cauchy(1, 0.1)),
    "t2": (Real(), stats.t(2)),
    "laplace": (Real(), stats.laplace(0.1, 1)),
    "jumps": (Real(), stats.uniform(0.3, 1.4)),
    "lognormal": (Positive(), stats.lognorm(1.5)),
    "singular": (Positive(), stats.gamma(0.1)),
    "beta": (Interval(0, 1), stats.beta(2, 5)),
    "angle": (Circle(2 * math.pi, -math.pi), stats.cosine()),
}


@pytest.mark.parametrize("kind", [_Frozen, _WithClosedForm])
@pytest.mark.parametrize("name", LINES)
def test_every_line_agrees_with_scipy(name: str, kind: type[_Frozen]) -> None:
    space, law = LINES[name]
    model = kind(space, law)
    x = law.ppf(LEVELS)
    inherent = float(np.max(law.pdf(x) * np.spacing(np.abs(x))))  # x itself is rounded
    assert np.abs(model.cdf(x) - law.cdf(x)).max() < 2e-12 + 20 * inherent
    assert np.abs(law.cdf(model.ppf(LEVELS)) - LEVELS).max() < 2e-12 + 20 * inherent
    low, high = model.interval(0.9)
    assert law.cdf(high) - law.cdf(low) == pytest.approx(0.9, abs=1e-8)


@pytest.mark.parametrize("name", ["normal", "cauchy", "lognormal"])
def test_a_closed_form_is_inverted_to_relative_accuracy_in_the_lower_tail(name: str) -> None:
    space, law = LINES[name]
    u = np.array([1e-200, 1e-50, 1e-20])
    np.testing.assert_allclose(law.cdf(_WithClosedForm(space, law).ppf(u)), u, rtol=1e-11)


@pytest.mark.parametrize("kind", [_Frozen, _WithClosedForm])
@pytest.mark.parametrize(
    ("space", "law"),
    [
        (Integer(0), stats.poisson(3.3)),
        (Integer(0), stats.nbinom(0.7, 0.01)),
        (Integer(0, 12), stats.binom(12, 0.3)),
        (Integer(), stats.dlaplace(0.3)),
        (Category(("a", "b", "c"), open=True), stats.rv_discrete(values=([0, 1, 2, 3], [0.1, 0.4, 0.3, 0.2]))()),
    ],
)
def test_counts_agree_with_scipy_and_the_quantile_is_the_smallest(kind: type[_Frozen], space: Scalar, law: Any) -> None:
    model = kind(space, law)
    u = np.array([1e-6, 0.05, 0.3, 0.5, 0.9, 0.999])
    k = model.ppf(u)
    assert np.array_equal(k, law.ppf(u))
    table = cumulative(model)
    x = torch.tensor([-3.0, 0.0, 1.5, 2.0, 7.0], dtype=torch.float64)
    np.testing.assert_allclose(table.cdf(x).numpy(), law.cdf(np.floor(x.numpy())), atol=1e-12)
    assert np.all(table.cdf(torch.tensor(k)).numpy() >= u)
    assert np.all(table.cdf(torch.tensor(k) - 1).numpy() < u)


def test_a_grid_is_counted_at_its_values() -> None:
    class Steps(_Frozen):
        def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
            return torch.tensor(self.law.logpmf(torch.round((x[:, 0] - 1) / 0.1).numpy()))

        def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
            return 1 + 0.1 * super()._sample(n, generator, given)

    model = Steps(Grid(0.1, origin=1.0, low=0), stats.poisson(4.0))
    np.testing.assert_allclose(model.ppf([0.2, 0.5, 0.9]), 1 + 0.1 * stats.poisson(4.0).ppf([0.2, 0.5, 0.9]))
    np.testing.assert_allclose(model.cdf([1.3]), stats.poisson(4.0).cdf([3]), atol=1e-12)


@pytest.mark.parametrize("missing", [True, False])
def test_atoms_are_jumps_and_missing_rows_are_set_aside(missing: bool) -> None:
    model = _Spiked(missing)
    x = np.array([-1.0, -1e-9, 0.0, 1.0, 2.0 - 1e-9, 2.0, 3.0])
    truth = 0.6 * stats.norm.cdf(x) + 0.3 * (x >= 0) + 0.1 * (x >= 2)
    np.testing.assert_allclose(model.cdf(x), truth, atol=1e-11)
    before0, before2 = 0.3, 0.6 * stats.norm.cdf(2) + 0.3
    assert np.array_equal(model.ppf([before0 + 0.01, before0 + 0.29, before2 + 0.05]), [0.0, 0.0, 2.0])
    u = np.array([0.05, 0.25, 0.7, 0.999])
    np.testing.assert_allclose(model.cdf(model.ppf(u)), u, atol=1e-11)
    if missing:
        assert np.isnan(model.cdf([np.nan])).all()


def test_the_ends_are_the_ends_of_the_space() -> None:
    normal, angle = _Frozen(*LINES["normal"]), _Frozen(*LINES["angle"])
    assert list(normal.ppf([0.0, 1.0])) == [-math.inf, math.inf]
    assert list(_WithClosedForm(*LINES["beta"]).ppf([0.0, 1.0])) == [0.0, 1.0]
    assert list(angle.ppf([0.0, 1.0])) == [-math.pi, math.pi]
    assert list(_WithClosedForm(Integer(0), stats.poisson(3.0)).ppf([0.0, 1.0])) == [0.0, math.inf]
    assert list(_Frozen(*LINES["beta"]).cdf([-1.0, 2.0])) == [0.0, 1.0]


def test_the_table_is_made_once_and_again_when_a_parameter_moves(tmp_path: Path) -> None:
    class Moving(Density):
        def __init__(self) -> None:
            super().__init__(Table(("x",), (Real(),), "vector"))
            self.register_buffer("centre", torch.zeros(1, dtype=torch.float64))

        @property
        def free_parameters(self) -> int:
            return 1

        def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
            return -0.5 * (x[:, 0] - self.centre) ** 2 - 0.5 * math.log(2 * math.pi)

        def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
            return self.centre + torch.randn(n, 1, generator=generator, dtype=torch.float64)

    model = Moving()
    assert cumulative(model) is cumulative(model)
    assert model.cdf([0.0])[0] == pytest.approx(0.5, abs=1e-13)
    model.centre.add_(1.0)
    assert model.cdf([1.0])[0] == pytest.approx(0.5, abs=1e-13)
    assert set(model.state_dict()) == {"centre"}


def test_what_has_no_distribution_function_says_so() -> None:
    class Two(_Frozen):
        def __init__(self) -> None:
            Model.__init__(self, Table(("x", "y"), (Real(), Real()), "numpy"))
            self.law = stats.norm()

    class Drawn(Sampler):
        @property
        def free_parameters(self) -> int:
            return 0

        def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
            return torch.zeros(n, 1, dtype=torch.float64)

    with pytest.raises(SpaceError, match="one column"):
        Two().cdf(np.zeros((3, 2)))
    with pytest.raises(LikelihoodError, match="no exact probability"):
        Drawn(Table(("x",), (Real(),), "vector")).interval()

    class Half(_Frozen):
        def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
            return super()._log_prob(x, given) - math.log(2)

    half = Half(Real(), stats.norm())
    with pytest.raises(LikelihoodError, match=r"could not be computed.*total probability of 0\.5"):
        half.cdf([0.0])


# Inverse-CDF sampling -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 10, 12, 14])
def test_the_claw_and_others_are_inverted_to_the_last_digits(k: int) -> None:
    f = marron_wand(k)
    model = inverse_cdf(f.log_prob)
    assert model.u_error < 1e-12
    assert abs(model.log_normaliser) < 1e-13
    u = np.concatenate([np.linspace(0.001, 0.999, 999), [1e-10, 1e-6, 1 - 1e-10]])
    assert np.abs(f.cdf(model.ppf(u)) - u).max() < 1e-12
    x = np.linspace(-3, 3, 301)
    np.testing.assert_allclose(model.log_prob(x), f.log_prob(x), atol=1e-8)
    assert np.abs(model.cdf(x) - f.cdf(x)).max() < 1e-13
    assert stats.kstest(model.sample(5000, seed=k), f.cdf).pvalue > 1e-4


def test_tails_reach_far_and_end_only_where_a_double_would() -> None:
    model = inverse_cdf(stats.norm.logpdf)
    np.testing.assert_allclose(model.log_prob([-35.0, 20.0]), stats.norm.logpdf([-35.0, 20.0]), rtol=1e-12)
    cauchy = inverse_cdf(stats.cauchy.logpdf)
    np.testing.assert_allclose(cauchy.ppf([1e-30, 1e-15]), stats.cauchy.ppf([1e-30, 1e-15]), rtol=1e-9)


def test_gaps_jumps_spikes_and_singular_ends() -> None:
    def gap(x: np.ndarray) -> np.ndarray:
        return np.where((x > -5) & (x < -4), 0.3, 0.0) + np.where((x > 100) & (x < 101), 0.7, 0.0)

    model = inverse_cdf(gap, log=False)
    assert model.u_error < 1e-12
    x = model.sample(2000, seed=0)
    assert bool(np.all(gap(x) > 0))
    np.testing.assert_allclose(model.ppf([0.15, 0.3 - 1e-9, 0.3 + 1e-9, 0.65]), [-4.5, -4, 100, 100.5], atol=1e-8)
    assert np.array_equal(model.log_prob([0.0, -4.5]), [-np.inf, model.log_prob([-4.5])[0]])
    spike = inverse_cdf(
        lambda x: np.logaddexp(stats.norm.logpdf(x), stats.norm.logpdf(x, 1e4, 1e-3)) - math.log(2), centre=(0.0, 1e4)
    )
    assert spike.u_error < 1e-9
    assert spike.ppf([0.75])[0] == pytest.approx(1e4, abs=1e-9)
    singular = inverse_cdf(lambda x: stats.gamma.logpdf(x, 0.1), support=(0, math.inf))
    assert np.abs(stats.gamma.cdf(singular.ppf(LEVELS), 0.1) - LEVELS).max() < 1e-12
    assert bool(np.all(singular.sample(1000, seed=1) > 0))


def test_one_law_is_stored_sampled_and_scored(tmp_path: Path) -> None:
    model = inverse_cdf(lambda x: -(x**4) + 2 * x**2, normalise=True)
    assert math.exp(model.log_normaliser) == pytest.approx(3.905137, abs=1e-5) or model.log_normaliser > 0
    x = np.linspace(-2.5, 2.5, 4001)
    density = np.exp(model.log_prob(x))
    assert np.trapezoid(density, x) == pytest.approx(model.cdf([2.5])[0] - model.cdf([-2.5])[0], abs=1e-6)
    assert stats.kstest(model.sample(4000, seed=0), model.cdf).pvalue > 1e-4
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert isinstance(again, InverseCDFModel)
    assert again.u_error == model.u_error
    assert np.array_equal(again.log_prob(x), model.log_prob(x))
    assert np.array_equal(again.sample(50, seed=3), model.sample(50, seed=3))


def test_a_mass_other_than_one_is_never_divided_away_in_silence() -> None:
    with pytest.raises(FitError, match=r"a mass of 2\.5066.*normalise=True"):
        inverse_cdf(lambda x: -0.5 * x**2)
    model = inverse_cdf(lambda x: -0.5 * x**2, normalise=True)
    assert model.log_normaliser == pytest.approx(0.5 * math.log(2 * math.pi), abs=1e-13)
    with pytest.raises(FitError, match="no mass"):
        inverse_cdf(lambda x: np.zeros_like(x), log=False)
    with pytest.raises(FitError, match="not a number"):
        inverse_cdf(lambda x: np.where(np.abs(x) < 1, np.nan, stats.norm.logpdf(x)), normalise=True)


def test_a_fitted_model_can_be_tabulated_too() -> None:
    law = stats.lognorm(0.5, scale=1e-5)
    model = inverse_cdf(_Frozen(Positive(), law))
    assert model.u_error < 1e-12
    u = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(model.ppf(u), law.ppf(u), rtol=1e-11)
    with pytest.raises(SpaceError, match="continuous"):
        inverse_cdf(_Frozen(Integer(0), stats.poisson(3.0)))


def test_sampling_repeats_with_the_seed_and_leaves_the_global_generator_alone() -> None:
    model = inverse_cdf(stats.norm.logpdf)
    before = torch.get_rng_state()
    assert np.array_equal(model.sample(10, seed=5), model.sample(10, seed=5))
    assert not np.array_equal(model.sample(10, seed=5), model.sample(10, seed=6))
    assert torch.equal(before, torch.get_rng_state())
    assert len(model.sample(0, seed=0)) == 0

"""What the contract promises for every model, shown on a small one."""

import math

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from pofx.codecs.choose import choose
from pofx.core.coded import coded
from pofx.core.contract import BoundedDensity, Density, Sampler
from pofx.errors import LikelihoodError, SpaceError
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.table import Table

LINE = Table(("x",), (Real(),), "vector")


class Standard(Density):
    """The standard normal law in one dimension."""

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return -0.5 * x[:, 0].square() - 0.5 * math.log(2 * math.pi)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return torch.randn(n, 1, generator=generator, dtype=torch.float64)


class Loose(BoundedDensity):
    """A bound whose weights have expectation below one: log p minus noise."""

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(x), generator=generator, dtype=torch.float64)
        return Standard(LINE)._log_prob(x, None) + noise - 0.5  # E exp(noise - 1/2) = 1

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return torch.randn(n, 1, generator=generator, dtype=torch.float64)


class Dice(Sampler):
    @property
    def free_parameters(self) -> int:
        return 0

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return torch.randint(1, 7, (n, 1), generator=generator).double()


def test_kind_in_is_kind_out():
    model = Standard(LINE)
    assert isinstance(model.log_prob([0.0, 1.0]), np.ndarray) and model.log_prob([0.0]).dtype == np.float64
    assert isinstance(model.log_prob(pl.DataFrame({"x": [0.0]})), np.ndarray)
    x = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    scores = model.log_prob(x)
    assert isinstance(scores, Tensor) and scores.dtype == torch.float64
    scores.sum().backward()
    assert x.grad is not None and bool((x.grad == 0).all())
    assert model.log_prob(np.zeros((0, 1))).shape == (0,)


def test_bare_numbers_and_wrong_shapes_are_refused():
    with pytest.raises(SpaceError, match="bare number"):
        Standard(LINE).log_prob(3.0)
    with pytest.raises(SpaceError, match="columns of this space"):
        Standard(LINE).log_prob(np.zeros((2, 3)))


def test_a_bound_is_never_called_a_probability():
    with pytest.raises(LikelihoodError, match="log_prob_bound"):
        Loose(LINE).log_prob([0.0])
    with pytest.raises(LikelihoodError, match="not even a bound"):
        Dice(LINE).log_prob_bound([0.0], seed=0)
    x = np.zeros(400)
    exact = Standard(LINE).log_prob(x)
    one, many = (Loose(LINE).log_prob_bound(x, draws=k, seed=0).mean() for k in (1, 64))
    assert one < many < exact.mean()
    assert np.array_equal(Standard(LINE).log_prob_bound(x, seed=0), exact)


def test_nan_raises_with_its_row():
    class Broken(Standard):
        def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
            return torch.where(x[:, 0] > 1, torch.nan, 0.0)

    with pytest.raises(LikelihoodError, match="row 3"):
        Broken(LINE).log_prob([0.0, 0.5, 2.0])
    with pytest.raises(SpaceError, match="row 2, column 'x'"):
        Standard(LINE).log_prob([0.0, float("nan")])


def test_units_come_with_the_codec():
    x = np.random.default_rng(0).lognormal(1.0, 0.7, 500)
    table = Table(("x",), (Positive(),), "vector")
    codec = choose(table, torch.tensor(x)[:, None], (Real,), "toy")
    model = coded(codec, Standard(codec.target))
    from scipy.stats import lognorm

    shift, scale = np.log(x).mean(), np.log(x).std()
    assert np.allclose(model.log_prob(x), lognorm(scale, scale=np.exp(shift)).logpdf(x))
    assert model.log_prob([-1.0, 0.0]).tolist() == [-np.inf, -np.inf]
    assert (model.sample(100, seed=0) > 0).all()


def test_samples_have_a_seed_and_leave_the_global_generators_alone():
    before = torch.random.get_rng_state()
    a, b, c = (Standard(LINE).sample(5, seed=s) for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert torch.equal(before, torch.random.get_rng_state())
    with pytest.raises(SpaceError, match="negative size"):
        Standard(LINE).sample(-1, seed=0)
    assert Standard(LINE).sample(0, seed=0).shape == (0,)


def test_a_missing_capability_names_the_models_that_have_it():
    with pytest.raises(LikelihoodError, match="pofx models --can marginal"):
        Standard(LINE).marginal(["x"])

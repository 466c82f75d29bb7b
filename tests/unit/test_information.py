"""The dispatcher: which path it takes, what propagates, what it refuses, and the traps of others."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import scipy.stats as st
import torch
from torch import Tensor

import pofx
from pofx.core.contract import BoundedDensity, Sampler
from pofx.divergences.estimate import Estimate, Nature
from pofx.errors import LikelihoodError, PofxError
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table

LINE = Table(("x",), (Real(),), "vector")


class Under(BoundedDensity):
    """A normal law whose log-probability is known up to a deficit of 0.1 nats."""

    def __init__(self, mean: float) -> None:
        super().__init__(LINE)
        self.mean = mean

    @property
    def free_parameters(self) -> int:
        return 1

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        return -0.5 * (x[:, 0] - self.mean) ** 2 - 0.5 * math.log(2 * math.pi) - 0.1

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.mean + torch.randn(n, 1, dtype=torch.float64, generator=generator)


class Only(Sampler):
    """Draws, and nothing else."""

    def __init__(self, mean: float) -> None:
        super().__init__(LINE)
        self.mean = mean

    @property
    def free_parameters(self) -> int:
        return 1

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.mean + torch.randn(n, 1, dtype=torch.float64, generator=generator)


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=1500), random.normal(1, 1, size=1000)


# Exact, bound and none propagate -------------------------------------------------------------------------------------


def test_a_bound_gives_a_bound_on_the_right_side() -> None:
    above = pofx.kl(st.norm(0, 1), Under(1.0))
    assert above.nature is Nature.UPPER_BOUND
    assert above.value == pytest.approx(0.6, abs=0.02)
    below = pofx.kl(Under(0.0), st.norm(1, 1))
    assert below.nature is Nature.LOWER_BOUND
    assert below.value == pytest.approx(0.4, abs=0.02)
    assert pofx.cross_entropy(st.norm(0, 1), Under(0.0)).nature is Nature.UPPER_BOUND
    assert pofx.entropy(Under(0.0)).nature is Nature.UPPER_BOUND


class UnderTwo(BoundedDensity):
    """Two columns, u about 0 and v about 5, known up to a deficit of 0.1 nats."""

    def __init__(self) -> None:
        super().__init__(Table(("u", "v"), (Real(), Real())))

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        return -0.5 * (x - torch.tensor([0.0, 5.0])).square().sum(1) - math.log(2 * math.pi) - 0.1

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return torch.randn(n, 2, dtype=torch.float64, generator=generator) + torch.tensor([0.0, 5.0])


def test_a_bounded_model_gets_its_columns_in_its_own_order() -> None:
    random = np.random.default_rng(14)
    rows = pl.DataFrame({"v": random.normal(5, 1, 500), "u": random.normal(0, 1, 500)})
    p = pofx.Gaussian().fit(rows)
    assert pofx.kl(p, UnderTwo()).value == pytest.approx(0.1, abs=0.05)
    assert pofx.cross_entropy(p, UnderTwo()).value == pytest.approx(2.84 + 0.1, abs=0.15)


def test_two_bounds_are_refused_with_the_reason() -> None:
    with pytest.raises(LikelihoodError, match="difference of two bounds bounds nothing"):
        pofx.kl(Under(0.0), Under(1.0))
    with pytest.raises(LikelihoodError, match="says nothing about JS"):
        pofx.js(Under(0.0), st.norm(1, 1))
    assert pofx.kl(Under(0.0), Under(1.0), method="nearest").value == pytest.approx(0.5, abs=0.1)


def test_a_sampler_is_compared_by_its_draws() -> None:
    found = pofx.kl(Only(0.0), st.norm(1, 1), draws=5000)
    assert found.nature is Nature.ASYMPTOTICALLY_UNBIASED
    assert "draws stand for" in found.note
    assert found.value == pytest.approx(0.5, abs=0.1)
    with pytest.raises(LikelihoodError, match="gives no row a probability"):
        pofx.cross_entropy(st.norm(0, 1), Only(0.0))


def test_the_path_is_said_and_can_be_forced(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    p, q = st.norm(0, 1), st.norm(1, 1)
    said = {"closed form": "closed form", "quadrature": "adaptive", "importance": "even mixture",
            "monte carlo": "draws of P", "nearest": "nearest neighbours"}  # fmt: skip
    for method, words in said.items():
        assert words in pofx.kl(p, q, method=method).method
    assert "nearest" in pofx.kl(x, y).method
    with pytest.raises(LikelihoodError, match="'closed form' cannot give it"):
        pofx.kl(x, y, method="closed form")
    with pytest.raises(PofxError, match="no such method"):
        pofx.kl(x, y, method="magic")
    with pytest.raises(PofxError, match="did you mean 'kl'"):
        pofx.divergence(x, y, "kll")


def test_null_says_what_no_difference_looks_like(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    for found in (pofx.kl(x, y), pofx.js(x, y), pofx.wasserstein(x, y), pofx.energy_distance(x, y)):
        assert found.null is not None
        assert abs(found.null) < 0.25 * found.value
    wide = np.random.default_rng(1).normal(size=(200, 50))
    same = np.random.default_rng(2).normal(size=(200, 50))
    found = pofx.wasserstein(wide, same, order=2)  # trap L10: far from zero for the same law
    assert found.value > 7
    assert found.null == pytest.approx(found.value, rel=0.15)


# One contract for all kinds of sides ---------------------------------------------------------------------------------


def test_columns_are_matched_by_name_whatever_their_order() -> None:
    random = np.random.default_rng(0)
    a = pl.DataFrame({"small": random.normal(size=400), "large": 1000 * random.normal(size=400)})
    b = pl.DataFrame({"large": 1000 * random.normal(1, 1, size=400), "small": random.normal(size=400)})
    p, q = pofx.Gaussian().fit(a), pofx.Gaussian().fit(b)
    turned = pofx.Gaussian().fit(b.select("small", "large"))
    assert pofx.kl(p, q).value == pytest.approx(pofx.kl(p, turned).value, rel=1e-9)
    assert pofx.kl(p, q, method="importance").value == pytest.approx(pofx.kl(p, turned).value, rel=0.1)
    assert pofx.wasserstein(p, q, order=2).value == pytest.approx(pofx.wasserstein(p, turned, order=2).value, rel=1e-9)
    assert pofx.kl(a, b).value == pytest.approx(pofx.kl(a, b.select("small", "large")).value)


def test_a_sample_and_a_model_use_the_models_own_scores() -> None:
    x = np.random.default_rng(12).normal(size=4000)
    found = pofx.kl(x, st.norm(1, 1))
    assert "mean surprise under Q" in found.method
    assert found.std_error is not None
    assert abs(found.value - 0.5) < 4 * found.std_error
    counted = np.random.default_rng(13).poisson(3, size=4000)
    assert pofx.kl(counted, st.poisson(4)).value == pytest.approx(3 * math.log(3 / 4) + 1, abs=0.02)
    outside = pofx.kl(np.r_[x, 0.5], st.uniform(0, 1))
    assert math.isinf(outside.value)
    assert "infinite for" in outside.note


def test_labels_are_matched_by_name_whatever_their_codes() -> None:
    a, b = pl.DataFrame({"c": ["x"] * 30 + ["y"] * 70}), pl.DataFrame({"c": ["y"] * 50 + ["z"] * 50})
    p, q = (pofx.Independent().fit(frame) for frame in (a, b))
    assert pofx.total_variation(a, b).value == pytest.approx(0.5)
    with pytest.raises(LikelihoodError, match="known to one only: x, z"):
        pofx.total_variation(p, q)
    assert pofx.total_variation(p, q, method="plug in").value == pytest.approx(0.5, abs=0.05)
    r = pofx.Independent().fit(pl.DataFrame({"c": ["y"] * 50 + ["x"] * 50}))
    assert pofx.total_variation(p, r).value == pytest.approx(0.2, abs=0.02)
    assert math.isinf(pofx.kl(a, b).value)
    assert "c = x" in pofx.kl(a, b).note
    assert math.isfinite(pofx.js(a, b).value)


def test_units_do_not_matter_to_divergences() -> None:
    random = np.random.default_rng(3)
    a, b = random.normal(size=(600, 2)), random.normal(0.5, 1, size=(500, 2))
    scale = np.array([1000.0, 0.01])
    for measure in ("kl", "js", "tv"):
        one, two = pofx.divergence(a, b, measure), pofx.divergence(a * scale, b * scale, measure)
        assert two.value == pytest.approx(one.value, rel=1e-6, abs=1e-9)
    assert pofx.wasserstein(a[:, 0] * 1000, b[:, 0] * 1000).value == pytest.approx(
        1000 * pofx.wasserstein(a[:, 0], b[:, 0]).value
    )


def test_pooled_scales_keep_symmetry() -> None:  # trap 23
    random = np.random.default_rng(4)
    a = pl.DataFrame({"u": random.normal(size=80), "v": 9 * random.normal(size=80)})
    b = pl.DataFrame({"u": 3 * random.normal(size=70), "v": random.normal(size=70)})
    assert pofx.wasserstein(a, b).value == pytest.approx(pofx.wasserstein(b, a).value, rel=1e-9)


def test_a_vector_and_a_column_are_the_same_sample() -> None:  # trap L11
    random = np.random.default_rng(5)
    x, y = random.normal(size=100), random.normal(size=100)
    assert pofx.kl(x, y[:, None]).value == pofx.kl(x[:, None], y).value == pofx.kl(x, y).value


def test_files_and_run_folders_are_sides(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    random = np.random.default_rng(6)
    frame = pl.DataFrame({"u": random.normal(size=300), "v": random.normal(size=300)})
    frame.write_csv(folder / "a.csv")
    model = pofx.Gaussian().fit(frame)
    pofx.save(model, folder / "m.safetensors")
    assert pofx.cross_entropy(folder / "a.csv", folder / "m.safetensors").value == pytest.approx(
        -float(np.mean(model.log_prob(frame))), rel=1e-12
    )
    with pytest.raises(PofxError, match="no such"):
        pofx.kl(folder / "gone.csv", frame)


# Traps ---------------------------------------------------------------------------------------------------------------


def test_direction_is_not_mixed_up() -> None:  # trap 14
    p, q = pofx.probabilities([0.8, 0.2]), pofx.probabilities([0.5, 0.5])
    assert pofx.kl(p, q).value == pytest.approx(0.8 * math.log(1.6) + 0.2 * math.log(0.4))
    assert pofx.kl(q, p).value != pytest.approx(pofx.kl(p, q).value)
    assert str(pofx.kl(p, q)).startswith("KL(P || Q) = ")


def test_zero_times_log_zero_is_zero_and_zero_under_something_is_infinite() -> None:  # trap 15
    half, sure = pofx.probabilities([0.5, 0.5], ["a", "b"]), pofx.probabilities([1.0, 0.0], ["a", "b"])
    assert pofx.kl(sure, half).value == pytest.approx(math.log(2))
    found = pofx.kl(half, sure)
    assert math.isinf(found.value)
    assert "b" in found.note
    mean = pofx.probabilities([0.75, 0.25], ["a", "b"])
    halves = 0.5 * (pofx.kl(half, mean).value + pofx.kl(sure, mean).value)
    assert pofx.js(half, sure).value == pytest.approx(halves)


def test_unnormalised_probabilities_are_never_renormalised() -> None:  # trap L9
    with pytest.raises(PofxError, match=r"do not sum to one; got a sum of 0\.6"):
        pofx.probabilities([0.3, 0.3])


def test_saturated_logits_stay_finite() -> None:  # trap 16
    import torch.distributions as td

    p, q = (td.Bernoulli(logits=torch.tensor(v, dtype=torch.float64)) for v in (100.0, -100.0))
    found = pofx.kl(p, q)
    assert found.value == pytest.approx(100.0, rel=1e-6)


def test_the_mixture_estimator_is_unbiased_where_supports_differ() -> None:  # trap 19
    p, q = st.uniform(0, 1), st.uniform(0, 2)
    found = pofx.kl(p, q, method="importance")
    assert found.value == pytest.approx(math.log(2), abs=1e-9 + 4 * (found.std_error or 0))
    assert math.isinf(pofx.kl(q, p, method="importance").value)


def test_a_standard_error_that_cannot_be_trusted_is_called_so() -> None:
    found = pofx.kl(st.t(1.2), st.norm(0, 1), method="monte carlo")
    assert "cannot be trusted" in found.note


def test_bounded_measures_stay_in_range() -> None:
    far = np.random.default_rng(7).normal(50, 1, size=300)
    near = np.random.default_rng(8).normal(size=300)
    assert 0 <= pofx.js(near, far).value <= math.log(2)
    assert 0 <= pofx.total_variation(near, far).value <= 1
    assert pofx.js(st.norm(0, 1), st.norm(500, 1)).value == pytest.approx(math.log(2), rel=1e-9)
    assert pofx.hellinger(st.norm(0, 1), st.norm(500, 1)).value == pytest.approx(1.0)


# Odd and bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        ([1.0, 2.0], np.zeros(0), "sample Q is empty"),
        (np.zeros((5, 2)), np.zeros((5, 3)), "different columns"),
        (pl.DataFrame({"a": [1.0]}), pl.DataFrame({"b": [1.0]}), "only in P: 'a'"),
        (st.norm(0, 1), st.poisson(3), "cannot be compared"),
        (pofx.probabilities([0.5, 0.5]), [0.5, 0.5], "probabilities can only be compared"),
        (np.arange(20) * 1.37, np.array([1.01]), "too few rows"),
        (object(), [1.0, 2.0], "table"),
    ],
)
def test_what_has_no_answer_gets_one_clear_line(p: object, q: object, words: str) -> None:
    with pytest.raises(PofxError, match=words) as error:
        pofx.kl(p, q)
    assert "\n" not in str(error.value)


def test_weights() -> None:
    random = np.random.default_rng(9)
    x, y = np.round(random.normal(size=50), 2), np.round(random.normal(1, 1, size=60), 2)
    twice = np.concatenate([x, x[:10]])
    weights = np.r_[np.full(10, 2.0), np.ones(40)]
    assert pofx.wasserstein(x, y, p_weights=weights).value == pytest.approx(pofx.wasserstein(twice, y).value)
    for bad in (-weights, weights[:5], np.zeros(50), weights * np.nan):
        with pytest.raises(PofxError, match="weights"):
            pofx.wasserstein(x, y, p_weights=bad)
    assert pofx.kl(x, y, p_weights=weights).value == pytest.approx(pofx.kl(x, y).value, abs=0.3)
    with pytest.raises(PofxError, match="takes no weights"):
        pofx.js(x, y, p_weights=weights)
    with pytest.raises(PofxError, match="weights belong to a plain sample"):
        pofx.kl(st.norm(0, 1), x, p_weights=weights)


def test_missing_values_and_mixed_tables_have_an_answer() -> None:
    random = np.random.default_rng(10)

    def table(shift: float, gap: float) -> pl.DataFrame:
        u = random.normal(shift, 1, size=600)
        v = np.where(random.random(600) < gap, np.nan, u + random.normal(size=600))
        return pl.DataFrame({"u": u, "v": v, "c": np.where(u > 0, "a", "b")}).with_columns(pl.col("v").fill_nan(None))

    a, b, same = table(0, 0.1), table(1, 0.3), table(0, 0.1)
    far, near = pofx.kl(a, b), pofx.kl(a, same)
    assert "chain rule" in far.method
    assert far.value > 0.3 > abs(near.value)
    assert pofx.js(a, b).value > 3 * pofx.js(a, same).value
    bound = pofx.js(a, b, method="classifier")
    assert bound.nature is Nature.LOWER_BOUND
    assert 0.02 < bound.value < pofx.js(a, b).value + 0.1


def test_mutual_information() -> None:
    covariance = np.array([[1.0, 0.6], [0.6, 1.0]])
    rows = np.random.default_rng(11).multivariate_normal([0, 0], covariance, size=2000)
    truth = -0.5 * math.log(1 - 0.36)
    found = pofx.mutual_information(rows, "x1", "x2")
    assert found.value == pytest.approx(truth, abs=0.05)
    assert abs(found.null or 1.0) < 0.05
    model = pofx.from_scipy(st.multivariate_normal([0, 0], covariance))
    fitted = pofx.Gaussian().fit(rows)
    assert pofx.mutual_information(fitted, "x1", "x2").nature is Nature.CLOSED_FORM
    with pytest.raises(LikelihoodError, match="no exact marginals"):
        pofx.mutual_information(model, "x1", "x2")
    with pytest.raises(PofxError, match="both sides"):
        pofx.mutual_information(rows, "x1", ["x1", "x2"])


def test_an_estimate_reads_as_a_person_would_write_it() -> None:
    told = Estimate(0.18204, 0.0031, Nature.MONTE_CARLO, "draws of P", "nats", "P || Q", 100_000, 0.01, "KL")
    assert str(told) == (
        "KL(P || Q) = 0.1820 +- 0.0031 nats  [Monte Carlo, draws of P; 100,000 draws; "
        "two halves of the same sample: 0.01]"
    )
    assert ">= 0.2" in str(Estimate(0.2, None, Nature.LOWER_BOUND, "x"))
    assert "<= 0.2" in str(Estimate(0.2, None, Nature.UPPER_BOUND, "x"))
    assert float(told) == 0.18204

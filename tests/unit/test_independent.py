"""The baseline: each column by the best one-dimensional model, and never a failure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from scipy import stats

from pofx.core.estimator import Estimator
from pofx.core.store import load, save
from pofx.data.dataset import Data
from pofx.data.infer import infer
from pofx.errors import FitError
from pofx.models import independent
from pofx.models.independent import Independent
from pofx.models.parametric.estimator import Parametric
from pofx.models.product import IndependentModel
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table
from pofx.training.plan import Plan

ONLY = Independent(candidates=("parametric",))
SPACES: dict[str, Scalar] = {
    "real": Real(),
    "maybe": Maybe(Real(), True, (0.0,)),
    "positive": Positive(),
    "unit": Interval(0.0, 10.0),
    "angle": Circle(360.0),
    "count": Integer(0),
    "grid": Grid(0.5, 0.0),
    "label": Category(("u", "v", "w")),
}
TABLE = Table(tuple(SPACES), tuple(SPACES.values()), "torch")


def mixed(n: int, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    maybe = random.normal(3, 1, n)
    maybe[random.random(n) < 0.2] = np.nan
    maybe[random.random(n) < 0.1] = 0.0
    columns = [
        random.standard_t(3, n),
        maybe,
        random.gamma(2.0, 3.0, n),
        10 * random.beta(2, 3, n),
        np.degrees(random.vonmises(1, 2, n)) % 360,
        random.poisson(3, n),
        0.5 * random.poisson(2, n),
        random.integers(0, 3, n),
    ]
    return torch.tensor(np.stack([np.asarray(c, dtype=float) for c in columns], 1))


@pytest.fixture(scope="module")
def fitted() -> Any:
    return ONLY.fit(Data(TABLE, mixed(120)))


def test_it_is_the_product_of_its_marginals(fitted: Any) -> None:
    x = mixed(30, seed=1)
    parts = sum(fitted.marginal([name]).log_prob(x[:, j : j + 1]) for j, name in enumerate(SPACES))
    torch.testing.assert_close(fitted.log_prob(x), parts, rtol=1e-12, atol=1e-12)
    rest = fitted.condition({"real": 0.1, "maybe": math.nan, "label": "u"})
    others = ["positive", "unit", "angle", "count", "grid"]
    torch.testing.assert_close(rest.log_prob(x[:, 2:7]), fitted.marginal(others).log_prob(x[:, 2:7]))


def test_each_column_is_a_fit_of_its_own(fitted: Any) -> None:
    x = mixed(120)
    alone = Parametric(family=fitted.inner.factors[list(fitted.inner.space.names).index("positive")].family)
    own = alone.fit(Data(TABLE.select(["positive"]), x[:, 2:3]))
    torch.testing.assert_close(
        fitted.marginal(["positive"]).log_prob(x[:, 2:3]), own.log_prob(x[:, 2:3]), rtol=1e-9, atol=0
    )


def test_missing_and_spikes_have_mass_one(fitted: Any) -> None:
    one = fitted.marginal(["maybe"])
    grid = torch.linspace(-20, 25, 20001).double()[:, None] + 1e-6
    seen = float(torch.trapezoid(one.log_prob(grid).exp(), grid[:, 0]))
    atoms = float(one.log_prob(torch.tensor([[math.nan], [0.0]]).double()).exp().sum())
    assert seen + atoms == pytest.approx(1.0, abs=1e-4)
    assert seen == pytest.approx(0.72, abs=0.1)


def test_samples_look_like_the_rows(fitted: Any) -> None:
    x, y = mixed(2000, seed=2), fitted.draw(2000, seed=5)
    assert bool(TABLE.contains(y).all())
    for j in (0, 2, 3, 4):
        assert stats.ks_2samp(x[:, j], y[:, j]).statistic < 0.15
    assert float(y[:, 1].isnan().double().mean()) == pytest.approx(0.2, abs=0.07)
    correlation = np.corrcoef(y[:, [0, 2, 3, 5, 6]].numpy().T) - np.eye(5)
    assert np.abs(correlation).max() < 0.15


def test_store_round_trip(fitted: Any, tmp_path: Path) -> None:
    save(fitted, tmp_path / "m")
    again = load(tmp_path / "m")
    x = mixed(20, seed=3)
    assert torch.equal(again.log_prob(x), fitted.log_prob(x))
    assert torch.equal(torch.nan_to_num(again.draw(9, seed=1)), torch.nan_to_num(fitted.draw(9, seed=1)))
    assert again.inner.tried == fitted.inner.tried


def test_tried_says_what_won_and_why(fitted: Any) -> None:
    tried = fitted.inner.tried
    assert set(tried) == set(fitted.inner.space.names)
    assert tried["positive"][0][1] >= tried["positive"][1][1] - 0.01
    assert tried["label"][0][0] == "categorical"


def test_weights_are_repetitions() -> None:
    some = [1, 3, 7]
    x, table = mixed(60)[:, some], TABLE.select([TABLE.names[j] for j in some])
    weights = torch.tensor([0.0, 1.0, 2.0]).repeat(20).double()
    a = ONLY.fit(Data(table, x, weights), seed=1)
    b = ONLY.fit(Data(table, torch.repeat_interleave(x, weights.long(), 0)), seed=1)
    torch.testing.assert_close(a.log_prob(x), b.log_prob(x), rtol=1e-6, atol=1e-6)


# Candidates that fail -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Broken(Estimator):
    name: ClassVar[str] = "broken"
    accepts: ClassVar[tuple[type, ...]] = (Real,)

    def _fit(self, data: Data, **rest: Any) -> Any:
        raise FitError("it broke")


def test_a_failing_candidate_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(independent, "estimators", lambda: {"broken": _Broken})
    data = Data(Table(("x",), (Real(),), "torch"), mixed(50)[:, :1])
    m = Independent(candidates=("broken", "absent", "parametric")).fit(data)
    inner = m.inner if hasattr(m, "inner") else m
    assert ("broken", None, "it broke") in inner.tried["x"]
    assert ("absent", None, "there is no such model here") in inner.tried["x"]
    assert "cdf" in m.capabilities
    alone = Independent(candidates=("broken",)).fit(data)
    assert bool(torch.isfinite(alone.log_prob(data.values)).all())


@pytest.mark.parametrize("name", [name for name in SPACES if name != "label"])
@pytest.mark.parametrize("rows", [1, 3])
def test_it_exists_for_next_to_no_rows(name: str, rows: int) -> None:
    j = list(SPACES).index(name)
    data = Data(TABLE.select([name]), mixed(200)[3 : 3 + rows, j : j + 1])
    m = ONLY.fit(data)
    assert bool(torch.isfinite(m.log_prob(mixed(50, seed=4)[:, j : j + 1])).all())


def test_a_column_whose_value_never_comes_gets_a_plain_law() -> None:
    space = Table(("x",), (Maybe(Real(), True, (0.0,)),), "torch")
    m = ONLY.fit(Data(space, torch.tensor([[0.0], [math.nan], [0.0]]).double()))
    assert bool(torch.isfinite(m.log_prob(torch.tensor([[0.0], [math.nan], [1.3]]).double())).all())


def test_a_spent_budget_still_gives_every_column_a_model() -> None:
    m = Independent().fit(Data(TABLE, mixed(20)), plan=Plan(seconds=0.0))
    assert bool(torch.isfinite(m.log_prob(mixed(20, seed=1))).all())


def test_validation_rows_choose() -> None:
    random = np.random.default_rng(0)
    space = Table(("x",), (Real(),), "vector")
    m = ONLY.fit(random.normal(size=200), space=space, validation=random.standard_cauchy(200))
    assert m.inner.tried["x"][0][0] in ("cauchy", "student_t")


def test_same_seed_same_model_and_the_global_generator_is_left_alone() -> None:
    state = torch.random.get_rng_state()
    data = Data(TABLE.select(["maybe", "unit", "angle", "label"]), mixed(60)[:, [1, 3, 4, 7]])
    a, b = ONLY.fit(data, seed=4), ONLY.fit(data, seed=4)
    assert torch.equal(a.log_prob(data.values), b.log_prob(data.values))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_no_candidates_is_refused() -> None:
    with pytest.raises(FitError):
        Independent(candidates=())


def test_blocks_of_several_columns() -> None:
    from pofx.models.parametric.elliptical import GaussianModel

    pair = GaussianModel(
        Table(("a", "c"), (Real(), Real()), "torch"),
        torch.zeros(2).double(),
        torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double(),
        5,
    )
    single = GaussianModel(Table(("b",), (Real(),), "torch"), torch.ones(1).double(), torch.ones(1, 1).double(), 2)
    m = IndependentModel(Table(("a", "b", "c"), (Real(),) * 3, "torch"), (pair, single), {})
    x = torch.tensor([[0.3, -1.0, 2.0]]).double()
    expected = stats.multivariate_normal([0, 1, 0], [[1, 0, 0.5], [0, 1, 0], [0.5, 0, 1]])
    assert float(m.log_prob(x)) == pytest.approx(expected.logpdf(x.numpy()[0]))
    rest = m.condition({"a": 0.3})
    joint = float(rest.log_prob(x[:, 1:])) + float(m.marginal(["a"]).log_prob(x[:, :1]))
    assert joint == pytest.approx(float(m.log_prob(x)))
    assert float(m.marginal(["c", "b"]).log_prob(x[:, [2, 1]])) == pytest.approx(
        stats.norm.logpdf(2.0) + stats.norm.logpdf(-1.0, 1.0)
    )


def test_penguins() -> None:
    path = Path(__file__).parents[2].parent / "shared" / "data" / "tables" / "seaborn" / "penguins.csv"
    if not path.exists():
        pytest.skip("the shared data are not here")
    frame = pl.read_csv(path, null_values=["NA"])
    space, _ = infer(frame)
    m = ONLY.fit(frame, space=space)
    scores = m.log_prob(frame)
    assert scores.mean() == pytest.approx(-20.18, abs=0.1)
    assert m.sample(20, seed=0).columns == frame.columns

"""What columns are taken for, and why; and that no guess depends on the unit."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from pofx.data.infer import infer
from pofx.data.resolution import resolution_of
from pofx.errors import SpaceError
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Constant, Date, Maybe

N = 400
random = np.random.default_rng(0)
COLUMNS = {
    "real": random.normal(size=N),
    "rounded": np.round(random.normal(20, 5, size=N), 1),
    "positive": random.lognormal(0, 1, size=N),
    "counts": random.poisson(3, size=N),
    "many_counts": random.poisson(3000, size=N),
    "coarse": 0.5 * random.integers(0, 5, size=N),
    "binary": random.integers(0, 2, size=N),
    "spike": np.where(random.random(N) < 0.3, 0.0, random.lognormal(0, 1, size=N)),
    "gaps": np.where(random.random(N) < 0.2, np.nan, random.normal(size=N)),
    "wind_direction": random.uniform(0, 360, size=N),
    "word": random.choice(["a", "b", "c"], size=N),
    "same": np.full(N, 7),
    "nothing": np.full(N, np.nan),
    "identifier": np.array([f"id{k}" for k in range(N)]),
    "day": [dt.date(2020, 1, 1) + dt.timedelta(days=k) for k in range(N)],
    "truth": random.random(N) < 0.5,
}


def guesses(overrides=None):
    _, found = infer(pl.DataFrame(COLUMNS).with_columns(pl.col("gaps", "nothing").fill_nan(None)), overrides)
    return {g.name: g for g in found}


def test_each_kind_is_recognised():
    space = {name: guess.space for name, guess in guesses().items()}
    assert isinstance(space["real"], Real) and space["real"].resolution is None
    assert space["rounded"] == Real(0.1)
    assert isinstance(space["positive"], Positive)
    assert space["counts"] == Integer(0)
    assert isinstance(space["many_counts"], Real | Positive) and space["many_counts"].resolution == 1
    assert space["coarse"] == Grid(0.5, 0.0)
    assert space["binary"] == Category((0, 1), open=False)
    assert space["spike"] == Maybe(Positive(None), False, (0.0,))
    assert isinstance(space["gaps"], Maybe) and space["gaps"].missing
    assert space["wind_direction"] == Circle(360.0)
    assert isinstance(space["word"], Category) and set(space["word"].labels) == {"a", "b", "c"}
    assert space["same"] == Constant(7)
    assert space["nothing"] == Constant(None)
    assert space["identifier"] is None
    assert space["day"] == Date("date")
    assert space["truth"] == Category((False, True), open=False)


@pytest.mark.parametrize("name", ["real", "rounded", "positive", "spike", "coarse"])
def test_a_guess_does_not_depend_on_the_unit(name):
    before = infer(pl.DataFrame({name: COLUMNS[name]}))[0].spaces[0]
    after = infer(pl.DataFrame({name: 1000.0 * COLUMNS[name]}))[0].spaces[0]
    assert type(before) is type(after)
    step = getattr(before, "resolution", getattr(before, "step", None))
    if step is not None:
        assert getattr(after, "resolution", getattr(after, "step", None)) == pytest.approx(1000 * step)


def test_overrides():
    found = guesses({"real": "interval(-9, 9)", "positive": "real", "word": "skip", "counts": "category"})
    assert found["real"].space == Interval(-9.0, 9.0, None)
    assert isinstance(found["positive"].space, Real)
    assert found["word"].space is None
    assert isinstance(found["counts"].space, Category)
    with pytest.raises(SpaceError, match="did you mean 'positive'"):
        guesses({"positiv": "real"})
    with pytest.raises(SpaceError, match="no kind of column"):
        guesses({"real": "sphere(3)"})


def test_arrays_of_floats_stay_real_and_counts_are_counted():
    assert infer(COLUMNS["positive"])[0].spaces[0] == Real()
    assert infer(np.asarray(COLUMNS["counts"]))[0].spaces[0] == Integer(0)
    assert infer(np.zeros((5, 2)) + np.arange(5)[:, None])[0].layout == "numpy"


@pytest.mark.parametrize("scale", [1.0, 1000.0, 1e-7, 1 / 3])
def test_resolution_is_equivariant(scale):
    import torch

    values = torch.unique(torch.tensor(np.round(random.normal(size=500), 2) * scale))
    assert resolution_of(values) == pytest.approx(0.01 * scale, rel=1e-6)


def test_no_resolution_in_random_reals():
    import torch

    assert resolution_of(torch.sort(torch.tensor(random.normal(size=500))).values) is None

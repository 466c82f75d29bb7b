"""Spaces: what is read is shown again; what is not an outcome is told."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
import torch

from pofx.errors import SpaceError
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import OTHER, Category, Constant, Date, Maybe
from pofx.spaces.table import Table

ROUND_TRIPS = {
    "real": (Real(), [1.5, -2.0, 0.0]),
    "positive": (Positive(), [1.5, 2.0]),
    "interval": (Interval(0, 1), [0.0, 0.5, 1.0]),
    "circle": (Circle(360.0), [0.0, 359.0]),
    "integer": (Integer(0), [0, 5]),
    "grid": (Grid(0.5, 0.25), [0.25, 0.75, -1.25]),
    "category": (Category(("a", "b")), ["b", "a", "b"]),
    "numbers as labels": (Category((1, 2), open=False), [2, 1]),
    "boolean": (Category((False, True), open=False), [True, False]),
    "date": (Date(), [dt.date(2020, 2, 29), dt.date(1969, 12, 31)]),
    "datetime": (Date("datetime"), [dt.datetime(2020, 2, 29, 13, 59, 1)]),
    "maybe": (Maybe(Positive(), True, (0.0,)), [None, 0.0, 2.5]),
    "constant": (Constant("x"), ["x", "x"]),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_is_read_is_shown_again(name):
    space, values = ROUND_TRIPS[name]
    x = space.read(pl.Series(values, strict=False))
    assert x.dtype == torch.float64 and bool(space.contains(x).all())
    assert space.show_series(x).to_list() == values


@pytest.mark.parametrize(
    ("space", "outside"),
    [
        (Positive(), [0.0, -1.0]),
        (Interval(0, 1), [1.0001]),
        (Integer(0), [0.5, -1.0]),
        (Grid(0.5), [0.3]),
        (Maybe(Real(), False, (0.0,)), [float("nan")]),
        (Category(("a",), open=False), ["b"]),
    ],
)
def test_what_is_outside_is_outside(space, outside):
    assert not bool(space.contains(space.read(pl.Series(outside))).any())


def test_a_new_label_is_the_open_outcome():
    space = Category(("a", "b"))
    x = space.read(pl.Series(["c", "a"]))
    assert x.tolist() == [2.0, 0.0] and space.show_series(x).to_list() == [OTHER, "a"]


def test_time_of_day_wraps():
    clock = Circle(24.0, shown="clock")
    x = clock.read(pl.Series([dt.time(23, 30)]))
    assert x.tolist() == [23.5] and clock.show_series(x + 1).to_list() == [dt.time(0, 30)]


def test_words_and_infinities_name_their_row():
    with pytest.raises(SpaceError, match="row 2: a value is not a number; got 'two'"):
        Real().read(pl.Series(["1", "two"]))
    with pytest.raises(SpaceError, match="row 3: a value is infinite"):
        Real().read(np.array([1.0, 2.0, np.inf]))


def test_a_table_takes_columns_in_any_order_and_names_a_missing_one():
    table = Table(("a", "colour"), (Real(), Category(("red",))))
    x = table.read(pl.DataFrame({"colour": ["red"], "extra": [1], "a": [2.0]}))
    assert x.tolist() == [[2.0, 0.0]]
    with pytest.raises(SpaceError, match="did you mean 'color'"):
        table.read(pl.DataFrame({"color": ["red"], "a": [2.0]}))


def test_arrays_must_have_the_columns():
    table = Table(("a", "b"), (Real(), Real()), "numpy")
    with pytest.raises(SpaceError, match=r"expected \[n, 2\]"):
        table.read(np.zeros((3, 3)))


def test_a_missing_value_where_there_was_none_is_told_with_its_place():
    table = Table(("a", "b"), (Real(), Maybe(Real())))
    table.check(torch.tensor([[0.0, float("nan")]]).double())
    with pytest.raises(SpaceError, match="row 1, column 'a'"):
        table.check(torch.tensor([[float("nan"), 0.0]]).double())


def test_a_tensor_is_in_tensor_form_already():
    table = Table(("c", "a"), (Category(("red", "blue")), Real()))
    codes = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    assert torch.equal(table.read(codes), codes)
    with pytest.raises(SpaceError, match="row 1, column 'a': a value is infinite"):
        table.read(torch.tensor([[1.0, torch.inf]]))

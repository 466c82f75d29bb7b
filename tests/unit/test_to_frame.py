"""Tables in memory, of any library, become the same Polars frame."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys
from collections import namedtuple
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from pofx.data.frames import to_frame
from pofx.errors import ReadError

PLAIN = pl.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": ["x", None, "z"], "d": [True, False, True]})


def test_polars_is_taken_as_it_is() -> None:
    assert to_frame(PLAIN).equals(PLAIN)
    assert to_frame(PLAIN.lazy()).equals(PLAIN)
    assert to_frame(PLAIN["a"]).equals(PLAIN.select("a"))
    values = np.arange(1000.0)
    frame = pl.DataFrame({"a": values})
    assert np.shares_memory(to_frame(frame)["a"].to_numpy(), frame["a"].to_numpy())


def test_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "float32": np.array([0.5, np.nan, 2], dtype=np.float32),
            "whole": pd.array([1, None, 2**60 + 1], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "kind": pd.Categorical(["u", None, "v"]),
            "mixed": [1, "x", None],
            "object_number": np.array([1, 2.5, None], dtype=object),
            "text": ["a", None, "b"],
            "moment": pd.to_datetime(["2020-01-01 05:00", None, "2020-01-02 06:00"]),
            "zoned": pd.to_datetime(["2020-07-01", None, "2020-07-02"]).tz_localize("Europe/Rome"),
            "day": [datetime.date(2020, 1, 1), None, None],
            "span": pd.to_timedelta([1, None, 2.5], unit="s"),
        }
    )
    result = to_frame(frame)
    assert result["float32"].to_list() == [0.5, None, 2.0]
    assert result["whole"].to_list() == [1, None, 2**60 + 1]
    assert result["flag"].to_list() == [True, None, False]
    assert result["kind"].to_list() == ["u", None, "v"]
    assert result["mixed"].to_list() == ["1", "x", None]
    assert result["object_number"].to_list() == [1.0, 2.5, None]
    assert result["text"].to_list() == ["a", None, "b"]
    assert result["moment"].to_list()[:2] == [datetime.datetime(2020, 1, 1, 5), None]
    assert result["zoned"][0] == datetime.datetime(2020, 6, 30, 22, tzinfo=datetime.UTC)
    assert result["day"].to_list() == [datetime.date(2020, 1, 1), None, None]
    assert result["span"].to_list() == [1.0, None, 2.5]
    assert to_frame(frame["whole"]).columns == ["whole"]
    assert to_frame(pd.DataFrame([[1, 2, 3]], columns=["a", "a", ("b", 1)])).columns == ["a", "a_2", "b_1"]
    assert to_frame(pd.DataFrame([[1, 2]])).columns == ["0", "1"]


def test_pyarrow() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": ["x", None, "z"], "d": [True, False, True]})
    assert to_frame(table).equals(PLAIN)
    assert to_frame(table.to_batches()[0]).equals(PLAIN)
    assert to_frame(table.rename_columns(["a", "a", "b", "c"])).columns == ["a", "a_2", "b", "c"]
    dictionary = pa.table({"a": pa.array(["x", "y"]).dictionary_encode()})
    assert to_frame(dictionary)["a"].dtype == pl.String


def test_dicts_lists_and_arrays() -> None:
    columns = {
        "a": [1, 2, 3],
        "b": np.array([0.5, np.nan, 2.5]),
        "c": ("x", None, "z"),
        "d": torch.tensor([1, 0, 1]) > 0,
    }
    assert to_frame(columns).equals(PLAIN)
    assert to_frame(PLAIN.to_dicts()).equals(PLAIN)
    assert to_frame([{"a": 1}, {"b": "x"}]).to_dict(as_series=False) == {"a": [1, None], "b": [None, "x"]}
    assert to_frame([1, 2.5, None])["x1"].to_list() == [1.0, 2.5, None]
    assert to_frame([[1, "u"], [2, "v"]]).rows() == [(1, "u"), (2, "v")]
    assert to_frame([namedtuple("Row", "a b")(1, 2)]).rows() == [(1, 2)]
    assert to_frame(range(3))["x1"].to_list() == [0, 1, 2]
    assert to_frame({"X": np.zeros((2, 2)), "y": [1, 2]}).columns == ["X_1", "X_2", "y"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.arange(4, dtype=np.uint8), pl.Int64),
        (np.arange(4, dtype=np.uint64) + 2**63, pl.Float64),
        (np.arange(4, dtype=np.float16), pl.Float64),
        (np.arange(4, dtype=">i2"), pl.Int64),
        (np.zeros(4, dtype=bool), pl.Boolean),
        (np.array(["a", "bc", "", "d"]), pl.String),
        (np.array([b"a", b"bc", b"", b"d"]), pl.String),
        (np.arange(4).astype("M8[D]"), pl.Datetime("us")),
        (np.arange(4).astype("m8[s]"), pl.Float64),
        (np.array([1, 2, None, 4], dtype=object), pl.Int64),
        (torch.arange(4, dtype=torch.bfloat16), pl.Float64),
        (torch.arange(4.0, requires_grad=True), pl.Float64),
        ([decimal.Decimal("1.5")], pl.Float64),
        ([10**30, 1], pl.Float64),
        ([b"caf\xc3\xa9", b"x"], pl.String),
        ([None, None], pl.Float64),
        (pl.Series(["a", "b"], dtype=pl.Categorical), pl.String),
        (pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), pl.String),
        (pl.Series([True, None]), pl.Boolean),
    ],
)
def test_types(values: Any, dtype: pl.DataType) -> None:
    assert to_frame(values)["x1"].dtype == dtype


def test_matrices_and_masks() -> None:
    matrix = np.arange(6.0).reshape(3, 2)
    for values in (matrix, np.asfortranarray(matrix), torch.as_tensor(matrix), [[0, 1.0], [2, 3.0], [4, 5.0]]):
        assert to_frame(values).columns == ["x1", "x2"]
        assert np.array_equal(to_frame(values).to_numpy(), matrix)
    masked = np.ma.masked_array(np.arange(3), mask=[False, True, False])
    assert to_frame(masked)["x1"].to_list() == [0, None, 2]


def test_notes() -> None:
    notes: list[str] = []
    frame = to_frame({"a ": [1], "a": [2], "when": [datetime.timedelta(seconds=2)], "tags": [[1, 2]]}, notes)
    assert frame.rows() == [(1, 2, 2.0)]
    assert notes == [
        "2 columns named 'a': the second is now 'a_2'",
        "column 'tags' holds lists: left out",
        "column 'when' holds durations: read as seconds",
    ]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ("weather.csv", "these values are not a table; got str"),
        (3, "these values are not a table; got int"),
        (None, "got NoneType"),
        ({"a": [1, 2], "b": [1]}, "do not make a table; got 'a' has 2, 'b' has 1"),
        ({"a": 1}, "this is not a column; got 'a': int"),
        ([[1, 2], [3]], "rows of 1 and of 2 values"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        (np.array(3.0), r"got shape \(\)"),
        ({"a": np.zeros((2, 2, 2))}, r"got shape \(2, 2, 2\) in 'a'"),
        (np.zeros(2, dtype=complex), "complex128"),
        (pl.Series("a", [b"\xff\xfe"]), "neither numbers nor text; got Binary in 'a'"),
    ],
)
def test_what_is_no_table(values: Any, line: str) -> None:
    with pytest.raises(ReadError, match=line):
        to_frame(values)


def test_optional_libraries_are_not_imported() -> None:
    code = (
        "import sys; from pofx.data.frames import to_frame; import numpy as np; to_frame({'a': np.zeros(3)}); "
        "print(sorted({'pandas', 'pyarrow', 'torch'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

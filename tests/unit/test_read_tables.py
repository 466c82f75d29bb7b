"""Reading: every kind of file, what its columns become, and the real tables."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pofx.data.tables import Read, read, read_table

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "tables"
PLAIN = pl.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": ["x", "y", None], "d": [True, False, True]})
CSV = b"a,b,c,d\n1,0.5,x,true\n2,,y,false\n3,2.5,,true\n"


def csv(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Read:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path)


# Kinds of files


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ""])
def test_the_separator_is_found(tmp_path: Path, separator: str, suffix: str) -> None:
    text = CSV.replace(b",", separator.encode())
    assert csv(tmp_path, text, f"t{suffix}").frame.equals(PLAIN)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".feather", ".arrows", ".jsonl", ".ndjson", ".json"])
def test_every_kind_of_file_gives_the_same_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"odd [1] *name{suffix}"  # a name that a shell would expand
    writers = {".arrow": "ipc", ".feather": "ipc", ".arrows": "ipc_stream", ".jsonl": "ndjson"}
    getattr(PLAIN, f"write_{writers.get(suffix, suffix[1:])}")(path)
    assert read_table(path).equals(PLAIN)
    lying = tmp_path / "no_suffix"
    lying.write_bytes(path.read_bytes())
    assert read_table(lying).equals(PLAIN)


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.csv", content)
        archive.writestr("__MACOSX/._inside.csv", b"litter")
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    buffer = io.BytesIO()
    pl.read_csv(content).write_csv(buffer, compression="zstd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zip", zipped), (".zst", zstd)],
)
def test_compressed_files(tmp_path: Path, suffix: str, pack) -> None:  # type: ignore[no-untyped-def]
    assert csv(tmp_path, pack(CSV), f"t.csv{suffix}").frame.equals(PLAIN)
    assert csv(tmp_path, pack(CSV), "lying.csv").frame.equals(PLAIN)
    assert csv(tmp_path, pack(CSV), "bare").frame.equals(PLAIN)


def test_packed_twice(tmp_path: Path) -> None:
    assert csv(tmp_path, gzip.compress(zipped(CSV)), "t.gz").frame.equals(PLAIN)


def test_numbers_between_blanks(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    np.savetxt(tmp_path / "t.txt", values)
    result = read(tmp_path / "t.txt")
    assert result.frame.columns == ["x1", "x2", "x3"]
    assert np.array_equal(result.frame.to_numpy(), values)
    assert csv(tmp_path, "  a    b\n  1   2.5\n 10   3.5\n").frame.to_dict(as_series=False) == {
        "a": [1, 10],
        "b": [2.5, 3.5],
    }


def test_numpy_files(tmp_path: Path) -> None:
    for array, names in [
        (np.arange(3.0), ["x1"]),
        (np.arange(6).reshape(3, 2), ["x1", "x2"]),
        (np.asfortranarray(np.arange(6, dtype=">f4").reshape(3, 2)), ["x1", "x2"]),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "U3"), ("c", "f8", (2,))]), ["a", "b", "c_1", "c_2"]),
    ]:
        np.save(tmp_path / "t.npy", array)
        assert read_table(tmp_path / "t.npy").columns == names
    assert read_table(tmp_path / "t.npy")["b"].null_count() == 2


def test_npz_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.zeros((3, 2)), y=np.arange(3), version=np.array(1))
    result = read(tmp_path / "t.npz")
    assert result.frame.columns == ["X_1", "X_2", "y"]
    assert result.notes == ("'version' is a single value: left out",)
    np.savez_compressed(tmp_path / "t.npz", np.zeros((3, 2)))
    assert read_table(tmp_path / "t.npz").columns == ["x1", "x2"]


# Headers and names


def test_names_are_made_distinct(tmp_path: Path) -> None:
    result = csv(tmp_path, "a, a ,,a_2,a\n1,2,3,4,5\n")
    assert result.frame.columns == ["a", "a_3", "column_3", "a_2", "a_4"]
    assert result.notes == (
        "column 3 has no name: it is now 'column_3'",
        "3 columns named 'a': the others are now 'a_3', 'a_4'",
    )
    assert csv(tmp_path, "a,a\n1,2\n").notes == ("2 columns named 'a': the second is now 'a_2'",)


def test_bom_crlf_and_old_mac_line_ends(tmp_path: Path) -> None:
    expected = {"a": [1, 3], "b": ["x", "y"]}
    for end in ("\n", "\r\n", "\r"):
        text = f"\ufeffa,b{end}1,x{end}3,y{end}"
        assert csv(tmp_path, text).frame.to_dict(as_series=False) == expected
    assert csv(tmp_path, text.replace("\r", "\n").encode("utf-16")).frame.to_dict(as_series=False) == expected


def test_a_first_row_of_numbers_is_no_header(tmp_path: Path) -> None:
    result = csv(tmp_path, "1.5,2,\n3,4,NA\n")
    assert result.frame.columns == ["x1", "x2", "x3"]
    assert result.frame.height == 2
    assert "no header" in result.notes[0]
    assert csv(tmp_path, "2019,b\n3,4\n").frame.columns == ["2019", "b"]


def test_another_encoding_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("ville,n\nAnnœullin,1\nÉvry,2\n".encode("cp1252"))
    assert read_table(path, encoding="cp1252")["ville"].to_list() == ["Annœullin", "Évry"]


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    assert csv(tmp_path, "\n\na,b\n1,2\n\n3,\n  \n,\n\n").frame.rows() == [(1, 2), (3, None), (None, None)]
    assert csv(tmp_path, "a\n1\n\n3\n\n\n").frame["a"].to_list() == [1, None, 3]
    assert csv(tmp_path, "\na\n1\n").frame["a"].to_list() == [1]


def test_quotes(tmp_path: Path) -> None:
    assert csv(tmp_path, 'a,b\n"x, ""y""\nz",1\n"",2\n').frame.rows() == [('x, "y"\nz', 1), (None, 2)]
    assert csv(tmp_path, 'a,b\n"x\ny",\n"u",\n').frame.rows() == [("x\ny", None), ("u", None)]
    assert csv(tmp_path, 'a,b\n5" pipe,1\n3" pipe,2\nno,3\n').frame.rows() == [
        ('5" pipe', 1),
        ('3" pipe', 2),
        ("no", 3),
    ]


def test_a_table_of_very_many_columns(tmp_path: Path) -> None:
    names = [f"a_rather_long_name_of_column_{place}" for place in range(10_000)]
    frame = csv(tmp_path, ",".join(names) + "\n" + ",".join("1" * len(names)) + "\n").frame
    assert frame.columns == names


def test_json_of_other_shapes(tmp_path: Path) -> None:
    expected = {"a": [1, 2], "b": [0.5, None]}
    for text in (
        '{"a": [1, 2], "b": [0.5, null]}',
        '[{"a": 1, "b": 0.5}, {"a": 2, "b": NaN}]',
        '{"a": 1, "b": 0.5}\n\n{"a": 2}\n',
    ):
        assert csv(tmp_path, text, "t.json").frame.to_dict(as_series=False) == expected
    mixed = csv(
        tmp_path, '{"a": 1, "t": "2020-01-01"}\n{"a": true, "t": null}\n{"a": "x", "t": "2020-01-02"}\n', "t.jsonl"
    )
    assert mixed.frame.dtypes == [pl.String, pl.Date]
    nested = csv(tmp_path, '[{"a": {"b": 1}, "c": [1, 2]}]', "t.json")
    assert nested.frame.to_dict(as_series=False) == {"a.b": [1]}
    assert nested.notes == ("column 'c' holds lists: left out",)


# Real tables and speed


def real(name: str) -> pl.DataFrame:
    if not REAL.is_dir():
        pytest.skip("../shared/data is not here")
    return read_table(REAL / name)


def test_all_real_tables() -> None:
    if not REAL.is_dir():
        pytest.skip("../shared/data is not here")
    for path in sorted(REAL.rglob("*")):
        if path.suffix in (".csv", ".npz", ".json"):
            result = read(path)
            assert result.frame.height >= 82
            assert result.notes == ()


def test_real_tables_in_detail() -> None:
    assert (
        real("vega/birdstrikes.csv")["Effect Amount of damage"].value_counts().filter(pl.col("count") > 5000).item(0, 0)
        == "None"
    )
    assert real("vega/birdstrikes.csv").schema["Flight Date"] == pl.Date
    assert real("california_housing/housing.csv")["total_bedrooms"].null_count() == 207
    assert real("wine_quality/winequality-red.csv").shape == (1599, 12)
    assert set(real("wine_quality/winequality-red.csv").dtypes) == {pl.Float64, pl.Int64}
    assert real("adbench/6_cardio.npz").columns[-2:] == ["X_21", "y"]


def test_many_rows_are_quick(tmp_path: Path) -> None:
    n = 200_000
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=n), "b": random.integers(0, 9, n), "c": random.choice(["u", "v"], n)})
    frame.write_csv(tmp_path / "t.csv")
    start = time.perf_counter()
    assert read_table(tmp_path / "t.csv").equals(frame)
    assert time.perf_counter() - start < 2.0  # a tenth of a second on a quiet machine

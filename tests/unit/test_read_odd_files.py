"""What cannot be read is one clear line: what, got, expected, remedy, and where."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pofx.data.tables import read
from pofx.errors import ReadError

FRAME = pl.DataFrame({"a": range(1000), "b": ["x"] * 1000, "c": np.linspace(0, 1, 1000)})


def refused(path: Path, content: bytes | None = None) -> str:
    """The line for a file with this content."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        read(path)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.where.startswith(str(path))
    return line.removeprefix(str(path))


def test_a_missing_file_and_its_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "weather.csv").write_text("a\n1\n")
    assert refused(tmp_path / "wether.csv") == f": no such file; remedy: did you mean {tmp_path / 'weather.csv'}?"
    assert refused(tmp_path / "zzz") == ": no such file"
    assert "nowhere, which is not a folder either" in refused(tmp_path / "nowhere" / "weather.csv")
    assert refused(tmp_path / "weather.csv" / "a.csv").startswith(": no such file")


def test_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path) == ": this is a folder; expected a file; remedy: name a table, or a folder with pictures"
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert f"name one of its files, e.g. {tmp_path / 'a.csv'}" in refused(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="whoever runs this may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.csv").chmod(0)
    assert "you may not read this file" in refused(tmp_path / "a.csv")


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.csv").write_text("a\n1\n")
    monkeypatch.setattr(Path, "open", deny)
    assert "you may not read this file; remedy: chmod u+r" in refused(tmp_path / "a.csv")


@pytest.mark.parametrize("content", [b"", b" \n\n", gzip.compress(b"", mtime=0)])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json", ".npy", ""])
def test_an_empty_file(tmp_path: Path, content: bytes, suffix: str) -> None:
    assert refused(tmp_path / f"a{suffix}", content).startswith(": the file is empty")


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "a,b\n\n\n", "a\n"])
def test_a_header_without_rows(tmp_path: Path, text: str) -> None:
    assert ": the table has a header and no rows" in refused(tmp_path / "a.csv", text.encode())


def test_typed_files_without_rows_or_columns(tmp_path: Path) -> None:
    FRAME.head(0).write_parquet(tmp_path / "a.parquet")
    assert "a header and no rows" in refused(tmp_path / "a.parquet")
    pl.DataFrame().write_parquet(tmp_path / "a.parquet")
    assert "the table has no columns" in refused(tmp_path / "a.parquet")
    assert "got an empty array" in refused(tmp_path / "a.json", b"[]")
    np.savez(tmp_path / "a.npz")
    assert "not the columns of one table; got none" in refused(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("text", "where", "got"),
    [
        ("a,b\n1,2\n3,4,5\n", "row 2 (line 3)", 3),
        ("a,b\n1,2\n3\n5,6\n", "row 2 (line 3)", 1),
        ("a,b,c\n1\n3,4,5\n", "row 1 (line 2)", 1),
        ("a,b\n1,2,3\n", "row 1 (line 2)", 3),
        ('a,b\n"x\ny\nz",2\n\n3\n', "row 2 (line 6)", 1),
        ('a,b\n"x,y,z",\n3\n', "row 2 (line 3)", 1),
        ("1,2\n3,4\n5,6,7\n", "row 3 (line 3)", 3),
    ],
)
def test_ragged_lines(tmp_path: Path, text: str, where: str, got: int) -> None:
    line = refused(tmp_path / "a.csv", text.encode())
    assert line.startswith(f", {where}: this row does not have as many fields as the first; got {got}; expected")


def test_a_ragged_line_far_down(tmp_path: Path) -> None:
    line = refused(tmp_path / "a.csv", b"a,b\n" + b"1,\n" * 50_000 + b"1\n")
    assert line.startswith(", row 50001 (line 50002)")


def test_a_quote_that_is_not_closed(tmp_path: Path) -> None:
    line = refused(tmp_path / "a.csv", b'a,b\n1,2\n1,"x\n3,4\n')
    assert line.startswith(", row 2 (line 3): this row cannot be split into fields; got unexpected end of data")


def test_another_encoding(tmp_path: Path) -> None:
    line = refused(tmp_path / "a.csv", b"a,b\n1,caf\xe9\n")
    assert line.startswith(", line 2: this text is not UTF-8; got the byte 0xe9 at offset 9; remedy: convert")
    assert "offset 5" in refused(tmp_path / "a.csv", b"a,caf\xe9\n1,2\n")
    far = b"\xef\xbb\xbfa,bcd\n" + b"12345,7\n" * 131072 + b"\xff,2"
    assert f"offset {3 + 6 + 8 * 131072};" in refused(tmp_path / "a.csv", far)
    assert "line 1: this text is not UTF-8" in refused(tmp_path / "a.jsonl", b'{"a": "caf\xe9"}\n')
    with pytest.raises(ReadError, match="no such encoding; got klingon"):
        read(tmp_path / "a.csv", encoding="klingon")
    with pytest.raises(ReadError, match="line 1: this text is not utf-32"):
        read(tmp_path / "a.csv", encoding="utf-32")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".npy", ".npz", ".csv.gz"])
def test_files_cut_short(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    writers: dict[str, Callable[[Path], object]] = {
        ".parquet": FRAME.write_parquet,
        ".arrow": FRAME.write_ipc,
        ".arrows": FRAME.write_ipc_stream,
        ".npy": lambda path: np.save(path, FRAME["c"].to_numpy()),
        ".npz": lambda path: np.savez(path, FRAME["c"].to_numpy()),
        ".csv.gz": lambda path: path.write_bytes(gzip.compress(FRAME.write_csv().encode())),
    }
    writers[suffix](path)
    content = path.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.99):
        assert "damaged" in refused(path, content[: int(share * len(content))])


def test_damaged_bytes_give_a_line_or_a_table(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for suffix in ("parquet", "ipc", "ipc_stream"):
        path = tmp_path / "a"
        getattr(FRAME.head(50), f"write_{suffix}")(path)
        content = path.read_bytes()
        for place in random.integers(0, len(content), size=30):
            path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
            try:
                read(path)
            except ReadError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_a_name_that_promises_another_kind(tmp_path: Path) -> None:
    assert "not Parquet at all" in refused(tmp_path / "a.parquet", b"a,b\n1,2\n")
    assert "not NumPy's at all" in refused(tmp_path / "a.npy", b"a,b\n1,2\n")


def test_kinds_that_are_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "a"
    prose = b"It was the best of times, it was the worst of times,\nit was the age of wisdom,\nit was\n"
    assert "cannot tell what kind of table" in refused(path, prose)
    assert "neither text nor a kind of table" in refused(path, bytes(range(256)))
    assert "HDF5" in refused(path, b"\x89HDF\r\n\x1a\n123")
    assert "a Feather file of version 1" in refused(path, b"FEA1....")
    assert "this is an image" in refused(tmp_path / "a.csv", b"\x89PNG\r\n\x1a\n")


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def test_zips_of_several_files(tmp_path: Path) -> None:
    line = refused(tmp_path / "a.zip", archive(a=b"a\n1\n", b=b"b\n2\n"))
    assert ": this zip does not hold one file; got 2 (a, b); expected one table; remedy: unpack it" in line
    assert "save the sheet as CSV" in refused(tmp_path / "a.xlsx", archive(**{"[Content_Types].xml": b"", "b": b""}))
    assert "this zip file is damaged" in refused(tmp_path / "a.zip", archive(a=b"a\n1\n")[:-30])


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("a.json", '[{"a": 1},\n {"a": 2,}]', "line 2: this is not JSON"),
        ("a.json", "[{", "line 1: this is not JSON"),
        ("a.jsonl", '{"a": 1}\n\n{"a": 2\n{"a": 3}\n', "line 3: this is not JSON"),
        ("a.jsonl", '{"a": 1}\n[1, 2]\n', "line 2: this line is not a record; got an array"),
    ],
)
def test_json_with_a_mistake(tmp_path: Path, name: str, text: str, where: str) -> None:
    assert refused(tmp_path / name, text.encode()).startswith(f", {where}")


@pytest.mark.parametrize("text", ['{"data": {"a": 1}}', "3", '"x"', '[1, {"a": 2}]', "{}", "[]"])
def test_json_that_is_no_table(tmp_path: Path, text: str) -> None:
    assert "this JSON is not a table" in refused(tmp_path / "a.json", text.encode())


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    values = np.array([{"a": 1}, None], dtype=object)
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    np.savez(tmp_path / "a.npz", values)
    for name in ("a.npy", "a.npz"):
        assert "pickled Python objects, which pofx never loads" in refused(tmp_path / name)


def test_arrays_that_are_no_tables(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(3), b=np.zeros(4))
    assert "got a with 3 rows, b with 4 rows" in refused(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    assert "got shape (2, 3, 4)" in refused(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros(3, dtype=complex))
    assert "complex128" in refused(tmp_path / "a.npy")

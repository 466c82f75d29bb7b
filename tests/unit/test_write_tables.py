"""Writing: what is read back is the same, and a file is whole or as it was before."""

from __future__ import annotations

import datetime
import errno
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pofx.data.tables import read_table, write_table
from pofx.errors import ReadError
from pofx.runs.files import replacing, write_bytes, write_text

FRAME = pl.DataFrame(
    {
        "a": [1, -(2**53), 3],
        "b": [0.1, None, float("inf")],
        "c": ["x", None, 'y,"\n'],
        "d": [True, False, True],
        "e": [datetime.date(2020, 1, 2), None, datetime.date(1999, 12, 31)],
        "f": [datetime.datetime(2020, 1, 2, 3, 4, 5, 678), None, datetime.datetime(2020, 1, 2)],
        "g": [datetime.time(3, 4), None, datetime.time(5)],
    }
)
KINDS = [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".arrow", ".feather", ".jsonl", ".jsonl.gz", ".npy", ".npz"]


@pytest.mark.parametrize("suffix", KINDS)
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    frame = FRAME
    if "jsonl" in suffix:  # JSON has neither infinity nor times of day
        frame = frame.drop("g").with_columns(pl.col("b").replace(float("inf"), None))
    if suffix in (".npy", ".npz"):  # NumPy has no days without a time in this reader, and no times of day
        frame = frame.drop("g").with_columns(pl.col("e").cast(pl.Datetime("us")))
    write_table(frame, tmp_path / f"t{suffix}")
    assert read_table(tmp_path / f"t{suffix}").equals(frame)
    assert [file.name for file in tmp_path.iterdir()] == [f"t{suffix}"]


def test_numbers_alone_are_a_plain_matrix(tmp_path: Path) -> None:
    write_table(FRAME.select("a", "b"), tmp_path / "t.npy")
    assert read_table(tmp_path / "t.npy").rows() == [(1.0, 0.1), (-(2.0**53), None), (3.0, float("inf"))]


def test_a_single_column_keeps_its_missing_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [None, 1, None, 2, None]})
    write_table(frame, tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").equals(frame)


def test_the_same_table_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        write_table(FRAME, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


@pytest.mark.parametrize("name", ["t", "t.xlsx", "t.parquet.gz", "t.zip", "t.gz", ".csv"])
def test_an_unknown_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReadError, match=r"cannot tell how to write this file; got .*; expected .csv, .tsv, .jsonl,"):
        write_table(FRAME, tmp_path / name)
    assert not list(tmp_path.iterdir())


def refused(path: Path) -> str:
    with pytest.raises(ReadError) as caught:
        write_table(FRAME, path)
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path))


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert refused(tmp_path / "folder.csv") == (
        ": cannot write this file; got it is a folder; remedy: name a file, not a folder"
    )
    assert f"mkdir -p {tmp_path / 'none'}" in refused(tmp_path / "none" / "t.csv")
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refused(tmp_path / "file" / "t.csv")
    assert "choose a shorter name" in refused(tmp_path / f"{'long' * 100}.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "it is a device or a pipe" in refused(tmp_path / "pipe.csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.csv", "pipe.csv"]


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "Permission denied; remedy: choose a path that you may write to" in refused(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "old"


FULL_DISK = """
import resource, sys
import polars as pl
from pofx.data.tables import write_table
from pofx.errors import ReadError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for path in sys.argv[1:]:
    try:
        write_table(pl.DataFrame({"a": range(100_000)}), path)
    except ReadError as error:
        print(error)
"""


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path) -> None:
    paths = [tmp_path / f"t{suffix}" for suffix in KINDS]
    for path in paths:
        path.write_text("old")
    command = [sys.executable, "-c", FULL_DISK, *map(str, paths)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for path, line in zip(paths, lines, strict=True):
        assert line.startswith(f"{path}: cannot write this file; got File too large")
        assert path.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as aside:
        aside.write_text("half")
        raise error


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one\n")
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt):
        write_half(path, KeyboardInterrupt())
    with pytest.raises(ReadError, match="No space left on device; remedy: free some space"):
        write_half(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert path.read_text() == "one\n"
    write_bytes(path, b"two\n")
    assert path.read_bytes() == b"two\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"

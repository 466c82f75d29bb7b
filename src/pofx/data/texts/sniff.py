"""Is this path text to be read as such, and not a table? Names and first bytes only."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from pofx.data.images.folder import walk
from pofx.data.reading.files import PACKED
from pofx.errors import ReadError

SUFFIXES = (".txt", ".text", ".md", ".rst", ".tex", ".log", ".html", ".xml", ".srt")
CODE = (".py", ".c", ".h", ".cpp", ".java", ".js", ".ts", ".go", ".rs", ".r", ".sql", ".sh")
SEPARATORS = ("\t", ",", ";", "|")
LINES = 50  # looked at
LOOKED_AT = 10_000  # files of a folder


def is_texts(path: str | Path) -> bool:
    """Whether `read_texts` is the reader for a path; never raises."""
    path = Path(path).expanduser()
    try:
        if path.is_dir():
            return text_files(path, LOOKED_AT) != []
        return path.is_file() and suffix(path) in (*SUFFIXES, *CODE) and not _like_a_table(path)
    except (OSError, ReadError):
        return False


def suffix(path: Path) -> str:
    """Of what is inside, where a file is packed."""
    return Path(path.stem).suffix.lower() if path.suffix.lower() in PACKED else path.suffix.lower()


def text_files(folder: Path, most: int | None = None) -> list[Path]:
    """The texts below a folder, by name."""
    return sorted(file for file in islice(walk(folder), most) if suffix(file) in (*SUFFIXES, *CODE))


def _like_a_table(path: Path) -> bool:
    """Whether each of the first lines has the same number of fields, or is numbers only."""
    from pofx.data.reading.files import open_source

    head = open_source(path).head[: 1 << 16]
    lines = [line for line in head.decode("utf-8", "replace").splitlines()[:LINES] if line.strip()]
    if len(lines) < 2:
        return False
    if all(_numbers(line) for line in lines[1:]):
        return True
    prose = sum(line.count(", ") for line in lines)  # a comma of a sentence has a blank behind it
    separators = [separator for separator in SEPARATORS if separator != "," or not prose]
    counts = ({line.count(separator) for line in lines} for separator in separators)
    return any(len(count) == 1 and count != {0} for count in counts)


def _numbers(line: str) -> bool:
    for separator in SEPARATORS:
        line = line.replace(separator, " ")
    try:
        return all(float(word) is not None for word in line.split())
    except ValueError:
        return False

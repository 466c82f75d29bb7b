"""Texts from a path, as `Data` in a `Text` space.

    data = read_texts("shakespeare.txt")                  # one stream, in passages of 1,000 bytes
    data = read_texts("reviews/")                         # a folder: each file is a document
    data = read_texts("names.txt", documents="lines")
    data = read_texts("reviews.jsonl", column="body")
    read("shakespeare.txt").notes                         # what was decided on the way, for people

Bytes are kept as they are, line ends too; a byte order mark is left out. UTF-16 is recognised by its mark.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pofx.data.dataset import Data
from pofx.data.reading.files import open_source
from pofx.data.reading.progress import told
from pofx.data.tables import read_table
from pofx.data.texts.cut import documents as as_documents
from pofx.data.texts.cut import stream
from pofx.data.texts.form import Documents
from pofx.data.texts.sniff import text_files
from pofx.errors import ReadError
from pofx.spaces.table import unknown_column
from pofx.training.recorder import SILENT, Recorder

MARK = b"\xef\xbb\xbf"
FEW = 30  # files of a folder, below which they are one text
ITEMS = 500  # lines of one word each, from which on a file is a list and not a text


@dataclass(frozen=True, eq=False)
class ReadTexts:
    """Texts from a path.

    Args:
        data: the texts.
        notes: what was decided on the way that a person may want to know, one line each.
        names: of the files that the documents came from; none where they came from one file.
    """

    data: Data
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()


def read_texts(
    path: str | Path,
    *,
    documents: Documents = "auto",
    column: str | None = None,
    encoding: str = "utf-8",
    recorder: Recorder = SILENT,
) -> Data:
    """The texts of a path. See `read`."""
    return read(path, documents=documents, column=column, encoding=encoding, recorder=recorder).data


def read(
    path: str | Path,
    *,
    documents: Documents = "auto",
    column: str | None = None,
    encoding: str = "utf-8",
    recorder: Recorder = SILENT,
) -> ReadTexts:
    """The texts of a path, and notes on how they were read.

    Args:
        path: a text file, plain or packed; a folder of them; with `column`, a table of any kind.
        documents: what one outcome is: a passage of one long text (`stream`), a whole `file`, or each of the `lines`
            or `paragraphs` of a file; `auto` takes a folder's files whole where they are 30 or more, a file of single
            words by lines, and all else as a stream.
        column: of a table, in which each row is a document.
        encoding: of files that are not UTF-8; `bytes` takes them as they are, whatever they hold.
        recorder: told of progress.

    Raises:
        ReadError: no text, an empty one, or one in another encoding, with the first byte that is wrong.
    """
    if documents not in get_args(Documents):
        raise ReadError("there is no such kind of document", got=documents, expected=", ".join(get_args(Documents)))
    place = Path(path).expanduser()
    if column is not None:
        return _of_column(path, column, encoding)
    if place.is_dir():
        return _of_folder(place, documents, encoding, recorder)
    notes: list[str] = []
    text = _content(place, encoding, notes)
    kind, why = (documents, "") if documents != "auto" else _kind(text)
    if why:
        notes.append(why)
    if kind == "stream":
        return ReadTexts(stream(text, origin=str(path)), tuple(notes))
    return ReadTexts(as_documents(_cut(text, kind), str(path)), tuple(notes))


def _of_folder(folder: Path, documents: Documents, encoding: str, recorder: Recorder) -> ReadTexts:
    files = text_files(folder)
    if not files:
        raise ReadError("there are no texts in this folder", expected=".txt, .md and their like", where=str(folder))
    notes: list[str] = []
    contents = [_content(file, encoding, notes, may_be_empty=True) for file in told(files, "reading texts", recorder)]
    names = tuple(file.relative_to(folder).as_posix() for file in files)
    empty = [name for name, content in zip(names, contents, strict=True) if not content]
    if empty:
        notes.append(f"{len(empty)} of {len(files)} files are empty, such as {empty[0]}: each is an empty document")
    if documents == "auto" and len(files) < FEW:
        notes.append(f"{len(files)} files are too few to be documents, so they are read as one text")
        documents = "stream"
    if documents == "stream":
        return ReadTexts(stream(b"".join(contents), origin=str(folder)), tuple(notes))
    if documents in ("lines", "paragraphs"):
        pieces = [piece for content in contents for piece in _cut(content, documents)]
        return ReadTexts(as_documents(pieces, str(folder)), tuple(notes))
    return ReadTexts(as_documents(contents, str(folder)), tuple(notes), names)


def _of_column(path: str | Path, column: str, encoding: str) -> ReadTexts:
    frame = read_table(path, encoding="utf-8" if encoding == "bytes" else encoding)
    if column not in frame.columns:
        raise unknown_column(column, frame.columns)
    values = frame[column].to_list()
    missing = sum(value is None for value in values)
    texts = [str(value).encode("utf-8", "surrogateescape") for value in values if value is not None]
    notes = (f"{missing} of {len(values)} rows have no text, and are left out",) if missing else ()
    return ReadTexts(as_documents(texts, str(path)), notes)


def _content(file: Path, encoding: str, notes: list[str], *, may_be_empty: bool = False) -> bytes:
    """The bytes of a text file, as UTF-8."""
    if may_be_empty and file.stat().st_size == 0:
        return b""
    source = open_source(file)
    content = source.read()
    if encoding == "bytes":
        return content
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    if content.startswith(MARK):
        content = content.removeprefix(MARK)
        notes.append(f"{file.name}: the byte order mark is left out")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReadError(
            f"this text is not {encoding}",
            got=f"the byte 0x{content[error.start]:02x} at offset {error.start}, line {line}",
            remedy="--encoding latin-1, or whichever it is in; --encoding bytes takes it as it is",
            where=str(file),
        ) from None
    except (UnicodeError, LookupError) as error:
        raise ReadError(
            f"this text is not {encoding}", got=str(error), remedy="try utf-8, latin-1, cp1252", where=str(file)
        ) from None
    return content if codecs.lookup(encoding).name in ("utf-8", "ascii") else text.encode()


def _kind(text: bytes) -> tuple[Documents, str]:
    """A list of words, one a line, or a stream."""
    lines = text[: 1 << 20].split(b"\n")[:-1]
    words = sum(len(line.split()) == 1 for line in lines)
    if len(lines) >= ITEMS and words >= 0.98 * len(lines):
        return "lines", "each line is one word, so each line is a document: --documents stream reads them as one text"
    return "stream", ""


def _cut(text: bytes, kind: Documents) -> Sequence[bytes]:
    """Whole documents of one file; line ends and blank lines between them belong to none."""
    if kind == "file":
        return [text]
    if kind == "lines":
        pieces = text.replace(b"\r\n", b"\n").split(b"\n")
        return pieces[:-1] if pieces[-1] == b"" else pieces
    blocks = (block.strip(b"\r\n") for block in re.split(rb"(?:\r?\n[ \t]*){2,}", text))
    return [block for block in blocks if block]

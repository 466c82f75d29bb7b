"""The recordings below a path, by name and in natural order: of a file, a folder, a zip or a tar.

A packed tar is unpacked to a temporary file first, so that its members can be had in any order; a zip's and a tar's
members are read one at a time.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from pofx.data.images.folder import walk
from pofx.data.images.parts import Notes, of_part
from pofx.data.sounds.door import SUFFIXES
from pofx.data.sounds.sniff import UNREADABLE, Kind, container_of, is_hidden
from pofx.errors import ReadError

Content = Callable[[], Path | bytes]
PACKINGS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


@dataclass(frozen=True)
class Entry:
    """A recording that can be read: its name, for people, and where it lies or what it holds, when asked for."""

    name: str
    content: Content


@contextlib.contextmanager
def entries_of(path: Path, notes: Notes, where: str) -> Iterator[list[Entry]]:
    """The recordings of a path, in natural order; of train/ only where train/ and test/ lie together.

    Raises:
        ReadError: there are none, or the archive is damaged.
    """
    with contextlib.ExitStack() as stack:
        kind = container_of(path)
        if kind is Kind.FILE:
            found: dict[str, Content] = {path.name: lambda: path}
        elif kind is Kind.FOLDER:
            found = {file.relative_to(path).as_posix(): partial(_same, file) for file in walk(path)}
        else:
            found = _packed(path, kind, stack, where)
        yield _chosen(found, kind, notes, where)


def natural(name: str) -> list[list[str | int]]:
    """A key that sorts numbers in names as numbers.

    >>> sorted(["b/1_10.wav", "b/1_9.wav", "a/2.wav"], key=natural)
    ['a/2.wav', 'b/1_9.wav', 'b/1_10.wav']
    """
    parts = [re.split(r"([0-9]+)", part) for part in PurePosixPath(name).parts]
    return [[int(piece) if k % 2 else piece for k, piece in enumerate(part)] for part in parts]


def _same(file: Path) -> Path:
    return file


def _chosen(found: dict[str, Content], kind: Kind, notes: Notes, where: str) -> list[Entry]:
    names = sorted((name for name in found if not is_hidden(name)), key=natural)
    suffixes = {name: PurePosixPath(name).suffix.lower() for name in names}
    sounds = names if kind is Kind.FILE else [name for name in names if suffixes[name] in SUFFIXES]
    if not sounds:
        raise ReadError(
            "there are no recordings in this " + ("folder" if kind is Kind.FOLDER else "archive"),
            got=f"{len(names):,} other files" if names else "no files",
            expected="WAV, FLAC, OGG, Opus, AIFF or MP3",
            where=where,
        )
    others = Counter(suffixes[name] or "no suffix" for name in names if name not in set(sounds))
    if others:
        listed = ", ".join(sorted(others))
        notes.append(f"{others.total():,} other file{'s' * (others.total() > 1)} left out ({listed})")
    return [Entry(name, found[name]) for name in _of_train(sounds, notes, where)]


def _of_train(names: list[str], notes: Notes, where: str) -> list[str]:
    tops = {name: PurePosixPath(name).parts[0] if "/" in name else "" for name in names}
    kept = set(of_part(sorted(set(tops.values())), None, notes, where))
    others = sorted(set(tops.values()) - kept)
    if others:
        notes.append(f"only the training part is read; {' and '.join(others)} left out (name that folder to read it)")
    return [name for name in names if tops[name] in kept]


def _packed(path: Path, kind: Kind, stack: contextlib.ExitStack, where: str) -> dict[str, Content]:
    try:
        if kind is Kind.ZIP:
            archive = stack.enter_context(zipfile.ZipFile(path))
            return {name: partial(archive.read, name) for name in archive.namelist() if not name.endswith("/")}
        tar = stack.enter_context(tarfile.TarFile(fileobj=_plain_tar(path, stack)))
        return {member.name: partial(_of_tar, tar, member) for member in tar.getmembers() if member.isfile()}
    except (*UNREADABLE, zlib.error) as error:
        what = f"this {kind.name.lower()} is damaged or cut short"
        raise ReadError(what, got=str(error), remedy="copy or download it again", where=where) from error


def _plain_tar(path: Path, stack: contextlib.ExitStack) -> IO[bytes]:
    file = stack.enter_context(path.open("rb"))
    head = file.read(8)
    file.seek(0)
    opener = next((opener for mark, opener in PACKINGS if head.startswith(mark)), None)
    if opener is None:
        return file
    plain: IO[bytes] = stack.enter_context(contextlib.closing(tempfile.TemporaryFile()))  # noqa: SIM115
    with opener(file) as packed:
        shutil.copyfileobj(packed, plain, 1 << 20)
    plain.seek(0)
    return plain


def _of_tar(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return b"" if file is None else file.read()

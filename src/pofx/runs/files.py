"""Files that are written whole or not at all.

A file is written aside, in the folder it is meant for, flushed to the disk, and moved into place in one step. Whoever
reads it sees the old file or the new one; a full disk, a missing permission or Ctrl-C leaves the old one as it was and
nothing beside it. What the operating system refuses is one `ReadError` line that names the path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from pofx.errors import ReadError


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`; what is written there takes its place when the block ends without an error.

    Any `OSError` of the block is worded as a failure to write `path`. A symbolic link is followed, and the permissions
    of a file that is replaced are kept.

    Raises:
        ReadError: the path cannot be written; the old file, if there was one, is whole.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as aside:
    ...     _ = aside.write_text("hello")
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.tmp")
    try:
        _create(aside, target)
        yield aside
        _flush(aside)
        os.replace(aside, target)
        _flush_folder(target.parent)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # it has been moved, or was never made
            aside.unlink()


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` as UTF-8, newlines as they are, whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes `content`, whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(content)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it; no harm if it is there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder aside that takes its place, new or empty until then, when all is written."""
    if path.is_dir() and any(path.iterdir()):
        raise ReadError("this folder is not empty", remedy="name a new one, or empty it", where=str(path))
    aside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.tmp")
    try:
        aside.mkdir()
        yield aside
        if path.is_dir():
            path.rmdir()
        os.replace(aside, path)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refused(path: str | Path, error: OSError) -> ReadError:
    """The one line for a path that the operating system would not let be written."""
    folder = Path(path).parent
    remedies = {
        errno.ENOENT: f"make the folder first: mkdir -p {folder}",
        errno.ENOTDIR: f"{folder} is not a folder; choose another path",
        errno.EISDIR: "name a file, not a folder",
        errno.EEXIST: "name a file, not a device",
        errno.ENOSPC: "free some space, or write to another disk",
        errno.EDQUOT: "free some space, or write to another disk",
        errno.ENAMETOOLONG: "choose a shorter name",
    }
    return ReadError(
        "cannot write this file",
        got=error.strerror or str(error),
        remedy=remedies.get(error.errno or 0, "choose a path that you may write to"),
        where=str(path),
    )


def _create(aside: Path, target: Path) -> None:
    """Makes the empty temporary file, with the permissions that the file in place has or would have."""
    mode = _mode(target)
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    if mode is not None:
        os.chmod(aside, mode)


def _mode(target: Path) -> int | None:
    """The permissions of the file to be replaced; None where there is none yet."""
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(found):
        raise FileExistsError(errno.EEXIST, "it is a device or a pipe")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(found)


def _flush(file: Path) -> None:
    with file.open("r+b") as handle:
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Makes the move itself survive a power cut, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

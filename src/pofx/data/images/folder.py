"""Folders and zips of picture files: sub-folders are classes, names give the order."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from pofx.data.images.form import Form, Part
from pofx.data.images.gather import gather
from pofx.data.images.parts import Notes, of_part, part_of
from pofx.data.images.picture import Entry
from pofx.data.images.pillow import SUFFIXES
from pofx.data.images.pixels import Pixels
from pofx.errors import ReadError
from pofx.training.recorder import Recorder


def walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder but hidden ones, links followed once; in no certain order."""
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not _hidden(name)]
        yield from (Path(root) / name for name in files if not _hidden(name))


def read_folder(folder: Path, form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    """All pictures below a folder, by name; the folder that a file lies in is its class."""
    files = {path.relative_to(folder).as_posix(): path for path in walk(folder)}
    entries = {name: Entry(name, path.read_bytes) for name, path in files.items()}
    return _read(entries, form, notes, where, recorder)


def read_zip(path: Path, form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    """The same from an archive, without unpacking it to the disk."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in zip_names(archive) if not any(map(_hidden, name.split("/")))]
            entries = {name: Entry(name, partial(archive.read, name)) for name in names}
            return _read(entries, form, notes, where, recorder)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError) as error:
        raise ReadError("this zip is damaged or cut short", got=str(error), where=where) from error


def zip_names(archive: zipfile.ZipFile) -> list[str]:
    """The files of an archive."""
    return [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _read(entries: dict[str, Entry], form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    ordered = sorted((PurePosixPath(name) for name in entries), key=lambda path: path.parts)
    pictures = [path for path in ordered if path.suffix.lower() in SUFFIXES]
    others = Counter(path.suffix.lower() or "no suffix" for path in ordered if path.suffix.lower() not in SUFFIXES)
    if others:
        kinds = ", ".join(sorted(others))
        notes.append(f"{others.total():,} other file{'s' * (others.total() > 1)} left out ({kinds})")
    pictures, classes = _classes(_of_part(pictures, form.part, notes, where), notes)
    pixels, bits = gather([entries[str(path)] for path in pictures], form, notes, where, recorder)
    return Pixels(pixels, bits, classes, [str(path) for path in pictures])


def _of_part(pictures: list[PurePosixPath], wanted: Part | None, notes: Notes, where: str) -> list[PurePosixPath]:
    """Only those below train/, where every picture lies below train/, test/ or validation/."""
    tops = sorted({path.parts[0] if len(path.parts) > 1 else "" for path in pictures})
    kept = set(of_part(tops, wanted, notes, where))
    return [path for path in pictures if (path.parts[0] if len(path.parts) > 1 else "") in kept]


def _classes(pictures: list[PurePosixPath], notes: list[str]) -> tuple[list[PurePosixPath], list[str] | None]:
    """The folder of each picture below those that all share; None where some lie in no folder of their own."""
    shared = os.path.commonpath([str(path.parent) for path in pictures]) if len(pictures) > 1 else ""
    names = [str(path.parent.relative_to(shared)) if shared else str(path.parent) for path in pictures]
    folders = set(names)
    if folders == {"."}:
        return pictures, _only_class(pictures)
    if "." in folders:
        notes.append("some pictures lie in sub-folders and some do not: folders are not taken for classes")
        return pictures, None
    return pictures, names


def _only_class(pictures: list[PurePosixPath]) -> list[str] | None:
    """The one class of pictures that all lie in one sub-folder."""
    parent = pictures[0].parent.name
    return [parent] * len(pictures) if parent and part_of(parent) is None else None

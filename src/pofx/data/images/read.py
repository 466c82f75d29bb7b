"""Pictures from a path, as `Data` in an `Image` space, with class labels as conditions.

    data = read_images("digits/")                  # a folder; its sub-folders are the classes
    read("digits/", resize=32).notes               # what was decided on the way, for people

Taken: a folder or zip of PNG, JPEG, BMP, GIF, TIFF or WebP files, IDX files (MNIST) with their labels, .npz and .npy,
Parquet of encoded pictures. Values stay uint8 (int32 above 8 bits), as `Image.compact` gives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.data.images.arrays import read_arrays
from pofx.data.images.folder import read_folder, read_zip
from pofx.data.images.form import Background, Channels, Form, Part
from pofx.data.images.idx import read_idx, read_idx_folder
from pofx.data.images.labels import conditions
from pofx.data.images.parquet import read_parquet
from pofx.data.images.parts import Notes, left_out
from pofx.data.images.pixels import Pixels
from pofx.data.images.sniff import Kind, idx_files, kind_of, meant_for, parquet_files, pictures, sets_inside
from pofx.data.reading.files import open_source
from pofx.errors import ReadError
from pofx.spaces.image import Image
from pofx.training.recorder import SILENT, Recorder

Reader = Callable[[Path, Form, Notes, str, Recorder], Pixels]


@dataclass(frozen=True, eq=False)
class ReadImages:
    """Pictures from a path.

    Args:
        data: the pictures, and their classes where there are any.
        notes: what was decided on the way that a person may want to know, one line each.
        names: of the files that the pictures came from; none where they came from one file.
        parts: which of `train`, `test` and `validation` lie there together.
    """

    data: Data
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()
    parts: frozenset[Part] = frozenset()


def read_images(
    path: str | Path,
    *,
    resize: int | tuple[int, int] | None = None,
    channels: Channels | None = None,
    background: Background | None = None,
    first_frame: bool = False,
    part: Part | None = None,
    recorder: Recorder = SILENT,
) -> Data:
    """The pictures of a path. See `read`."""
    changed = read(
        path,
        resize=resize,
        channels=channels,
        background=background,
        first_frame=first_frame,
        part=part,
        recorder=recorder,
    )
    return changed.data


def read(
    path: str | Path,
    *,
    resize: int | tuple[int, int] | None = None,
    channels: Channels | None = None,
    background: Background | None = None,
    first_frame: bool = False,
    part: Part | None = None,
    recorder: Recorder = SILENT,
) -> ReadImages:
    """The pictures of a path, and notes on how they were read.

    Args:
        path: a folder, or an IDX, .npz, .npy, Parquet or zip file.
        resize: height and width for all, or one number for both; pictures are stretched, with averaging.
        channels: `grey` or `colour` for all; None keeps them, and refuses a mixture.
        background: `white` or `black` behind transparent pixels; None refuses them.
        first_frame: the first frame stands for an animation; otherwise it is refused.
        part: `train`, `test` or `validation` where they lie together; None is the training part.
        recorder: told of progress.

    Raises:
        ReadError: no pictures, a broken one, mixed sizes, or what else has no one answer; in one line, with the cure.
        MissingExtra: picture files without Pillow.
    """
    form = Form(_size(resize, str(path)), channels, background, first_frame, part)
    return read_form(path, form, recorder=recorder)


def read_with_test(
    path: str | Path, form: Form, *, recorder: Recorder = SILENT
) -> tuple[ReadImages, ReadImages | None]:
    """Training pictures and, where a test part lies beside them, that."""
    train = _read(path, form, recorder)
    if form.part is not None or not {"train", "test"} <= train.parts:
        return _told(train, form), None
    return train, _read(path, replace(form, part="test"), recorder)


def read_form(path: str | Path, form: Form, *, recorder: Recorder = SILENT) -> ReadImages:
    """Like `read`, with what is asked of it in one piece."""
    return _told(_read(path, form, recorder), form)


def _told(read: ReadImages, form: Form) -> ReadImages:
    """With a note on the parts that were left out without being asked to."""
    return replace(read, notes=(*read.notes, *left_out(read.parts))) if form.part is None else read


def _read(path: str | Path, form: Form, recorder: Recorder) -> ReadImages:
    where, notes = str(path), Notes()
    found = _reader(Path(path).expanduser(), where)(Path(path).expanduser(), form, notes, where, recorder)
    given, given_space = (None, None) if found.labels is None else conditions(found.labels, notes)
    count, height, width = found.pixels.shape[1:]
    space = Image(count, height, width, found.bits)
    if count == 3 and _really_grey(found.pixels):
        notes.append("every pixel is grey, stored as three equal channels: channels='grey' counts each once")
    data = Data(space, _tensor(found.pixels), given=given, given_space=given_space, origin=where)
    return ReadImages(data, tuple(notes), tuple(found.names), notes.parts)


def _reader(path: Path, where: str) -> Reader:
    readers: dict[Kind, Reader] = {
        Kind.FOLDER: read_folder,
        Kind.ZIP: read_zip,
        Kind.IDX: read_idx,
        Kind.IDX_FOLDER: lambda folder, *rest: read_idx_folder(idx_files(folder), *rest),
        Kind.ARRAYS: read_arrays,
        Kind.PARQUET: lambda file, *rest: read_parquet([file], *rest),
        Kind.PARQUET_FOLDER: lambda folder, *rest: read_parquet(parquet_files(folder), *rest),
    }
    kind = kind_of(path)
    if kind is Kind.NONE and path.is_file():
        kind = meant_for(path)
    if kind not in readers:
        raise _no_images(path, kind, where)
    if kind is Kind.FOLDER:
        _refuse_one_among_others(path, where)
    return readers[kind]


def _refuse_one_among_others(folder: Path, where: str) -> None:
    """One picture beside a file of many is their preview, or a sheet of them."""
    beside = sets_inside(folder)
    if beside and len(list(islice(pictures(folder), 2))) == 1:
        raise ReadError(
            "this folder holds one picture and a file of many",
            got=f"{next(pictures(folder)).name} and {beside[0].name}",
            remedy=f"name the file: {beside[0]}",
            where=where,
        )


def _no_images(path: Path, kind: Kind, where: str) -> ReadError:
    if kind is Kind.PICTURE:
        return ReadError(
            "one picture is not a data set",
            expected="many of one size",
            remedy="name the folder that it lies in; cut a sheet of many into files of their own first",
            where=where,
        )
    if not path.exists():
        open_source(path)  # raises, and suggests the nearest name
    inside = sets_inside(path) if path.is_dir() else []
    what = "there are no pictures in this folder" if path.is_dir() else "this file holds no pictures that pofx reads"
    return ReadError(
        what,
        expected="PNG, JPEG, BMP, GIF, TIFF, WebP, IDX, .npz or .npy with [n, H, W], or Parquet of encoded pictures",
        remedy=f"name one of its files: {inside[0]}" if inside else "",
        where=where,
    )


def _size(resize: int | tuple[int, int] | None, where: str) -> tuple[int, int] | None:
    size = (resize, resize) if isinstance(resize, int) else resize
    if size is not None and (tuple(size[:2]) != tuple(size) or min(size) < 1):
        raise ReadError(
            "pictures cannot have this size", got=f"resize={resize}", expected="(height, width)", where=where
        )
    return size


def _tensor(pixels: np.ndarray) -> Tensor:
    """In the type that `Image.compact` gives; copied only where NumPy's memory cannot be used as it lies."""
    plain = np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))
    return torch.from_numpy(plain if plain.flags.writeable else plain.copy())


def _really_grey(pixels: np.ndarray) -> bool:
    return all(bool((one[0] == one[1]).all() and (one[1] == one[2]).all()) for one in pixels)

"""IDX files, as MNIST and its kin come (LeCun, Cortes and Burges 1998): a magic number, sizes, then the values.

The magic number is two zero bytes, a byte for the type and one for the number of dimensions; sizes and values are
big-endian. The labels are looked for beside the pictures: `train-images-idx3-ubyte` has `train-labels-idx1-ubyte`.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from pofx.data.images.arrays import arranged
from pofx.data.images.form import Form
from pofx.data.images.parts import Notes, of_part
from pofx.data.images.pixels import Pixels
from pofx.errors import ReadError
from pofx.training.recorder import Recorder

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def dimensions(head: bytes) -> int:
    """How many dimensions an IDX file has, by its first four bytes; 0 if it is none."""
    marked = len(head) >= 4 and head[:2] == b"\0\0" and head[2] in TYPES
    return head[3] if marked and 1 <= head[3] <= 4 else 0


def read_idx(path: Path, form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    """The pictures of one file, and the labels beside it."""
    of_part([path.name], form.part, notes, where)
    array = _array(path)
    if array.ndim < 3:
        raise ReadError(
            "this file holds labels, not pictures",
            got=f"shape {list(array.shape)}",
            remedy="name the file of images, e.g. " + re.sub("labels(.)idx1", r"images\1idx3", path.name),
            where=where,
        )
    return arranged(array, _labels(path, len(array), notes), form, notes, where, recorder)


def read_idx_folder(files: list[Path], form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    """The pictures of a folder that holds one such file, or one for each part."""
    by_name = {path.name: path for path in sorted(files)}
    names = of_part(list(by_name), form.part, notes, where)
    if len(names) > 1:
        raise ReadError(
            "there are several files of pictures here", got=", ".join(names), remedy="name one of them", where=where
        )
    return read_idx(by_name[names[0]], form, notes, where, recorder)


def _array(path: Path) -> np.ndarray:
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError("this file is damaged or cut short", got=str(error), where=str(path)) from error
    axes = dimensions(content[:4])
    if not axes or len(content) < 4 + 4 * axes:
        raise ReadError("this is not an IDX file", got=f"a file that begins with {content[:4]!r}", where=str(path))
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    kind = np.dtype(TYPES[content[2]])
    expected, found = math.prod(shape) * kind.itemsize, len(content) - 4 - 4 * axes
    if expected != found:
        raise ReadError(
            "this IDX file is cut short" if found < expected else "this IDX file is longer than it says",
            got=f"{found:,} bytes of values",
            expected=f"{expected:,} for the shape {list(shape)}",
            remedy="copy or download it again",
            where=str(path),
        )
    return np.frombuffer(content, kind, offset=4 + 4 * axes).reshape(shape)


def _labels(images: Path, n: int, notes: list[str]) -> list[int] | None:
    named = re.sub(r"idx\d", "idx1", images.name.replace("images", "labels"))
    beside = [images.with_name(name) for name in (named, named + ".gz", named.removesuffix(".gz"))]
    found = next((path for path in beside if path.is_file() and path != images), None)
    if found is None:
        notes.append(f"there are no labels beside {images.name}")
        return None
    labels = _array(found)
    if labels.shape != (n,):
        raise ReadError(
            "the labels are not those of the pictures beside them",
            got=f"shape {list(labels.shape)}",
            expected=f"[{n}], one for each picture of {images.name}",
            where=str(found),
        )
    return [int(label) for label in labels]

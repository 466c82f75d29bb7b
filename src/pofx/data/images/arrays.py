"""Arrays of pictures: NumPy's .npz and .npy, and what an IDX file holds.

Which axis is which: `[n, H, W]` is grey; of four axes, the last holds the channels if it is 1, 3 or 4, else the second
if it is 1 or 3.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from pofx.data.images.depth import whole_numbers, without_alpha
from pofx.data.images.form import Form
from pofx.data.images.gather import Gathering
from pofx.data.images.parts import Notes, of_part, part_of
from pofx.data.images.picture import Picture
from pofx.data.images.pixels import Pixels
from pofx.data.reading.progress import EVERY
from pofx.errors import ReadError
from pofx.spaces.symbolic import Label
from pofx.training.recorder import Recorder

CHANNELS = (1, 3, 4)
LABELS = ("y", "label", "labels", "class", "classes", "target", "targets")


def read_arrays(path: Path, form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    """The pictures of an .npz or .npy, and the labels of the same length beside them."""
    arrays = _load(path, where)
    pictures = [name for name, array in arrays.items() if array.ndim in (3, 4)]
    if not pictures:
        shapes = ", ".join(f"{name or 'array'} {list(array.shape)}" for name, array in arrays.items())
        raise ReadError(
            "there is no array of pictures here",
            got=shapes or "no arrays",
            expected="[n, H, W], [n, H, W, C] or [n, C, H, W]",
            remedy="reshape rows of pixels: x.reshape(-1, height, width)",
            where=where,
        )
    names = of_part(pictures, form.part, notes, where)
    if len(names) > 1:
        raise ReadError(
            "there are several arrays of pictures here",
            got=", ".join(f"{name} {list(arrays[name].shape)}" for name in names),
            remedy="save the one that is meant in a file of its own",
            where=where,
        )
    array = arrays[names[0]]
    return arranged(array, _labels(names[0], arrays, notes), form, notes, where, recorder)


def arranged(
    array: np.ndarray,
    labels: list[Label] | list[int] | None,
    form: Form,
    notes: Notes,
    where: str,
    recorder: Recorder,
) -> Pixels:
    """An array of pictures as uint8 or uint16, recoloured and resized as asked."""
    if array.size == 0:
        raise ReadError("there are no pictures in this array", got=f"shape {list(array.shape)}", where=where)
    pixels = _channels_last(array, where)
    whole, bits = whole_numbers(pixels, notes, where)
    if whole.shape[3] == 4:
        whole = without_alpha(whole, bits, form.background, notes, where)
    kept = {None: whole.shape[3], "grey": 1, "colour": 3}[form.channels]
    if form.size not in (None, whole.shape[1:3]) or kept != whole.shape[3]:
        return Pixels(*_one_by_one(whole, bits, form, notes, where, recorder), labels)
    return Pixels(whole.transpose(0, 3, 1, 2), bits, labels)


def _one_by_one(
    pixels: np.ndarray, bits: int, form: Form, notes: Notes, where: str, recorder: Recorder
) -> tuple[np.ndarray, int]:
    gathering = Gathering(len(pixels), form, where)
    recorder.start("converting pictures", len(pixels))
    for row, one in enumerate(pixels):
        gathering.add(Picture(one, bits), f"row {row + 1}")
        if (row + 1) % EVERY == 0:
            recorder.step(row + 1)
    recorder.finish()
    result = gathering.finish()
    notes.extend(gathering.remarks.lines(len(pixels)))
    return result


def _channels_last(array: np.ndarray, where: str) -> np.ndarray:
    shape = list(array.shape)
    if array.ndim == 3:
        if shape[2] in (3, 4):
            readings = f"one picture {shape} or {shape[0]} grey ones of {shape[1]} x {shape[2]}"
            raise _ambiguous(shape, readings, "save one picture as x[None], grey ones as x[..., None]", where)
        return array[..., None]
    last, first = shape[3] in CHANNELS, shape[1] in (1, 3)
    if last and shape[1] == 3:
        raise _ambiguous(shape, "[n, H, W, C] or [n, C, H, W]", "save the pictures as files", where)
    if last or first:
        return array if last else array.transpose(0, 2, 3, 1)
    raise ReadError(
        "no axis of this array can be the channels",
        got=f"shape {shape}",
        expected="[n, H, W, C] with C of 1, 3 or 4, or [n, C, H, W] with C of 1 or 3",
        where=where,
    )


def _ambiguous(shape: list[int], readings: str, remedy: str, where: str) -> ReadError:
    return ReadError(
        "the shape does not say what it holds",
        got=f"shape {shape}",
        expected=f"it could be {readings}",
        remedy=remedy,
        where=where,
    )


def _labels(pictures: str, arrays: dict[str, np.ndarray], notes: list[str]) -> list[Label] | None:
    """The array of labels: one-dimensional, of the same length and part; by name where several are."""
    n = len(arrays[pictures])
    fitting = {
        name: array.reshape(-1)
        for name, array in arrays.items()
        if name != pictures and array.shape in ((n,), (n, 1)) and array.dtype.kind in "biuUS"
    }
    same_part = [name for name in fitting if part_of(name) == part_of(pictures)]
    named = [name for name in same_part if set(name.lower().split("_")) & set(LABELS)]
    chosen = named or same_part
    if len(chosen) != 1:
        if chosen:
            notes.append(f"several arrays could be labels, so none is: {', '.join(chosen)}")
        return None
    labels: list[Label] = fitting[chosen[0]].astype(str).tolist() if fitting else []
    return labels


def _load(path: Path, where: str) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:  # NumPy itself would leave a damaged archive open
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            return {name: array for name in loaded.files if (array := loaded[name]).ndim}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        if "pickle" in str(error):
            raise ReadError(
                "this file holds pickled Python objects, which pofx never loads, because loading runs code",
                remedy="save plain arrays: numpy.savez(path, x=numpy.asarray(images, dtype='uint8'))",
                where=where,
            ) from error
        raise ReadError("this NumPy file is damaged or cut short", got=str(error), where=where) from error

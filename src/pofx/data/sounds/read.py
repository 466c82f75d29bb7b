"""Sounds from a path, as `Data` in a `Waveform` space, with class labels as conditions.

    read_sounds("digits/")                         # a folder; its sub-folders are the classes
    read("speech.tar.gz", rate=8000).notes         # what was decided on the way, for people

Taken: WAV, FLAC, OGG, Opus, AIFF and MP3; one recording, or a folder, zip or tar of them. Samples stay the whole
numbers that were recorded: int16, above 16 bits int32, one recording after the other (`Data.ends`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pofx.data.dataset import Data
from pofx.data.images.parts import Notes
from pofx.data.reading.files import open_source
from pofx.data.sounds.convert import Wish
from pofx.data.sounds.entries import entries_of
from pofx.data.sounds.gather import gather
from pofx.data.sounds.labels import Labels, check_labels, classes
from pofx.errors import ReadError
from pofx.spaces.waveform import Waveform
from pofx.training.recorder import SILENT, Recorder


@dataclass(frozen=True, eq=False)
class ReadSounds:
    """Sounds from a path.

    Args:
        data: the recordings, and their classes where there are any.
        notes: what was decided on the way that a person may want to know, one line each.
        names: of the files that the recordings came from.
    """

    data: Data
    notes: tuple[str, ...]
    names: tuple[str, ...]


def read_sounds(
    path: str | Path,
    *,
    rate: int | None = None,
    mono: bool = False,
    skip_broken: bool = False,
    labels: Labels | None = "auto",
    recorder: Recorder = SILENT,
) -> Data:
    """The recordings of a path. See `read`."""
    return read(path, rate=rate, mono=mono, skip_broken=skip_broken, labels=labels, recorder=recorder).data


def read(
    path: str | Path,
    *,
    rate: int | None = None,
    mono: bool = False,
    skip_broken: bool = False,
    labels: Labels | None = "auto",
    recorder: Recorder = SILENT,
) -> ReadSounds:
    """The recordings of a path, and notes on how they were read.

    Args:
        path: a recording, or a folder, .zip or .tar[.gz] of recordings.
        rate: moments a second that all are resampled to; None keeps them, and refuses a mixture.
        mono: mixes the channels of each to one; otherwise they are kept, and a mixture refused.
        skip_broken: leaves out what cannot be read or holds nothing; otherwise it is named and refused.
        labels: `folders` takes sub-folders for classes, `names` the first part of LABEL_REST_INDEX, `auto` folders,
            else names; None takes none.
        recorder: told of progress.

    Raises:
        ReadError: no recordings, a broken one, mixed rates, or what else has no one answer; in one line, with the cure.
        MissingExtra: without soundfile.
    """
    where, notes, place = str(path), Notes(), Path(path).expanduser()
    check_labels(labels)
    if rate is not None and rate < 1:
        raise ReadError("there is no such rate", got=f"rate={rate}", expected="at least 1 Hz", where=where)
    if not place.exists():
        open_source(path)  # raises, and suggests the nearest name
    with entries_of(place, notes, where) as entries:
        gathering, values, form = gather(entries, Wish(rate, mono), skip_broken, notes, where, recorder)
    ends = np.asarray(gathering.ends, dtype=np.int64)
    lengths = np.sort(np.diff(ends, prepend=0))
    space = Waveform(form.rate, form.bits, form.channels, int(lengths[(len(lengths) - 1) // 2]))
    given, given_space = classes(gathering.names, labels, notes, where)
    data = Data(space, torch.from_numpy(values), None, given, given_space, where, ends=torch.from_numpy(ends))
    return ReadSounds(data, tuple(notes), tuple(gathering.names))

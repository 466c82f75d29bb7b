"""Writing sounds: one .wav or .flac, or a new folder of numbered WAVs; whole or not at all.

Files have 8, 16 or 24 bits; waves of another depth are made louder to the next, so that full scale stays full scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pofx.data.sounds.door import load_soundfile
from pofx.errors import ReadError
from pofx.runs.files import new_folder, replacing
from pofx.spaces.waveform import Waveform

FORMATS = {".wav": "WAV", ".flac": "FLAC"}


def write_sounds(waves: Any, space: Waveform, out: str | Path) -> None:
    """Writes waves, such as a sample.

    Args:
        waves: what `space.read` takes: arrays as `Model.sample` returns them, or a tensor `[n, longest]`.
        space: what they are.
        out: `name.wav` or `name.flac` for one wave, or a folder that is new or empty.

    Raises:
        ReadError: another suffix, several waves to one file, or a path that cannot be written.
    """
    rows = space.show(space.read(waves))
    target = Path(out)
    kind = FORMATS.get(target.suffix.lower())
    if not rows:
        raise ReadError("there are no sounds to write", where=str(out))
    if kind is not None and not target.is_dir():
        if len(rows) > 1:
            raise ReadError(
                "one file holds one sound",
                got=f"{len(rows):,} sounds",
                remedy=f"name a folder: {target.with_suffix('')}",
                where=str(out),
            )
        with replacing(target) as aside:
            _write(rows[0], space, aside, kind, target)
    elif target.suffix and not target.is_dir():
        raise ReadError(
            "cannot tell how to write sounds here",
            got=f"the suffix {target.suffix!r}",
            expected=".wav, .flac, or a folder",
            where=str(out),
        )
    else:
        digits = len(str(len(rows)))
        with new_folder(target) as folder:
            for k, wave in enumerate(rows):
                _write(wave, space, folder / f"{k + 1:0{digits}}.wav", "WAV", target)


def _write(wave: np.ndarray, space: Waveform, path: Path, kind: str, target: Path) -> None:
    """One wave in a container of its depth; libsndfile takes the upper bits of a wider number."""
    bits = next(bits for bits in (8, 16, 24) if space.bits <= bits)
    subtype = {8: "PCM_U8" if kind == "WAV" else "PCM_S8", 16: "PCM_16", 24: "PCM_24"}[bits]
    full = wave << ((32 if bits == 24 else 16) - space.bits)
    soundfile = load_soundfile()
    try:
        soundfile.write(path, full, space.rate, subtype=subtype, format=kind)
    except (soundfile.SoundFileError, ValueError) as error:
        raise ReadError(
            f"a {kind} file cannot hold this sound",
            got=space.describe(),
            remedy="write a folder or a .wav" if kind == "FLAC" else "",
            where=str(target),
        ) from error

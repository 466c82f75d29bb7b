"""What `pofx demo` shows: data that a package here brings along, or that are made by a formula; nothing is fetched."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import polars as pl

from pofx.data.tables import write_table
from pofx.rng import numpy_generator, split
from pofx.runs.files import make_folder, replacing, write_bytes

RATE = 8000  # moments a second of the tones
TONES = {"low": 110.0, "middle": 165.0, "high": 220.0}  # Hz
EACH, SECONDS = 20, 0.25


def write_tables(folder: Path) -> list[Path]:
    """scikit-learn's wine and diabetes tables."""
    from sklearn import datasets

    wine, diabetes = datasets.load_wine(), datasets.load_diabetes(scaled=False)
    cultivar = pl.Series([str(wine.target_names[k]) for k in wine.target])
    tables = {
        "wine": pl.DataFrame(wine.data, schema=list(wine.feature_names)).with_columns(cultivar=cultivar),
        "diabetes": pl.DataFrame(diabetes.data, schema=list(diabetes.feature_names)).with_columns(
            progression=pl.Series(diabetes.target)
        ),
    }
    for name, frame in tables.items():
        write_table(frame, folder / f"{name}.csv")
    return [folder / f"{name}.csv" for name in tables]


def write_digits(path: Path) -> None:
    """1,797 handwritten digits of 8 x 8 pixels in 17 shades, with their classes."""
    from sklearn import datasets

    digits = datasets.load_digits()
    grey = np.minimum(16 * digits.images, 255).astype(np.uint8)
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, x=grey, y=digits.target)


def write_language(path: Path) -> None:
    """The reference of the Python language, as its help shows it: some 450,000 characters of English prose."""
    from pydoc_data.topics import topics

    write_bytes(path, "\n\n".join(topics[name] for name in sorted(topics)).encode())


def write_tones(folder: Path) -> None:
    """Sixty plucked strings of three pitches, a folder for each pitch (Karplus and Strong 1983)."""
    random = numpy_generator(split(0, "tones"))
    for name, pitch in TONES.items():
        make_folder(folder / name)
        for k in range(EACH):
            write_bytes(folder / name / f"{k:02}.wav", _wav(_plucked(pitch * random.uniform(0.98, 1.02), random)))


def _plucked(pitch: float, random: np.random.Generator) -> np.ndarray:
    """A burst of noise that goes round a loop, averaged a little each time; int16 `[moments]`."""
    loop = random.uniform(-1, 1, round(RATE / pitch))
    out = np.empty(round(RATE * SECONDS))
    for moment in range(len(out)):
        place = moment % len(loop)
        out[moment] = loop[place]
        loop[place] = 0.498 * (loop[place] + loop[(place + 1) % len(loop)])
    return np.round(12_000 * out).astype(np.int16)


def _wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()

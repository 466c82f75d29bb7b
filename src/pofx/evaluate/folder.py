"""A run on a file's rows, written as a run folder: whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shlex
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from pofx.core.store import save
from pofx.errors import ReadError
from pofx.evaluate.evidence import evidence
from pofx.evaluate.experiment import Experiment, Settings, run_experiment
from pofx.evaluate.leaderboard import leaderboard
from pofx.evaluate.shelf import Shelf
from pofx.runs.evidence import Evidence
from pofx.runs.files import write_bytes
from pofx.runs.layout import RunFolder
from pofx.runs.records import ColumnRow, Recipe, Rows, Run, Source
from pofx.training.recorder import Recorder

UNITS = "nats per row"


def fit_to_folder(
    path: Path, frame: pl.DataFrame, notes: Sequence[str], out: Path, settings: Settings, recorder: Recorder
) -> Run:
    """Run on a file's rows and write the run folder; an older run there is replaced only when this one is whole.

    Args:
        path: the file the rows came from.
        frame: its rows.
        notes: what the reader had to say.
        out: the run folder.
    """
    _check_writable(out)
    fingerprint = _fingerprint(frame)
    shelf = Shelf(out.with_name(f".{out.name}.unfinished"), f"{fingerprint} {settings} {versions()}")
    experiment = run_experiment(frame, settings, shelf=shelf, recorder=recorder)
    recorder.start("looking at the chosen model", None)
    rows = leaderboard(experiment)
    found, reference = evidence(
        experiment.chosen.name,
        experiment.model,
        experiment.data.rows(experiment.split.test).values,
        experiment.split.test,
        seed=settings.seed,
    )
    recorder.finish()
    run = Run(
        run=str(out),
        chosen=experiment.chosen.name,
        units=UNITS,
        rows=Rows(
            *(len(part) for part in (experiment.split.train, experiment.split.validation, experiment.split.test))
        ),
        models=tuple(rows),
        columns=tuple(
            ColumnRow(g.name, "left out" if g.space is None else g.space.describe(), g.reason)
            for g in experiment.guesses
        ),
        failed=tuple(experiment.failed),
        source=Source(str(path), frame.height, fingerprint, tuple(notes)),
        recipe=Recipe(
            command(path, out, settings),
            settings.models,
            settings.seed,
            settings.seconds,
            experiment.split_name,
            settings.columns,
            settings.weights,
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )
    _write(out, run, found, experiment, reference)
    shelf.clear()
    return run


def _check_writable(out: Path) -> None:
    """Before an hour of fitting, not after it."""
    if out.exists() and not out.is_dir():
        raise ReadError("the run folder's place is taken by a file", remedy="choose another --out", where=str(out))
    if out.is_dir() and any(out.iterdir()) and not (out / "run.json").exists():
        raise ReadError(
            "the folder is not empty and holds no run", remedy="choose another --out, or empty it", where=str(out)
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadError("the run folder cannot be made", got=str(error), where=str(out)) from None
    if not os.access(out.parent, os.W_OK):
        raise ReadError("the run folder cannot be written", remedy="choose another --out", where=str(out))


def _write(out: Path, run: Run, found: Evidence, experiment: Experiment, reference: np.ndarray) -> None:
    """Write everything aside, then swap folders."""
    aside = RunFolder(out.with_name(f".{out.name}.new"))
    shutil.rmtree(aside.path, ignore_errors=True)
    try:
        (aside.path / "models").mkdir(parents=True)
        for each in experiment.contenders:
            save(each.model, aside.model(each.name))
        write_bytes(aside.path / "surprise.npy", _npy(reference))
        aside.write(found)
        aside.write(run)
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        aside.path.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ReadError("the run cannot be written", got=str(error), where=str(out)) from None
    finally:
        shutil.rmtree(aside.path, ignore_errors=True)


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values.astype(np.float64), allow_pickle=False)
    return buffer.getvalue()


def _fingerprint(frame: pl.DataFrame) -> str:
    digest = hashlib.sha256(json.dumps([(n, str(t)) for n, t in frame.schema.items()]).encode())
    for series in frame.iter_columns():
        if series.dtype == pl.String:
            digest.update(json.dumps(series.to_list()).encode())
        else:
            digest.update(series.is_null().to_numpy().tobytes())
            digest.update(series.to_physical().cast(pl.Float64).fill_null(0.0).to_numpy().tobytes())
    return digest.hexdigest()


def command(path: Path, out: Path, settings: Settings) -> str:
    """The command line that repeats the run."""
    words = ["pofx", "fit", str(path), "--models", ",".join(settings.models), "--seed", str(settings.seed)]
    words += ["--split", settings.split, "--out", str(out)]
    words += [] if settings.seconds is None else ["--time", f"{settings.seconds:g}"]
    words += [] if settings.weights is None else ["--weights", settings.weights]
    for name, space in settings.columns.items():
        words += ["--column", f"{name}={space}"]
    return shlex.join(words)


def versions() -> dict[str, str]:
    """What a rerun would need to be the same."""
    found = {"python": platform.python_version()}
    return found | {name: version(name) for name in ("pofx", "torch", "numpy", "scipy", "polars")}

"""A run on a file's rows, written as a run folder: whole or not at all."""

from __future__ import annotations

import hashlib
import io
import platform
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pofx.core.store import save
from pofx.errors import ReadError
from pofx.evaluate.curves import curves
from pofx.evaluate.evidence import evidence
from pofx.evaluate.experiment import Experiment, run_experiment
from pofx.evaluate.leaderboard import Scored, leaderboard, score_contenders
from pofx.evaluate.looked import Looked
from pofx.evaluate.pictures.evidence import look
from pofx.evaluate.prepared import Prepared
from pofx.evaluate.sequences.evidence import look_at_sequences
from pofx.evaluate.settings import Settings
from pofx.evaluate.shelf import Shelf
from pofx.runs.alone import alone
from pofx.runs.files import make_folder, write_bytes
from pofx.runs.layout import RunFolder
from pofx.runs.records import ColumnRow, Recipe, Rows, Run, Source
from pofx.spaces.sequence import Sequence as Sequences
from pofx.training.recorder import Recorder


def fit_to_folder(
    path: Path, prepared: Prepared, notes: Sequence[str], out: Path, settings: Settings, recorder: Recorder
) -> Run:
    """Run on what a path held and write the run folder; an older run there is replaced only when this one is whole.

    Args:
        path: the file or folder that the rows or pictures came from.
        prepared: what was in it.
        notes: what the reader had to say.
        out: the run folder.
        settings: of the run.
        recorder: told of progress.
    """
    check_writable(out)
    unfinished = out.with_name(f".{out.name}.unfinished")
    with alone(unfinished, str(out)):
        return _fit(path, prepared, notes, out, settings, unfinished, recorder)


def _fit(
    path: Path,
    prepared: Prepared,
    notes: Sequence[str],
    out: Path,
    settings: Settings,
    unfinished: Path,
    recorder: Recorder,
) -> Run:
    fingerprint = _fingerprint(prepared)
    shelf = Shelf(unfinished, f"{fingerprint} {settings} {versions()}")
    experiment = run_experiment(prepared, settings, shelf=shelf, recorder=recorder)
    scored = score_contenders(experiment, recorder)
    looked = _look(experiment, scored, settings, recorder)
    run = Run(
        run=str(out),
        chosen=experiment.chosen.name,
        units=f"nats per {prepared.outcome}",
        rows=Rows(*(len(part) for part in (prepared.split.train, prepared.split.validation, prepared.split.test))),
        models=tuple(leaderboard(scored, prepared.dims)),
        columns=tuple(
            ColumnRow(g.name, "left out" if g.space is None else g.space.describe(), g.reason) for g in prepared.guesses
        ),
        failed=tuple(experiment.failed),
        source=Source(str(path), len(prepared.data), fingerprint, tuple(notes)),
        recipe=Recipe(
            shlex.join(["pofx", "fit", str(path), *settings.words(), "--out", str(out)]),
            settings.models,
            settings.seed,
            settings.seconds,
            prepared.split_name,
            settings.columns,
            settings.weights,
            settings.binarise,
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        dims=prepared.dims,
        dim=prepared.dim,
        outcome=prepared.outcome,
        refitted=prepared.refit,
    )
    _write(out, run, looked, experiment)
    shelf.clear()
    return run


def _look(experiment: Experiment, scored: list[Scored], settings: Settings, recorder: Recorder) -> Looked:
    """The evidence for the report."""
    prepared = experiment.prepared
    if isinstance(prepared.data.space, Sequences):
        return look_at_sequences(experiment, scored, seed=settings.seed, recorder=recorder)
    if prepared.dims is not None:
        return look(experiment, scored, seed=settings.seed, recorder=recorder)
    recorder.start("looking at the chosen model", None)
    found, reference = evidence(
        experiment.chosen.name, experiment.model, experiment.test.values, prepared.split.test, seed=settings.seed
    )
    recorder.finish()
    return Looked(replace(found, curves=curves(experiment.contenders)), reference, {})


def check_writable(out: Path) -> None:
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
    try:  # permissions do not tell all
        tempfile.TemporaryDirectory(prefix=f".{out.name[:80]}.", dir=out.parent).cleanup()
    except OSError as error:
        raise ReadError(
            "the run folder cannot be written",
            got=error.strerror or str(error),
            remedy="choose another --out",
            where=str(out),
        ) from None


def _write(out: Path, run: Run, looked: Looked, experiment: Experiment) -> None:
    """Write everything aside, then swap folders."""
    aside = RunFolder(out.with_name(f".{out.name}.new"))
    shutil.rmtree(aside.path, ignore_errors=True)
    try:
        (aside.path / "models").mkdir(parents=True)
        for each in experiment.contenders:
            save(each.model, aside.model(each.name))
        for file, content in looked.files.items():
            make_folder((aside.path / file).parent)
            write_bytes(aside.path / file, content)
        write_bytes(aside.path / "surprise.npy", _npy(looked.reference))
        aside.write(looked.evidence)
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


def _fingerprint(prepared: Prepared) -> str:
    """SHA-256 of what was read and how it is split: the space, values, weights and conditions, places of test rows."""
    data = prepared.data
    digest = hashlib.sha256(repr(data.space).encode())
    for part in (data.values, data.ends, data.weights, data.given, prepared.split.test, prepared.split.validation):
        digest.update(b"-" if part is None else part.contiguous().numpy().tobytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """What a rerun would need to be the same."""
    found = {"python": platform.python_version()}
    return found | {name: version(name) for name in ("pofx", "torch", "numpy", "scipy", "polars")}

"""What several verbs need of a run: its record, a model, the reference scores; and errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pofx.core.contract import Model
from pofx.core.store import load
from pofx.errors import PofxError, StoreError
from pofx.runs.layout import RunFolder
from pofx.runs.records import Run


def load_run(path: Path, name: str | None) -> tuple[Run, Model, str]:
    """A run's record and its chosen model, or another of its models by name."""
    folder = RunFolder(path)
    record = folder.read()
    chosen = name or record.chosen
    known = [row.name for row in record.models]
    if chosen not in known:
        raise StoreError(f"the run has no model '{chosen}'", expected=", ".join(known), where=str(path))
    return record, load(folder.model(chosen)), chosen


def load_reference(path: Path) -> np.ndarray:
    """Sorted log-probabilities of the chosen model's own samples."""
    file = path / "surprise.npy"
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(
            "the reference scores are damaged or missing", got=str(error)[:100], remedy="fit again", where=str(file)
        ) from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors inside are told with the file's name before the row and column."""
    try:
        yield
    except PofxError as error:
        concerns_rows = not error.where or error.where.startswith(("row ", "column "))
        if not concerns_rows:
            raise  # it names another file, or a folder, already
        where = f"{path}, {error.where}" if error.where else str(path)
        raise type(error)(
            error.what, got=error.got, expected=error.expected, remedy=error.remedy, where=where
        ) from None

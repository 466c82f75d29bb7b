"""What several verbs need of a run: its record, a model, the reference scores; and errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pofx.cli.pictures import as_options
from pofx.core.contract import Model
from pofx.core.store import load
from pofx.errors import PofxError, SpaceError, StoreError
from pofx.runs.layout import RunFolder
from pofx.runs.records import Run

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

    from pofx.cli.console import Console
    from pofx.cli.pictures import FormOptions
    from pofx.spaces.image import Image as ImageSpace


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


def read_pictures(
    path: Path, options: FormOptions, record: Run, space: ImageSpace, console: Console
) -> tuple[pl.DataFrame, Tensor]:
    """Pictures of a run's kind: a frame of their names, and themselves in compact form.

    Those of a run that was binarised are made black and white by the same rule.
    """
    import polars as pl

    from pofx.data.images.read import read_form
    from pofx.evaluate.prepare import binarised
    from pofx.spaces.image import Image

    read = read_form(path, options.form(), recorder=console)
    for note in read.notes:
        console.note(f"note: {note}")
    data = read.data
    if isinstance(data.space, Image) and data.space.bits > 1:
        data = binarised(data, record.recipe.binarise, record.recipe.seed)
    if data.space != space:
        raise SpaceError(
            "these pictures are not of the run's kind",
            got=data.space.describe(),
            expected=space.describe(),
            remedy="--resize and --channels bring them to one form",
        )
    names = list(read.names) or [str(row + 1) for row in range(len(data))]
    return pl.DataFrame({"picture": names}), data.values


def refuse_pictures(path: Path) -> None:
    """For verbs that compare rows of columns: says so of pictures, and of runs on them."""
    from pofx.data.images.sniff import is_images

    of_pictures = RunFolder(path).read().outcome == "picture" if (path / "run.json").exists() else is_images(path)
    if of_pictures:
        raise SpaceError(
            "only tables can be compared",
            got="pictures",
            expected="rows of columns",
            remedy="of pictures, pofx score RUN FOLDER says how probable each is",
            where=str(path),
        )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors inside are told with the file's name before the row and column, unless they name another file already."""
    try:
        yield
    except PofxError as error:
        concerns_rows = not error.where or error.where.startswith(("row ", "column "))
        where = (f"{path}, {error.where}" if error.where else str(path)) if concerns_rows else error.where
        where = str(path / where) if (path / where).is_file() else where  # a picture of a folder
        remedy = as_options(error.remedy)
        raise type(error)(error.what, got=error.got, expected=error.expected, remedy=remedy, where=where) from None

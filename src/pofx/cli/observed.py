"""What `pofx score` scores: rows, pictures, texts or sounds of the run's kind, and how they are named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pofx.cli.pictures import FormOptions
from pofx.cli.sounds import SoundOptions
from pofx.cli.texts import TextOptions
from pofx.errors import PofxError, SpaceError

if TYPE_CHECKING:
    import polars as pl

    from pofx.cli.console import Console
    from pofx.core.contract import Model
    from pofx.data.dataset import Data
    from pofx.runs.records import Run
    from pofx.spaces.text import Text
    from pofx.spaces.waveform import Waveform


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read."""

    pictures: FormOptions
    texts: TextOptions
    sounds: SoundOptions
    encoding: str


@dataclass(frozen=True, eq=False)
class Observed:
    """Outcomes to be scored.

    Args:
        data: in the space of the model.
        frame: a line for each, that scores are added to: the row itself, or a name.
    """

    data: Data
    frame: pl.DataFrame


def observe(path: Path, options: ReadOptions, record: Run, model: Model, console: Console) -> Observed:
    """The outcomes of a path, read as those of the run were."""
    from pofx.cli.reading import refuse_others
    from pofx.data.kind import Kind
    from pofx.spaces.image import Image
    from pofx.spaces.text import Text
    from pofx.spaces.waveform import Waveform

    kinds = {Image: Kind.PICTURES, Text: Kind.TEXTS, Waveform: Kind.SOUNDS}
    kind = kinds.get(type(model.space), Kind.TABLE)
    asked = {
        Kind.PICTURES: options.pictures != FormOptions(),
        Kind.TEXTS: options.texts != TextOptions(),
        Kind.SOUNDS: options.sounds != SoundOptions(),
    }
    refuse_others(kind, [other for other, given in asked.items() if given])
    if isinstance(model.space, Image):
        from pofx.cli.loading import read_pictures
        from pofx.evaluate.scores import as_rows_of

        frame, x = read_pictures(path, options.pictures, record, model.space, console)
        return Observed(as_rows_of(model.space, x), frame)
    if isinstance(model.space, Text):
        return _texts(path, options, model.space, console)
    if isinstance(model.space, Waveform):
        return _sounds(path, options.sounds, model.space, console)
    return _rows(path, options.encoding, model)


def given_texts(texts: list[str], model: Model) -> Observed:
    """Texts from the command line."""
    import polars as pl

    from pofx.evaluate.scores import as_rows_of
    from pofx.spaces.text import Text

    if not isinstance(model.space, Text):
        raise SpaceError("this run is not of texts", got="--text", expected=model.space.describe())
    return Observed(as_rows_of(model.space, model.space.read(texts)), pl.DataFrame({"text": texts}))


def _rows(path: Path, encoding: str, model: Model) -> Observed:
    from pofx.data.dataset import Data
    from pofx.data.tables import read

    frame = read(path, encoding=encoding).frame
    x = model.space.read(frame)
    model.space.check(x)
    return Observed(Data(model.space, x), frame)


def _texts(path: Path, options: ReadOptions, space: Text, console: Console) -> Observed:
    """A stream's file is a stream; in a run of documents each line of a file is one, unless it is asked otherwise."""
    import polars as pl

    from pofx.data.texts.read import read as read_texts

    form = options.texts.form()
    documents = form.documents
    if documents == "auto" and form.column is None:
        documents = "auto" if space.ends and path.is_dir() else "lines" if space.ends else "stream"
    read = read_texts(path, documents=documents, column=form.column, encoding=options.encoding, recorder=console)
    _say(read.notes, console)
    if isinstance(read.data.space, type(space)) and read.data.space.closing != space.closing:
        raise SpaceError(
            "these texts are not of the run's kind",
            got=read.data.space.describe(),
            expected=space.describe(),
            remedy="--documents says what one outcome is",
        )
    names = list(read.names) or [str(row + 1) for row in range(len(read.data))]
    return Observed(_in(read.data, space), pl.DataFrame({"text": names}))


def _sounds(path: Path, options: SoundOptions, space: Waveform, console: Console) -> Observed:
    import polars as pl

    from pofx.data.sounds.read import read as read_sounds

    form = options.form()
    read = read_sounds(path, rate=form.rate, mono=form.mono, skip_broken=form.skip_broken, recorder=console)
    _say(read.notes, console)
    found = read.data.space
    alike = (getattr(found, name, None) == getattr(space, name) for name in ("rate", "bits", "channels"))
    if not all(alike):
        raise SpaceError(
            "these recordings are not of the run's kind",
            got=found.describe(),
            expected=space.describe(),
            remedy="--rate and --mono bring them to one form",
        )
    names = list(read.names) or [str(row + 1) for row in range(len(read.data))]
    return Observed(_in(read.data, space), pl.DataFrame({"recording": names}))


def _in(data: Data, space: Text | Waveform) -> Data:
    """The same rows in the run's space, which draws other lengths."""
    from dataclasses import replace

    return replace(data, space=space)


def _say(notes: tuple[str, ...], console: Console) -> None:
    for note in notes:
        console.note(f"note: {note}")


def refuse_none_or_both(file: Path | None, texts: list[str]) -> None:
    """There is one thing to score."""
    if (file is None) == (not texts):
        raise PofxError(
            "there is nothing to score" if file is None else "score a file or --text, not both",
            expected="pofx score RUN FILE, or pofx score RUN --text '...'",
        )

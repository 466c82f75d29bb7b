"""From a path to what models compete on: whichever reader its kind needs, with the options that are for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pofx.cli.pictures import FormOptions
from pofx.cli.sounds import SoundOptions
from pofx.cli.texts import TextOptions
from pofx.errors import PofxError

if TYPE_CHECKING:
    from pofx.cli.console import Console
    from pofx.data.kind import Kind
    from pofx.evaluate.prepared import Prepared
    from pofx.evaluate.settings import Settings


def prepared(path: Path, settings: Settings, console: Console) -> tuple[Prepared, tuple[str, ...]]:
    """What is to be fitted, and what its reader had to say."""
    from pofx.data.kind import Kind, kind_of

    kind = kind_of(path, settings.text)
    _refuse_others(kind, settings)
    readers = {Kind.PICTURES: _pictures, Kind.SOUNDS: _sounds, Kind.TEXTS: _texts, Kind.TABLE: _rows}
    return readers[kind](path, settings, console)


def _rows(path: Path, settings: Settings, console: Console) -> tuple[Prepared, tuple[str, ...]]:
    from pofx.data.tables import read
    from pofx.evaluate.prepare import prepare_rows

    table = read(path, encoding=settings.encoding)
    return prepare_rows(table.frame, settings), table.notes


def _pictures(path: Path, settings: Settings, console: Console) -> tuple[Prepared, tuple[str, ...]]:
    from pofx.data.images.pillow import load_pillow
    from pofx.data.images.read import read_with_test
    from pofx.evaluate.prepare import prepare_pictures

    load_pillow()  # the report draws pictures: say so now, not after the fits
    train, test = read_with_test(path, settings.form, recorder=console)
    return prepare_pictures(train, test, settings), train.notes


def _texts(path: Path, settings: Settings, console: Console) -> tuple[Prepared, tuple[str, ...]]:
    from pofx.data.texts.read import read as read_texts
    from pofx.evaluate.prepare_sequences import prepare_texts

    form = settings.text
    read = read_texts(path, documents=form.documents, column=form.column, encoding=settings.encoding, recorder=console)
    return prepare_texts(read.data, settings), read.notes


def _sounds(path: Path, settings: Settings, console: Console) -> tuple[Prepared, tuple[str, ...]]:
    from pofx.data.sounds.read import read as read_sounds
    from pofx.evaluate.prepare_sequences import prepare_sounds

    form = settings.sound
    read = read_sounds(path, rate=form.rate, mono=form.mono, skip_broken=form.skip_broken, recorder=console)
    return prepare_sounds(read.data, settings), read.notes


def _refuse_others(kind: Kind, settings: Settings) -> None:
    """An option that is not for this kind would be ignored without a word."""
    from pofx.data.kind import Kind

    asked = {
        Kind.PICTURES: (settings.form, settings.binarise) != (FormOptions().form(), "no"),
        Kind.SOUNDS: settings.sound != SoundOptions().form(),
        Kind.TEXTS: settings.text != TextOptions().form(),
    }
    refuse_others(kind, [other for other, given in asked.items() if given])


NAMES: dict[str, str] = {
    "pictures": "--resize, --channels, --background, --first-frame or --binarise",
    "sounds": "--rate, --mono or --skip-broken",
    "texts": "--documents, --text-column",
}


def refuse_others(kind: Any, asked: list[Any]) -> None:
    """Raises where options of another kind were given."""
    wrong = next((other for other in asked if other is not kind), None)
    if wrong is not None:
        held = "this is a table" if kind.value == "rows" else f"these are {kind.value}"
        raise PofxError(f"{held}, which an option is not for", got=NAMES[wrong.value], expected=wrong.value)

"""What models compete on: values in a space, and which of them are for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pofx.data.dataset import Data
from pofx.data.infer import Guess
from pofx.data.split import Split
from pofx.errors import SpaceError
from pofx.evaluate.settings import Settings
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.sequence import Sequence
from pofx.spaces.text import Text
from pofx.spaces.waveform import Waveform

NAMES: tuple[tuple[Callable[[Space], bool], str, str], ...] = (
    (lambda space: isinstance(space, Image), "picture", "dimension"),
    (lambda space: isinstance(space, Text) and not space.ends, "passage", "byte"),
    (lambda space: isinstance(space, Text), "document", "byte"),
    (lambda space: isinstance(space, Waveform), "recording", "sample"),
    (lambda space: isinstance(space, Sequence), "sequence", "symbol"),
)
"""What an outcome of a space is called, and one of the many values it has."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What models compete on."""

    data: Data
    split: Split
    split_name: str
    guesses: list[Guess]
    """Of a table: what each column was taken for."""
    refit: bool = True
    """Whether models are fitted again to train and validation rows before the test; only those of tables are, as
    elsewhere it would cost half of the time and add a few rows in a hundred."""

    @property
    def outcome(self) -> str:
        """What one outcome is called."""
        return next((name for fits, name, _ in NAMES if fits(self.data.space)), "row")

    @property
    def dim(self) -> str | None:
        """What each of the many values of an outcome is called; None of the rows of a table."""
        return next((dim for fits, _, dim in NAMES if fits(self.data.space)), None)

    @property
    def dims(self) -> float | None:
        """Values of a test outcome, on average; end marks are not counted. None of a table."""
        if self.dim is None:
            return None
        return mean_dims(self.data.rows(self.split.test))


def mean_dims(data: Data) -> float:
    """Values of an outcome, on average; end marks are not counted."""
    closed = isinstance(data.space, Sequence) and data.space.closing is not None
    found = float(data.lengths.double().mean()) - closed
    return found if data.ends is not None else round(found)


def refuse_options_of_tables(settings: Settings, what: str) -> None:
    """Only tables have columns."""
    if settings.split not in ("auto", "random"):
        raise SpaceError(f"{what} have no column to split by", got=f"--split {settings.split}", expected="random")
    if settings.columns or settings.weights is not None:
        raise SpaceError(f"{what} have no columns", remedy="leave --column and --weights out")

"""What a run depends on, besides its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from pofx.data.images.form import Form
from pofx.data.sounds.form import SoundForm
from pofx.data.texts.form import TextForm
from pofx.errors import PofxError

Binarise = Literal["no", "dynamic", "threshold"]


@dataclass(frozen=True)
class Settings:
    """What the user asked for."""

    models: tuple[str, ...] = ("auto",)
    seed: int = 0
    seconds: float | None = None
    split: str = "auto"
    """`auto`, `random`, `time`, `time:COLUMN` or `group:COLUMN`; of pictures `auto` or `random`."""
    columns: dict[str, str] = field(default_factory=dict)
    """Of a table: what a column is, by name."""
    weights: str | None = None
    """Of a table: the column that holds row weights."""
    form: Form = field(default_factory=Form)
    """Of pictures: the one form that they are brought to."""
    binarise: Binarise = "no"
    """Of pictures: black and white by chance, drawn anew for each training step (`dynamic`), or by `threshold`."""

    text: TextForm = field(default_factory=TextForm)
    """Of texts: where they are in files."""
    sound: SoundForm = field(default_factory=SoundForm)
    """Of sounds: the one form that they are brought to."""
    encoding: str = "utf-8"
    """Of text files, tables too."""

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise PofxError("this is no time to fit in", got=f"{self.seconds:g} seconds", expected="0 seconds or more")

    def words(self) -> list[str]:
        """The options of the command line that say the same."""
        words = ["--models", ",".join(self.models), "--seed", str(self.seed), "--split", self.split]
        words += [] if self.seconds is None else ["--time", f"{self.seconds:g}"]
        words += [] if self.weights is None else ["--weights", self.weights]
        for name, space in self.columns.items():
            words += ["--column", f"{name}={space}"]
        words += [] if self.form.size is None else ["--resize", "x".join(map(str, self.form.size))]
        words += [] if self.form.channels is None else ["--channels", self.form.channels]
        words += [] if self.form.background is None else ["--background", self.form.background]
        words += ["--first-frame"] if self.form.first_frame else []
        words += [] if self.text.documents == "auto" else ["--documents", self.text.documents]
        words += [] if self.text.column is None else ["--text-column", self.text.column]
        words += [] if self.sound.rate is None else ["--rate", str(self.sound.rate)]
        words += ["--mono"] if self.sound.mono else []
        words += ["--skip-broken"] if self.sound.skip_broken else []
        words += [] if self.encoding == "utf-8" else ["--encoding", self.encoding]
        return words + ([] if self.binarise == "no" else ["--binarise", self.binarise])

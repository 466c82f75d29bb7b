"""What a fit went through: its losses by step and its validations, also as a file that grows while it runs.

The file is JSON lines, one line a validation, `{"step": 200, "seconds": 1.5, "loss": 5.1, "validation": 5.3,
"learning_rate": 0.0009, "parts": {}}`, written when it is made; after a crash all whole lines can be read. A validation
that was infinite, or was not asked for, is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pofx.errors import ReadError, StoreError
from pofx.runs.files import refused, write_text


@dataclass(frozen=True)
class Check:
    """One validation. Losses are nats a row."""

    step: int
    """Steps finished."""
    seconds: float
    """Since the fit began, pauses between interrupted runs left out."""
    loss: float | None
    """Mean training loss since the check before; None before the first step."""
    validation: float | None
    """Loss on held-out rows, `inf` where it is not finite; None without a validation."""
    learning_rate: float
    """Of the step before; 0 before the first step."""
    parts: dict[str, float] = field(default_factory=dict)
    """The terms of the validation by name, where it was told in terms; it is their sum."""

    @property
    def value(self) -> float | None:
        """What tells a good fit from a bad one: the validation, or else the training loss."""
        return self.loss if self.validation is None else self.validation


@dataclass(frozen=True)
class History:
    """The whole fit."""

    losses: tuple[float, ...]
    """Training loss of each step, nats a row."""
    checks: tuple[Check, ...]
    """The validations in order."""
    seconds: float
    """Training time, over all interrupted runs."""
    stopped: str
    """Why it ended: `all steps done`, `time is up`, `no gain in 5 validations`, `diverged`."""
    best_step: int | None
    """The step whose weights were kept; None where they are those of the last step."""


class HistoryFile:
    """A file of checks; None as the path writes nothing. It begins with `checks`, those of an interrupted run."""

    def __init__(self, path: Path | None, checks: Sequence[Check] = ()) -> None:
        self._path = path
        if path is not None:
            try:
                write_text(path, "".join(map(_line, checks)))
            except ReadError as error:
                raise _refused(error) from None

    def add(self, check: Check) -> None:
        """Appends one line and hands it to the system."""
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(_line(check))
        except OSError as error:
            raise _refused(refused(self._path, error)) from None


def read_history(path: str | Path) -> list[Check]:
    """The checks in a history file; a last line that a crash cut short is left out.

    Raises:
        StoreError: the file cannot be read, or is no history.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        return [check_of(json.loads(line)) for line in lines[:-1]]
    except OSError as error:
        raise StoreError("the history cannot be read", got=error.strerror or "", where=str(path)) from None
    except (ValueError, TypeError) as error:
        raise StoreError("this file is not a history of a fit", got=str(error)[:80], where=str(path)) from None


def check_of(record: dict[str, Any]) -> Check:
    """A check from its JSON record."""
    return Check(**record)


def record_of(check: Check) -> dict[str, Any]:
    """A check as a JSON record, in which an infinite validation is null."""
    record = asdict(check)
    if check.validation is not None and not math.isfinite(check.validation):
        record["validation"], record["parts"] = None, {}
    return record


def _line(check: Check) -> str:
    return json.dumps(record_of(check)) + "\n"


def _refused(error: ReadError) -> StoreError:
    return StoreError("the history cannot be written", got=error.got, remedy=error.remedy, where=error.where)

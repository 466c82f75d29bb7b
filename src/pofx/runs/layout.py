"""Where things lie in a folder of a run or of a comparison, and how the records are read and written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

from pofx.errors import ReadError, StoreError
from pofx.runs.comparison import Comparison
from pofx.runs.evidence import Evidence
from pofx.runs.files import write_text
from pofx.runs.plain import from_json, to_json
from pofx.runs.records import Run

R = TypeVar("R")


class RunFolder:
    """A run folder on disk: `run.json`, `evidence.json`, `models/`, `report.html`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def model(self, name: str) -> Path:
        """The file of a fitted model."""
        return self.path / "models" / f"{name}.safetensors"

    def read(self) -> Run:
        """The run's record; raises `StoreError` where there is none, or it is damaged or newer."""
        return self._read(Run, "run.json")

    def read_evidence(self) -> Evidence:
        """What the report draws."""
        return self._read(Evidence, "evidence.json")

    def write(self, record: Run | Evidence) -> None:
        """Write a record, aside and then moved into place."""
        _write(self.path, "run.json" if isinstance(record, Run) else "evidence.json", record)

    def _read(self, kind: type[R], name: str) -> R:
        return _read(kind, self.path / name, what="run", make="make one: pofx fit FILE", again="fit again")


class ComparisonFolder:
    """A comparison's folder on disk: `comparison.json`, `report.html`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def read(self) -> Comparison:
        """The comparison's record; raises `StoreError` where there is none, or it is damaged or newer."""
        path = self.path / "comparison.json"
        return _read(Comparison, path, what="comparison", make="make one: pofx compare A B", again="compare again")

    def make(self) -> None:
        """Make the folder before the work begins; raises `ReadError` where it cannot be made or written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ReadError("the folder cannot be made", got=str(error), where=str(self.path)) from None
        if not os.access(self.path, os.W_OK):
            raise ReadError("the folder cannot be written", remedy="choose another --out", where=str(self.path))

    def write(self, record: Comparison) -> None:
        """Write the record, aside and then moved into place."""
        _write(self.path, "comparison.json", record)


def dumps(document: Any) -> str:
    """JSON with one document, no NaN, non-ASCII kept."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write(folder: Path, name: str, record: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / name, dumps(to_json(record)))


def _read(kind: type[R], path: Path, *, what: str, make: str, again: str) -> R:
    """A record of `kind`; `what` the folder should be, and the remedies: how to make one, how to repair it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        absent = f"this is not a {what} folder" if path.parent.exists() else f"there is no such {what}"
        raise StoreError(absent, got=f"no {path.name}", remedy=make, where=str(path.parent)) from None
    except (ValueError, OSError) as error:
        raise StoreError("the record is damaged", got=str(error)[:120], remedy=again, where=str(path)) from None
    return from_json(kind, document, str(path), again=again)

"""Where things lie in a run folder, and how its records are read and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pofx.errors import StoreError
from pofx.runs.files import write_text
from pofx.runs.records import Evidence, Run, from_json, to_json

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
        name = "run.json" if isinstance(record, Run) else "evidence.json"
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / name, dumps(to_json(record)))

    def _read(self, kind: type[R], name: str) -> R:
        where = str(self.path / name)
        try:
            document = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise self._absent(name) from None
        except (ValueError, OSError) as error:
            raise StoreError("the record is damaged", got=str(error)[:120], remedy="fit again", where=where) from None
        return from_json(kind, document, where)

    def _absent(self, name: str) -> StoreError:
        what = "this is not a run folder" if self.path.exists() else "there is no such run"
        return StoreError(what, got=f"no {name}", remedy="make one: pofx fit FILE", where=str(self.path))


def dumps(document: Any) -> str:
    """JSON with one document, no NaN, non-ASCII kept."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

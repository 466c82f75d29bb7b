"""Finished models of an unfinished run, kept aside under a key of the data and the recipe: a killed fit resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.store import describe, load, restore, save
from pofx.errors import PofxError
from pofx.runs.files import write_text
from pofx.training.history import Check, check_of, read_history, record_of


@dataclass(frozen=True, eq=False)
class Kept:
    """A model found on the shelf, and the recipe with what was chosen for it."""

    estimator: Estimator
    model: Model
    validation: Tensor
    seconds: float
    checks: tuple[Check, ...] = ()


class Shelf:
    """A folder for one run in progress.

    Args:
        path: the folder; made when the first model is put there.
        key: what the run depends on, as text; models put there under another key are not found.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key

    def find(self, estimator: Estimator) -> Kept | None:
        """The model fitted earlier with the same settings to the same rows, or None."""
        base = self._base(estimator)
        try:
            record = json.loads(base.with_suffix(".json").read_text())
            model = load(base.with_suffix(".safetensors"))
            settled = restore(record["estimator"], {})
        except (OSError, ValueError, KeyError, PofxError):
            return None  # nothing there, or only half of it: fit again
        scores = [-torch.inf if score is None else score for score in record["validation"]]
        checks = tuple(check_of(check) for check in record["checks"])
        return Kept(settled, model, torch.tensor(scores, dtype=torch.float64), record["seconds"], checks)

    def bench(self, estimator: Estimator) -> Path:
        """The folder in which this estimator's fit keeps its checkpoint and history while it is at work."""
        return self._base(estimator).with_suffix(".work")

    def checks(self, estimator: Estimator) -> tuple[Check, ...]:
        """The history that the fit has left there; of several networks that of the first."""
        found = sorted(self.bench(estimator).rglob("history.jsonl"), key=lambda path: (len(path.parts), path))
        return tuple(read_history(found[0])) if found else ()

    def put(
        self,
        estimator: Estimator,
        settled: Estimator,
        model: Model,
        validation: Tensor,
        seconds: float,
        checks: Sequence[Check] = (),
    ) -> None:
        """Keep a finished model; the record comes last, so that half a model is never found."""
        self.path.mkdir(parents=True, exist_ok=True)
        base = self._base(estimator)
        save(model, base.with_suffix(".safetensors"))
        scores = [score if score > -torch.inf else None for score in validation.tolist()]
        told = [record_of(check) for check in checks]
        record = {"validation": scores, "seconds": seconds, "estimator": describe(settled, {}), "checks": told}
        write_text(base.with_suffix(".json"), json.dumps(record))
        shutil.rmtree(self.bench(estimator), ignore_errors=True)

    def clear(self) -> None:
        """The run is finished, or starts afresh."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _base(self, estimator: Estimator) -> Path:
        settings = json.dumps(describe(estimator, {}), sort_keys=True)
        digest = hashlib.sha256(f"{self.key}\n{settings}".encode()).hexdigest()[:16]
        return self.path / f"{estimator.name}-{digest}"

"""Finished models of an unfinished run, kept aside under a key of the data and the recipe: a killed fit resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.store import describe, load, restore, save
from pofx.errors import PofxError
from pofx.runs.files import write_text


@dataclass(frozen=True, eq=False)
class Kept:
    """A model found on the shelf, and the recipe with what was chosen for it."""

    estimator: Estimator
    model: Model
    validation: Tensor
    seconds: float


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
        except (OSError, ValueError, PofxError):
            return None  # nothing there, or only half of it: fit again
        scores = [-torch.inf if score is None else score for score in record["validation"]]
        return Kept(settled, model, torch.tensor(scores, dtype=torch.float64), record["seconds"])

    def put(self, estimator: Estimator, settled: Estimator, model: Model, validation: Tensor, seconds: float) -> None:
        """Keep a finished model; the record comes last, so that half a model is never found."""
        self.path.mkdir(parents=True, exist_ok=True)
        base = self._base(estimator)
        save(model, base.with_suffix(".safetensors"))
        scores = [score if score > -torch.inf else None for score in validation.tolist()]
        record = {"validation": scores, "seconds": seconds, "estimator": describe(settled, {})}
        write_text(base.with_suffix(".json"), json.dumps(record))

    def clear(self) -> None:
        """The run is finished, or starts afresh."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _base(self, estimator: Estimator) -> Path:
        settings = json.dumps(describe(estimator, {}), sort_keys=True)
        digest = hashlib.sha256(f"{self.key}\n{settings}".encode()).hexdigest()[:16]
        return self.path / f"{estimator.name}-{digest}"

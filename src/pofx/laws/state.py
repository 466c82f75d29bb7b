"""Laws 9, 10, 12 and 15: seeds, files, refits, and estimators that are plain values."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.store import describe, load, restore, save
from pofx.laws.subject import Law, Outcome, Subject, score
from pofx.likelihood import Likelihood


def _scores(model: Model, x: Tensor) -> Tensor:
    """Scores where the model has them, else samples."""
    return score(model, x) if model.likelihood is Likelihood.EXACT else model.draw(50, seed=1)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | (torch.isnan(a) & torch.isnan(b))).all())


def global_state() -> list[object]:
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  # looked at, not used
    return [random.getstate(), str(kind), np.asarray(keys).tobytes(), rest, torch.get_rng_state().numpy().tobytes()]


def same_seed(subject: Subject) -> Outcome:
    """Law 9, for a model: sampling and scoring."""
    model = subject.model
    before = global_state()
    first, again, other = model.draw(50, seed=11), model.draw(50, seed=11), model.draw(50, seed=12)
    scores = _same(_scores(model, subject.own), _scores(model, subject.own))
    checks = {
        "the same seed draws the same": _same(first, again),
        "another seed draws something else": not _same(first, other),
        "the same rows get the same scores": scores,
        "the global generators stay as they are": before == global_state(),
    }
    return _verdict(checks)


def same_fit(subject: Subject) -> Outcome:
    """Law 9 for a fit and law 12: what was fitted before, or between, leaves no trace."""
    assert subject.data is not None
    before = global_state()
    half = subject.data.rows(torch.arange(0, len(subject.data), 2))
    subject.fit(half)
    again = subject.fit(subject.data)
    x = subject.all_rows
    checks = {
        "a refit equals the first fit": _same(_scores(again, x), _scores(subject.model, x)),
        "and draws the same": _same(again.draw(50, seed=11), subject.model.draw(50, seed=11)),
        "the global generators stay as they are": before == global_state(),
    }
    return _verdict(checks)


def storage(subject: Subject) -> Outcome:
    """Law 10."""
    model = subject.model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(model, path)
        read = load(path)
    x = subject.all_rows
    checks = {
        "the same scores, bit for bit": _same(_scores(read, x), _scores(model, x)),
        "the same samples, bit for bit": _same(read.draw(50, seed=11), model.draw(50, seed=11)),
        "the same space": read.space == model.space,
        "the same capabilities": read.capabilities == model.capabilities,
        "the same number of parameters": read.free_parameters == model.free_parameters,
    }
    return _verdict(checks)


def plain_values(subject: Subject) -> Outcome:
    """Law 15."""
    estimator = subject.estimator
    assert estimator is not None
    if not is_dataclass(estimator):
        return Outcome(False, f"{type(estimator).__name__} is not a dataclass")
    text = json.dumps(describe(estimator, {}))
    frozen = True
    for field in fields(estimator):
        try:
            setattr(estimator, field.name, getattr(estimator, field.name))
        except FrozenInstanceError:
            continue
        frozen = False
    checks = {
        "fields cannot be set": frozen and type(estimator).__dataclass_params__.frozen,  # type: ignore[attr-defined]
        "equal estimators have equal hashes": hash(estimator) == hash(type(estimator)(**_fields(estimator))),
        "JSON and back gives an equal estimator": restore(json.loads(text), {}) == estimator,
    }
    return _verdict(checks)


def _fields(estimator: object) -> dict[str, object]:
    return {field.name: getattr(estimator, field.name) for field in fields(estimator)}  # type: ignore[arg-type]


def _verdict(checks: dict[str, bool]) -> Outcome:
    wrong = [what for what, holds in checks.items() if not holds]
    return Outcome(not wrong, f"not so: {'; '.join(wrong)}" if wrong else "; ".join(checks))


STATE = (
    Law(9, "seed", "the same seed draws the same, and global generators are not touched", same_seed, alone=True),
    Law(10, "storage", "a model read from its file answers the same, bit for bit", storage, alone=True),
    Law(12, "refit", "a refit equals a fresh fit, and does not touch the global generators", same_fit,
        cases=("normal", "category", "symbols", "wave", "pictures"), once=True),
    Law(15, "value", "estimators are immutable, hashable, and survive JSON", plain_values, once=True),
)  # fmt: skip

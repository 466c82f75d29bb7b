"""`pofx.fit`: the main job in one line of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pofx.core.contract import Model
from pofx.evaluate.experiment import run_experiment
from pofx.evaluate.prepare import prepare
from pofx.evaluate.settings import Settings
from pofx.training.recorder import SILENT, Recorder


def fit(
    values: Any,
    *,
    models: Sequence[str] = ("auto",),
    seed: int = 0,
    seconds: float | None = None,
    split: str = "auto",
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    recorder: Recorder = SILENT,
) -> Model:
    """Fit several models, choose on held-out rows, and return the best, fitted to train and validation rows.

    Args:
        values: a frame of any kind, an array or tensor `[n, d]` or `[n]`; of pictures what `read_images` returns.
        models: names as in `pofx models`; `auto` picks those that suit the columns.
        seed: same seed, same data, same model.
        seconds: time budget for the whole.
        split: `auto` (in time order when there is a date), `random`, `time:COLUMN` or `group:COLUMN`.
        columns: what a column is, e.g. `{"price": "positive", "id": "skip"}`.
        weights: the column that holds row weights.

    Returns:
        A model whose `log_prob` is in nats per row, in the columns' own units; of pictures often only a bound.

    Raises:
        PofxError: in one line, with the cure.
    """
    settings = Settings(tuple(models), seed, seconds, split, dict(columns or {}), weights)
    return run_experiment(prepare(values, settings), settings, recorder=recorder).model

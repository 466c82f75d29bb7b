"""A whole run in memory: infer the columns, split, fit, choose. Under `pofx fit` and `pofx.fit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl
import torch

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.data.frames import to_frame
from pofx.data.infer import Guess, infer, layout_of
from pofx.data.split import Split, split_rows
from pofx.errors import SpaceError
from pofx.evaluate.contest import Contender, choose_models, contest, left_out_by_auto, winner
from pofx.evaluate.shelf import Shelf
from pofx.runs.records import Failure
from pofx.spaces.table import unknown_column
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Recorder


@dataclass(frozen=True)
class Settings:
    """What a run depends on, besides its rows."""

    models: tuple[str, ...] = ("auto",)
    seed: int = 0
    seconds: float | None = None
    split: str = "auto"
    """`auto`, `random`, `time`, `time:COLUMN` or `group:COLUMN`."""
    columns: dict[str, str] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True, eq=False)
class Experiment:
    """A finished run in memory."""

    contenders: list[Contender]
    failed: list[Failure]
    chosen: Contender
    data: Data
    split: Split
    guesses: list[Guess]
    split_name: str

    @property
    def model(self) -> Model:
        """The chosen model."""
        return self.chosen.model


def run_experiment(
    values: Any, settings: Settings, *, shelf: Shelf | None = None, recorder: Recorder = SILENT
) -> Experiment:
    """Infer the columns, split, fit and choose. Test rows are not looked at here."""
    frame, weights = _take_weights(to_frame(values), settings.weights)
    frame, order, split_name = _take_order(frame, settings)
    table, guesses = infer(frame, settings.columns, layout_of(values))
    if order is not None and split_name.startswith("time"):
        reason = "left out: rows are split in its order; --split random keeps it as a column"
        guesses = [Guess(str(order.name), None, reason), *guesses]
    data = Data(table, table.read(frame), weights)
    split = split_rows(
        len(data),
        seed=settings.seed,
        times=order if split_name.startswith("time") else None,
        groups=order if split_name.startswith("group") else None,
    )
    chosen = choose_models(settings.models, data)
    if data.weights is not None:
        chosen = [each for each in chosen if "weights" in each.capabilities or each.name == "stacking"]
    done, failed = contest(
        chosen, data, split, plan=Plan(seconds=settings.seconds), seed=settings.seed, shelf=shelf, recorder=recorder
    )
    failed += left_out_by_auto(settings.models, data)
    return Experiment(done, failed, winner(done), data, split, guesses, split_name)


def _take_weights(frame: pl.DataFrame, name: str | None) -> tuple[pl.DataFrame, torch.Tensor | None]:
    if name is None:
        return frame, None
    if name not in frame.columns:
        raise unknown_column(name, frame.columns)
    return frame.drop(name), torch.tensor(frame[name].cast(pl.Float64).to_numpy(), dtype=torch.float64)


def _take_order(frame: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, pl.Series | None, str]:
    """The column that decides the split, and the frame without it where it only says when."""
    kind, _, name = settings.split.partition(":")
    if kind not in ("auto", "random", "time", "group"):
        raise SpaceError("there is no such split", got=settings.split, expected="random, time[:COLUMN], group:COLUMN")
    if kind == "random":
        return frame, None, "random"
    if name and name not in frame.columns:
        raise unknown_column(name, frame.columns)
    if kind == "group":
        if not name:
            raise SpaceError("a split by group needs a column", expected="--split group:COLUMN")
        return frame, frame[name], f"group:{name}"
    dates = [c for c in frame.columns if frame[c].dtype in (pl.Date, pl.Datetime) and c not in settings.columns]
    if not name and not dates:
        if kind == "time":
            raise SpaceError("no column is a date", remedy="name one: --split time:COLUMN")
        return frame, None, "random"
    name = name or dates[0]
    return frame.drop(name), frame[name], f"time:{name}"

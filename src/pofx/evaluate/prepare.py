"""Rows or pictures as read from somewhere, made ready for a contest: a space, values, and the split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import torch

from pofx.data.dataset import Data
from pofx.data.frames import to_frame
from pofx.data.images.binarise import sampled, threshold
from pofx.data.images.read import ReadImages
from pofx.data.infer import Guess, as_data, infer, layout_of
from pofx.data.split import split_pictures, split_rows
from pofx.errors import SpaceError
from pofx.evaluate.prepare_sequences import prepare_sounds, prepare_texts
from pofx.evaluate.prepared import Prepared, refuse_options_of_tables
from pofx.evaluate.settings import Settings
from pofx.rng import split as split_seed
from pofx.spaces.image import Image
from pofx.spaces.table import Table, unknown_column
from pofx.spaces.waveform import Waveform


def prepare(values: Any, settings: Settings) -> Prepared:
    """Whatever a user hands over in Python: pictures, texts, sounds come as `Data`, a string is a text, else rows."""
    data = as_data(values) if isinstance(values, str | bytes) else values
    if not isinstance(data, Data) or isinstance(data.space, Table):
        return prepare_rows(values, settings)
    if isinstance(data.space, Image):
        return prepare_pictures(ReadImages(data, ()), None, settings)
    return prepare_sounds(data, settings) if isinstance(data.space, Waveform) else prepare_texts(data, settings)


def prepare_rows(values: Any, settings: Settings) -> Prepared:
    """A frame, an array or a tensor of rows: infer the columns, and split."""
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
    return Prepared(data, split, split_name, guesses)


def prepare_pictures(read: ReadImages, test: ReadImages | None, settings: Settings) -> Prepared:
    """Pictures, with the test pictures that lie beside them, where they do."""
    refuse_options_of_tables(settings, "pictures")
    data = read.data
    if test is not None:
        _refuse_others(data, test.data)
        data = replace(data, values=torch.cat([data.values, test.data.values]), given=_joined(data, test.data))
    split = split_pictures(len(read.data), 0 if test is None else len(test.data), seed=settings.seed)
    data = binarised(data, settings.binarise, settings.seed)
    return Prepared(data, split, "random" if test is None else "random, with the test set as it came", [], refit=False)


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


def _refuse_others(train: Data, test: Data) -> None:
    if train.space != test.space:
        raise SpaceError(
            "training and test pictures are not alike",
            got=f"{test.space.describe()} to test",
            expected=train.space.describe(),
            remedy="--resize and --channels make them one",
        )


def binarised(data: Data, rule: str, seed: int) -> Data:
    """Black and white pictures by the rule of a run; as they are where it has none."""
    if rule == "no":
        return data
    if isinstance(data.space, Image) and data.space.bits == 1:
        raise SpaceError("these pictures are black and white already", remedy="leave --binarise out")
    return sampled(data, seed=split_seed(seed, "binarise")) if rule == "dynamic" else threshold(data)


def _joined(train: Data, test: Data) -> torch.Tensor | None:
    """The classes of both parts; None where they are not the same classes."""
    if train.given is None or test.given is None or train.given_space != test.given_space:
        return None
    return torch.cat([train.given, test.given])

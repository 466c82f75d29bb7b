"""`pofx score RUN FILE`: log-probability, surprise and shares per column of each row, or of each picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from pofx.cli.console import Console
from pofx.cli.pictures import FormOptions

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

    from pofx.core.contract import Model
    from pofx.runs.records import Run


@dataclass(frozen=True)
class Options:
    """Score each row of a file, or each picture, under a run's model, in nats and the data's own units."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    file: Annotated[Path, tyro.conf.Positional]
    """The rows or pictures: anything that fit reads; columns in any order."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Write the rows with log_prob, surprise and share_COLUMN added; of pictures their names, with bits_per_dim."""
    model: str | None = None
    """Another model of the run than the chosen one."""
    draws: int | None = None
    """Of a lower bound: importance samples for each row; None is as many as the leaderboard's."""
    encoding: str = "utf-8"
    """Of a text file."""
    pictures: tyro.conf.OmitArgPrefixes[FormOptions] = field(default_factory=FormOptions)
    """How pictures are read."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """n, log_prob (mean), std_error, units, likelihood, draws, bits_per_dim, impossible, model, out."""
    from pofx.cli.loading import load_run, naming
    from pofx.data.tables import write_table
    from pofx.errors import LikelihoodError
    from pofx.evaluate.scores import as_rows_of, mean_score, row_scores
    from pofx.likelihood import Likelihood

    record, model, name = load_run(options.run, options.model)
    if model.likelihood is Likelihood.NONE:
        raise LikelihoodError(f"{name} has no probability", remedy="name another of the run's models: --model")
    row = next(row for row in record.models if row.name == name)
    draws = None if model.likelihood is Likelihood.EXACT else row.draws or 1 if options.draws is None else options.draws
    if draws is not None and draws < 1:
        raise LikelihoodError("a bound needs at least one draw", got=f"--draws {draws}", expected="1 or more")
    with naming(options.file):
        frame, x = _read(options, record, model, console)
        data = as_rows_of(model.space, x)
        scores = row_scores(model, data, draws=draws or 1, seed=record.recipe.seed, recorder=console)
    if options.out is not None:
        reference = _reference(options, record, model, name, draws, console)
        write_table(_with_scores(record, model, frame, x, scores, reference), options.out)
    mean = mean_score(scores)
    bits = None if record.dims is None or mean.value is None else -mean.value / record.dims / math.log(2)
    _tell(options, console, record, name, scores, draws, bits)
    return {
        "n": len(scores),
        "log_prob": mean.value,
        "std_error": mean.std_error,
        "units": record.units,
        "likelihood": model.likelihood.word,
        "draws": draws,
        "bits_per_dim": bits,
        "impossible": mean.impossible,
        "model": name,
        "out": None if options.out is None else str(options.out),
    }


def _read(options: Options, record: Run, model: Model, console: Console) -> tuple[pl.DataFrame, Tensor]:
    """A frame to add the scores to, and the rows or pictures in tensor form."""
    from pofx.cli.loading import read_pictures
    from pofx.data.tables import read
    from pofx.spaces.image import Image

    if isinstance(model.space, Image):
        return read_pictures(options.file, options.pictures, record, model.space, console)
    options.pictures.refuse_table()
    frame = read(options.file, encoding=options.encoding).frame
    x = model.space.read(frame)
    model.space.check(x)
    return frame, x


def _reference(
    options: Options, record: Run, model: Model, name: str, draws: int | None, console: Console
) -> np.ndarray:
    """Scores of the model's own samples, found in the same way as those of the rows."""
    from pofx.cli.loading import load_reference
    from pofx.evaluate.surprise import reference_scores

    if name == record.chosen and options.draws is None:
        return load_reference(options.run)
    return reference_scores(model, seed=record.recipe.seed, bound_draws=draws or 1, recorder=console)


def _with_scores(
    record: Run, model: Model, frame: pl.DataFrame, x: Tensor, scores: np.ndarray, reference: np.ndarray
) -> pl.DataFrame:
    import polars as pl

    from pofx.evaluate.shares import column_shares
    from pofx.evaluate.surprise import surprise
    from pofx.likelihood import Likelihood
    from pofx.spaces.table import Table

    exact = model.likelihood is Likelihood.EXACT
    added = [pl.Series("log_prob" if exact else "log_prob_bound", scores)]
    if record.dims is not None:
        added.append(pl.Series("bits_per_dim", -scores / record.dims / math.log(2)))
    added.append(pl.Series("surprise", surprise(scores, reference)))
    shares = column_shares(model, x) if exact and isinstance(model.space, Table) else None
    if shares is not None and isinstance(model.space, Table):
        added += [pl.Series(f"share_{name}", shares[:, j].numpy()) for j, name in enumerate(model.space.names)]
    return frame.with_columns(added)


def _tell(
    options: Options,
    console: Console,
    record: Run,
    name: str,
    scores: np.ndarray,
    draws: int | None,
    bits: float | None,
) -> None:
    from pofx.evaluate.scores import mean_score

    mean, what = mean_score(scores), f"{record.outcome}s"
    sign = "=" if draws is None else ">="
    if mean.value is None:
        said = f"{mean.impossible} of {len(scores)} {what} have probability zero; the others "
        finite = scores[np.isfinite(scores)]
        said += f"{finite.mean():.4f} nats per {record.outcome}" if len(finite) else "-"
    else:
        error = "" if mean.std_error is None else f" +- {mean.std_error:.4f}"
        said = f"{mean.value:.4f}{error} nats per {record.outcome}"
    if bits is not None:
        said += f" ({'' if draws is None else '<= '}{bits:.4f} bits/dim)"
    drawn = "" if draws is None else f", a lower bound with {draws} draw{'s' * (draws > 1)}"
    console.say(f"{name}: log p {sign} {said}, {len(scores)} {what}{drawn}")
    if options.out is not None:
        console.say(f"written to {options.out}")

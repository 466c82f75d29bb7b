"""`pofx score RUN FILE`: log-probability, surprise and shares per column of each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Score each row of a file under a run's model, in nats and the file's own units."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    file: Annotated[Path, tyro.conf.Positional]
    """The rows: any kind of file that fit reads; columns in any order."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Write the rows with log_prob, surprise and share_COLUMN added."""
    model: str | None = None
    """Another model of the run than the chosen one."""
    encoding: str = "utf-8"
    """Of a text file."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """n, log_prob (mean), std_error, units, likelihood, impossible, model, out."""
    from pofx.cli.loading import load_reference, load_run, naming
    from pofx.data.tables import read, write_table
    from pofx.errors import LikelihoodError
    from pofx.evaluate.scores import mean_score
    from pofx.evaluate.surprise import reference_scores
    from pofx.likelihood import Likelihood

    record, model, name = load_run(options.run, options.model)
    if model.likelihood is not Likelihood.EXACT:
        raise LikelihoodError(f"{name} has no exact probability", remedy="name another of the run's models: --model")
    table = read(options.file, encoding=options.encoding)
    console.start("scoring", None)
    with naming(options.file):
        x = model.space.read(table.frame)
        model.space.check(x)
        scores: np.ndarray = model.log_prob(table.frame)
    if options.out is not None:
        chosen = name == record.chosen
        reference = load_reference(options.run) if chosen else reference_scores(model, seed=record.recipe.seed)
        write_table(_with_scores(model, table.frame, x, scores, reference), options.out)
    console.finish()
    mean = mean_score(scores)
    _tell(options, console, name, scores, mean)
    return {
        "n": len(scores),
        "log_prob": mean.value,
        "std_error": mean.std_error,
        "units": record.units,
        "likelihood": model.likelihood.word,
        "impossible": mean.impossible,
        "model": name,
        "out": None if options.out is None else str(options.out),
    }


def _with_scores(model: Any, frame: Any, x: Any, scores: np.ndarray, reference: np.ndarray) -> Any:
    import polars as pl

    from pofx.evaluate.shares import column_shares
    from pofx.evaluate.surprise import surprise

    added = [pl.Series("log_prob", scores), pl.Series("surprise", surprise(scores, reference))]
    shares = column_shares(model, x)
    if shares is not None:
        added += [pl.Series(f"share_{name}", shares[:, j].numpy()) for j, name in enumerate(model.space.names)]
    return frame.with_columns(added)


def _tell(options: Options, console: Console, name: str, scores: np.ndarray, mean: Any) -> None:
    if mean.value is None:
        said = f"{mean.impossible} of {len(scores)} rows have probability zero; the others "
        finite = scores[np.isfinite(scores)]
        said += f"{finite.mean():.4f} nats per row" if len(finite) else "-"
    else:
        error = "" if mean.std_error is None else f" +- {mean.std_error:.4f}"
        said = f"{mean.value:.4f}{error} nats per row"
    console.say(f"{name}: log p = {said}, {len(scores)} rows")
    if options.out is not None:
        console.say(f"written to {options.out}")

"""`pofx score RUN FILE`: log-probability, surprise and shares per column of each row; of each picture, text, sound."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from pofx.cli.console import Console
from pofx.cli.observed import Observed, ReadOptions, given_texts, observe, refuse_none_or_both
from pofx.cli.pictures import FormOptions
from pofx.cli.sounds import SoundOptions
from pofx.cli.texts import TextOptions

if TYPE_CHECKING:
    import polars as pl

    from pofx.core.contract import Model
    from pofx.evaluate.scores import Mean
    from pofx.runs.records import Run


@dataclass(frozen=True)
class Options:
    """Score each row of a file, or each picture, text or sound, under a run's model, in nats and the data's units."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    file: Annotated[Path | None, tyro.conf.Positional] = None
    """What to score: anything that fit reads; columns in any order."""
    text: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """A text to score, token by token, instead of a file; may be given again."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Write the rows with log_prob, surprise and share_COLUMN added; of others their names, with bits. With --text, a
    .html shows each token's surprise."""
    model: str | None = None
    """Another model of the run than the chosen one."""
    draws: int | None = None
    """Of a lower bound: importance samples for each row; None is as many as the leaderboard's."""
    encoding: str = "utf-8"
    """Of a text file; `bytes` takes a text as it is."""
    pictures: tyro.conf.OmitArgPrefixes[FormOptions] = field(default_factory=FormOptions)
    """How pictures are read."""
    texts: tyro.conf.OmitArgPrefixes[TextOptions] = field(default_factory=TextOptions)
    """How texts are read."""
    sounds: tyro.conf.OmitArgPrefixes[SoundOptions] = field(default_factory=SoundOptions)
    """How sounds are read."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """n, log_prob (mean), std_error, units, likelihood, draws, bits_per_dim (_byte, _sample), impossible, model, out;
    with --text: texts."""
    from pofx.cli.loading import load_run, naming
    from pofx.cli.spelled import spelled, spelled_out
    from pofx.errors import LikelihoodError
    from pofx.evaluate.scores import mean_score, row_scores
    from pofx.likelihood import Likelihood

    refuse_none_or_both(options.file, options.text)
    record, model, name = load_run(options.run, options.model)
    if model.likelihood is Likelihood.NONE:
        raise LikelihoodError(f"{name} has no probability", remedy="name another of the run's models: --model")
    draws = _draws(options, record, model, name)
    with naming(options.file or Path("--text")):
        observed = _observed(options, record, model, console)
        scores = row_scores(model, observed.data, draws=draws or 1, seed=record.recipe.seed, recorder=console)
    dims = _dims(observed, record)
    mean = mean_score(scores)
    bits = None if dims is None or mean.value is None else -float(scores.sum()) / max(dims.sum(), 1) / math.log(2)
    texts = spelled(model, observed.data, scores) if options.text else None
    if texts is not None:
        spelled_out(texts, name, model, options.out, console)
    else:
        _write(options, record, model, name, observed, scores, dims, draws, console)
        _tell(options, console, record, name, scores, mean, draws, bits)
    return {
        "n": len(scores),
        "log_prob": mean.value,
        "std_error": mean.std_error,
        "units": "nats per text" if options.text else record.units,
        "likelihood": model.likelihood.word,
        "draws": draws,
        "bits_per_dim": bits if record.dim in (None, "dimension") else None,
        **({} if record.dim in (None, "dimension") else {f"bits_per_{record.dim}": bits}),
        "impossible": mean.impossible,
        "model": name,
        "out": None if options.out is None else str(options.out),
        **({} if texts is None else {"texts": [text.record() for text in texts]}),
    }


def _draws(options: Options, record: Run, model: Model, name: str) -> int | None:
    from pofx.errors import LikelihoodError
    from pofx.likelihood import Likelihood

    if model.likelihood is Likelihood.EXACT:
        return None
    row = next(row for row in record.models if row.name == name)
    draws = row.draws or 1 if options.draws is None else options.draws
    if draws < 1:
        raise LikelihoodError("a bound needs at least one draw", got=f"--draws {draws}", expected="1 or more")
    return draws


def _observed(options: Options, record: Run, model: Model, console: Console) -> Observed:
    if options.file is None:
        return given_texts(options.text, model)
    reading = ReadOptions(options.pictures, options.texts, options.sounds, options.encoding)
    return observe(options.file, reading, record, model, console)


def _dims(observed: Observed, record: Run) -> np.ndarray | None:
    """Values of each outcome, end marks not counted; None of rows of a table."""
    from pofx.spaces.sequence import Sequence

    if record.dims is None:
        return None
    space = observed.data.space
    closed = isinstance(space, Sequence) and space.closing is not None
    return np.asarray(observed.data.lengths.numpy(), dtype=np.float64) - closed


def _write(
    options: Options,
    record: Run,
    model: Model,
    name: str,
    observed: Observed,
    scores: np.ndarray,
    dims: np.ndarray | None,
    draws: int | None,
    console: Console,
) -> None:
    from pofx.data.tables import write_table
    from pofx.evaluate.surprise import surprise

    if options.out is None:
        return
    reference = _reference(options, record, model, name, draws, console)
    odd = surprise(scores, reference)
    write_table(_with_scores(record, model, observed, scores, dims, odd), options.out)


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
    record: Run, model: Model, observed: Observed, scores: np.ndarray, dims: np.ndarray | None, odd: np.ndarray
) -> pl.DataFrame:
    import polars as pl

    from pofx.evaluate.shares import column_shares
    from pofx.likelihood import Likelihood
    from pofx.spaces.sequence import Sequence
    from pofx.spaces.table import Table

    exact, space = model.likelihood is Likelihood.EXACT, model.space
    added = [pl.Series("log_prob" if exact else "log_prob_bound", scores)]
    if dims is not None:
        short = "dim" if record.dim == "dimension" else record.dim
        added.append(pl.Series(f"bits_per_{short}", -scores / np.maximum(dims, 1) / math.log(2)))
    if isinstance(space, Sequence) and space.closing is None:  # only of the length that samples have
        comparable = np.abs(observed.data.lengths.numpy() - space.length) <= 0.1 * space.length
        added.append(pl.Series("surprise", np.where(comparable, odd, np.nan)).fill_nan(None))
    else:
        added.append(pl.Series("surprise", odd))
    if exact and isinstance(space, Table) and (shares := column_shares(model, observed.data.values)) is not None:
        added += [pl.Series(f"share_{column}", shares[:, j].numpy()) for j, column in enumerate(space.names)]
    return observed.frame.with_columns(added)


def _tell(
    options: Options,
    console: Console,
    record: Run,
    name: str,
    scores: np.ndarray,
    mean: Mean,
    draws: int | None,
    bits: float | None,
) -> None:
    from pofx.cli.fit import bits_word

    what = f"{record.outcome}s"
    sign = "=" if draws is None else ">="
    if mean.value is None:
        said = f"{mean.impossible} of {len(scores)} {what} have probability zero; the others "
        finite = scores[np.isfinite(scores)]
        said += f"{finite.mean():.4f} nats per {record.outcome}" if len(finite) else "-"
    else:
        error = "" if mean.std_error is None else f" +- {mean.std_error:.4f}"
        said = f"{mean.value:.4f}{error} nats per {record.outcome}"
    if bits is not None:
        said += f" ({'' if draws is None else '<= '}{bits:.4f} {bits_word(record)})"
    drawn = "" if draws is None else f", a lower bound with {draws} draw{'s' * (draws > 1)}"
    console.say(f"{name}: log p {sign} {said}, {len(scores)} {what}{drawn}")
    if options.out is not None:
        console.say(f"written to {options.out}")

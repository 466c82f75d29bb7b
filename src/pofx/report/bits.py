"""Scores of a run on pictures in bits per dimension: what an ideal coder needs for each value of each pixel.

Less is better, and the raw levels need as many as they have (8 of a common picture). A lower bound on the
log-probability is an upper one on the bits.
"""

from __future__ import annotations

from pofx.report.text import NONE, decimals_for, number, plus_minus
from pofx.runs.records import ModelRow, Run
from pofx.units import bits, bits_per

PER_NAT = bits(1.0)


def value(run: Run, model: ModelRow) -> float | None:
    """Bits per dimension of a model; None without a mean score, or of a run that has no dimensions."""
    return model.bits_per_dim if model.bits_per_dim is not None else converted(run, model.log_prob)


def converted(run: Run, log_prob: float | None) -> float | None:
    """Nats of a whole picture as bits per dimension."""
    return None if log_prob is None or not run.dims else bits_per(log_prob, run.dims)


def error(run: Run, nats: float | None) -> float | None:
    """A standard error in nats as one in bits per dimension: `error / (dims ln 2)`."""
    return None if nats is None or not run.dims else -bits_per(nats, run.dims)


def places(run: Run) -> int:
    """Decimals for the run's scores."""
    return decimals_for(error(run, model.std_error) for model in run.models)


def score(run: Run, model: ModelRow, decimals: int) -> str:
    """`1.234 ± 0.004`, of a bound `≤ 1.234 ± 0.004`, or nothing."""
    found = value(run, model)
    if found is None:
        return "∞" if model.impossible and model.likelihood == "exact" else NONE
    return bounded(model) + plus_minus(found, error(run, model.std_error), decimals)


def validation(run: Run, model: ModelRow, decimals: int) -> str:
    """The score on the validation rows."""
    found = converted(run, model.validation)
    return NONE if found is None else bounded(model) + number(found, decimals)


def bounded(model: ModelRow) -> str:
    return "≤ " if model.likelihood == "bound" else ""

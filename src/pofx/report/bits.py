"""Scores in bits per dimension, byte or sample: what an ideal coder needs for each value of a pixel, a text, a wave.

Less is better, and raw values need as many as they have (8 of a common picture or a byte, 16 of a common wave). A lower
bound on the log-probability is an upper one on the bits.
"""

from __future__ import annotations

from pofx.report.text import NONE, count, decimals_for, number, plus_minus
from pofx.runs.records import ModelRow, Run
from pofx.units import bits, bits_per

PER_NAT = bits(1.0)


def per(run: Run) -> str:
    """What scores are in: `bits per dimension`, `bits per byte`, `bits per sample`."""
    return f"bits per {run.dim or 'dimension'}"


def values(run: Run) -> str:
    """The values that one outcome has: `784 values`, `1,000 bytes`; a mean where outcomes differ."""
    return count(round(run.dims or 0), "value" if run.dim in (None, "dimension") else run.dim)


def value(run: Run, model: ModelRow) -> float | None:
    """Bits per value of a model; None without a mean score, or of a run that has none."""
    return model.bits_per_dim if model.bits_per_dim is not None else converted(run, model.log_prob)


def converted(run: Run, log_prob: float | None) -> float | None:
    """Nats of a whole outcome as bits per value."""
    return None if log_prob is None or not run.dims else bits_per(log_prob, run.dims)


def error(run: Run, nats: float | None) -> float | None:
    """A standard error in nats as one in bits per value: `error / (dims ln 2)`."""
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

"""The few figures at the top of a run's report."""

from __future__ import annotations

from pofx.report import bits
from pofx.report.text import bounded, count, decimals_for, number, percent
from pofx.report.words import gain, named, parts
from pofx.runs.evidence import Evidence
from pofx.runs.records import ModelRow, Run


def tiles(run: Run, evidence: Evidence) -> list[tuple[str, str, str]]:
    """The few numbers at the top: what, how much, a remark."""
    chosen, better, test = named(run, run.chosen), gain(run), evidence.two_sample
    kind = {"exact": "exact probabilities", "bound": "lower bounds on probabilities", "none": "samples only"}
    found = [("chosen model", run.chosen, kind.get(chosen.likelihood, "") if chosen else "")]
    if chosen is not None and chosen.log_prob is not None:
        found.append(_score_tile(run, chosen, chosen.log_prob))
    if better is not None:
        places = decimals_for([better.error])
        limit = "at most " if better.at_most else ""
        shown = ("≥ " if better.at_least else "") + number(better.value, places, sign=True)
        remark = f"± {limit}{number(better.error, places)} {run.units}"
        found.append((f"gain over independent {parts(run)}", shown, remark))
    if test is not None:
        found.append(("told from its samples", percent(test.accuracy), "of the time; 50% is chance"))
    return found


def _score_tile(run: Run, chosen: ModelRow, log_prob: float) -> tuple[str, str, str]:
    cost = bits.value(run, chosen) if run.dims is not None else None
    if cost is None:
        shown = bounded(chosen) + number(log_prob, decimals_for([chosen.std_error]))
        return "held-out log-probability", shown, _remark(chosen.std_error, run.units)
    places, error = bits.places(run), bits.error(run, chosen.std_error)
    draws = f"; {count(chosen.draws, 'draw')}" if chosen.draws else ""
    remark = "" if error is None else f"± {number(error, places)}"
    return f"held-out {bits.per(run)}", bits.bounded(chosen) + number(cost, places), f"{remark}{draws}".lstrip("; ")


def _remark(error: float | None, units: str) -> str:
    return units if error is None else f"± {number(error, decimals_for([error]))} {units}"

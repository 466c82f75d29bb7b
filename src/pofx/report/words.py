"""What the numbers of a run say, in sentences: the headline, calibration, the classifier, how to cite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePath

from pofx.report import bits
from pofx.report.text import bounded, count, decimals_for, listed, number, p_value, plus_minus, ratio, short
from pofx.runs.evidence import Evidence
from pofx.runs.records import ColumnRow, ModelRow, Run
from pofx.units import bits as to_bits

BASELINE = "independent"
FLAT = 0.01  # a column whose p-value, times the number of columns, is below this departs from flat


_PARTS = {"row": "columns", "picture": "pixels"}


@dataclass(frozen=True)
class Gain:
    """How many nats the chosen model is better than the baseline, on the same rows."""

    value: float
    error: float
    at_most: bool
    """The standard error is an upper limit, as neither model is the best one that differences were taken to."""
    at_least: bool = False
    """The chosen model's score is a lower bound."""

    @property
    def shown(self) -> str:
        return self._shown(("≥ " if self.at_least else "") + number(self.value, decimals_for([self.error]), sign=True))

    @property
    def plain(self) -> str:
        """Without its sign."""
        words = "" if not self.at_least else "at least " if self.value > 0 else "at most "
        return self._shown(words + number(abs(self.value), decimals_for([self.error])))

    def _shown(self, value: str) -> str:
        return f"{value} ± {'at most ' if self.at_most else ''}{number(self.error, decimals_for([self.error]))}"

    @property
    def clear(self) -> bool:
        return abs(self.value) > 2 * self.error


def named(run: Run, name: str) -> ModelRow | None:
    return next((model for model in run.models if model.name == name), None)


def gain(run: Run) -> Gain | None:
    """Paired gain over `independent`; None where the chosen model is it, or either has no mean score."""
    chosen, baseline = named(run, run.chosen), named(run, BASELINE)
    if chosen is None or baseline is None or chosen is baseline or chosen.delta is None or baseline.delta is None:
        return None
    errors = [model.delta_std_error or 0.0 for model in (chosen, baseline)]
    return Gain(chosen.delta - baseline.delta, sum(errors), min(errors) > 0, at_least=chosen.likelihood == "bound")


def headline(run: Run) -> list[str]:
    """One to three sentences: what was fitted, what was chosen, what it gains."""
    rows, name = run.rows, PurePath(run.source.path).name
    total = rows.train + rows.validation + rows.test
    models = f"{len(run.models)} models were" if len(run.models) != 1 else "One model was"
    first = f"{models} fitted to {name}: {count(total, run.outcome)}{_each(run)}."
    return [first, *_chosen(run), *_gained(run)]


def _each(run: Run) -> str:
    if run.outcome == "row":
        return f", {count(_modelled(run), 'column')}"
    if not run.dims:
        return ""
    return f", {bits.values(run)} each" if run.outcome == "picture" else f" of about {bits.values(run)} each"


def parts(run: Run) -> str:
    """What an outcome consists of."""
    return _PARTS.get(run.outcome, f"{run.dim}s" if run.dim else "values")


def left_out(run: Run) -> list[ColumnRow]:
    """The columns that were not modelled."""
    return [column for column in run.columns if column.space == "left out"]


def _modelled(run: Run) -> int:
    return len(run.columns) - len(left_out(run))


def _chosen(run: Run) -> list[str]:
    chosen = named(run, run.chosen)
    if chosen is None:
        return []
    held_out = count(run.rows.test, run.outcome)
    start = f"On the {held_out} held out for the test, the chosen model, {run.chosen},"
    if chosen.log_prob is not None:
        shown = bounded(chosen) + plus_minus(chosen.log_prob, chosen.std_error, decimals_for([chosen.std_error]))
        if run.dims is None:
            return [f"{start} has a mean log-probability of {shown} {run.units}."]
        cost = bits.score(run, chosen, bits.places(run))
        return [f"{start} needs {cost} {bits.per(run)}: a mean log-probability of {shown} {run.units}."]
    if chosen.impossible:
        return [f"{start} gives probability zero to {count(chosen.impossible, run.outcome)}, so it has no mean score."]
    return [f"The chosen model, {run.chosen}, can be sampled, but has no probability to ask for."]


def _gained(run: Run) -> list[str]:
    baseline, better = named(run, BASELINE), gain(run)
    if run.chosen == BASELINE and (_modelled(run) if run.outcome == "row" else run.dims or 0) > 1:
        start = f"No model that links the {parts(run)} did better on the validation {run.outcome}s"
        return [f"{start} than treating them as independent."]
    if better is not None:
        return [_compared(better, run)]
    if baseline is not None and baseline.impossible and run.chosen != BASELINE:
        zero = count(baseline.impossible, f"test {run.outcome}")
        return [f"Independent {parts(run)} give probability zero to {zero}."]
    return []


def _compared(better: Gain, run: Run) -> str:
    other = f"taking the {parts(run)} as independent"
    if not better.clear:
        return f"Against {other} it gains {better.shown} {run.units}, which may be chance."
    than = "better" if better.value > 0 else "worse"
    least = "at least " if better.at_least else ""
    typical = f"{least}{ratio(better.value)} times as probable (e^{number(better.value, 2)})"
    return f"That is {better.plain} {run.units} {than} than {other}: a {run.outcome} is typically {typical}."


def two_sample(evidence: Evidence, outcome: str = "row") -> str:
    """The classifier two-sample test in words."""
    test = evidence.two_sample
    if test is None:
        return f"There were too few held-out {outcome}s to ask a classifier to tell them from samples."
    away = (test.accuracy - 0.5) / test.std_error if test.std_error else math.inf
    verdict = (
        "so it cannot tell them apart"
        if away < 2
        else "so it sees some difference"
        if test.accuracy < 0.65
        else "so it tells them apart with ease: the samples are not yet like the data"
    )
    return (
        f"A classifier ({test.classifier}) was shown {count(test.rows, f'held-out {outcome}')} and as many samples. "
        f"It is right {number(100 * test.accuracy, 1)}% ± {number(100 * test.std_error, 1)}% of the time, "
        f"where 50% is chance, {verdict}. Area under the curve: {number(test.auc, 3)}."
    )


def calibration(evidence: Evidence) -> str:
    """How many columns depart from flat, more often than chance would among so many."""
    tested = [(c.name, c.pit_p_value) for c in evidence.columns if c.pit_p_value is not None]
    if not tested:
        return ""
    worst = sorted((p, name) for name, p in tested if p * len(tested) < FLAT)
    if not worst:
        return f"No column departs from flat by more than chance among {count(len(tested), 'test')} would."
    names = listed((f"{short(name, 40)} ({p_value(p)})" for p, name in worst), 6)
    verb = "departs" if len(worst) == 1 else "depart"
    return f"{len(worst)} of {count(len(tested), 'column')} {verb} from flat: {names}."


def split_of(run: Run) -> str:
    """How the rows were split, in words."""
    kind, _, column = run.recipe.split.partition(":")
    by = f" {short(column, 60)}" if column else ""
    known = {
        "time": f"split in the order of{by or ' time'}",
        "group": f"split by the groups of{by}",
        "in order": "split in the order of the text",
    }
    return known.get(kind, f"{kind} split")


def belongs(run: Run) -> str:
    """What a score of texts or sounds depends on beside the model."""
    start = f"{bits.per(run).capitalize()} are the sum over all {run.outcome}s, divided by their {parts(run)}"
    if run.outcome == "passage":
        return (
            f"{start}, whatever pieces a model reads, so that models with different tokens can be compared. Each "
            "passage is scored without what stood before it: of longer passages a model knows more, and they cost less."
        )
    if run.outcome == "document":
        return (
            f"{start}, whatever pieces a model reads, so that models with different tokens can be compared. The end of "
            "each document is paid for, too, but counts as no byte."
        )
    if run.outcome == "recording":
        return (
            f"{start}. They belong to this rate and this depth: of sounds at another rate, cut, made louder or softer, "
            "or of fewer bits they are another number, and not to be compared."
        )
    return f"{start}."


def citation(run: Run) -> str:
    """A sentence that gives a reader all that is needed to check the number."""
    chosen = named(run, run.chosen)
    version = run.versions.get("pofx", "")
    start = f"{run.chosen} ({' '.join(['pofx', version]).strip()}, seed {run.recipe.seed}, {split_of(run)})"
    rows, name = count(run.rows.test, f"held-out {run.outcome}"), PurePath(run.source.path).name
    where = f"on {rows} of {name} (SHA-256 {run.source.fingerprint[:12]})"
    if chosen is None or chosen.log_prob is None:
        return f"{start}, fitted without a mean held-out score {where}."
    error = chosen.std_error
    nats = plus_minus(chosen.log_prob, error, decimals_for([error]))
    if run.dims is not None:
        draws = f", {count(chosen.draws, 'draw')}" if chosen.draws else ""
        cost = bits.score(run, chosen, bits.places(run))
        return f"{start} scores {cost} {bits.per(run)} ({bounded(chosen)}{nats} {run.units}{draws}) {where}."
    binary = plus_minus(to_bits(chosen.log_prob), None if error is None else to_bits(error), decimals_for([error]))
    return f"{start} scores {bounded(chosen)}{nats} {run.units} ({bounded(chosen)}{binary} bits) {where}."

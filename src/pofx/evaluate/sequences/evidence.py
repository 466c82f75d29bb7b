"""What the models of a run on texts or sounds look like against held-out ones."""

from __future__ import annotations

from pofx.evaluate.experiment import Experiment
from pofx.evaluate.leaderboard import Scored
from pofx.evaluate.looked import Looked, seen
from pofx.evaluate.surprise import reference_scores
from pofx.training.recorder import SILENT, Recorder


def look_at_sequences(
    experiment: Experiment, scored: list[Scored], *, seed: int, recorder: Recorder = SILENT
) -> Looked:
    """Look at the chosen model: its samples, and how probable it finds them beside the test."""
    chosen = next(each for each in scored if each.contender is experiment.chosen)
    recorder.start("drawing from the chosen model", None)
    reference = reference_scores(experiment.model, seed=seed, bound_draws=chosen.draws or 1, recorder=recorder)
    recorder.finish()
    return Looked(seen(experiment, chosen.scores, reference), reference, {})

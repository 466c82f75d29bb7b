"""What the models of a run on texts or sounds look like against held-out ones."""

from __future__ import annotations

from dataclasses import replace

from pofx.evaluate.experiment import Experiment
from pofx.evaluate.leaderboard import Scored
from pofx.evaluate.looked import Looked, seen
from pofx.evaluate.sequences.sounds import look_at_sounds
from pofx.evaluate.sequences.texts import look_at_texts
from pofx.evaluate.surprise import reference_scores
from pofx.spaces.text import Text
from pofx.spaces.waveform import Waveform
from pofx.training.recorder import SILENT, Recorder


def look_at_sequences(
    experiment: Experiment, scored: list[Scored], *, seed: int, recorder: Recorder = SILENT
) -> Looked:
    """Look at the chosen model: its samples, how probable it finds them beside the test, and what surprises it."""
    chosen = next(each for each in scored if each.contender is experiment.chosen)
    recorder.start("drawing from the chosen model", None)
    reference = reference_scores(experiment.model, seed=seed, bound_draws=chosen.draws or 1, recorder=recorder)
    recorder.finish()
    evidence, space = seen(experiment, chosen.scores, reference), experiment.prepared.data.space
    if isinstance(space, Text):
        texts = look_at_texts(experiment, scored, seed=seed, recorder=recorder)
        return Looked(replace(evidence, texts=texts), reference, {})
    if isinstance(space, Waveform):
        sounds, files = look_at_sounds(experiment, scored, seed=seed, recorder=recorder)
        return Looked(replace(evidence, sounds=(sounds,)), reference, files)
    return Looked(evidence, reference, {})

"""Which models are shown, and which held-out sequences: a typical one, the least and the most probable."""

from __future__ import annotations

import numpy as np

from pofx.evaluate.experiment import Experiment
from pofx.evaluate.leaderboard import Scored

PARTS = "parts"


def shown_models(experiment: Experiment, scored: list[Scored], most: int) -> list[Scored]:
    """The chosen model, then the best others that say which values surprise them; `most` in all."""
    chosen = [each for each in scored if each.contender is experiment.chosen]
    others = [each for each in scored if each.contender is not experiment.chosen and has_parts(each)]
    return (chosen + others)[:most]


def has_parts(scored: Scored) -> bool:
    """Whether the model says what each value adds to its score."""
    return PARTS in scored.contender.model.capabilities and len(scored.scores) > 0


def picked(scores: np.ndarray, lengths: np.ndarray) -> dict[str, int]:
    """A typical sequence, the least and the most probable one, by the mean score of a value.

    Args:
        scores: of each sequence, `[n]`, nats; may be minus infinity.
        lengths: values of each, `[n]`.

    >>> picked(np.array([-9.0, -1.0, -5.0, -6.0]), np.ones(4))
    {'typical': 2, 'least probable': 0, 'most probable': 1}
    """
    order = np.argsort(scores / np.maximum(lengths, 1), kind="stable")
    found: dict[str, int] = {}
    for what, place in (("typical", len(order) // 2), ("least probable", 0), ("most probable", len(order) - 1)):
        if len(order) and int(order[place]) not in found.values():
            found[what] = int(order[place])
    return found

"""What looking at the models of a run gave, and the part of it that all kinds of outcomes share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pofx.evaluate.calibration import flatness
from pofx.evaluate.curves import curves
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.histograms import score_edges, shares
from pofx.evaluate.surprise import surprise
from pofx.runs.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Looked:
    """What looking at the models gave."""

    evidence: Evidence
    reference: np.ndarray
    """Sorted scores of the chosen model's own samples; empty without a likelihood."""
    files: dict[str, bytes]
    """Files of the run folder: pictures, sounds."""


def seen(experiment: Experiment, scores: np.ndarray, reference: np.ndarray) -> Evidence:
    """How the chosen model's scores of test outcomes and of its own samples compare; how the fits went.

    Args:
        experiment: the run.
        scores: of the test, `[n_test]`.
        reference: sorted scores of samples.
    """
    edges = score_edges(scores, reference)
    return Evidence(
        model=experiment.chosen.name,
        columns=(),
        pairs=(),
        surprise=flatness(surprise(scores, reference))[0] if len(reference) else (),
        score_edges=tuple(edges.tolist()),
        score_test=shares(scores, edges),
        score_samples=shares(reference, edges),
        odd=(),
        two_sample=None,
        curves=curves(experiment.contenders),
    )

"""What the report of a run draws, as plain records without torch: `evidence.json` of the run folder.

Columns and pairs are of tables, `pictures` of pictures, `texts` and `sounds` of these; curves are of whatever was
trained by gradients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pofx.runs.pictures import PictureEvidence, Sheet
from pofx.runs.plain import FORMAT
from pofx.runs.sequences import SoundEvidence, TextEvidence


@dataclass(frozen=True)
class ColumnEvidence:
    """One column of the held-out rows against the chosen model's samples.

    For `kind` "continuous" and "counts": `edges` has one more entry than `data` and `samples`, which are shares of all
    rows in each bin. For "category": `labels` names the bars. The shares of missing values and atoms stand apart.
    """

    name: str
    kind: str
    """`continuous`, `counts` or `category`."""
    data: tuple[float, ...]
    samples: tuple[float, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    log_scale: bool = False
    """Edges are evenly spaced on a log scale."""
    is_date: bool = False
    """Edges are days since 1970-01-01."""
    special: dict[str, tuple[float, float]] = field(default_factory=dict)
    """`missing` or an atom's value, to its shares of the data and of the samples."""
    pit: tuple[float, ...] = ()
    """Share of held-out rows in each tenth or twentieth of the model's distribution of this column: flat if right."""
    pit_p_value: float | None = None


@dataclass(frozen=True)
class PairEvidence:
    """Two columns: held-out rows, samples, and the model's density on a grid where it has an exact marginal."""

    x: str
    y: str
    data: tuple[tuple[float, float], ...]
    samples: tuple[tuple[float, float], ...]
    grid_x: tuple[float, ...] = ()
    grid_y: tuple[float, ...] = ()
    log_density: tuple[tuple[float | None, ...], ...] = ()
    """`[len(grid_y)][len(grid_x)]`, nats; null is minus infinity."""


@dataclass(frozen=True)
class OddRow:
    """A held-out row that the model finds improbable, and which columns make it so."""

    row: int
    """Row of the data, from 1, as in the file without its header."""
    log_prob: float | None
    surprise: float
    """Share of the model's own samples that are at most as probable."""
    values: dict[str, Any]
    shares: dict[str, float]
    """Each column's share of log_prob, nats; they add up to it."""
    excess: dict[str, float]
    """Share minus the mean share of the test rows: the most negative column makes the row odd."""


@dataclass(frozen=True)
class TwoSample:
    """A classifier told samples from held-out rows apart this well: 0.5 is chance."""

    accuracy: float
    std_error: float
    auc: float
    rows: int
    classifier: str


@dataclass(frozen=True)
class Curve:
    """How a model was trained by gradients, on the rows it was chosen by; smaller is better.

    Losses are what training made small: nats a picture; of tables nats a row of the columns as the model sees them,
    which differ from the score by a constant; of an autoencoder the squared error of standardised values.
    """

    model: str
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    training: tuple[float | None, ...]
    """Mean training loss since the validation before."""
    validation: tuple[float | None, ...]
    parts: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    """The terms of the validation by name, which add up to it: `reconstruction` and `prior` of a VAE."""


@dataclass(frozen=True)
class Evidence:
    """What the report draws: `evidence.json`."""

    model: str
    columns: tuple[ColumnEvidence, ...]
    pairs: tuple[PairEvidence, ...]
    surprise: tuple[float, ...]
    """Share of held-out rows in each twentieth of the surprise p-value: flat if the model is right."""
    score_edges: tuple[float, ...]
    """Bin edges of log_prob, nats."""
    score_test: tuple[float, ...]
    score_samples: tuple[float, ...]
    odd: tuple[OddRow, ...]
    two_sample: TwoSample | None = None
    curves: tuple[Curve, ...] = ()
    """Of every model that was trained by gradients."""
    pictures: tuple[PictureEvidence, ...] = ()
    """Of every model of a run on pictures; `columns` and `pairs` are then empty."""
    truth: Sheet | None = None
    """Some of the training pictures."""
    texts: tuple[TextEvidence, ...] = ()
    """Of the chosen model of a run on texts first, then of the best other one; `columns` and `pairs` are then empty."""
    sounds: tuple[SoundEvidence, ...] = ()
    """Of the chosen model of a run on sounds."""
    format: int = FORMAT

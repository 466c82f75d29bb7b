"""What a run folder says, as plain records: JSON in, JSON out, without torch. The keys are documented and stable.

A run folder holds `run.json` (a `Run`), `evidence.json` (an `Evidence`), `models/NAME.safetensors` and `report.html`.
A number that does not exist is null; a log-probability of minus infinity is counted under `impossible` instead.
"""

from __future__ import annotations

import types
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pofx.errors import StoreError

FORMAT = 1


@dataclass(frozen=True)
class ModelRow:
    """One line of the leaderboard."""

    name: str
    likelihood: str
    """`exact`, `bound` or `none`."""
    log_prob: float | None
    """Mean over the test rows, in the run's units; null without a likelihood or with impossible rows."""
    std_error: float | None
    delta: float | None
    """Mean paired difference to the best model on the test rows, <= 0."""
    delta_std_error: float | None
    seconds: float
    parameters: int
    validation: float | None = None
    """Mean over the validation rows, on which the choice is made."""
    impossible: int = 0
    """Test rows with probability zero."""
    bits_per_dim: float | None = None
    """Of pictures: `-log_prob / (dims log 2)`, bits for each value of each pixel; a bound from above where log_prob is."""
    draws: int | None = None
    """Of a bound: how many importance samples log_prob was estimated with."""
    capabilities: tuple[str, ...] = ()
    estimator: dict[str, Any] = field(default_factory=dict)
    """The recipe: the estimator as JSON."""


@dataclass(frozen=True)
class ColumnRow:
    """What a column was taken for, and why."""

    name: str
    space: str
    reason: str


@dataclass(frozen=True)
class Failure:
    """A model that could not be fitted, and why; the others went on."""

    name: str
    reason: str


@dataclass(frozen=True)
class Rows:
    """How many rows each part has."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Source:
    """Where the rows came from."""

    path: str
    rows: int
    fingerprint: str
    """SHA-256 of the values, so that a rerun can tell whether they changed."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Everything needed to do the same again."""

    command: str
    """The command line that repeats the run."""
    models: tuple[str, ...]
    seed: int
    seconds: float | None
    split: str
    """`random`, `time:COLUMN` or `group:COLUMN`."""
    columns: dict[str, str]
    """Overrides, column to space."""
    weights: str | None = None


@dataclass(frozen=True)
class Run:
    """A whole run: `run.json`, and what `pofx fit --json` prints."""

    run: str
    """The folder."""
    chosen: str
    """The model with the best validation score."""
    units: str
    rows: Rows
    models: tuple[ModelRow, ...]
    columns: tuple[ColumnRow, ...]
    failed: tuple[Failure, ...]
    source: Source
    recipe: Recipe
    created: str
    """UTC, ISO 8601."""
    versions: dict[str, str]
    dims: int | None = None
    """Of pictures: how many values one has."""
    outcome: str = "row"
    """What one outcome is called: `row` or `picture`."""
    format: int = FORMAT


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
    """How a model was trained by gradients, on the rows it was chosen by. Losses are nats a row, smaller is better."""

    model: str
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    training: tuple[float | None, ...]
    """Mean training loss since the validation before."""
    validation: tuple[float | None, ...]
    parts: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    """The terms of the validation by name, which add up to it: `reconstruction` and `prior` of a VAE."""


@dataclass(frozen=True)
class Bound:
    """A lower bound of the mean log-probability with so many importance samples, nats."""

    draws: int
    rows: int
    """Held-out rows it is a mean of: the first ones."""
    log_prob: float
    std_error: float | None


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows and columns, as a PNG file of the run folder."""

    file: str
    """Path inside the run folder: `pictures/vae-samples.png`."""
    rows: int
    columns: int
    width: int
    """Of the whole sheet, in its own pixels."""
    height: int
    captions: tuple[str, ...] = ()
    """One a picture, row by row; or none."""


@dataclass(frozen=True)
class LatentMap:
    """Codes of held-out pictures in the plane of the two directions that carry most."""

    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    """The class of each point; empty where there are no classes."""
    axes: tuple[str, str]
    """What the two directions are: `latent number 7`, or `direction 1 of 40`."""
    share: float | None = None
    """Share of the codes' variance that lies in this plane."""


@dataclass(frozen=True)
class Memory:
    """Whether samples are copies: squared distances to the nearest training picture, of samples and held-out ones."""

    nearer: float
    """Share of pairs in which the sample lies nearer to training than the held-out picture does: 1/2 if no copies."""
    std_error: float
    samples: int
    training: int
    """Training pictures looked through."""


@dataclass(frozen=True)
class PictureEvidence:
    """What one model makes of pictures."""

    model: str
    samples: Sheet
    neighbours: Sheet | None = None
    """Two rows: samples, and under each the nearest training picture."""
    memory: Memory | None = None
    reconstructions: Sheet | None = None
    """Two rows: held-out pictures, and under each what comes back from its code."""
    error: float | None = None
    """Root mean squared error of the reconstructions, in the pictures' own levels."""
    walk: Sheet | None = None
    """Pictures decoded from a grid of codes in the plane of the map; or from lines between two codes."""
    latent: LatentMap | None = None
    use: tuple[float, ...] = ()
    """Mean KL of each latent number, nats: near 0 it carries nothing."""
    bounds: tuple[Bound, ...] = ()
    odd: Sheet | None = None
    """The least probable held-out pictures, captions saying bits per dimension."""


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
    format: int = FORMAT


T = TypeVar("T")


def to_json(record: Any) -> dict[str, Any]:
    """A record as plain JSON values."""
    document: dict[str, Any] = asdict(record)
    return document


def from_json(kind: type[T], document: Any, where: str, *, again: str = "fit again") -> T:
    """A record from plain JSON values; a document of another shape raises `StoreError`, with `again` as its remedy."""
    try:
        newer = int(document.get("format", FORMAT)) > FORMAT
        if not newer:
            return _build(kind, document)  # type: ignore[no-any-return]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError("the record is damaged", got=str(error)[:120], remedy=again, where=where) from None
    raise StoreError(
        "the run was written by a newer version",
        got=f"format {document['format']}",
        expected=f"format {FORMAT} or older",
        remedy="pip install --upgrade pofx",
        where=where,
    )


def _build(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {f.name for f in fields(kind)}
        return kind(**{key: _build(hints[key], item) for key, item in value.items() if key in known})  # type: ignore[operator]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_build(inner[0], item) for item in value)
        return tuple(_build(each, item) for each, item in zip(inner, value, strict=True))
    if origin is dict:
        return {key: _build(inner[1], item) for key, item in value.items()}
    if origin in (Union, types.UnionType):
        chosen = [each for each in inner if each is not type(None)]
        return None if value is None else _build(chosen[0], value)
    return value

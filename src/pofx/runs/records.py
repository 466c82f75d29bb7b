"""What a run was and how its models scored, as plain records without torch. The keys are documented and stable.

A number that does not exist is null; a log-probability of minus infinity is counted under `impossible` instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pofx.runs.plain import FORMAT


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
    """`-log_prob / (dims log 2)`: bits for each value of each pixel, each byte of a text, each sample of a sound; from
    a bound, an upper one. Null of tables."""
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
    binarise: str = "no"
    """Of pictures: `no`, `dynamic` or `threshold`."""


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
    dims: float | None = None
    """How many values an outcome has, on average over the test: pixels, bytes, samples; null of tables."""
    outcome: str = "row"
    """What one outcome is called: `row`, `picture`, `passage` (of a text), `document`, `recording`, `sequence`."""
    dim: str | None = None
    """What each of its values is called: `dimension` of pictures, `byte` of texts, `sample` of sounds."""
    refitted: bool = True
    """Whether the models were fitted again to train and validation rows before the test."""
    format: int = FORMAT

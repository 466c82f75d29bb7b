"""What the report of a run on texts or sounds shows of a model, as plain records; sounds lie beside them as files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """A held-out text in the pieces that a model reads it in."""

    what: str
    """Why this one: `typical`, `least probable`, `most probable`."""
    row: int
    """Row of the data, from 1."""
    size: int
    """Bytes of all of it, the end mark not counted."""
    log_prob: float | None
    """Of all of it, nats; null is minus infinity."""
    pieces: tuple[tuple[str, float | None], ...]
    """Text of each piece and what it adds to log_prob, nats; null is minus infinity. No text: the end mark. Bytes that
    are no UTF-8 are replacement characters."""
    left_out: int = 0
    """Pieces that follow and are not kept."""


@dataclass(frozen=True)
class Place:
    """How well bytes are known at one place of a text: those from `start` to before `stop`, counted from 0."""

    start: int
    stop: int
    log_prob: float
    """Mean of one byte, nats; an end mark counts as a byte."""
    std_error: float | None


@dataclass(frozen=True)
class Written:
    """A text that a model made up."""

    text: str
    size: int
    """Bytes, the end mark not counted; of a long text more than are kept."""
    log_prob: float | None
    """Nats; null without a likelihood."""
    left_out: int = 0
    """Characters that follow and are not kept."""


@dataclass(frozen=True)
class TextEvidence:
    """What one model makes of texts."""

    model: str
    passages: tuple[Passage, ...] = ()
    """The same texts of every model, chosen by the scores of the run's chosen one."""
    places: tuple[Place, ...] = ()
    samples: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Sound:
    """A wave in columns of time, from its start."""

    what: str
    """Why this one: `typical`, `least probable`, `most probable`; `sample`."""
    rate: int
    """Moments a second."""
    moments: int
    """Of the whole wave."""
    shown: int
    """Moments that the columns below cover, from the start."""
    low: tuple[float, ...]
    """The least value in each column, of all channels, as a share of the largest possible: -1 .. 1."""
    high: tuple[float, ...]
    log_prob: float | None = None
    """Of what is shown, nats; null where it is not known, or minus infinity."""
    surprise: tuple[float | None, ...] = ()
    """What a sample of each column adds to log p, nats, on average; null is minus infinity. Empty without parts."""
    channels: int = 1
    row: int | None = None
    """Row of the data, from 1; null of a model's sample."""
    spectrogram: str | None = None
    """Path of a PNG inside the run folder: time across, frequency upwards from 0."""
    top: float = 0.0
    """The highest frequency of the spectrogram, Hz."""
    file: str | None = None
    """Path of a WAV file inside the run folder: `sounds/wavenet-sample1.wav`."""


@dataclass(frozen=True)
class SoundEvidence:
    """What one model makes of sounds."""

    model: str
    recordings: tuple[Sound, ...] = ()
    """Held out."""
    samples: tuple[Sound, ...] = ()

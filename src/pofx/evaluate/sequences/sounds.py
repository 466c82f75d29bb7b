"""What a model of sounds looks and sounds like: waves, spectrograms, the surprise of each moment, and files to hear."""

from __future__ import annotations

import io
import wave as wav

import numpy as np
from torch import Tensor

from pofx.core.contract import Model
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.leaderboard import Scored
from pofx.evaluate.sequences.picked import PARTS, has_parts, picked
from pofx.evaluate.sequences.spectrogram import spectrogram
from pofx.evaluate.sequences.texts import finite
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.runs.sequences import Sound, SoundEvidence
from pofx.spaces.sequence import PAD
from pofx.spaces.waveform import Waveform
from pofx.training.recorder import SILENT, Recorder

SAMPLES = 3
COLUMNS = 600
LONGEST = 1 << 17  # values of a wave that are looked at, from its start


def look_at_sounds(
    experiment: Experiment, scored: list[Scored], *, seed: int, recorder: Recorder = SILENT
) -> tuple[SoundEvidence, dict[str, bytes]]:
    """The chosen model, and the files that its records name, by their paths in the run folder."""
    chosen = next(each for each in scored if each.contender is experiment.chosen)
    name, model, test = chosen.contender.name, chosen.contender.model, experiment.test
    recorder.start(f"looking at {name}", None)
    files: dict[str, bytes] = {}
    places = picked(chosen.scores, test.lengths.numpy()) if len(chosen.scores) else {}
    recordings = [
        _sound(
            model if has_parts(chosen) else None,
            test.block(place, place + 1)[0],
            _space(model),
            (what, f"{name}-held-out{k + 1}", int(experiment.prepared.split.test[place]) + 1),
            files,
        )
        for k, (what, place) in enumerate(places.items())
    ]
    drawn = model.draw(SAMPLES, seed=split(seed, "looked at"))
    known = model if PARTS in model.capabilities and model.likelihood is not Likelihood.NONE else None
    samples = [
        _sound(known, row, _space(model), ("sample", f"{name}-sample{k + 1}", None), files)
        for k, row in enumerate(drawn.cpu())
    ]
    recorder.finish()
    return SoundEvidence(name, tuple(recordings), tuple(samples)), files


def _space(model: Model) -> Waveform:
    assert isinstance(model.space, Waveform)
    return model.space


def _sound(
    model: Model | None, row: Tensor, space: Waveform, named: tuple[str, str, int | None], files: dict[str, bytes]
) -> Sound:
    """The record of one wave; `named` is why it is shown, the name of its files, and its row of the data."""
    what, name, place = named
    whole = row[row != PAD]
    values = whole[: LONGEST - LONGEST % space.channels]
    moments = values.numpy().reshape(-1, space.channels)  # [moments, channels]
    starts = np.unique(np.linspace(0, len(moments), min(COLUMNS, len(moments)), endpoint=False).astype(int))
    picture, file = spectrogram(moments.mean(1), space.rate) if len(moments) else None, f"sounds/{name}.wav"
    if picture is not None:
        files[f"sounds/{name}.png"] = picture
    files[file] = _wav(moments, space)
    parts = np.zeros(0) if model is None or not len(values) else model.log_prob_parts(values[None]).cpu().numpy()[0]
    return Sound(
        what=what,
        rate=space.rate,
        moments=len(whole) // space.channels,
        shown=len(moments),
        low=_envelope(np.minimum, moments.min(1), starts, space),
        high=_envelope(np.maximum, moments.max(1), starts, space),
        log_prob=finite(float(parts.sum())) if len(parts) else None,
        surprise=_surprise(parts, starts * space.channels),
        channels=space.channels,
        row=place,
        spectrogram=None if picture is None else f"sounds/{name}.png",
        top=space.rate / 2,
        file=file,
    )


def _envelope(least: np.ufunc, values: np.ndarray, starts: np.ndarray, space: Waveform) -> tuple[float, ...]:
    if not len(values):
        return ()
    return tuple(round(float(value), 5) for value in least.reduceat(values, starts) / -space.low)


def _surprise(parts: np.ndarray, starts: np.ndarray) -> tuple[float | None, ...]:
    """What a value of each column adds to log p, on average: those of a beginning are those of the whole wave.

    Args:
        parts: `[values]`; none where they are not known.
        starts: the first value of each column, `[columns]`.
    """
    if not len(parts):
        return ()
    many = np.diff(starts, append=len(parts))
    return tuple(finite(float(mean)) for mean in np.add.reduceat(parts, starts) / many)


def _wav(moments: np.ndarray, space: Waveform) -> bytes:
    """Sixteen bits, whatever the depth, so that every player knows them."""
    shift = 16 - space.bits
    whole = moments.astype(np.int32) << shift if shift >= 0 else moments.astype(np.int32) >> -shift
    buffer = io.BytesIO()
    with wav.open(buffer, "wb") as out:
        out.setnchannels(space.channels)
        out.setsampwidth(2)
        out.setframerate(space.rate)
        out.writeframes(whole.astype("<i2").tobytes())
    return buffer.getvalue()

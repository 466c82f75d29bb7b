"""What models of texts look like: held-out passages piece by piece, bits by place, and texts made up."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch

from pofx.codecs.tokens.base import TokenCodec
from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.leaderboard import Scored
from pofx.evaluate.scores import as_rows_of, row_scores
from pofx.evaluate.sequences.picked import has_parts, picked, shown_models
from pofx.evaluate.sequences.pieces import pieces_of
from pofx.rng import split
from pofx.runs.sequences import Passage, Place, TextEvidence, Written
from pofx.spaces.sequence import PAD
from pofx.spaces.text import END
from pofx.training.recorder import SILENT, Recorder

MODELS = 2
CHARACTERS, WRITTEN = 600, 1_000  # shown of a passage, and of a sample
SAMPLES = 3
SYMBOLS, AT_ONCE = 1 << 16, 1 << 14  # bytes by which places are told, and of these at once


def look_at_texts(
    experiment: Experiment, scored: list[Scored], *, seed: int, recorder: Recorder = SILENT
) -> tuple[TextEvidence, ...]:
    """The chosen model first; every model is shown the same held-out texts."""
    test, models = experiment.test, shown_models(experiment, scored, MODELS)
    judge = next((each for each in models if len(each.scores)), None)
    places = {} if judge is None else picked(judge.scores, test.lengths.numpy())
    found = []
    for each in models:
        recorder.start(f"looking at {each.contender.name}", None)
        found.append(_look_at(each, experiment, test, places, seed))
    recorder.finish()
    return tuple(found)


def _look_at(each: Scored, experiment: Experiment, test: Data, places: dict[str, int], seed: int) -> TextEvidence:
    model, parts = each.contender.model, has_parts(each)
    return TextEvidence(
        each.contender.name,
        tuple(_passage(each, experiment, test, *place) for place in places.items()) if parts else (),
        _by_place(model, test) if parts else (),
        _written(model, seed),
    )


def _passage(each: Scored, experiment: Experiment, test: Data, what: str, place: int) -> Passage:
    x = test.block(place, place + 1)
    kept: list[tuple[str, float | None]] = []
    pieces = pieces_of(each.contender.model, x)[0]
    for piece in pieces:
        if sum(len(text) for text, _ in kept) >= CHARACTERS:
            break
        kept.append((piece.text, finite(piece.nats)))
    row = int(experiment.prepared.split.test[place]) + 1
    size = int((x[0] != PAD).sum() - (x[0] == END).sum())
    return Passage(what, row, size, finite(float(each.scores[place])), tuple(kept), len(pieces) - len(kept))


def finite(nats: float) -> float | None:
    """As records have it: six digits behind the point, and minus infinity as nothing."""
    return round(nats, 6) if math.isfinite(nats) else None


# Texts made up -------------------------------------------------------------------------------------------------------


def _written(model: Model, seed: int) -> tuple[Written, ...]:
    x = model.draw(SAMPLES, seed=split(seed, "looked at"))
    scores = row_scores(model, as_rows_of(model.space, x), draws=1, seed=seed)
    known = scores.tolist() if len(scores) else [-math.inf] * SAMPLES
    found = []
    for row, nats in zip(x.cpu().numpy(), known, strict=True):
        text = row[(row >= 0) & (row < END)].astype(np.uint8).tobytes()
        shown = text.decode("utf-8", "replace")
        found.append(Written(shown[:WRITTEN], len(text), finite(nats), max(0, len(shown) - WRITTEN)))
    return tuple(found)


# Bits by place -------------------------------------------------------------------------------------------------------


def _by_place(model: Model, test: Data) -> tuple[Place, ...]:
    """Mean of a byte at places that double in distance: how much it helps to know more of what stands before."""
    rows = _spread(test)
    parts = [row for block in _blocks(rows) for row in _each_byte(model, block)]
    longest = max(map(len, parts), default=0)
    edges = [0, *(1 << k for k in range(longest.bit_length()) if 1 << k < longest), longest]
    found = []
    for start, stop in pairwise(edges if longest else ()):
        sums = np.array([row[start:stop].sum() for row in parts if len(row) > start])
        counts = np.array([len(row[start:stop]) for row in parts if len(row) > start])
        mean = float(sums.sum() / counts.sum())
        if math.isfinite(mean):
            found.append(Place(start, stop, round(mean, 6), _error(sums, counts, mean)))
    return tuple(found)


def _error(sums: np.ndarray, counts: np.ndarray, mean: float) -> float | None:
    """Standard error of a ratio of two sums over texts (Cochran 1977, section 6.3)."""
    n = len(sums)
    if n < 2:
        return None
    return round(float(np.sqrt(np.square(sums - mean * counts).sum() * n / (n - 1)) / counts.sum()), 6)


def _spread(test: Data) -> Data:
    """Texts from all over the test, of about so many bytes."""
    mean = max(1.0, float(test.lengths.double().mean())) if len(test) else 1.0
    many = min(len(test), max(1, int(SYMBOLS / mean)))
    return test.rows(torch.linspace(0, max(len(test) - 1, 0), many).long())


def _blocks(data: Data) -> list[torch.Tensor]:
    """Rows in tensor form, `[k, L]` each, of bounded size."""
    longest = max(1, int(data.lengths.max())) if len(data) else 1
    rows = max(1, AT_ONCE // longest)
    return [data.block(start, min(start + rows, len(data))) for start in range(0, len(data), rows)]


def _each_byte(model: Model, x: torch.Tensor) -> list[np.ndarray]:
    """What each byte of each text adds, `[L]`; a token's share is spread evenly over its bytes."""
    parts = model.log_prob_parts(x).cpu().numpy()
    codec = getattr(model, "codec", None)
    if not isinstance(codec, TokenCodec):
        return [part[: int(length)] for part, length in zip(parts, (x != PAD).sum(1), strict=True)]
    return [
        np.repeat(part[np.cumsum(sizes) - sizes] / sizes, sizes)
        for part, sizes in zip(parts, codec.sizes(x), strict=True)
    ]

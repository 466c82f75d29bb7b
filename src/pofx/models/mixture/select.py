"""How many components, which covariance structure, how strong a prior: by held-out likelihood, or by BIC.

Held-out rows are the validation rows, if any, and, where training rows are few, each training row in turn as part of a
fold. Candidates K = 1, 2, 3, 4, 6, 8, 12, ... are tried for each structure until the score has fallen twice; then the prior's
strength is searched at the best one, and K again around it. Validation rows take part in choices only, never in a fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pofx.models.mixture.components import Components
from pofx.models.mixture.em import Fitted, Shape
from pofx.models.mixture.rows import Rows
from pofx.models.mixture.start import fit
from pofx.rng import generator, split
from pofx.training.plan import Deadline
from pofx.training.recorder import Recorder

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
CROSSED = 2000  # up to that many rows, each is held out once
LOOKED_AT = 50_000  # rows that choices are made on


@dataclass(frozen=True)
class Settings:
    """What stays the same for all candidates."""

    floor: float
    restarts: int
    tolerance: float
    iterations: int
    seed: int


@dataclass
class Search:
    """Scores of candidates, each computed once.

    Args:
        folds: pairs of training and held-out rows. BIC where there are none.
    """

    rows: Rows
    folds: list[tuple[Rows, Rows]]
    settings: Settings
    deadline: Deadline
    recorder: Recorder
    scores: dict[Shape, float] = field(default_factory=dict)
    fitted: dict[Shape, Components] = field(default_factory=dict)  # the last few, for reuse

    def score(self, shape: Shape) -> float:
        """Mean held-out log-likelihood a row, or minus BIC / 2 a row; nats, larger is better."""
        if shape not in self.scores:
            self.scores[shape] = self._held_out(shape) if self.folds else self._bic(shape)
            note = f"k={shape.K} {shape.kind}: {self.scores[shape]:.4f}"
            self.recorder.step(len(self.scores), note)
        return self.scores[shape]

    def fit(self, rows: Rows, shape: Shape) -> Fitted:
        """EM on some rows with the common settings."""
        s = self.settings
        return fit(
            rows, shape, floor=s.floor, seed=s.seed, restarts=s.restarts, tolerance=s.tolerance,
            iterations=s.iterations, deadline=self.deadline,
        )  # fmt: skip

    def _held_out(self, shape: Shape) -> float:
        total, count = 0.0, 0.0
        for train, held in self.folds:
            parts = self.fit(train, shape).parts
            self.fitted = {shape: parts}
            total += float(held.weights @ log_prob(parts, held))
            count += held.total
        return total / count

    def _bic(self, shape: Shape) -> float:
        parts = self.fit(self.rows, shape).parts
        return bic(parts, self.rows) / (-2 * self.rows.total)

    @property
    def best(self) -> Shape:
        """The candidate with the highest score."""
        return max(self.scores, key=lambda shape: self.scores[shape])


def log_prob(parts: Components, rows: Rows) -> Tensor:
    """Log-density of each row, `[n]`."""
    blocks = [parts.log_joint(rows.values[i : i + 8192], rows.table) for i in range(0, len(rows), 8192)]
    return torch.logsumexp(torch.cat(blocks), 1)


def bic(parts: Components, rows: Rows) -> float:
    """Schwarz's criterion, `-2 log-likelihood + parameters * log n`; smaller is better."""
    return float(-2 * (rows.weights @ log_prob(parts, rows))) + parts.free_parameters * math.log(rows.total)


def folds_of(rows: Rows, validation: Rows | None, seed: int) -> list[tuple[Rows, Rows]]:
    """Pairs of training and held-out rows: the validation rows against all, and folds of the training rows if few."""
    pairs = [] if validation is None or not len(validation) else [(rows.thinned(LOOKED_AT), validation.thinned(LOOKED_AT))]
    if len(rows) > CROSSED and pairs:
        return pairs
    few = rows.thinned(LOOKED_AT)
    count = 5
    fold = few.folds(count, generator(split(seed, "folds")))
    used = range(count) if len(rows) <= CROSSED else range(1)
    for k in used:
        train, held = (fold != k).nonzero()[:, 0], (fold == k).nonzero()[:, 0]
        if len(train) and len(held):
            pairs.append((few.part(train), few.part(held)))
    return pairs


def choose(search: Search, starts: list[Shape], ks: tuple[int, ...], strengths: tuple[float, ...]) -> Shape:
    """The best shape: a ladder of K for each structure, then the strength, then K again around the best."""
    search.recorder.start("mixture", None)
    for shape in starts:
        _climb(search, shape, ks)
    _strengthen(search, strengths)
    if len(strengths) > 1:
        _around(search, ks)
        _strengthen(search, strengths)
    search.recorder.finish()
    return search.best


def _climb(search: Search, shape: Shape, ks: tuple[int, ...]) -> None:
    """Up the ladder until the score has fallen below this structure's best twice in a row."""
    best, falls = -math.inf, 0
    for K in ks:
        if K > len(search.rows) or (search.scores and search.deadline.passed()):
            return
        score = search.score(replace(shape, K=K))
        falls = 0 if score > best else falls + 1
        best = max(best, score)
        if falls == 2:
            return


def _strengthen(search: Search, strengths: tuple[float, ...]) -> None:
    """From the present strength outward, each way until the score falls."""
    centre = search.best
    for way in (1, -1):
        best = search.scores[centre]
        for strength in _outward(strengths, centre.strength, way):
            if search.deadline.passed():
                return
            score = search.score(replace(centre, strength=strength))
            if score < best:
                break
            best = score


def _outward(values: tuple[float, ...], centre: float, way: int) -> Iterator[float]:
    beyond = [v for v in values if (v - centre) * way > 0]
    return iter(sorted(beyond, reverse=way < 0))


def _around(search: Search, ks: tuple[int, ...]) -> None:
    """The next K up and down, at the best strength, while they help."""
    for way in (1, -1):
        centre = search.best
        for K in _outward(tuple(map(float, ks)), float(centre.K), way):
            if search.deadline.passed() or len(search.rows) < K:
                return
            if search.score(replace(centre, K=int(K))) < search.scores[centre]:
                break

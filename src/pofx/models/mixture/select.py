"""How many components, which covariance structure, how strong a prior: by held-out likelihood, or by BIC.

Held-out rows are the validation rows, if any, and, where these are few, training rows, a fifth at a time. Candidates K
= 1, 2, 3, 4, 6, 8, 12, ... are tried for each structure until the score has fallen twice; then the prior's strength is
searched at the best one, and K again around it. Validation rows take part in choices only, never in a fit. A candidate
is scored as the average of a few members, fits from different seeds (Ormoneit and Tresp 1996), since that is what is
fitted in the end: averaging pays most where single fits vary most, and lets K grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pofx.models.mixture.components import Components
from pofx.models.mixture.em import Shape
from pofx.models.mixture.rows import Rows
from pofx.models.mixture.start import fit
from pofx.rng import generator, split
from pofx.training.plan import Deadline
from pofx.training.recorder import Recorder

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
HELD_OUT = 600  # rows that are enough to choose by, if there are as many
LOOKED_AT = 20_000  # rows that choices are made on
LARGEST = 1 << 24  # numbers in all covariances of an average
CLEARLY = 3.0  # standard errors behind the leader at which a candidate is given up
PATIENCE = 2.0  # times its last two gains that a structure may be behind another


@dataclass(frozen=True)
class Settings:
    """What stays the same for all candidates."""

    floor: float
    restarts: int
    tolerance: float
    iterations: int
    seed: int
    members: int


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
    leader: list[Tensor] = field(default_factory=list)  # held-out log-densities of the best candidate, fold by fold
    kept: dict[Shape, list[Components]] = field(default_factory=dict)  # the leader's members, if fitted to all rows

    def score(self, shape: Shape) -> float:
        """Mean held-out log-likelihood a row, or minus BIC / 2 a row; nats, larger is better."""
        if shape not in self.scores:
            self.scores[shape] = self._held_out(shape) if self.folds else self._bic(shape)
            note = f"k={shape.K} {shape.kind}: {self.scores[shape]:.4f}"
            self.recorder.step(len(self.scores), note)
        return self.scores[shape]

    def fit(self, rows: Rows, shape: Shape) -> list[Components]:
        """The members of an average, fitted to some rows."""
        return fit_members(rows, shape, self.settings, self.deadline)

    def _held_out(self, shape: Shape) -> float:
        """The mean over all folds, or, of a candidate clearly behind the leader after some of them, an estimate."""
        mine: list[Tensor] = []
        weights = [held.weights for _, held in self.folds]
        for train, held in self.folds:
            members = self.fit(train, shape)
            mine.append(log_prob(members, held))
            if self.leader and len(mine) < len(self.folds):
                behind, error = paired(mine, self.leader, weights)
                if behind < -CLEARLY * error:
                    return _mean(self.leader, weights) + behind
        score = _mean(mine, weights)
        if not self.scores or score > max(self.scores.values()):
            self.leader = mine
            self.kept = {shape: members} if train is self.rows else {}
        return score

    def _bic(self, shape: Shape) -> float:
        return bic(self.fit(self.rows, shape)[0], self.rows) / (-2 * self.rows.total)

    @property
    def best(self) -> Shape:
        """The candidate with the highest score."""
        return max(self.scores, key=lambda shape: self.scores[shape])


def _mean(scores: list[Tensor], weights: list[Tensor]) -> float:
    used = torch.cat(weights[: len(scores)])
    return float(torch.cat(scores) @ used / used.sum())


def paired(mine: list[Tensor], theirs: list[Tensor], weights: list[Tensor]) -> tuple[float, float]:
    """Mean difference of two candidates on the folds both have, and its standard error."""
    w = torch.cat(weights[: len(mine)])
    share = w / w.sum()
    difference = torch.cat(mine) - torch.cat(theirs[: len(mine)])
    mean = share @ difference
    variance = share.square() @ (difference - mean).square()
    return float(mean), float(variance.sqrt())


def fit_members(
    rows: Rows, shape: Shape, settings: Settings, deadline: Deadline, already: Iterable[Components] = ()
) -> list[Components]:
    """EM from different seeds, once for each member, the first ones being there `already`; at least one."""
    members = list(already)
    wanted = min(settings.members, max(1, LARGEST // (shape.K * max(rows.width, 1) ** 2))) if shape.K > 1 else 1
    for m in range(len(members), wanted):
        if members and deadline.passed():
            break
        fitted = fit(
            rows, shape, floor=settings.floor, seed=split(settings.seed, "member", m), restarts=settings.restarts,
            tolerance=settings.tolerance, iterations=settings.iterations, deadline=deadline,
        )  # fmt: skip
        members.append(fitted.parts)
    return members


def log_prob(members: list[Components], rows: Rows) -> Tensor:
    """Log-density of each row under the average, `[n]`."""
    scores = torch.stack([torch.logsumexp(parts.log_joint(rows.values, rows.table), 1) for parts in members])
    return torch.logsumexp(scores, 0) - math.log(len(members))


def bic(parts: Components, rows: Rows) -> float:
    """Schwarz's criterion, `-2 log-likelihood + parameters * log n`; smaller is better."""
    return float(-2 * (rows.weights @ log_prob([parts], rows))) + parts.free_parameters * math.log(rows.total)


def folds_of(rows: Rows, validation: Rows | None, seed: int) -> list[tuple[Rows, Rows]]:
    """Pairs of training and held-out rows: the validation rows, and folds of the training rows if these are few."""
    pairs = []
    if validation is not None and len(validation):
        pairs.append((rows.thinned(LOOKED_AT), validation.thinned(LOOKED_AT)))
    few, count = rows.thinned(LOOKED_AT), 5
    enough = HELD_OUT - sum(held.total for _, held in pairs)
    fold = few.folds(count, generator(split(seed, "folds")))
    for k in range(count):
        train, held = (fold != k).nonzero()[:, 0], (fold == k).nonzero()[:, 0]
        if enough <= 0 or not (len(train) and len(held)):
            break
        pairs.append((few.part(train), few.part(held)))
        enough -= float(few.weights[held].sum())
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


def grow(search: Search, shape: Shape, ks: tuple[int, ...], strengths: tuple[float, ...]) -> Shape:
    """From the best of small averages to the best of large ones, which bear more components and weaker priors."""
    if search.deadline.passed():
        return shape
    search.recorder.start("mixture average", None)
    search.score(shape)
    for _ in range(3):
        before = search.best
        _step(search, [replace(before, K=int(K)) for K in _outward(tuple(map(float, ks)), float(before.K), 1)])
        lower = _outward(strengths, search.best.strength, -1)
        _step(search, [replace(search.best, strength=strength) for strength in lower])
        if search.best == before:
            break
    search.recorder.finish()
    return search.best


def _step(search: Search, candidates: list[Shape]) -> None:
    """Candidates in order, while each is better than all before."""
    for shape in candidates:
        if shape in search.scores or search.deadline.passed() or len(search.rows) < shape.K:
            return
        if search.score(shape) < search.scores[search.best]:
            return


def _climb(search: Search, shape: Shape, ks: tuple[int, ...]) -> None:
    """Up the ladder until the score has fallen twice in a row, or is too far behind another structure to catch up."""
    scores: list[float] = []
    for K in ks:
        if len(search.rows) < K or (search.scores and search.deadline.passed()):
            return
        scores.append(search.score(replace(shape, K=K)))
        fell_twice = len(scores) > 2 and max(scores[-2:]) < max(scores[:-2])
        behind = search.scores[search.best] - scores[-1]
        if fell_twice or (len(scores) > 3 and behind > PATIENCE * (scores[-1] - scores[-3])):
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

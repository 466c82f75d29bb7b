"""Drift monitor: rows come one by one, and the alarm may be read at any time with one false-alarm rate for ever.

Testing by betting (Shekhar & Ramdas 2023, IEEE TIT; Podkopaev & Ramdas 2023, NeurIPS). Each tested row y is paired with
one unread reference row x. A predictor w trained on earlier pairs only bets which of the two is the new one; the stake
is multiplied by 2 sigmoid(w . (f(y) - f(x))). Exchange x and y and the two factors sum to 2: where there is no drift
the expected factor is 1 whatever the predictor, so the stake is a martingale and P(it ever reaches 1 / alpha) <= alpha
(Ville 1939). Four predictors (standardised columns, and these with random Fourier features; each with long and with
short memory) bet a quarter of the stake each; the mean of martingales is one. Each keeps part of its stake in hand and
puts it in gradually, so that a long quiet time does not cost the power to see a late drift.

What is assumed: without drift, all rows (the reference and the stream) are exchangeable, e.g. independent from one law.
A time series whose rows depend on their neighbours is not, and may raise the alarm without drift.

The reference is spent, one row a test: a row may be compared only once, else factors would depend on each other. A
quarter of it (at most `BACKGROUND` rows) is set apart to scale columns. When half of the rest is spent, every second
new row goes unread into the reserve in place of the one that a test takes out. Which row goes is fixed beforehand, so
the unread rows are exchangeable as before, and the guarantee holds for ever; nothing is ever exhausted. The price, from
then on: every second row is tested, and against a mixture of the reference and the recent past, which turns over in
about as many tests as there are rows in reserve. A drift that is slower than that may pass unseen.

Missing values (NaN) are compared too. Cost: some 0.2 ms a row; the record holds the reserve and four small matrices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pofx.divergences.two_sample.mmd import median_distance
from pofx.errors import SpaceError, StoreError
from pofx.rng import numpy_generator, split

FORMAT = 1
FEWEST = 40  # reference rows
BACKGROUND = 500  # reference rows for scaling, at most
WAVES = 48  # random Fourier features
CLIP = 5.0  # standard deviations: one far-off row must not ruin a predictor
TURNOVER = (0.0, 0.01)  # share of what was learnt that is forgotten a test: long and short memory
IN_HAND = 100.0  # tests until half of the stake is in play


@dataclass(frozen=True)
class State:
    """What may be said now.

    Args:
        e_value: the stake, 1 at the start; may fall again after a drift was seen.
        p_value: anytime-valid: 1 over the largest stake so far.
        alarm: whether the stake ever reached 1 / alpha.
        rows: seen so far.
        tests: pairs compared so far.
        alarm_row: the row at which the alarm was raised, counted from 1; None before.
    """

    e_value: float
    p_value: float
    alarm: bool
    rows: int
    tests: int
    alarm_row: int | None


class DriftMonitor:
    """Watches a stream of rows for any difference from `reference`.

    Args:
        reference: `[m, d]`, at least 40 rows; NaN is "missing".
        alpha: how likely an alarm is ever to be raised without drift, at most.
        seed: the order of the reference, and the random features.
    """

    def __init__(self, reference: np.ndarray, *, alpha: float = 0.05, seed: int = 0) -> None:
        if not 0 < alpha < 1:
            raise SpaceError("this is no false-alarm rate", got=f"alpha={alpha}", expected="0 < alpha < 1")
        rows = _rows(reference, None)
        if len(rows) < FEWEST:
            raise SpaceError("too few reference rows to watch a stream", got=f"{len(rows)}", expected=f"{FEWEST}")
        rows = rows[numpy_generator(split(seed, "order")).permutation(len(rows))]
        count = min(len(rows) // 4, BACKGROUND)
        self.alpha, self.seed = alpha, seed
        self._features = _Features.of(rows[:count], seed)
        self._reserve = list(rows[count:])
        self._keep = len(self._reserve) // 2
        self._bettors = [_Bettor.new(n, turnover) for n in self._features.sizes for turnover in TURNOVER]
        self._seen = self._tests = 0
        self._largest = 0.0  # log of the largest stake so far
        self._alarm_row: int | None = None

    @property
    def state(self) -> State:
        """What may be said now."""
        stakes = [b.log_stake for b in self._bettors]
        e_value = math.exp(min(float(np.logaddexp.reduce(stakes)) - math.log(len(stakes)), 700.0))
        return State(
            e_value, math.exp(-self._largest), self._alarm_row is not None, self._seen, self._tests, self._alarm_row
        )

    def update(self, rows: np.ndarray) -> State:
        """Take in rows `[k, d]` in the order in which they came; how they are cut into calls makes no difference."""
        for row in _rows(rows, self._features.width):
            self._seen += 1
            if len(self._reserve) <= self._keep and self._seen % 2:
                self._reserve.append(row)
            else:
                self._test(row)
        return self.state

    def _test(self, row: np.ndarray) -> None:
        place = split(self.seed, "pair", self._tests) % len(self._reserve)
        self._reserve[place], self._reserve[-1] = self._reserve[-1], self._reserve[place]
        new, old = self._features.of_row(row), self._features.of_row(self._reserve.pop())
        for k, bettor in enumerate(self._bettors):
            size = self._features.sizes[k // len(TURNOVER)]
            bettor.bet(new[:size] - old[:size], self._tests)
        self._tests += 1
        self._largest = max(self._largest, math.log(max(self.state.e_value, 1.0)))
        if self._alarm_row is None and self._largest >= -math.log(self.alpha):
            self._alarm_row = self._seen

    def record(self) -> dict[str, Any]:
        """Everything as plain JSON values: a monitor read back goes on as if it had not stopped."""
        return {
            "format": FORMAT, "alpha": self.alpha, "seed": self.seed, "seen": self._seen, "tests": self._tests,
            "largest": self._largest, "alarm_row": self._alarm_row, "keep": self._keep,
            "reserve": [[None if math.isnan(v) else v for v in row.tolist()] for row in self._reserve],
            "features": {k: v.tolist() for k, v in vars(self._features).items()},
            "bettors": [
                {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(b).items()} for b in self._bettors
            ],
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> DriftMonitor:
        """The monitor that `record()` described; raises `StoreError` for anything else."""
        if int(record.get("format", FORMAT)) > FORMAT:
            raise StoreError("this monitor was saved by a newer pofx", remedy="install the newest pofx")
        monitor = cls.__new__(cls)
        try:
            monitor.alpha, monitor.seed = float(record["alpha"]), int(record["seed"])
            monitor._seen, monitor._tests, monitor._keep = record["seen"], record["tests"], record["keep"]
            monitor._largest, monitor._alarm_row = record["largest"], record["alarm_row"]
            monitor._reserve = [np.array(row, dtype=np.float64) for row in record["reserve"]]  # None reads as NaN
            monitor._features = _Features(**{k: np.array(v, dtype=np.float64) for k, v in record["features"].items()})
            monitor._bettors = [
                _Bettor(np.array(b["weights"]), np.array(b["covariance"]), b["turnover"], b["log_play"], b["log_hand"])
                for b in record["bettors"]
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError("this is no saved drift monitor", got=repr(error)) from error
        return monitor


@dataclass(frozen=True)
class _Features:
    """What the predictors see of a row: fixed before the first test, from rows that are never tested."""

    centre: np.ndarray  # [d]
    scale: np.ndarray  # [d]
    frequencies: np.ndarray  # [d, WAVES]
    phases: np.ndarray  # [WAVES]

    @classmethod
    def of(cls, background: np.ndarray, seed: int) -> _Features:
        present = ~np.isnan(background)
        count = np.maximum(present.sum(0), 1)
        centre = np.where(present, background, 0).sum(0) / count
        spread = np.sqrt(np.where(present, (background - centre) ** 2, 0).sum(0) / count)
        scale = np.where(spread > 0, spread, 1.0)
        random = numpy_generator(split(seed, "waves"))
        z = np.clip(np.nan_to_num((background - centre) / scale), -CLIP, CLIP)
        frequencies = random.normal(size=(background.shape[1], WAVES)) / median_distance(z, z, seed=seed)
        return cls(centre, scale, frequencies, random.uniform(0, 2 * math.pi, WAVES))

    @property
    def width(self) -> int:
        return len(self.centre)

    @property
    def sizes(self) -> tuple[int, int]:
        """The first features of each kind of predictor: columns and missingness; these and waves."""
        return 2 * self.width, 2 * self.width + len(self.phases)

    def of_row(self, row: np.ndarray) -> np.ndarray:
        """`[d] -> [2 d + WAVES]`."""
        z = np.clip(np.nan_to_num((row - self.centre) / self.scale), -CLIP, CLIP)
        return np.concatenate([z, np.isnan(row).astype(np.float64), np.cos(z @ self.frequencies + self.phases)])


@dataclass
class _Bettor:
    """Online Bayesian logistic regression (Laplace steps) that stakes on its own prediction."""

    weights: np.ndarray  # [k], the mean of what is believed
    covariance: np.ndarray  # [k, k], and its spread; the identity at first
    turnover: float
    log_play: float  # log of the stake in play
    log_hand: float  # and of what is kept in hand

    @classmethod
    def new(cls, size: int, turnover: float) -> _Bettor:
        return cls(np.zeros(size), np.eye(size), turnover, -math.inf, 0.0)

    @property
    def log_stake(self) -> float:
        return float(np.logaddexp(self.log_play, self.log_hand))

    def bet(self, difference: np.ndarray, tests: int) -> None:
        """Stake on `difference` `[k]` (new less old), then learn from it."""
        share = 1 / (IN_HAND + tests)  # of what is in hand, put in before the pair is looked at
        self.log_play = float(np.logaddexp(self.log_play, self.log_hand + math.log(share)))
        self.log_hand += math.log1p(-share)
        spread = self.covariance @ difference
        variance = float(difference @ spread)  # the same if the pair is exchanged
        margin = float(self.weights @ difference)  # changes its sign
        self.log_play += math.log(2) - float(np.logaddexp(0, -margin / math.sqrt(1 + math.pi * variance / 8)))
        self._learn(spread, variance, margin)

    def _learn(self, spread: np.ndarray, variance: float, margin: float) -> None:
        miss = 1 / (1 + math.exp(min(margin, 500.0)))  # 1 - probability given to the truth
        curvature = max(miss * (1 - miss), 1e-6)
        gain = spread / (1 + curvature * variance)
        self.weights = self.weights + gain * miss
        self.covariance = self.covariance - np.outer(gain, spread) * curvature
        if self.turnover:
            self.weights = self.weights * math.sqrt(1 - self.turnover)
            self.covariance *= 1 - self.turnover
            self.covariance[np.diag_indices_from(self.covariance)] += self.turnover


def _rows(values: np.ndarray, width: int | None) -> np.ndarray:
    rows = np.asarray(values, dtype=np.float64)
    rows = rows[None] if rows.ndim == 1 and width is not None and len(rows) == width else rows
    if rows.ndim != 2 or (width is not None and rows.shape[1] != width) or not rows.shape[1]:
        raise SpaceError("rows must be [k, d]", got=f"shape {rows.shape}", expected=f"{width or 'd'} columns")
    if np.isinf(rows).any():
        raise SpaceError("a value is infinite", where=f"row {int(np.isinf(rows).any(1).argmax()) + 1}")
    return rows

"""Bin rules as pure functions of sorted values and their counts.

Sturges (1926), Scott (1979), Freedman and Diaconis (1981): as `numpy.histogram_bin_edges`. Knuth (2006,
arXiv:physics/0605197): the number of equal bins with the highest posterior. Bayesian blocks (Scargle et al. 2013,
arXiv:1207.5578): the piecewise-constant density with the highest penalised likelihood, by dynamic programming, O(m^2)
for m different values (at most `MOST_BLOCKS`; more are first put into groups of equal count).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]
MOST_BINS = 4096
MOST_BLOCKS = 2000
FALSE_POSITIVES = 0.05  # Scargle's p0: the share of needless edges on uniform data


@dataclass(frozen=True, eq=False)
class Sorted:
    """Different values in increasing order, and how often (with which weight) each occurs."""

    values: Array  # [m]
    counts: Array  # [m], > 0

    @staticmethod
    def of(x: Array, weights: Array | None = None) -> Sorted:
        """The rows that have a value and a positive weight."""
        kept = ~np.isnan(x) if weights is None else ~np.isnan(x) & (weights > 0)
        values, place = np.unique(x[kept], return_inverse=True)
        counts = np.bincount(place, None if weights is None else weights[kept], len(values))
        return Sorted(values.astype(np.float64), counts.astype(np.float64))

    @cached_property
    def below(self) -> Array:
        """The count of all values before each, and in the end of all, `[m + 1]`."""
        return np.concatenate([[0.0], np.cumsum(self.counts)])

    @property
    def n(self) -> float:
        return float(self.below[-1])

    @property
    def low(self) -> float:
        return float(self.values[0])

    @property
    def high(self) -> float:
        return float(self.values[-1])

    def in_bins(self, edges: Array) -> Array:
        """Counts of [e_0, e_1), ..., the last bin closed."""
        place = np.searchsorted(self.values, edges)
        place[-1] = np.searchsorted(self.values, edges[-1], side="right")
        return np.diff(self.below[place])

    def quantile(self, q: float) -> float:
        """The linear quantile of the values, each repeated as often as it counts."""
        above = self.below[1:]
        place = q * max(self.n - 1, 0.0)
        whole = math.floor(place + 1e-12)
        k = np.searchsorted(above, [whole, whole + 1], side="right").clip(max=len(above) - 1)
        first, second = self.values[k]
        return float(first) + (place - whole) * float(second - first)

    def deviation(self) -> float:
        """Population standard deviation."""
        mean = float(np.average(self.values, weights=self.counts))
        return float(np.sqrt(np.average(np.square(self.values - mean), weights=self.counts)))

    def without(self, which: NDArray[np.bool_]) -> tuple[Sorted, Sorted]:
        """The values not marked, and those that are."""
        return Sorted(self.values[~which], self.counts[~which]), Sorted(self.values[which], self.counts[which])


def sturges(data: Sorted) -> float:
    """Bin width: range over log2(n) + 1."""
    return (data.high - data.low) / (math.log2(data.n) + 1)


def scott(data: Sorted) -> float:
    """Bin width: (24 sqrt(pi) / n)^(1/3) standard deviations."""
    return math.pow(24 * math.sqrt(math.pi) / data.n, 1 / 3) * data.deviation()


def freedman_diaconis(data: Sorted) -> float:
    """Bin width: twice the inter-quartile range over n^(1/3); Scott's where that range is zero (ties)."""
    width = 2 * (data.quantile(0.75) - data.quantile(0.25)) / data.n ** (1 / 3)
    return width if width > 0 else scott(data)


def knuth(data: Sorted) -> float:
    """Bin width of the number of equal bins with the highest posterior probability."""
    most = int(min(len(data.values) * 2, 50 + 4 * _bins(data, freedman_diaconis(data)), 2000))
    scores = [knuth_score(data.in_bins(np.linspace(data.low, data.high, k + 1))) for k in range(1, most + 1)]
    return (data.high - data.low) / (int(np.argmax(scores)) + 1)


def knuth_score(counts: Array) -> float:
    """Log posterior of a histogram with these counts in equal bins, up to a constant (Knuth's equation 31)."""
    n, k = float(counts.sum()), len(counts)
    spread = gammaln(counts + 0.5).sum() - k * gammaln(0.5)
    return float(n * math.log(k) + gammaln(k / 2) - gammaln(n + k / 2) + spread)


WIDTHS: dict[str, Callable[[Sorted], float]] = {
    "freedman_diaconis": freedman_diaconis,
    "scott": scott,
    "sturges": sturges,
    "knuth": knuth,
}


def equal_edges(data: Sorted, bins: int) -> Array:
    """That many equal bins from the least to the greatest value; a column without spread gets one bin about it."""
    if data.high > data.low:
        return np.linspace(data.low, data.high, bins + 1)
    half = 0.5 * abs(data.low) if data.low else 0.5
    return np.linspace(data.low - half, data.high + half, bins + 1)


def rule_edges(data: Sorted, rule: str) -> Array:
    """Edges by one of the named rules."""
    if rule == "bayesian_blocks":
        return bayesian_blocks(data) if data.high > data.low else equal_edges(data, 1)
    return equal_edges(data, _bins(data, WIDTHS[rule](data)))


def _bins(data: Sorted, width: float) -> int:
    spread = data.high - data.low
    return int(min(max(math.ceil(spread / width - 1e-12), 1), MOST_BINS)) if width > 0 and spread > 0 else 1


def bayesian_blocks(data: Sorted, false_positives: float = FALSE_POSITIVES) -> Array:
    """Edges of Bayesian blocks.

    Each value owns the ground to the middle of its neighbours'. The first and the last own as much on their outer side
    as on their inner one: were the range to end at them, they would own half a cell, and the outermost blocks would
    come out too narrow and too high.
    """
    data = _grouped(data)
    middles = 0.5 * (data.values[1:] + data.values[:-1])
    cuts = np.concatenate([[2 * data.low - middles[0]], middles, [2 * data.high - middles[-1]]])  # [m + 1]
    penalty = 4 - math.log(73.53 * false_positives * data.n**-0.478)
    below = np.concatenate([[0.0], np.cumsum(data.counts)])
    best, last = np.zeros(len(cuts)), np.zeros(len(cuts), dtype=np.int64)
    for end in range(1, len(cuts)):
        inside = below[end] - below[:end]
        score = best[:end] + inside * (np.log(inside) - np.log(cuts[end] - cuts[:end])) - penalty
        last[end] = int(np.argmax(score))
        best[end] = score[last[end]]
    chosen = [len(cuts) - 1]
    while chosen[-1] > 0:
        chosen.append(int(last[chosen[-1]]))
    return np.asarray(cuts[chosen[::-1]], dtype=np.float64)


def _grouped(data: Sorted) -> Sorted:
    """At most `MOST_BLOCKS` groups of nearly equal count, each at its mean."""
    if len(data.values) <= MOST_BLOCKS:
        return data
    group = np.floor((np.cumsum(data.counts) - 0.5 * data.counts) / data.n * MOST_BLOCKS).astype(np.int64)
    _, group = np.unique(group, return_inverse=True)
    counts = np.bincount(group, data.counts)
    sums = np.bincount(group, data.counts * data.values)
    return Sorted(np.asarray(sums / counts, dtype=np.float64), counts.astype(np.float64))

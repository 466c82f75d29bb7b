"""Which columns form a joint histogram, in how many groups of cells each, and with which pseudo-count.

The gain of a joint histogram over the independent product is, per row, the log of `(C / base + a) / (N + a)`; summed
over training rows, each left out in turn, it is a closed form of the cells' counts. The pair of columns with the
greatest gain comes first; then groups are added to, or taken from, one column at a time as long as the gain grows. A
gain that is not positive means no joint histogram at all: in many dimensions the model falls back to the product.
Cost: O(n) for each of some hundred candidates (the pairs are compared on at most `SCREEN` rows).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pofx.models.histogram.rules import Array
from pofx.training.plan import Deadline

LEVELS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
FIRST = 4  # groups a column when pairs are compared
SCREEN = 20_000
MOST_PAIRS = 3000
WORTH = 1e-4  # nats a row that a change must gain
ROOM = 2**62
TRIED = 15  # pseudo-counts
DENSE = 8  # keys up to this many times the rows are counted in an array

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Column:
    """What the search knows of a column.

    Args:
        place: each row's cell, one more than the last where there is no value, `[n]`.
        share: the cells' probabilities, `[k]`.
        name: by which candidates are ordered, so that the order of the columns does not matter.
        labels: of the cells of a category, whose likeliest cells stay alone; none where neighbours are put together.
        flag: the column that says whether this one has a value; None where it always has one, -1 where nothing says so.
        whole: whether its cells must stay apart, because it is another's flag.
    """

    place: Codes
    share: Array
    name: str
    labels: tuple[str, ...] = ()
    flag: int | None = None
    whole: bool = False

    def groups(self, level: int) -> Codes:
        """The group of each cell, `[k]`, for at most so many groups."""
        k = len(self.share)
        if self.whole or level >= k:
            return np.arange(k)
        if not self.labels:
            middle = np.cumsum(self.share) - 0.5 * self.share
            raw = np.floor(level * middle / self.share.sum()).astype(np.int64).clip(0, level - 1)
            return np.unique(raw, return_inverse=True)[1]
        return np.minimum(self._rank, level - 1)

    @cached_property
    def _rank(self) -> Codes:
        """0 for the likeliest cell, and so on; labels decide between equals, as codes mean nothing."""
        rank = np.empty(len(self.share), dtype=np.int64)
        rank[np.lexsort((np.array(self.labels), -self.share))] = np.arange(len(self.share))
        return rank


@dataclass(frozen=True, eq=False)
class Joint:
    """A choice: groups of cells for each chosen column, and the pseudo-count."""

    groups: dict[int, Codes] = field(default_factory=dict)
    smoothing: float = math.inf
    gain: float = 0.0


@dataclass(frozen=True, eq=False)
class Search:
    """Rows to count, with weights, and rows to predict (None: each of the counted ones, left out in turn)."""

    columns: Sequence[Column]
    weights: Array
    held: Search | None = None

    def gain(self, groups: dict[int, Codes], smoothing: float | None = None) -> Joint:
        """The best pseudo-count and the summed gain in nats for these groups."""
        if len(groups) < 2 or math.prod(int(g.max()) + 2 for g in groups.values()) > ROOM:
            return Joint()
        total = float(self.weights.sum())
        label, first, count = _counted(self._keys(groups), self.weights)
        if self.held is None:
            wanted, log_base, known = count, self._log_base(groups, first), np.maximum(count - 1, 0)
            total -= 1
        else:
            wanted, log_base = self.held.weights, self.held._log_base(groups, slice(None))
            known = _looked_up(label, count, self.held._keys(groups))
        if total <= 0:
            return Joint()
        tried = np.geomspace(0.01, 100 * total + 1, TRIED) if smoothing is None else np.array([smoothing])
        with np.errstate(divide="ignore"):
            ratio = np.exp(np.log(known) - log_base)
            summed = wanted @ np.log((ratio[:, None] + tried) / (total + tried))
        k = int(np.argmax(summed))
        return Joint(groups, float(tried[k]), float(summed[k]))

    def _keys(self, groups: dict[int, Codes]) -> Codes:
        """Each row's joint cell as a number, `[n]`."""
        key = np.zeros(len(self.weights), dtype=np.int64)
        for j, group in groups.items():
            size = int(group.max()) + 1
            key = key * (size + 1) + np.append(group, size)[self.columns[j].place]
        return key

    def _log_base(self, groups: dict[int, Codes], rows: NDArray[np.int64] | slice) -> Array:
        """The log of the product of the marginals in the joint cells of some rows."""
        log_base = np.zeros(len(self.weights[rows]))
        for j, group in groups.items():
            column = self.columns[j]
            with np.errstate(divide="ignore"):
                log_mass = np.log(np.bincount(group, column.share))[group]
            log_base += np.append(log_mass, 0.0)[column.place[rows]]
        return log_base

    def rows(self, index: NDArray[np.int64]) -> Search:
        """The same with some of the counted rows."""
        columns = [replace(c, place=c.place[index]) for c in self.columns]
        return Search(columns, self.weights[index], self.held)


def search_joint(search: Search, deadline: Deadline) -> Joint:
    """The joint histogram that predicts best, or none."""
    usable = [j for j, c in enumerate(search.columns) if c.flag != -1 and len(c.share) > 1]
    usable.sort(key=lambda j: search.columns[j].name)
    best = _best_pair(search, usable, deadline)
    worth = WORTH * float(search.weights.sum())
    if best.gain <= worth:
        return Joint()
    changed = True
    while changed:
        changed = False
        for j in usable:
            for groups in _moves(search, best.groups, j):
                if deadline.passed():
                    return best
                tried = search.gain(groups)
                if tried.gain > best.gain + worth:
                    best, changed = tried, True
                    break
    return best


def _best_pair(search: Search, usable: list[int], deadline: Deadline) -> Joint:
    n = len(search.weights)
    few = search.rows(np.arange(0, n, math.ceil(n / SCREEN))) if n > SCREEN else search
    found: list[tuple[float, dict[int, Codes]]] = []
    for pair in list(combinations(usable, 2))[:MOST_PAIRS]:
        groups = _with_flags(search, {j: search.columns[j].groups(FIRST) for j in pair})
        found.append((few.gain(groups).gain, groups))
        if deadline.passed():
            break
    found.sort(key=lambda item: -item[0])
    return max((search.gain(groups) for _, groups in found[:3]), key=lambda joint: joint.gain, default=Joint())


def _moves(search: Search, groups: dict[int, Codes], j: int) -> Iterator[dict[int, Codes]]:
    """More groups for column j, then fewer, then none."""
    size = int(groups[j].max()) + 1 if j in groups else 1
    more = [level for level in LEVELS if level > size]
    fewer = [level for level in LEVELS if level < size]
    most = len(search.columns[j].share)
    if size < most and more and not (search.columns[j].whole and j in groups):
        yield _with_flags(search, {**groups, j: search.columns[j].groups(more[0])})
    if j in groups:
        if fewer and not search.columns[j].whole:
            yield _with_flags(search, {**groups, j: search.columns[j].groups(fewer[-1])})
        yield _with_flags(search, {i: g for i, g in groups.items() if i != j})


def _with_flags(search: Search, groups: dict[int, Codes]) -> dict[int, Codes]:
    """With the flag of every chosen column that may lack a value."""
    flags = {search.columns[j].flag for j in groups} - {None}
    added = {f: search.columns[f].groups(0) for f in flags if f is not None and f not in groups}
    return dict(sorted({**groups, **added}.items()))


def _counted(key: Codes, weights: Array) -> tuple[Codes, Codes, Array]:
    """Different keys in increasing order, a row that has each, and the rows' weight."""
    most = int(key.max()) + 1
    if most > DENSE * len(key):
        label, first, place = np.unique(key, return_index=True, return_inverse=True)
        return label, first, np.bincount(place, weights, len(label)).astype(np.float64)
    row = np.full(most, -1, dtype=np.int64)
    row[key] = np.arange(len(key))
    label = (row >= 0).nonzero()[0]
    return label, row[label], np.bincount(key, weights, most)[label].astype(np.float64)


def _looked_up(label: Codes, count: Array, wanted: Codes) -> Array:
    place = np.searchsorted(label, wanted).clip(max=len(label) - 1)
    return np.where(label[place] == wanted, count[place], 0.0)

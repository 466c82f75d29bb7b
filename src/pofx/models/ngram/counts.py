"""How often each run of symbols was met, for all lengths up to one more than the order: a trie, level by level.

Level k holds the distinct runs of k + 1 symbols, each as `context * symbols + symbol`, the context being the place of
the run of k symbols before it in level k - 1. Levels are sorted, so that what may follow a context stands together.
NumPy only. Memory while counting about 60 bytes a training symbol, kept 16 bytes a distinct run.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """Runs of k + 1 symbols, sorted."""

    keys: np.ndarray  # int64 [runs]
    met: np.ndarray  # int64 [runs]: how often
    before: np.ndarray  # int64 [runs]: how many different symbols stood before it; of the longest runs 0


class Places(NamedTuple):
    """Symbols on end, where they are to be predicted, and how many there are before each in its row."""

    symbols: np.ndarray  # int64 [total]
    asked: np.ndarray  # bool [total]: False for marks put in front of a row
    known: np.ndarray  # int64 [total]


def places(flat: np.ndarray, ends: np.ndarray, marks: int, mark: int) -> Places:
    """Rows on end, each behind `marks` start marks."""
    lengths = np.diff(ends, prepend=0)
    begins = np.concatenate([[0], np.cumsum(lengths + marks)[:-1]]).astype(np.int64)[: len(ends)]
    total = int(lengths.sum()) + marks * len(ends)
    known = np.arange(total) - np.repeat(begins, lengths + marks)
    asked = known >= marks
    symbols = np.full(total, mark, dtype=np.int64)
    symbols[asked] = flat
    return Places(symbols, asked, known)


def count(at: Places, symbols: int, order: int) -> list[Level]:
    """Levels 0 to `order`."""
    levels: list[Level] = []
    context = np.zeros(len(at.symbols), dtype=np.int64)
    shorter = np.zeros(0, dtype=np.int64)  # the run that ends at each place, in the level before
    for k in range(order + 1):
        there = np.flatnonzero(context >= 0)
        keys, first, run = np.unique(
            context[there] * symbols + at.symbols[there], return_index=True, return_inverse=True
        )
        met = np.bincount(run, at.asked[there], len(keys)).astype(np.int64)
        levels.append(Level(keys, met, np.zeros(len(keys), dtype=np.int64)))
        if k > 0:
            tail = shorter[there[first]][met > 0]
            levels[k - 1].before[:] = np.bincount(tail, minlength=len(levels[k - 1].keys))
        shorter = np.full(len(context), -1, dtype=np.int64)
        shorter[there] = run
        context = _next(shorter, at)
    return levels


def walk(at: Places, symbols: int, levels: list[Level]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each level the context of each place and the run that ends there; -1 where it was never met."""
    found = []
    context = np.zeros(len(at.symbols), dtype=np.int64)
    for level in levels:
        run = find(level.keys, context, at.symbols, symbols)
        found.append((context, run))
        context = _next(run, at)
    return found


def find(keys: np.ndarray, context: np.ndarray, symbol: np.ndarray, symbols: int) -> np.ndarray:
    """Where runs stand in their level, or -1."""
    if not len(keys):
        return np.full(len(context), -1, dtype=np.int64)
    wanted = context * symbols + symbol
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((context >= 0) & (keys[place] == wanted), place, -1)


def _next(run: np.ndarray, at: Places) -> np.ndarray:
    """The run that ended at the place before is the context; there is none at the beginning of a row."""
    context = np.full(len(run), -1, dtype=np.int64)
    context[1:] = run[:-1]
    context[at.known == 0] = -1
    return context

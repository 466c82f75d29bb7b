"""An alphabet as a tree of yes-or-no questions: neighbours in code stay together, about half of the mass goes each way.

Weight-balanced search trees (Knuth 1971, rule II; Mehlhorn 1975: at most two questions more than needed, on average).
Neighbours matter: letters, digits and punctuation stand together in most codes, so the first questions have a meaning.
"""

from __future__ import annotations

from collections import deque

import numpy as np


def halved(mass: np.ndarray) -> np.ndarray:
    """Children of each node, int64 `[symbols - 1, 2]`: a later node, or ~symbol; node 0 is the root."""
    ends = np.concatenate([[0.0], np.cumsum(mass)])
    children: list[list[int]] = []
    waiting = deque([(0, len(mass), -1, 0)])
    while waiting:
        first, stop, parent, side = waiting.popleft()
        me = ~first if stop - first == 1 else len(children)
        if parent >= 0:
            children[parent][side] = me
        if me >= 0:
            children.append([0, 0])
            cut = _cut(ends, first, stop)
            waiting += ((first, cut, me, 0), (cut, stop, me, 1))
    return np.array(children, dtype=np.int64).reshape(-1, 2)


def _cut(ends: np.ndarray, first: int, stop: int) -> int:
    """Where the mass of `[first, stop)` is halved best."""
    middle = (ends[first] + ends[stop]) / 2
    cut = int(np.searchsorted(ends[first : stop + 1], middle)) + first
    if cut > first + 1 and abs(ends[cut - 1] - middle) < abs(ends[cut] - middle):
        cut -= 1
    return min(max(cut, first + 1), stop - 1)


def paths(children: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each symbol's path begins `[symbols + 1]`, its nodes on end, and the turns taken there."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(len(children) + 1)]
    to_here: dict[int, list[tuple[int, int]]] = {0: []}
    for node, pair in enumerate(children.tolist()):
        path = to_here.pop(node)
        for side, child in enumerate(pair):
            if child < 0:
                found[~child] = [*path, (node, side)]
            else:
                to_here[child] = [*path, (node, side)]
    starts = np.cumsum([0, *map(len, found)])
    flat = np.array([step for path in found for step in path], dtype=np.int64).reshape(-1, 2)
    return starts, flat[:, 0].copy(), flat[:, 1].copy()

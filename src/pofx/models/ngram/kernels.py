"""The inner loops of the mixture of contexts: one yes-or-no question at a time, many contexts' answers, one mixture.

Logistic mixing of context models (Mahoney 2005, Adaptive weighing of context models for lossless data compression;
Mattern 2013 on its convergence). A symbol is a walk down a binary tree; at each of its nodes every context gives the
probability of "right" from how often both ways were taken there. Nothing is learned before the whole symbol is known,
so that the law of the next symbol can be written down, and its shares add up to one.

A slot holds, from the high bits: probability (16), check of the hash (6), times left (5), times right (5). Slots of
different contexts may meet in the table; that costs sharpness, never exactness. Plain Python, compiled by numba when
first wanted, so that importing pofx does not wait for it. Cost: measured half a microsecond a context and symbol while
learning from bytes of English.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from pofx.models.ngram.layout import CURVE, CURVE_RATE, KEPT, LAST_RATE, MOST, OWN, RATE, SLOW


def hashed(a: Any, b: Any) -> Any:
    h = (a ^ (np.uint64(b) * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)
    return h ^ (h >> np.uint64(32))


def reset(w: Any, padded: bool) -> None:
    """At the beginning of a row; where that is the beginning of a text, what was before is known: nothing."""
    w.walk[:] = np.uint64(0)
    if padded:
        w.walk[3] = np.uint64(3)


def advance(m: Any, w: Any, symbol: int) -> None:
    if m.separators[symbol]:
        w.walk[2], w.walk[1], w.walk[0] = w.walk[1], w.walk[0], np.uint64(0)
        w.walk[3] += np.uint64(1)
    else:
        w.walk[0] = hashed(w.walk[0] + np.uint64(1), symbol + 1)


def look_back(m: Any, w: Any, x: Any, t: int, begin: int, padded: bool) -> None:
    """The contexts of place `t`: the last 0 .. order symbols, words, and symbols with one left out."""
    h = np.uint64(1)
    for k in range(m.order + 1):
        if k > 0:
            h = hashed(h, x[t - k] + 1 if t - k >= begin else 0)
        w.context[k] = hashed(h, k + 1000) if padded or t - k >= begin else np.uint64(0)
    word, one, two, known = w.walk[0], w.walk[1], w.walk[2], w.walk[3]
    w.context[m.order + 1 :] = np.uint64(0)
    if known >= 1:
        w.context[m.order + 1] = hashed(word, 2001)
    if known >= 2:
        w.context[m.order + 2] = hashed(hashed(word, 2002) ^ one, 1)
    if known >= 3:
        w.context[m.order + 3] = hashed(hashed(hashed(word, 2003) ^ one, 1) ^ two, 2)
        w.context[m.order + 6] = hashed(hashed(word, 2006) ^ two, 1)
    if padded or t - 3 >= begin:
        h = hashed(np.uint64(2004), x[t - 2] + 1 if t - 2 >= begin else 0)
        h = hashed(h, x[t - 3] + 1 if t - 3 >= begin else 0)
        w.context[m.order + 4] = h
        if padded or t - 4 >= begin:
            w.context[m.order + 5] = hashed(h, x[t - 4] + 1 if t - 4 >= begin else 0)


def where(slots: Any, h: Any) -> Any:
    """The slot of this hash, or the one of the two it may have that knows less, and whether it is its own."""
    i = np.int64(h & np.uint64(len(slots) - 1))
    check = np.int64((h >> np.uint64(40)) & np.uint64(63))
    a, b = np.int64(slots[i]), np.int64(slots[i ^ 1])
    if (a >> 10) & 63 == check and a & 1023:
        return i, True
    if (b >> 10) & 63 == check and b & 1023:
        return i ^ 1, True
    less = (b & 31) + ((b >> 5) & 31) < (a & 31) + ((a >> 5) & 31)
    return (i ^ 1 if less else i), False


def answer(m: Any, w: Any, d: int, node: int, one: int, two: int) -> float:
    """The probability of "right" at a node, all that led to it kept in row `d` of the scratch."""
    count, high = len(w.context), 0
    for c in range(count):
        w.states[d, c] = 0
        w.inputs[d, 2 * c] = w.inputs[d, 2 * c + 1] = 0.0
        if w.context[c] == 0:
            continue
        h = hashed(w.context[c], node + 1)
        w.hashes[d, c] = h
        i, own = where(m.slots, h)
        if own:
            value = np.int64(m.slots[i])
            state = value & 1023
            w.states[d, c] = state
            w.inputs[d, 2 * c] = m.chances[c, state, 1]
            w.inputs[d, 2 * c + 1] = ((value >> 16) + 0.5) / 16384.0 - 2.0
            if c <= m.order:
                high = c + 1
    w.inputs[d, 2 * count] = 0.3
    w.rows[d, 0] = high
    w.rows[d, 1] = m.order + 2 + min(node, OWN - 1)
    w.rows[d, 2] = len(m.weights) - 1 - min(one, min(len(m.separators), OWN - 1))
    total = 0.0
    for k in range(3):
        row, score = w.rows[d, k], 0.0
        for i in range(2 * count + 1):
            score += m.weights[row, i] * w.inputs[d, i]
        w.scores[d, k] = min(max(score, -18.0), 18.0)
        total += m.last[high, k] * w.scores[d, k]
    w.scores[d, 3] = total = min(max(total, -14.0), 14.0)
    cell = np.int64(hashed(hashed(hashed(np.uint64(node), one + 1), two + 1), 3) & np.uint64(len(m.curves) - 1))
    w.cells[d] = cell
    place = min(max(2.0 * (total + 8.0), 0.0), CURVE - 1.001)
    left = int(place)
    share = place - left
    curve = (1.0 - share) * np.float64(m.curves[cell, left]) + share * np.float64(m.curves[cell, left + 1])
    chance: float = min(max(0.5 / (1.0 + np.exp(-total)) + 0.5 * curve, 1e-6), 1.0 - 1e-6)
    return chance


def count(m: Any, w: Any, d: int, right: int, at: Any, old: Any, used: int) -> int:
    """Every context's slot learns which way it went; what it held is noted where there is room."""
    for c in range(len(w.context)):
        if w.context[c] == 0:
            continue
        h = w.hashes[d, c]
        i, own = where(m.slots, h)
        if used < len(at):
            at[used], old[used] = i, m.slots[i]
        used += 1
        check = np.int64((h >> np.uint64(40)) & np.uint64(63))
        value = np.int64(m.slots[i]) if own else np.int64(32768 << 16)
        chance: Any = np.float64(value >> 16)
        lefts: Any = (value >> 5) & 31
        rights: Any = value & 31
        chance += (65535.0 * right - chance) / (lefts + rights + 1.5)
        if right:
            rights, lefts = min(rights + 1, MOST), ((lefts + KEPT) // 2 if lefts > KEPT else lefts)
        else:
            lefts, rights = min(lefts + 1, MOST), ((rights + KEPT) // 2 if rights > KEPT else rights)
        m.slots[i] = np.uint32((np.int64(chance) << 16) | (check << 10) | (lefts << 5) | rights)
    return used


def weigh(m: Any, w: Any, d: int, right: int) -> None:
    """The states, the mixing weights and the curve learn from the answer given in row `d`."""
    contexts, high = len(w.context), w.rows[d, 0]
    for c in range(contexts):
        state = w.states[d, c]
        if state:
            chance = m.chances[c, state, 0] + (right - m.chances[c, state, 0]) / (m.met[c, state] + 1.5)
            m.met[c, state] = min(m.met[c, state] + 1.0, SLOW)
            m.chances[c, state, 0] = chance
            chance = min(max(chance, 1e-4), 1.0 - 1e-4)
            m.chances[c, state, 1] = np.log(chance / (1.0 - chance))
    wrong = right - 1.0 / (1.0 + np.exp(-w.scores[d, 3]))
    for k in range(3):
        row, miss = w.rows[d, k], RATE * (right - 1.0 / (1.0 + np.exp(-w.scores[d, k])))
        for i in range(2 * contexts + 1):
            m.weights[row, i] += miss * w.inputs[d, i]
        m.last[high, k] += LAST_RATE * wrong * w.scores[d, k]
    place = min(max(2.0 * (w.scores[d, 3] + 8.0), 0.0), CURVE - 1.001)
    left, curve = int(place), m.curves[w.cells[d]]
    curve[left] += CURVE_RATE * (1.0 - (place - left)) * (right - curve[left])
    curve[left + 1] += CURVE_RATE * (place - left) * (right - curve[left + 1])


def before(m: Any, x: Any, t: int, begin: int, back: int) -> Any:
    """The symbol so far back, or a code of its own where there is none."""
    return np.int64(x[t - back]) if t - back >= begin else len(m.separators)


def read(
    m: Any, w: Any, x: Any, begin: int, start: int, stop: int, padded: bool, learn: int, out: Any, at: Any, old: Any
) -> int:
    """Scores `[start, stop)` of the row that begins at `begin`; how many slots changed.

    Learn: 0 nothing, 1 counts, 2 weights too. `at` and `old` take notes of what slots held, as far as they reach.
    """
    used = 0
    for t in range(start, stop):
        look_back(m, w, x, t, begin, padded)
        one, two = before(m, x, t, begin, 1), before(m, x, t, begin, 2)
        first, end, score = m.starts[x[t]], m.starts[x[t] + 1], 0.0
        for q in range(first, end):
            chance = answer(m, w, q - first, m.nodes[q], one, two)
            score += np.log(chance if m.turns[q] else 1.0 - chance)
        out[t - start] = score
        if learn:
            for q in range(first, end):
                used = count(m, w, q - first, m.turns[q], at, old, used)
                if learn > 1:
                    weigh(m, w, q - first, m.turns[q])
        advance(m, w, x[t])
    return used


def next_law(m: Any, w: Any, x: Any, t: int, padded: bool, out: Any) -> None:
    """Log-probability of every symbol at place `t` of the row `x`, `[symbols]`; nodes stand before their children."""
    look_back(m, w, x, t, 0, padded)
    one, two = before(m, x, t, 0, 1), before(m, x, t, 0, 2)
    logs = np.zeros(len(m.branches))
    out[:] = 0.0
    for node in range(len(m.branches)):
        chance = answer(m, w, 0, node, one, two)
        for way in range(2):
            score = logs[node] + np.log(chance if way else 1.0 - chance)
            child = m.branches[node, way]
            if child < 0:
                out[~child] = score
            else:
                logs[child] = score


def write(
    m: Any, w: Any, x: Any, t: int, stop: int, padded: bool, learn: int, end: int, uniform: Any, at: Any, old: Any
) -> tuple[int, int]:
    """Draws on from place `t` up to `stop`, the end or the last uniform number; the next place, slots changed."""
    spent, used = 0, 0
    while t < stop and spent + len(w.cells) <= len(uniform):
        look_back(m, w, x, t, 0, padded)
        one, two, node, d = before(m, x, t, 0, 1), before(m, x, t, 0, 2), 0 if len(m.branches) else -1, 0
        while node >= 0:
            right = uniform[spent] < answer(m, w, d, node, one, two)
            node, d, spent = m.branches[node, 1 if right else 0], d + 1, spent + 1
        x[t] = ~node
        first = m.starts[x[t]]
        for k in range(d if learn else 0):
            used = count(m, w, k, m.turns[first + k], at, old, used)
        advance(m, w, x[t])
        t += 1
        if x[t - 1] == end:
            break
    return t, used


_PARTS = (hashed, reset, advance, look_back, where, answer, count, weigh, before, read, next_law, write)


@cache
def compiled() -> dict[str, Callable[..., Any]]:
    """The functions above by name, compiled; numba finds them where they call one another."""
    import numba

    for part in _PARTS:
        globals()[part.__name__] = _jit(numba, part)
    return {part.__name__: globals()[part.__name__] for part in _PARTS}


def _jit(numba: Any, part: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(part)  # type: ignore[no-any-return]
    except RuntimeError:  # nowhere to keep the machine code
        return numba.njit(nogil=True, error_model="numpy")(part)  # type: ignore[no-any-return]

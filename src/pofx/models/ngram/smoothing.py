"""Shares held back from what was counted, for what was not: Kneser-Ney's discounts and Witten-Bell's.

Interpolated modified Kneser-Ney (Chen and Goodman 1999): each count gives up D1, D2 or D3 as it is one, two or more,
and shorter contexts count in how many different places a run stood, not how often. Witten and Bell (1991), method C:
a context that was followed by T different symbols holds back T / (T + total). Both as one table a level, so that
p(s | context) = kept[run] + held[context] * p(s | shorter context), and held is never 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

USUAL = (0.5, 1.0, 1.5)  # discounts where counts of counts say nothing
LEAST, MOST = 0.05, 0.95  # discounts of counts of one; twice and three times as much for the others


class Shares(NamedTuple):
    """One level: what runs keep, what contexts hold back; behind both, at place -1, what is true of those never met."""

    kept: np.ndarray  # float64 [runs + 1]
    held: np.ndarray  # float64 [contexts + 1]; 1 where nothing was counted


def witten_bell(counts: np.ndarray, context: np.ndarray, contexts: int) -> Shares:
    """`counts` of the runs of a level, and the context of each."""
    total = np.bincount(context, counts, contexts)
    different = np.bincount(context, counts > 0, contexts)
    return _shares(counts.astype(np.float64), different.astype(np.float64), total + different, context)


def kneser_ney(counts: np.ndarray, context: np.ndarray, contexts: int) -> Shares:
    """The same with discounts."""
    total = np.bincount(context, counts, contexts)
    discount = np.concatenate([[0.0], discounts(counts)])[np.minimum(counts, 3)]
    return _shares(counts - discount, np.bincount(context, discount, contexts), total, context)


def discounts(counts: np.ndarray) -> np.ndarray:
    """D1, D2 and D3 of Chen and Goodman, kept inside (0, 1), (0, 2) and (0, 3)."""
    met = [float((counts == k).sum()) for k in range(1, 5)]
    if min(met[:2]) == 0:
        return np.array(USUAL)
    y = met[0] / (met[0] + 2 * met[1])
    found = [k + 1 - (k + 2) * y * met[k + 1] / met[k] if met[k] else USUAL[k] for k in range(3)]
    return np.array([min(max(found[k], LEAST * (k + 1)), MOST * (k + 1)) for k in range(3)])


def _shares(kept: np.ndarray, held: np.ndarray, total: np.ndarray, context: np.ndarray) -> Shares:
    safe = np.where(total > 0, total, 1.0)
    return Shares(np.append(kept / safe[context], 0.0), np.append(np.where(total > 0, held / safe, 1.0), 1.0))

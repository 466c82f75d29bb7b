"""Which symbols part words, from the data alone: those after which anything may come.

After a space or a new line the next symbol is nearly as uncertain as it ever gets (Harris 1955, From phoneme to
morpheme: boundaries lie where many successors are possible); what is nearly always followed by such a symbol, as
commas are, parts words too. Where symbols are no letters the rule still names some, and harms nothing.
"""

from __future__ import annotations

import numpy as np

FREQUENT = 0.005  # share of all symbols that makes a separator worth having
SURE = 0.92  # of the greatest uncertainty
ALWAYS = 0.85  # how often a separator follows
READ = 1 << 22  # symbols, from the beginning, that are looked at
LARGEST = 4096  # symbols; pieces of words in larger alphabets are no letters


def separators(flat: np.ndarray, symbols: int) -> np.ndarray:
    """A bool for each symbol."""
    if symbols > LARGEST or len(flat) < 2:
        return np.ones(symbols, dtype=bool)
    flat = flat[:READ]
    pairs = flat[:-1].astype(np.int64) * symbols + flat[1:]
    codes, counts = np.unique(pairs, return_counts=True)
    first = codes // symbols
    total = np.bincount(first, counts, symbols)
    share = counts / total[first]
    surprise = np.bincount(first, -share * np.log(share), symbols)
    frequent = total >= FREQUENT * len(flat)
    found = frequent & (surprise >= SURE * surprise[frequent].max(initial=0.0))
    follows = np.bincount(first, counts * found[codes % symbols], symbols)
    return np.asarray(found | (follows >= ALWAYS * np.maximum(total, 1)))

"""What the mixture of contexts is made of: the arrays that are learned, the scratch, and the fixed numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

EXTRA = 6  # contexts besides the last 0 .. order symbols
MOST = 31  # the most that a slot counts
KEPT = 8  # of what was counted for the other way, about so much outlives a surprise
STATES = 1024
CURVE = 33  # points of a correction curve
OWN = 1024  # nodes, and symbols before, with mixing weights of their own
RATE, LAST_RATE, CURVE_RATE = 0.0015, 0.0005, 0.02
COUNTS, ALL = 1, 2  # what is learned from a symbol: the counts, or the weights as well
SLOW = 1023.0  # a state's probability is the mean of about so many of its last answers


class Mixer(NamedTuple):
    """What has been learned: `C` contexts, each with two inputs, and one constant input."""

    slots: Any  # uint32 [2^b]
    chances: Any  # [C, STATES, 2]: of "right" after so many lefts and rights, and its logit
    met: Any  # [C, STATES]: how often each state answered
    weights: Any  # [order + 2 + own nodes + own symbols, 2C + 1]
    last: Any  # [order + 2, 3]: of the three mixtures
    curves: Any  # float32 [2^a, CURVE]: what became of a probability, by node and the two symbols before
    separators: Any  # bool [symbols]: what parts words
    starts: Any  # [symbols + 1]: where the path of each symbol begins in
    nodes: Any  # the nodes on it, and
    turns: Any  # which way it goes there
    branches: Any  # [nodes, 2]: a node, or ~symbol
    order: int


class Work(NamedTuple):
    """Scratch: the contexts at one place, and what was computed at up to `D` nodes of one symbol."""

    context: Any  # uint64 [C]; 0 where there is none
    hashes: Any  # uint64 [D, C]
    states: Any  # [D, C]
    inputs: Any  # [D, 2C + 1]
    rows: Any  # [D, 3]: of the weights in use
    scores: Any  # [D, 4]: the three mixtures and the mixture of them, logits
    cells: Any  # [D]: the curve in use
    walk: Any  # uint64 [4]: this word so far, the two before it, how many there were

"""Nats and what is derived from them: bits, bits per dimension, bits per byte, perplexity. The only file that converts.

`log_prob` is a log-probability (or log-density) in nats, larger is better; what this file returns is a cost, smaller is
better, except `bits`, which only changes the unit.
"""

from __future__ import annotations

import math

LN2 = math.log(2.0)


def bits(nats: float) -> float:
    """Nats to bits: `nats / ln 2`."""
    return nats / LN2


def nats(bits: float) -> float:
    """Bits to nats: `bits * ln 2`."""
    return bits * LN2


def bits_per(log_prob: float, count: float) -> float:
    """Bits per dimension, pixel, byte, character or sample: `-log_prob / (count ln 2)`.

    Args:
        log_prob: log-probability of the whole observation, nats.
        count: how many dimensions (bytes, characters, ...) the observation has.
    """
    return -log_prob / (count * LN2)


def perplexity(log_prob: float, count: float) -> float:
    """`exp(-log_prob / count)`; of a corpus: sums first, then one exponential, never a mean of perplexities."""
    return math.exp(-log_prob / count)

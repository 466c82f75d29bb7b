"""Expectations by random draws, with a standard error, and a word where the error cannot be trusted.

A divergence is drawn from the even mixture M of P and Q, half from each (stratified; Hesterberg 1995): f / m is bounded
wherever a divergence can be, so the tails where Q is thin are met, and the share p / m, whose mean is known to be one,
is taken off as a control variate. What only concerns P (entropy, cross entropy) is drawn from P. The tail index of the
largest terms is watched (Hill 1975; Vehtari et al. 2024): above one half the variance does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.divergences.engine.pointwise import Functional
from pofx.rng import split

DRAWS = 50_000
FEWEST = 10
HEAVY = 0.5  # a tail index beyond which the variance is infinite
NOTHING_LEFT = 1e-12

Draw = Callable[[int, int], Tensor]  # (n, seed) -> rows [n, d]
Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Average:
    """A mean over draws, its standard error, and what to know about it."""

    value: float
    std_error: float
    draws: int
    note: str = ""


def mean_under(draw: Draw, values: Score, *, draws: int, seed: int) -> Average:
    """The mean of `values` under the law that `draw` draws from."""
    terms = values(draw(draws, split(seed, "draws")))
    return averaged(terms)


def averaged(terms: Tensor) -> Average:
    """The mean of independent terms `[n]`; an infinite term makes it infinite, and says how many there are."""
    infinite = int(torch.isinf(terms).sum())
    if infinite:
        return Average(math.inf, math.nan, len(terms), f"infinite for {infinite} of {len(terms)} rows")
    error = float(terms.std(correction=1)) / math.sqrt(len(terms)) if len(terms) > 1 else math.nan
    return Average(float(terms.mean()), error, len(terms), tail_note(terms))


def from_mixture(functional: Functional, draws_p: Tensor, draws_q: Tensor, log_p: Score, log_q: Score) -> Average:
    """The integral of f, from as many draws of P as of Q, `[n, d]` each."""
    strata = []
    for rows in (draws_p, draws_q):
        score_p, score_q = log_p(rows), log_q(rows)
        log_m, ratio = functional.at(score_p, score_q)
        strata.append((ratio, torch.exp(score_p - log_m) - 1))
    bad = sum(int(torch.isinf(ratio).sum()) for ratio, _ in strata)
    n = len(draws_p) + len(draws_q)
    if bad:
        return Average(math.inf, math.nan, n, f"infinite at {bad} of {n} draws")
    terms, control = torch.cat([r for r, _ in strata]), torch.cat([c for _, c in strata])
    spread = float((control * control).mean())
    slope = float((terms * control).mean()) / spread if spread > NOTHING_LEFT else 0.0
    parts = [ratio - slope * c for ratio, c in strata]
    variance = sum(float(part.var(correction=1)) / len(part) for part in parts) / 4
    value = 0.5 * sum(float(part.mean()) for part in parts)
    return Average(value, math.sqrt(variance), n, max((tail_note(part) for part in parts), key=len))


def tail_note(terms: Tensor) -> str:
    """A warning where the largest terms have a tail so heavy that their mean has no finite variance."""
    index = tail_index(terms)
    if index < HEAVY:
        return ""
    return f"a heavy tail (index {index:.2f}): the standard error cannot be trusted, the value may be far too small"


def tail_index(terms: Tensor) -> float:
    """Hill's index of the upper tail of |terms|, `[n] -> 1 / exponent`; 0 where there are too few to tell."""
    sizes = (terms - terms.median()).abs().sort(descending=True).values
    k = int(min(0.1 * len(sizes), 3 * math.sqrt(len(sizes))))
    if k < FEWEST or float(sizes[k]) <= 0:
        return 0.0
    return float(torch.log(sizes[:k] / sizes[k]).mean())

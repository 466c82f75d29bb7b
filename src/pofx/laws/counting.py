"""Whether counts are those that a law of a few outcomes lets expect: the chi-squared test (Pearson 1900)."""

from __future__ import annotations

import torch
from scipy import stats
from torch import Tensor

from pofx.laws.subject import Outcome

ALARM = 1e-6  # chance of a false alarm
FEW = 10  # expected samples; cells with fewer are taken together


def follow(found: Tensor, share: Tensor, what: str = "samples", alarm: float = ALARM) -> Outcome:
    """Whether counts `[cells]` follow shares `[cells]`, which are scaled to one."""
    expected = found.sum() * share / share.sum()
    rare = expected < FEW
    counts = torch.cat([found[~rare], found[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    kept = expected > 0
    if float(counts[~kept].sum()) or float(found[share == 0].sum()):
        return Outcome(False, f"{what}: some have probability zero")
    statistic = float(((counts - expected)[kept].square() / expected[kept]).sum())
    p = float(stats.chi2.sf(statistic, max(int(kept.sum()) - 1, 1)))
    return Outcome(p > alarm, f"{what}: chi-squared test, p = {p:.2g}")

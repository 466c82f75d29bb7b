"""Laws 3 and 4 on pictures so small that all of them can be listed: total mass, and samples that follow it.

The mean of importance weights is an unbiased estimate of p(x) (Burda, Grosse and Salakhutdinov 2016), so the
probabilities that a bound's weights average to must add up to one too.
"""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch import Tensor

from pofx.laws.subject import Law, Outcome, Subject, score
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.image import Image

MOST = 4_096  # pictures in a space that is listed
DRAWS, ROUNDS = 50, 10  # importance samples of each bound, and bounds of each picture
SAMPLES = 4_000
ALARM = 1e-6  # chance of a false alarm


def listed(space: Space) -> bool:
    """Whether all outcomes can be listed."""
    return isinstance(space, Image) and space.bits * space.dims <= math.log2(MOST)


def all_pictures(space: Image) -> Tensor:
    """Every picture of a tiny space, `[levels^dims, C, H, W]`."""
    levels = [torch.arange(space.levels, dtype=torch.float64)] * space.dims
    return torch.cartesian_prod(*levels).reshape(-1, *space.event_shape)


def probabilities(subject: Subject) -> tuple[Tensor, Tensor]:
    """Of every picture, and their standard errors, `[m]` each; the errors are zero where they are exact."""
    space = subject.model.space
    assert isinstance(space, Image)
    x = all_pictures(space)
    if subject.model.likelihood is Likelihood.EXACT:
        return score(subject.model, x).exp(), torch.zeros(len(x), dtype=torch.float64)
    rounds = [
        torch.as_tensor(subject.model.log_prob_bound(x, draws=DRAWS, seed=split(7, "law", k))) for k in range(ROUNDS)
    ]
    weights = torch.stack(rounds).double().exp()  # [ROUNDS, m]
    return weights.mean(0), weights.std(0) / math.sqrt(ROUNDS)


def mass(subject: Subject) -> Outcome | None:
    """Law 3."""
    if subject.model.likelihood is Likelihood.NONE:
        return None
    share, error = probabilities(subject)
    total, sure = float(share.sum()), 5 * float(error.square().sum().sqrt())
    return Outcome(abs(total - 1) <= 1e-9 + sure, f"the probabilities add up to {total:.6f} +- {sure / 5:.2g}")


def samples(subject: Subject) -> Outcome | None:
    """Law 4: a chi-squared test (Pearson 1900), cells with few expected samples taken together."""
    if subject.model.likelihood is Likelihood.NONE:
        return None
    space = subject.model.space
    assert isinstance(space, Image)
    share, _ = probabilities(subject)
    base = space.levels ** torch.arange(space.dims - 1, -1, -1)
    codes = (subject.model.draw(SAMPLES, seed=201).flatten(1).long() * base).sum(1)
    found = torch.bincount(codes, minlength=len(share)).double()
    expected = SAMPLES * share / share.sum()
    rare = expected < 10
    found = torch.cat([found[~rare], found[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    kept = expected > 0
    impossible = float(found[~kept].sum())
    statistic = float(((found - expected)[kept].square() / expected[kept]).sum())
    p = float(stats.chi2.sf(statistic, max(int(kept.sum()) - 1, 1)))
    slack = subject.model.likelihood is Likelihood.LOWER_BOUND  # its shares are estimates themselves
    return Outcome(not impossible and p > (ALARM**2 if slack else ALARM), f"chi-squared test, p = {p:.2g}")


ENUMERATED = (
    Law(3, "listed", "over all pictures of a tiny space, probabilities add up to one", mass, alone=True, space=listed),
    Law(4, "counted", "over all pictures of a tiny space, samples follow them", samples, alone=True, space=listed),
)

"""Laws 3 and 4 on spaces so small that all outcomes can be listed: total mass, and samples that follow it.

Of sequences all beginnings of a few values are listed. Where ends are modelled, the probabilities of all sequences
that have ended before and of all beginnings that have not add up to one; else those of all passages of one length.

The mean of importance weights is an unbiased estimate of p(x) (Burda, Grosse and Salakhutdinov 2016), so the
probabilities that a bound's weights average to must add up to one too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.laws.counting import ALARM, follow
from pofx.laws.orders import closed, closing, has_order, in_order, parts, values
from pofx.laws.subject import Law, Outcome, Subject, affordable, first_failure, score
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.sequence import Sequence

MOST = 4_096  # outcomes, or beginnings, that are listed
LONGEST = 4  # values of a sequence
DRAWS, ROUNDS = 50, 10  # importance samples of each bound, and bounds of each picture
SAMPLES = 4_000


def listed(space: Space) -> bool:
    """Whether all outcomes can be listed."""
    return has_order(space) and len(values(space)) <= MOST and _places(space) > 1 and _size(space) <= MOST


def _places(space: Space) -> int:
    """How many values of an outcome are looked at."""
    if isinstance(space, Image):
        return space.dims
    fit = int(math.log(MOST) / math.log(len(values(space)) + 1) + 1e-9)
    assert isinstance(space, Sequence)
    return min(LONGEST, fit, space.length if closing(space) is None else LONGEST)


def _size(space: Space) -> float:
    base = len(values(space)) + int(not isinstance(space, Image))
    return float(base) ** _places(space)


def beginnings(space: Space, k: int) -> Tensor:
    """All rows of k values, `[values^k, k]`."""
    return torch.cartesian_prod(*[values(space)] * k).reshape(-1, k)


def _codes(space: Space, x: Tensor) -> Tensor:
    """The first values of rows in order as one number each, `[n]`; what is behind an end counts as one more value."""
    known, places = values(space), _places(space)
    base = len(known) + int(not isinstance(space, Image))
    digits = torch.full((len(x), places), base - 1, dtype=torch.int64)
    first = x[:, :places].long()
    digits[:, : first.shape[1]] = torch.where((first < known[0]) | (first > known[-1]), base - 1, first - known[0])
    return (digits * base ** torch.arange(places - 1, -1, -1)).sum(1)


def probabilities(subject: Subject) -> tuple[Tensor, Tensor] | None:
    """Of every outcome by its code, and their standard errors, `[m]` each; the errors are zero where they are exact."""
    model, space = subject.model, subject.model.space
    if isinstance(space, Sequence):
        exact = model.likelihood is Likelihood.EXACT and (closing(space) is None or "parts" in model.capabilities)
        return (_of_sequences(subject), torch.zeros(())) if exact else None
    if model.likelihood is Likelihood.NONE:
        return None
    assert isinstance(space, Image)
    x = _pictures(space)
    if model.likelihood is Likelihood.EXACT:
        return score(model, x).exp(), torch.zeros(len(x), dtype=torch.float64)
    rounds = [torch.as_tensor(model.log_prob_bound(x, draws=DRAWS, seed=split(7, "law", k))) for k in range(ROUNDS)]
    weights = torch.stack(rounds).double().exp()  # [ROUNDS, m]
    return weights.mean(0), weights.std(0) / math.sqrt(ROUNDS)


def _pictures(space: Image) -> Tensor:
    """Every picture of a tiny space in the order of the codes, `[levels^dims, C, H, W]`."""
    height, width, channels = space.height, space.width, space.channels
    return beginnings(space, space.dims).reshape(-1, height, width, channels).movedim(-1, 1).double()


def _of_sequences(subject: Subject) -> Tensor:
    """By the code of their first values, `[m]`."""
    model, space, places = subject.model, subject.model.space, _places(subject.model.space)
    share = torch.zeros(int(_size(space)), dtype=torch.float64)
    x = beginnings(space, places)
    end = closing(space)
    log_p = score(model, x) if end is None else parts(model, closed(space, x))[:, :places].sum(1)
    share[_codes(space, x)] = log_p.exp()
    for k in range(0 if end is not None else places, places):
        ended = closed(space, beginnings(space, k) if k else torch.zeros(1, 0, dtype=torch.int64))
        share[_codes(space, ended)] = score(model, ended).exp()
    return share


def mass(subject: Subject) -> Outcome | None:
    """Law 3."""
    found = probabilities(subject)
    if found is None:
        return None
    share, error = found
    total, sure = float(share.sum()), 5 * float(error.square().sum().sqrt())
    whole = Outcome(abs(total - 1) <= 1e-9 + sure, f"the probabilities add up to {total:.6f} +- {sure / 5:.2g}")
    return first_failure(whole, *_shorter(subject))


def _shorter(subject: Subject) -> list[Outcome]:
    """Passages of each shorter length."""
    space, model = subject.model.space, subject.model
    if not isinstance(space, Sequence) or closing(space) is not None:
        return []
    totals = [float(score(model, beginnings(space, k)).exp().sum()) for k in range(1, _places(space))]
    return [
        Outcome(abs(total - 1) <= 1e-9, f"all passages of {k + 1} values: {total:.6f}")
        for k, total in enumerate(totals)
    ]


def samples(subject: Subject) -> Outcome | None:
    """Law 4."""
    found = probabilities(subject)
    if found is None:
        return None
    space = subject.model.space
    drawn = in_order(space, subject.model.draw(affordable(space, SAMPLES), seed=201))
    counts = torch.bincount(_codes(space, drawn), minlength=len(found[0])).double()
    slack = subject.model.likelihood is Likelihood.LOWER_BOUND  # its shares are estimates themselves
    return follow(counts, found[0], alarm=ALARM**2 if slack else ALARM)


ENUMERATED = (
    Law(3, "listed", "over all outcomes of a tiny space, probabilities add up to one", mass, alone=True, space=listed),
    Law(4, "counted", "over all outcomes of a tiny space, samples follow them", samples, alone=True, space=listed),
)

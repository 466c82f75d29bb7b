"""The grid a recording lies on: all its samples are multiples of one step, such as 256 for 8 bits written as 16.

Which steps there are, and how often, is counted in training. A wave's law is a mixture over the steps, its grid being
unknown until samples tell: `P(x) = sum_g share_g P_g(x)`, and so of each sample given those before, by Bayes' rule.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MOST = 4  # steps beside 1
OFTEN = 0.01  # share of the waves that a step must have


def step_of(wave: Tensor) -> int:
    """The largest step that all samples are multiples of; 0 of silence."""
    return int(np.gcd.reduce(np.abs(wave.cpu().numpy().astype(np.int64)), initial=0))


def count_steps(found: list[int]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Steps, 1 first, and their shares, each of the waves that lie on no coarser one."""
    heard = [step for step in found if step > 0]
    values, counts = np.unique(np.asarray(heard, dtype=np.int64), return_counts=True)
    often = sorted(
        (int(count), int(value))
        for value, count in zip(values, counts, strict=True)
        if value > 1 and count > OFTEN * len(heard) and count > 1
    )
    steps = (1, *sorted(value for _, value in often[-MOST:]))
    nearest = [coarsest(step, steps) for step in heard]
    shares = [nearest.count(step) + 0.5 for step in steps]
    return steps, tuple(share / sum(shares) for share in shares)


def coarsest(step: int, steps: tuple[int, ...]) -> int:
    """The largest of the known steps that a wave of this one lies on."""
    return max(known for known in steps if step % known == 0)


def mixed(scores: Tensor, shares: Tensor) -> Tensor:
    """Parts of the mixture, `[steps, n, T]` to `[n, T]`; a wave off a grid has parts of -inf from there on."""
    if len(scores) == 1:
        return scores[0]
    held = shares.log()[:, None, None] + torch.cat([torch.zeros_like(scores[..., :1]), scores.cumsum(-1)[..., :-1]], -1)
    known = held - torch.logsumexp(held, 0)  # of each step, from the samples before
    return torch.logsumexp(known + scores, 0)


def after(scores: Tensor, shares: Tensor) -> Tensor:
    """Log shares of the steps once the samples are known, `[steps, n, T] -> [steps, n]`."""
    held = shares.log()[:, None] + scores.sum(-1)
    return held - torch.logsumexp(held, 0)

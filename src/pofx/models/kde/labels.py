"""The kernel of a category: a row's own label, or, with probability lambda, a draw from the labels seen.

`K(x; row) = Q 1/m [x never seen] + (1 - Q) ((1 - lambda) [x = row] + lambda share(x) [x seen])` with m labels never
seen and Q the share that they together deserve: half a count each (Krichevsky and Trofimov 1981), whatever lambda is,
for no row can tell. With equal shares this is Aitchison and Aitken's (1976) kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PRIOR = 0.5


@dataclass(frozen=True, eq=False)
class LabelBase:
    """What a category's kernel needs to know of the labels asked for, each `[q]`.

    Args:
        log_share: log of the smoothed share of the label.
        seen: whether any row has it.
        log_known: log of `1 - Q`.
    """

    log_share: Tensor
    seen: Tensor
    log_known: Tensor

    def at(self, index: slice | Tensor) -> LabelBase:
        """Some of the queries."""
        return LabelBase(self.log_share[index], self.seen[index], self.log_known[index])

    def log_other(self, leak: Tensor) -> Tensor:
        """Log-kernel of rows with other labels, `[q]`."""
        return self.log_share + torch.where(self.seen, torch.log(leak), 0.0)

    def log_same(self, leak: Tensor) -> Tensor:
        """Log-kernel of rows with this label, `[q]`."""
        return torch.logaddexp(torch.log1p(-leak) + self.log_known, self.log_other(leak))


def label_base(labels: Tensor, counts: Tensor, left: Tensor | float = 0.0) -> LabelBase:
    """The base of some labels `[q]` among counted ones `[size]`, each with so much of its own count left out."""
    codes = labels.long()
    total = counts.sum() - left + PRIOR * len(counts)
    remaining = counts[codes] - left
    remaining = torch.where(remaining > 1e-9 * counts[codes], remaining, 0.0)  # fractions do not cancel exactly
    unseen = (counts == 0).sum() + ((remaining == 0) & (counts[codes] > 0))
    share = (remaining + PRIOR) / total
    deserved = PRIOR * unseen.to(torch.float64) / total
    return LabelBase(torch.log(share), remaining > 0, torch.log1p(-deserved))


def log_label_kernel(same: Tensor, base: LabelBase, leak: Tensor) -> Tensor:
    """Log-kernel of every pair from whether their labels agree, `[q, m]`."""
    return torch.where(same, base.log_same(leak)[:, None], base.log_other(leak)[:, None])


def draw_labels(own: Tensor, counts: Tensor, leak: Tensor, generator: torch.Generator) -> Tensor:
    """A label for each row's own one, `[n]`."""
    shares = (counts + PRIOR) / (counts.sum() + PRIOR * len(counts))
    new = shares * (counts == 0)
    u = torch.rand(2, len(own), generator=generator, dtype=torch.float64)
    other = draw_index(shares * (counts > 0), len(own), generator).to(own.dtype)
    never = draw_index(new, len(own), generator).to(own.dtype)
    return torch.where(u[0] < new.sum(), never, torch.where(u[1] < leak, other, own))


def draw_index(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Indices with probabilities in proportion to weights, `[n]`; any number of weights."""
    steps = torch.cumsum(weights, 0)
    u = torch.rand(n, generator=generator, dtype=torch.float64) * steps[-1]
    return torch.searchsorted(steps, u, right=True).clamp_max(len(weights) - 1)

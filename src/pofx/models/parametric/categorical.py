"""One column of labels: smoothed shares, with the smoothing chosen so that each row predicts best from the others.

Two kinds of smoothing compete, by the leave-one-out likelihood of the training rows (Stone 1974), which is exact and
costs nothing: a symmetric Dirichlet prior, right for few labels that are all known; and the two-parameter Pitman-Yor
rule (Pitman & Yor 1997), right for many labels of which most are rare, where it gives a label not met so far about the
share of labels met once (Good 1953, Turing). What is unseen, "any other" of an open category included, shares that mass
equally. Cost O(n + K + G m) for K labels, G = 900 settings and m distinct counts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.core.coded import Nothing
from pofx.core.contract import Density, Model
from pofx.core.named import Named
from pofx.data.dataset import Data
from pofx.models.parametric.family import counts
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

LEAST_MASS = 0.5  # rows' worth of smoothing in all: what was never met keeps a probability
PRIOR_WIDTH = 3.0  # of log(strength) about Jeffreys' 1/2, in nats: decides where the rows do not


class CategoricalModel(Density):
    """A probability for each label.

    Args:
        space: a table of one category.
        log_shares: log-probability of each code, `[size]`.
        n: rows it was fitted to, by weight.
    """

    capabilities = frozenset({"weights", "discrete", "marginal", "condition"})

    log_shares: Tensor

    def __init__(self, space: Table, log_shares: Tensor, n: float) -> None:
        super().__init__(space)
        self.register_buffer("log_shares", log_shares)
        self.n = n

    @property
    def free_parameters(self) -> int:
        return max(len(self.log_shares) - 1, 0)

    def named(self) -> Named | None:
        return Named("categorical", {"log_shares": self.log_shares})

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        code = x[:, 0]
        known = ~torch.isnan(code)
        found = self.log_shares[torch.where(known, code, torch.zeros_like(code)).long()]
        return torch.where(known, found, torch.zeros_like(code))

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        edges = torch.cumsum(self.log_shares.exp(), 0)
        level = torch.rand(n, dtype=torch.float64, generator=generator) * edges[-1]
        return torch.searchsorted(edges, level, right=True).clamp_max(len(edges) - 1).to(torch.float64)[:, None]

    def _marginal(self, names: tuple[str, ...]) -> Model:
        return self

    def _condition(self, names: tuple[str, ...], values: Tensor) -> Model:
        return Nothing()


def fit_categorical(data: Data) -> CategoricalModel:
    """Smoothed shares of a table of one category; rows that are missing are left out."""
    assert isinstance(data.space, Table)
    column = data.space.spaces[0]
    assert isinstance(column, Category)
    code, weight = data.values[:, 0], counts(data.weights, len(data))
    met = ~torch.isnan(code)
    count = torch.zeros(column.size, dtype=torch.float64).index_add_(0, code[met].long(), weight[met])
    return CategoricalModel(data.space, torch.log(smoothed(count)), float(count.sum()))


def smoothed(count: Tensor) -> Tensor:
    """Probabilities `[size]`, all positive, from how often each label was met `[size]`."""
    size, n = len(count), float(count.sum())
    if n == 0:
        return torch.full_like(count, 1.0 / size)
    strength, likelihood = _best_dirichlet(count, n)
    shares = (count + strength) / (n + strength * size)
    concentration, discount, pitman_yor = _best_pitman_yor(count, n)
    if bool((count == 0).any()) and pitman_yor > likelihood + 1.0:
        shares = _pitman_yor(count, n, concentration, discount)
    return shares / shares.sum()


def _best_dirichlet(count: Tensor, n: float) -> tuple[float, float]:
    """The pseudo-count of each label, and the log-probability of the rows, each from the others."""
    size = len(count)
    strengths = torch.logspace(-6, 3, 181, dtype=torch.float64)
    strengths = torch.cat([strengths[strengths * size > LEAST_MASS], torch.tensor([0.5, LEAST_MASS / size])])
    value, times = torch.unique(count[count > 0], return_counts=True)
    others = (value - 1).clamp_min(0)[:, None] + strengths  # [m, G]
    rows = (times * value)[:, None]
    likelihood = (rows * (torch.log(others) - torch.log(max(n - 1, 0) + strengths * size))).sum(0)
    prior = -0.5 * (torch.log(strengths / 0.5) / PRIOR_WIDTH).square()
    best = int(torch.argmax(likelihood + prior))
    return float(strengths[best]), float(likelihood[best])


def _best_pitman_yor(count: Tensor, n: float) -> tuple[float, float, float]:
    """Concentration, discount and the log-probability of the rows, each from the others."""
    kinds = float((count > 0).sum())
    unseen = float((count == 0).sum())
    value, times = torch.unique(count[count > 0], return_counts=True)
    top = max(n, 2.0)
    concentrations = LEAST_MASS * torch.logspace(0, math.log10(2 * top / LEAST_MASS), 30, dtype=torch.float64)
    discounts = torch.cat([torch.linspace(0, 0.98, 29, dtype=torch.float64), torch.tensor([1 - 1 / (n + 1)])])
    s, d = concentrations[:, None], discounts[None, :]  # [S, 1], [1, D]
    likelihood = torch.zeros(len(concentrations), len(discounts), dtype=torch.float64)
    for rows, c in zip((times * value).tolist(), value.tolist(), strict=True):
        alone = (s + d * (kinds - 1)) / (unseen + 1)  # a label met once is unseen when it is left out
        likelihood += rows * (torch.log(alone if c <= 1 else c - 1 - d) - torch.log(max(n - 1, 0) + s))
    best = int(torch.argmax(likelihood))
    row, column = divmod(best, len(discounts))
    return float(concentrations[row]), float(discounts[column]), float(likelihood[row, column])


def _pitman_yor(count: Tensor, n: float, concentration: float, discount: float) -> Tensor:
    seen = count > 0
    new = (concentration + discount * float(seen.sum())) / float((~seen).sum())
    return torch.where(seen, count - discount, torch.full_like(count, new)) / (n + concentration)

"""The M-step for Gaussians: maximum a posteriori means and covariances from weighted moments, with a floor.

Prior (Fraley and Raftery 2007, without their prior on the means): a component's covariance begins with `strength`
pseudo-rows that have the shape of the whole data and 1 / K of its volume. It is what keeps small, flat and duplicated
components finite; it scales with the columns. The floor is a constraint `covariance >= diag(floor)` in the order of
matrices, whose exact maximiser lifts eigenvalues. The broad component has the mean and shape of the whole; its width,
a factor on the covariance, is fitted and begins with one pseudo-row of width `WIDE`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pofx.models.mixture.gaussian import Gaussians, Kind
from pofx.models.mixture.moments import Moments, natural, symmetric

WIDE = 9.0  # three standard deviations


@dataclass(frozen=True, eq=False)
class Prior:
    """What covariances begin with.

    Args:
        K: the number of main components.
        strength: pseudo-rows a component, > 0.
        mean: of the whole data `[d]`.
        total: their shape `[d, d]`, positive definite.
        floor: the smallest variance in each column `[d]`.
        square: whether variances are enough (diagonal and spherical components).
    """

    K: int
    strength: float
    mean: Tensor
    total: Tensor
    floor: Tensor
    square: bool

    @property
    def d(self) -> int:
        """The number of real columns."""
        return len(self.floor)

    @cached_property
    def target(self) -> Tensor:
        """The covariance of the pseudo-rows: 1 / K of the volume of the whole, not under the floor, `[d, d]`."""
        return at_least(self.total / self.K ** (2 / max(self.d, 1)), self.floor)

    @cached_property
    def target_variances(self) -> Tensor:
        """Its diagonal `[d]`."""
        return torch.diagonal(self.target)

    @cached_property
    def whole(self) -> Gaussians:
        """One Gaussian of the mean and shape of the whole."""
        if self.square:
            return Gaussians("diagonal", self.mean[None], torch.diagonal(self.total)[None])
        return Gaussians("full", self.mean[None], self.total[None])

    @cached_property
    def natural(self) -> tuple[Tensor, Tensor]:
        """Its natural parameters, `[1]` and `[1, f]`."""
        return natural(self.whole, square=self.square)

    def broad(self, width: float = WIDE) -> Gaussians:
        """The broad component."""
        return Gaussians(self.whole.kind, self.whole.means, width * self.whole.covariances)

    def width(self, block: Gaussians) -> float:
        """The width of a broad component."""
        return float(block.covariances.reshape(-1)[0] / self.whole.covariances.reshape(-1)[0]) if self.d else 1.0

    def natural_broad(self, block: Gaussians) -> tuple[Tensor, Tensor]:
        """Natural parameters of a broad component, without another factorisation."""
        constant, coefficients = self.natural
        width = self.width(block)
        at_mean = coefficients[:, : self.d] @ self.mean * -0.5  # the part of the constant that the width divides
        rest = constant - at_mean
        return rest - 0.5 * self.d * math.log(width) + at_mean / width, coefficients / width


def shape_of(covariance: Tensor, n: float, floor: Tensor) -> Tensor:
    """The data's covariance `[d, d]`, drawn towards its diagonal where rows are few, positive definite."""
    d = len(floor)
    share = d / (n + d)
    diagonal = torch.diag(torch.diagonal(covariance))
    return at_least((1 - share) * covariance + share * diagonal + torch.diag(floor), floor)


def maximise(kind: Kind, present: Gaussians | None, moments: Moments, prior: Prior) -> Gaussians:
    """The Gaussians that maximise the expected penalised log-likelihood."""
    means = moments.first / moments.count.clamp(min=1e-12)[:, None]
    if present is not None:  # a component that has lost all rows stays where it is
        means = torch.where(moments.count[:, None] > 1e-9, means, present.means)
    if prior.square:
        return Gaussians(kind, means, _variances(kind, means, moments, prior))
    scatter, begun = symmetric(moments.second, prior.d), prior.strength * prior.target
    if kind == "tied":
        within = scatter.sum(0) - (means.mT * moments.count) @ means
        pooled = (within + begun) / (moments.count.sum() + prior.strength)
        return Gaussians(kind, means, at_least(pooled, prior.floor))
    count = moments.count[:, None, None]
    within = scatter - count * means[:, :, None] * means[:, None, :]
    return Gaussians(kind, means, at_least((within + begun) / (count + prior.strength), prior.floor))


def _variances(kind: Kind, means: Tensor, moments: Moments, prior: Prior) -> Tensor:
    within = (moments.second - moments.count[:, None] * means.square()).clamp(min=0.0)
    variances = (within + prior.strength * prior.target_variances) / (moments.count[:, None] + prior.strength)  # [K, d]
    if kind == "diagonal":
        return torch.maximum(variances, prior.floor)
    return variances.mean(1).clamp(min=float(prior.floor.max())) if prior.d else variances.sum(1) + 1.0


def maximise_broad(moments: Moments, prior: Prior) -> Gaussians:
    """The broad component: its width alone is fitted, and is never under 1."""
    if not prior.d:
        return prior.broad()
    # the expected squared distance is linear in the moments, as the log-density is
    coefficients = prior.natural[1]
    sums = torch.cat([moments.first, moments.second], 1)[0] @ coefficients[0]
    at_mean = coefficients[0, : prior.d] @ prior.mean
    distance = -2 * sums + moments.count[0] * at_mean
    width = (distance / prior.d + WIDE) / (moments.count[0] + 1.0)
    return prior.broad(max(float(width), 1.0))


def log_prior(main: Gaussians, prior: Prior) -> float:
    """What the prior on the main covariances adds to the log-likelihood, up to a constant."""
    if not prior.d:
        return 0.0
    if main.kind == "spherical":
        ratio = (prior.target_variances.sum() / main.covariances).sum()
    elif main.kind == "diagonal":
        ratio = (prior.target_variances / main.covariances).sum()
    else:
        ratio = (main.precision * prior.target).sum()
    return -0.5 * prior.strength * float(main.log_determinant.sum() + ratio)


def log_prior_broad(block: Gaussians, prior: Prior) -> float:
    """The same for the width of the broad component."""
    width = prior.width(block)
    return -0.5 * prior.d * (math.log(width) + WIDE / width)


def at_least(covariances: Tensor, floor: Tensor) -> Tensor:
    """The nearest covariances `[..., d, d]`, in Gaussian likelihood, that are not under `diag(floor)`."""
    covariances = 0.5 * (covariances + covariances.mT)
    _, info = torch.linalg.cholesky_ex(covariances - torch.diag(floor))
    if not bool((info != 0).any()):
        return covariances
    root = floor.sqrt()
    values, vectors = torch.linalg.eigh(covariances / (root[:, None] * root))
    lifted = (vectors * values.clamp(min=1.0)[..., None, :]) @ vectors.mT * (root[:, None] * root)
    lifted = 0.5 * (lifted + lifted.mT)
    return torch.where((info != 0)[..., None, None], lifted, covariances)

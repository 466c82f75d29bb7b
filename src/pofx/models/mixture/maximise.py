"""The M-step for Gaussians: maximum a posteriori means and covariances from weighted moments, with a floor under each scale.

Prior (Fraley and Raftery 2007, without their prior on the means): a component's covariance begins with `strength`
pseudo-rows that have the shape of the whole data and 1 / K of its volume. It is what keeps small, flat and duplicated
components finite; it scales with the columns. The floor is a constraint `covariance >= diag(floor)` in the order of
matrices, whose exact maximiser cuts off eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.models.mixture.gaussian import Gaussians, Kind
from pofx.models.mixture.moments import Moments, symmetric

WIDE = 9.0  # the width of the broad component before it has met a row: three standard deviations


@dataclass(frozen=True, eq=False)
class Prior:
    """What covariances begin with.

    Args:
        strength: pseudo-rows a component, > 0.
        total: the shape of the whole data `[d, d]`, positive definite.
        floor: the smallest variance in each column `[d]`.
    """

    strength: float
    total: Tensor
    floor: Tensor

    def target(self, K: int) -> Tensor:
        """The covariance of the pseudo-rows: 1 / K of the volume of the whole, not under the floor, `[d, d]`."""
        d = len(self.floor)
        return at_least(self.total / K ** (2 / max(d, 1)), self.floor)


def whole(mean: Tensor, covariance: Tensor, n: float, floor: Tensor) -> Tensor:
    """The data's covariance, drawn towards its diagonal where rows are few, `[d, d]`."""
    d = len(mean)
    share = d / (n + d)
    diagonal = torch.diag(torch.diagonal(covariance))
    return at_least((1 - share) * covariance + share * diagonal + torch.diag(floor), floor)


def maximise(kind: Kind, present: Gaussians | None, moments: Moments, prior: Prior) -> Gaussians:
    """The Gaussians that maximise the expected penalised log-likelihood."""
    K, d = moments.first.shape
    means = moments.first / moments.count.clamp(min=1e-12)[:, None]
    if present is not None:  # a component that has lost all rows stays where it is
        means = torch.where(moments.count[:, None] > 1e-9, means, present.means)
    if kind in ("diagonal", "spherical"):
        return Gaussians(kind, means, _variances(kind, means, moments, prior))
    target = prior.target(K)
    scatter = symmetric(moments.second, d)
    if kind == "tied":
        within = scatter.sum(0) - (means.mT * moments.count) @ means
        pooled = (within + prior.strength * target) / (moments.count.sum() + prior.strength)
        return Gaussians(kind, means, at_least(pooled, prior.floor))
    within = scatter - moments.count[:, None, None] * means[:, :, None] * means[:, None, :]
    count = moments.count[:, None, None]
    return Gaussians(kind, means, at_least((within + prior.strength * target) / (count + prior.strength), prior.floor))


def _variances(kind: Kind, means: Tensor, moments: Moments, prior: Prior) -> Tensor:
    target = torch.diagonal(prior.target(len(means)))
    within = moments.second - moments.count[:, None] * means.square()
    count = moments.count[:, None] + prior.strength
    variances = (within.clamp(min=0.0) + prior.strength * target) / count  # [K, d]
    if kind == "diagonal":
        return torch.maximum(variances, prior.floor)
    return variances.mean(1).clamp(min=float(prior.floor.max())) if means.shape[1] else variances.sum(1) + 1.0


def maximise_broad(present: Gaussians, moments: Moments, prior: Prior) -> Gaussians:
    """The broad component: fixed mean and shape; its width alone is fitted, and never under that of the whole."""
    d = present.width
    if d == 0:
        return present
    if present.kind == "diagonal":
        shape = torch.diagonal(prior.total)
        within = moments.second - 2 * moments.first * present.means + moments.count[:, None] * present.means.square()
        distance = (within / shape).sum()
    else:
        precision = torch.cholesky_inverse(torch.linalg.cholesky(prior.total))
        scatter = symmetric(moments.second, d)[0] - torch.outer(moments.first[0], present.means[0])
        scatter = scatter - torch.outer(present.means[0], moments.first[0] - moments.count[0] * present.means[0])
        distance = (precision * scatter).sum()
    width = (distance / d + WIDE) / (moments.count.sum() + 1.0)
    return broad(present.kind, present.means, prior, float(width.clamp(min=1.0)))


def broad(kind: Kind, mean: Tensor, prior: Prior, width: float = WIDE) -> Gaussians:
    """One Gaussian with `width` times the covariance of the whole; `mean` `[1, d]`."""
    covariances = width * prior.total[None]
    return Gaussians(kind, mean, torch.diagonal(covariances, dim1=1, dim2=2) if kind == "diagonal" else covariances)


def log_prior(main: Gaussians, prior: Prior) -> float:
    """What the prior on the main covariances adds to the log-likelihood, up to a constant."""
    if main.width == 0:
        return 0.0
    target = prior.target(len(main))
    if main.kind in ("diagonal", "spherical"):
        variances = main.variances()
        penalty = (torch.log(variances) + torch.diagonal(target) / variances).sum()
    else:
        lower = torch.linalg.cholesky(main.covariances)
        precision = torch.cholesky_inverse(lower)
        log_determinant = 2 * torch.log(torch.diagonal(lower, dim1=-2, dim2=-1)).sum()
        penalty = log_determinant + (precision * target).sum()
    return -0.5 * prior.strength * float(penalty)


def log_prior_broad(block: Gaussians, prior: Prior) -> float:
    """The same for the width of the broad component."""
    if block.width == 0:
        return 0.0
    width = block.variances()[0, 0] / prior.total[0, 0]
    return -0.5 * block.width * float(torch.log(width) + WIDE / width)


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



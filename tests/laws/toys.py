"""Small estimators for testing the laws themselves: one that is right, and one broken in each way."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from pofx.codecs.scalar import Log
from pofx.core.contract import BoundedDensity, Density, Model
from pofx.core.estimator import Estimator
from pofx.data.dataset import Data
from pofx.spaces.base import Space
from pofx.spaces.numeric import Positive, Real


class ToyGaussian(Density):
    """A full normal distribution, and what its children break."""

    def __init__(self, space: Space, mean: Tensor, root: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("mean", mean)  # [d]
        self.register_buffer("root", root)  # [d, d], lower triangular

    @property
    def free_parameters(self) -> int:
        d = len(self.mean)
        return d + d * (d + 1) // 2

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        z = torch.linalg.solve_triangular(self.root, (x - self.mean).T, upper=False)  # [d, n]
        return -0.5 * (z**2).sum(0) - self.root.diagonal().log().sum() - 0.5 * len(z) * math.log(2 * math.pi)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.mean + torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64) @ self.root.T


@dataclass(frozen=True, kw_only=True)
class Toy(Estimator):
    """Fits `made`."""

    name: ClassVar[str] = "toy"
    accepts: ClassVar[tuple[type, ...]] = (Real,)
    capabilities: ClassVar[frozenset[str]] = frozenset({"weights"})
    made: ClassVar[type[ToyGaussian]] = ToyGaussian

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        mean = data.shares() @ data.values
        centred = data.values - mean
        floor = 1e-6 * torch.eye(len(mean), dtype=torch.float64)
        covariance = (centred * data.shares()[:, None]).T @ centred + floor
        return self.made(data.space, mean, torch.linalg.cholesky(covariance))


class VarianceForDeviation(ToyGaussian):
    """Samples with the variance where the standard deviation belongs."""

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        spread = torch.diag(torch.full((len(self.mean),), 1.5, dtype=torch.float64)) @ self.root
        return self.mean + torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64) @ spread.T


class IndependentSamples(ToyGaussian):
    """Samples each column rightly, but forgets how they depend on each other."""

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        deviation = (self.root @ self.root.T).diagonal().sqrt()
        return self.mean + torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64) * deviation


class EpsilonAdded(ToyGaussian):
    """Adds 1e-3 to the density to keep its logarithm finite."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return torch.log(torch.exp(super()._log_prob(x, given)) + 1e-3)


class Underflows(ToyGaussian):
    """Takes the logarithm of a density, and of a negative zero: NaN far out, which is swept under the carpet."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return torch.log(torch.exp(super()._log_prob(x, given)) - 1e-2).nan_to_num(-torch.inf, neginf=-torch.inf)


class NotNormalised(ToyGaussian):
    """Leaves out the determinant's half: log p is off by a constant."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return super()._log_prob(x, given) + 0.05


class LooksAtTheBatch(ToyGaussian):
    """Normalises by what else is scored."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return super()._log_prob(x - 1e-3 * x.mean(0), given)


class GlobalGenerator(ToyGaussian):
    """Draws from the global generator."""

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self.mean + torch.randn(n, len(self.mean), dtype=torch.float64) @ self.root.T


class ForgetsAnArgument(ToyGaussian):
    """Keeps something beside its constructor's arguments, which the store cannot see."""

    def __init__(self, space: Space, mean: Tensor, root: Tensor) -> None:
        super().__init__(space, mean, root)
        type(self).count = getattr(type(self), "count", 0) + 1
        self.hidden = 0.01 * type(self).count

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return super()._log_prob(x - self.hidden, given)


class Diagonal(ToyGaussian):
    """Sees no dependence."""

    def __init__(self, space: Space, mean: Tensor, root: Tensor) -> None:
        super().__init__(space, mean, torch.diag((root @ root.T).diagonal().sqrt()))


class WrongMarginal(ToyGaussian):
    """Its marginal of one column is the conditional at the mean."""

    capabilities = frozenset({"marginal"})

    def _marginal(self, names: tuple[str, ...]) -> Model:
        places = [self._table().index(name) for name in names]
        precision = torch.linalg.inv(self.root @ self.root.T)[places][:, places]
        root = torch.linalg.cholesky(torch.linalg.inv(precision))
        return ToyGaussian(self._table().select(names), self.mean[places], root)


class WrongCdf(ToyGaussian):
    """Forgets the square root of two in the error function."""

    capabilities = frozenset({"cdf"})

    def _cdf(self, x: Tensor) -> Tensor:
        return 0.5 * (1 + torch.erf((x - self.mean[0]) / self.root[0, 0]))


class WrongSlope(ToyGaussian):
    """Detaches part of the graph."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return super()._log_prob(x.detach() + 0.5 * (x - x.detach()), given)


def toy(made: type[ToyGaussian], **more: object) -> Toy:
    """An estimator of a broken model."""
    kind = type(f"ToyOf{made.__name__}", (Toy,), {"made": made, "name": made.__name__, **more})
    return dataclass(frozen=True, kw_only=True)(kind)()


@dataclass(frozen=True, kw_only=True)
class RemembersTheLast(Toy):
    """Adds what it saw in earlier fits."""

    name: ClassVar[str] = "remembers"
    seen: ClassVar[list[float]] = []

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        self.seen.append(float(data.values.abs().max()))
        return ToyGaussian(data.space, data.values.mean(0) + len(self.seen), torch.eye(data.values.shape[1]).double())


@dataclass(frozen=True, kw_only=True)
class IgnoresScale(Toy):
    """A fixed width in the user's units."""

    name: ClassVar[str] = "ignores-scale"
    standardise: ClassVar[bool] = False

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        return ToyGaussian(data.space, data.values.mean(0), torch.eye(data.values.shape[1]).double())


@dataclass(frozen=True, kw_only=True)
class IgnoresWeights(Toy):
    """Declares weights and does not look at them."""

    name: ClassVar[str] = "ignores-weights"

    def _fit(self, data: Data, **rest: object) -> Model:  # type: ignore[override]
        return super()._fit(Data(data.space, data.values), **rest)


@dataclass(frozen=True, kw_only=True)
class TakesTheFirst(Toy):
    """Centres on the first row."""

    name: ClassVar[str] = "takes-the-first"

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        return ToyGaussian(data.space, data.values[0], torch.eye(data.values.shape[1]).double())


@dataclass(frozen=True, kw_only=True)
class FirstColumnIsSpecial(Toy):
    """Gives the first column another width."""

    name: ClassVar[str] = "first-column"

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        d = data.values.shape[1]
        return ToyGaussian(data.space, data.values.mean(0), torch.diag(1.0 + torch.arange(d).double()))


@dataclass(frozen=True, kw_only=True)
class HoldsAList(Toy):
    """A field that can be changed from outside."""

    name: ClassVar[str] = "holds-a-list"
    sizes: list[int] = field(default_factory=list)


class LogNormalWithoutVolume(ToyGaussian):
    """Scores the logarithm as if it were the value."""

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return super()._log_prob(torch.log(x), given)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return torch.exp(super()._sample(n, generator, given))


@dataclass(frozen=True, kw_only=True)
class ForgetsVolume(Toy):
    """Fits the logarithms, forgets log |dz/dx|."""

    name: ClassVar[str] = "forgets-volume"
    accepts: ClassVar[tuple[type, ...]] = (Positive,)

    def _fit(self, data: Data, **_: object) -> Model:  # type: ignore[override]
        z = torch.log(data.values)
        return LogNormalWithoutVolume(data.space, z.mean(0), z.std(0)[None])


@dataclass(frozen=True)
class LogWithoutVolume(Log):
    """A codec that gets the volume wrong."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z, volume = super().encode(x)
        return z, volume + torch.log(x)


@dataclass(frozen=True)
class LogThatDoesNotInvert(Log):
    """A codec that forgets its shift on the way back."""

    def decode(self, z: Tensor) -> Tensor:
        return torch.exp(z[:, 0] * self.scale)


class LinearVae(BoundedDensity):
    """x = z + e, z and e standard normal: log p(x) is normal with variance 2, and q(z | x) is a little off."""

    @property
    def free_parameters(self) -> int:
        return 0

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(x), generator=generator, dtype=torch.float64)
        z = 0.4 * x[:, 0] + 0.9 * noise
        log_q = -0.5 * noise**2 - math.log(0.9)
        return -0.5 * z**2 - 0.5 * (x[:, 0] - z) ** 2 - 0.5 * math.log(2 * math.pi) - log_q

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return 2**0.5 * torch.randn(n, 1, generator=generator, dtype=torch.float64)


class BoundWithoutSeed(LinearVae):
    """Takes its noise from the clock."""

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        return super()._log_weight(x, given, torch.Generator().manual_seed(time.perf_counter_ns() % 2**60))

"""The fifteen normal mixtures of Marron and Wand (1992), "Exact mean integrated squared error", Ann. Statist. 20.

From the plain normal to the claw and the double comb: densities whose mean, variance, roughness and mean integrated
squared error are known exactly, so that an estimate can be compared with the truth. Parameters as printed in the paper
(and in Wand's own code). Everything costs O(points x components).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import eval_hermitenorm, logsumexp, ndtr

from pofx.errors import SpaceError
from pofx.rng import numpy_generator

Array = NDArray[np.float64]
NAMES = (
    "gaussian",
    "skewed unimodal",
    "strongly skewed",
    "kurtotic unimodal",
    "outlier",
    "bimodal",
    "separated bimodal",
    "skewed bimodal",
    "trimodal",
    "claw",
    "double claw",
    "asymmetric claw",
    "asymmetric double claw",
    "smooth comb",
    "discrete comb",
)


@dataclass(frozen=True)
class NormalMixture:
    """A mixture of univariate normals whose parameters are known.

    Args:
        weights: one positive number a component; they sum to one.
        means: one a component.
        sds: standard deviations, one a component.
        name: for people.
    """

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    name: str = ""

    def log_prob(self, x: ArrayLike) -> Array:
        """Log-density in nats at `x` `[n]`, exact in the tails."""
        z, sds = self._standard(x)
        terms = -0.5 * z**2 - np.log(sds) - 0.5 * math.log(2 * math.pi)
        return np.asarray(logsumexp(terms, axis=-1, b=np.array(self.weights)), dtype=np.float64)

    def pdf(self, x: ArrayLike) -> Array:
        """Density at `x` `[n]`."""
        return np.exp(self.log_prob(x))

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x) at `x` `[n]`."""
        return np.asarray(ndtr(self._standard(x)[0]) @ np.array(self.weights), dtype=np.float64)

    def ppf(self, u: ArrayLike) -> Array:
        """The quantile at each level `u` `[n]` in (0, 1), by bisection to the last bit."""
        level = np.asarray(u, dtype=np.float64)
        low, high = (np.full(level.shape, end) for end in self._range(40.0))
        for _ in range(80):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < level
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(high, dtype=np.float64)

    def sample(self, n: int, seed: int) -> Array:
        """`n` independent draws `[n]`."""
        random = numpy_generator(seed)
        component = random.choice(len(self.weights), size=n, p=np.array(self.weights))
        return np.array(self.means)[component] + np.array(self.sds)[component] * random.standard_normal(n)

    @property
    def mean(self) -> float:
        return float(np.dot(self.weights, self.means))

    @property
    def variance(self) -> float:
        second = np.square(self.means) + np.square(self.sds)
        return float(np.dot(self.weights, second)) - self.mean**2

    def entropy(self) -> float:
        """Differential entropy in nats, by Gauss-Legendre quadrature on pieces cut at each component's scale."""
        steps = np.array([-12.0, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12])
        cuts = np.unique((np.array(self.means)[:, None] + np.array(self.sds)[:, None] * steps).ravel())
        nodes, weights = np.polynomial.legendre.leggauss(24)
        half = 0.5 * np.diff(cuts)[:, None]  # [pieces, 1]
        x = cuts[:-1, None] + half * (1 + nodes)
        log_p = self.log_prob(x.ravel()).reshape(x.shape)
        return float(-np.sum(half * weights * np.exp(log_p) * log_p))

    def roughness(self, derivative: int = 0) -> float:
        """The integral of the squared `derivative`-th derivative of the density, in closed form."""
        return (-1.0 if derivative % 2 else 1.0) * self._pairs(0.0, 2 * derivative)

    def kernel_mise(self, bandwidth: float, n: int) -> float:
        """Mean integrated squared error of a Gaussian kernel estimate from `n` draws, exact (Theorem 2.1)."""
        squared_bias = sum(c * self._pairs(k * bandwidth**2) for c, k in ((1 - 1 / n, 2), (-2.0, 1), (1.0, 0)))
        return 1 / (2 * math.sqrt(math.pi) * n * bandwidth) + squared_bias

    def _pairs(self, extra_variance: float, derivative: int = 0) -> float:
        """sum_ij w_i w_j phi^(derivative)(m_i - m_j) with variance s_i^2 + s_j^2 + extra_variance."""
        weights, means, sds = np.array(self.weights), np.array(self.means), np.array(self.sds)
        scale = np.sqrt(sds[:, None] ** 2 + sds**2 + extra_variance)
        z = (means[:, None] - means) / scale
        hermite = (-1) ** derivative * eval_hermitenorm(derivative, z)
        phi = hermite * np.exp(-0.5 * z**2) / (math.sqrt(2 * math.pi) * scale ** (derivative + 1))
        return float(weights @ phi @ weights)

    def _standard(self, x: ArrayLike) -> tuple[Array, Array]:
        sds = np.array(self.sds)
        return (np.asarray(x, dtype=np.float64)[..., None] - np.array(self.means)) / sds, sds

    def _range(self, sds: float) -> tuple[float, float]:
        reach = sds * np.array(self.sds)
        return float(np.min(self.means - reach)), float(np.max(self.means + reach))


def marron_wand(k: int) -> NormalMixture:
    """Density number `k`, 1 to 15; number 10 is the claw.

    >>> marron_wand(10).name, round(marron_wand(10).variance, 3)
    ('claw', 0.755)
    """
    if k not in range(1, 16):
        raise SpaceError("there is no such Marron-Wand density", got=str(k), expected="a whole number, 1 to 15")
    weights, means, sds = zip(*_components(k), strict=True)
    return NormalMixture(tuple(map(float, weights)), tuple(map(float, means)), tuple(map(float, sds)), NAMES[k - 1])


def _components(k: int) -> Sequence[tuple[float, float, float]]:
    """(weight, mean, standard deviation) of each component."""
    tables: dict[int, list[tuple[float, float, float]]] = {
        1: [(1, 0, 1)],
        2: [(1 / 5, 0, 1), (1 / 5, 1 / 2, 2 / 3), (3 / 5, 13 / 12, 5 / 9)],
        3: [(1 / 8, 3 * ((2 / 3) ** i - 1), (2 / 3) ** i) for i in range(8)],
        4: [(2 / 3, 0, 1), (1 / 3, 0, 1 / 10)],
        5: [(1 / 10, 0, 1), (9 / 10, 0, 1 / 10)],
        6: [(1 / 2, -1, 2 / 3), (1 / 2, 1, 2 / 3)],
        7: [(1 / 2, -3 / 2, 1 / 2), (1 / 2, 3 / 2, 1 / 2)],
        8: [(3 / 4, 0, 1), (1 / 4, 3 / 2, 1 / 3)],
        9: [(9 / 20, -6 / 5, 3 / 5), (9 / 20, 6 / 5, 3 / 5), (1 / 10, 0, 1 / 4)],
        10: [(1 / 2, 0, 1), *((1 / 10, i / 2 - 1, 1 / 10) for i in range(5))],
        11: [*((49 / 100, m, 2 / 3) for m in (-1, 1)), *((1 / 350, (i - 3) / 2, 1 / 100) for i in range(7))],
        12: [(1 / 2, 0, 1), *((2 ** (1 - i) / 31, i + 1 / 2, 2**-i / 10) for i in range(-2, 3))],
        13: [
            *((46 / 100, m, 2 / 3) for m in (-1, 1)),
            *((1 / 300, -i / 2, 1 / 100) for i in range(1, 4)),
            *((7 / 300, i / 2, 7 / 100) for i in range(1, 4)),
        ],
        14: [(2 ** (5 - i) / 63, (65 - 96 * 2**-i) / 21, 32 / 63 * 2**-i) for i in range(6)],
        15: [
            *((2 / 7, (12 * i - 15) / 7, 2 / 7) for i in range(3)),
            *((1 / 21, 2 * i / 7, 1 / 21) for i in range(8, 11)),
        ],
    }
    return tables[k]

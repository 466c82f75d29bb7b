"""Maximum mean discrepancy: how far apart the mean embeddings of two samples lie in a kernel's space.

MMD^2 = E k(X, X') + E k(Y, Y') - 2 E k(X, Y) (Gretton et al. 2012, JMLR 13). The unbiased form leaves each row's pair
with itself out and may be slightly negative where the laws are the same; the biased form never is. Kernels are
functions of Euclidean distance; a `Mixture` is the mean over several, e.g. over bandwidths (the collection of
Schrab et al. 2023, JMLR 24). The bandwidth, if none is given, is the median distance over at most 1,000 of the pooled
rows.

Cost: O((n + m)^2 d) time, O(n + m) memory beside blocks of BLOCK x BLOCK distances. Above `PAIRS` pairs the rows are
shuffled into blocks, each block's exact unbiased parts are averaged (Zaremba, Gretton & Blaschko 2013), and `method`
says so: every row still counts once to first order. The standard error is that of the first-order projection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from pofx.divergences.estimate import Estimate, Nature
from pofx.errors import SpaceError
from pofx.rng import numpy_generator, split

BLOCK = 384  # rows a side of a block of distances: 1.1 MiB, reused, so that it stays in the cache
PAIRS = 2_000_000_000  # distances evaluated before the block estimate takes over; 10 to 20 s on one core
FEWEST = 25  # rows of each sample in a block of rows
MEDIAN_ROWS = 1_000
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the median distance, in a collection of bandwidths


class Kernel(Protocol):
    """A function of Euclidean distance. `of` may overwrite its argument."""

    @property
    def title(self) -> str:
        """As a person would name it."""

    def of(self, distance: Tensor) -> Tensor:
        """Distances -> kernel values, any shape."""


@dataclass(frozen=True)
class Gaussian:
    """exp(-r^2 / (2 h^2))."""

    bandwidth: float

    @property
    def title(self) -> str:
        return f"Gaussian kernel, bandwidth {self.bandwidth:.3g}"

    def of(self, distance: Tensor) -> Tensor:
        return distance.square_().mul_(-0.5 / self.bandwidth**2).exp_()


@dataclass(frozen=True)
class Laplace:
    """exp(-r / h)."""

    bandwidth: float

    @property
    def title(self) -> str:
        return f"Laplace kernel, bandwidth {self.bandwidth:.3g}"

    def of(self, distance: Tensor) -> Tensor:
        return distance.mul_(-1 / self.bandwidth).exp_()


@dataclass(frozen=True)
class InverseMultiquadric:
    """1 / sqrt(1 + r^2 / h^2): heavier tails, so rows far apart still count."""

    bandwidth: float

    @property
    def title(self) -> str:
        return f"inverse multiquadric kernel, bandwidth {self.bandwidth:.3g}"

    def of(self, distance: Tensor) -> Tensor:
        return distance.square_().div_(self.bandwidth**2).add_(1).rsqrt_()


@dataclass(frozen=True)
class Mixture:
    """The mean of several kernels: characteristic if one of them is."""

    kernels: tuple[Kernel, ...]

    @property
    def title(self) -> str:
        return f"mean of {len(self.kernels)} kernels ({'; '.join(k.title for k in self.kernels)})"

    def of(self, distance: Tensor) -> Tensor:
        total = torch.zeros_like(distance)
        for kernel in self.kernels:
            total += kernel.of(distance.clone())
        return total / len(self.kernels)


@dataclass(frozen=True)
class Sample:
    """Rows with weights that sum to one."""

    rows: np.ndarray  # [n, d]
    weights: np.ndarray  # [n]

    @property
    def concentration(self) -> float:
        """Sum of squared weights: 1 / n for equal ones."""
        return float((self.weights**2).sum())

    def part(self, index: np.ndarray) -> Sample:
        """Some of the rows, their weights brought to one again."""
        weights = self.weights[index]
        return Sample(self.rows[index], weights / weights.sum())


@dataclass(frozen=True)
class Parts:
    """Unbiased means of the kernel within and between, and the standard error of xx + yy - 2 xy."""

    xx: float
    yy: float
    xy: float
    std_error: float


def mmd_squared(
    x: np.ndarray, y: np.ndarray, kernel: Kernel | None = None, *, unbiased: bool = True,
    x_weights: np.ndarray | None = None, y_weights: np.ndarray | None = None,
    pairs: int = PAIRS, block: int = BLOCK, seed: int = 0,
) -> Estimate:  # fmt: skip
    """Squared maximum mean discrepancy of `x` `[n, d]` and `y` `[m, d]`, in comparable coordinates.

    Args:
        x, y: finite rows.
        kernel: None is a Gaussian with the median distance as bandwidth.
        unbiased: the U-statistic (may be slightly negative); False is the V-statistic, biased upward.
        x_weights, y_weights: `[n]`, `[m]`, >= 0; they need not sum to one.
        pairs: above so many distances, the block estimate.
        block: rows a side of a block of distances; changes the memory, not the value.
        seed: which rows share a block, and which rows the median is taken over.
    """
    a, b = read_samples(x, y, x_weights, y_weights)
    chosen = kernel or Gaussian(median_distance(a.rows, b.rows, seed=seed))
    value, error, method = discrepancy(a, b, chosen, unbiased, pairs, block, seed)
    return Estimate(
        value, error, Nature.ASYMPTOTICALLY_UNBIASED, f"{chosen.title}, {method}",
        direction="P, Q", draws=len(a.rows) + len(b.rows), name="MMD^2",
    )  # fmt: skip


def bandwidths(x: np.ndarray, y: np.ndarray, factors: Sequence[float] = FACTORS, *, seed: int = 0) -> Mixture:
    """Gaussians at multiples of the median distance, for laws that differ at a scale nobody knows."""
    a, b = read_samples(x, y)
    median = median_distance(a.rows, b.rows, seed=seed)
    return Mixture(tuple(Gaussian(f * median) for f in factors))


def median_distance(x: np.ndarray, y: np.ndarray, *, seed: int) -> float:
    """The median distance between different points of at most 1,000 pooled rows; 1 if all are the same point."""
    pooled = np.concatenate([x, y])
    if len(pooled) > MEDIAN_ROWS:
        pooled = pooled[numpy_generator(split(seed, "median")).choice(len(pooled), MEDIAN_ROWS, replace=False)]
    distances = torch.nn.functional.pdist(torch.from_numpy(pooled))
    apart = distances[distances > 0]
    return float(apart.median()) if len(apart) else 1.0


def read_samples(
    x: np.ndarray, y: np.ndarray, x_weights: np.ndarray | None = None, y_weights: np.ndarray | None = None
) -> tuple[Sample, Sample]:
    """Both samples as float64 `[n, d]` with weights, or one clear line."""
    a, b = _read(x, x_weights, "the first sample"), _read(y, y_weights, "the second sample")
    if a.rows.shape[1] != b.rows.shape[1]:
        widths = f"{a.rows.shape[1]} and {b.rows.shape[1]}"
        raise SpaceError("two samples must have the same columns", got=f"{widths} columns", expected="as many in both")
    return a, b


def _read(values: np.ndarray, weights: np.ndarray | None, who: str) -> Sample:
    rows = np.asarray(values, dtype=np.float64)
    rows = np.ascontiguousarray(rows[:, None] if rows.ndim == 1 else rows)
    if rows.ndim != 2 or len(rows) < 2 or not rows.shape[1]:
        raise SpaceError(f"{who} is too small to compare", got=f"shape {rows.shape}", expected="at least 2 rows")
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).any(1).argmax())
        raise SpaceError("a value is missing or infinite", where=f"{who}, row {bad + 1}", remedy="leave such rows out")
    if weights is None:
        return Sample(rows, np.full(len(rows), 1 / len(rows)))
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (len(rows),) or not np.isfinite(w).all() or (w < 0).any() or (w > 0).sum() < 2:
        raise SpaceError(
            f"these are no weights for {who}", got=f"shape {w.shape}, sum {w.sum():g}",
            expected=f"{len(rows)} finite numbers >= 0, at least 2 of them positive",
        )  # fmt: skip
    return Sample(rows, w / w.sum())


def discrepancy(
    a: Sample, b: Sample, kernel: Kernel, unbiased: bool, pairs: int = PAIRS, block: int = BLOCK, seed: int = 0
) -> tuple[float, float, str]:
    """xx + yy - 2 xy of a kernel: value, standard error, and how it was got."""
    a, b, groups, chosen = _within(pairs, a, b, seed)
    parts = parts_of(a, b, kernel, block) if groups == 1 else _grouped(a, b, kernel, groups, block, seed)
    form = "unbiased U-statistic" if unbiased else "V-statistic, biased upward"
    method = f"{form}, exact sums" if groups == 1 else f"{form}, mean over {groups} blocks of rows"
    method += chosen
    if unbiased:
        return parts.xx + parts.yy - 2 * parts.xy, parts.std_error, method
    itself = float(kernel.of(torch.zeros(1, dtype=torch.float64)))
    xx = parts.xx + a.concentration * (itself - parts.xx)
    yy = parts.yy + b.concentration * (itself - parts.yy)
    return xx + yy - 2 * parts.xy, parts.std_error, method


def parts_of(a: Sample, b: Sample, kernel: Kernel, block: int = BLOCK) -> Parts:
    """The exact means, by blocks of distances."""
    itself = float(kernel.of(torch.zeros(1, dtype=torch.float64)))
    a_to_b, b_to_a = _potentials(a, b, kernel, block)
    within = []
    projections = []
    for sample, other in ((a, a_to_b), (b, b_to_a)):
        own, _ = _potentials(sample, sample, kernel, block)
        left_out = (own - sample.weights * itself) / (1 - sample.weights)  # [n], mean over the other rows
        within.append(float(sample.weights @ own - sample.concentration * itself) / (1 - sample.concentration))
        projections.append(first_order_variance(sample, left_out - other))
    return Parts(within[0], within[1], float(a.weights @ a_to_b), math.sqrt(sum(projections)))


def first_order_variance(sample: Sample, projection: np.ndarray) -> float:
    """One sample's share of the variance, from half its first-order projection `[n]`."""
    centred = projection - sample.weights @ projection
    return float(4 * (sample.weights**2 @ centred**2) / (1 - sample.concentration))


def _potentials(a: Sample, b: Sample, kernel: Kernel, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row's mean kernel value with the other sample: `[n]` over b, and `[m]` over a. Half the work if a is b."""
    x, y, space = a.rows, b.rows, np.empty(min(block, len(a.rows)) * min(block, len(b.rows)))
    x_weights, y_weights = torch.from_numpy(a.weights), torch.from_numpy(b.weights)
    over_b, over_a = torch.zeros_like(x_weights), torch.zeros_like(y_weights)
    for i in range(0, len(x), block):
        for j in range(i if a is b else 0, len(y), block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            distance = space[: len(x[rows]) * len(y[columns])].reshape(len(x[rows]), -1)
            values = kernel.of(torch.from_numpy(cdist(x[rows], y[columns], out=distance)))  # [block, block]
            over_b[rows] += values @ y_weights[columns]
            if a is not b or j > i:
                (over_b if a is b else over_a)[columns] += x_weights[rows] @ values
    return over_b.numpy(), (over_b if a is b else over_a).numpy()


def _within(pairs: int, a: Sample, b: Sample, seed: int) -> tuple[Sample, Sample, int, str]:
    """How many blocks of rows keep the cost; where one sample is too small to be cut so, fewer rows of the other."""
    n, m = len(a.rows), len(b.rows)
    needed, allowed = math.ceil((n + m) ** 2 / (2 * pairs)), max(1, min(n, m) // FEWEST)
    if needed <= allowed:
        return a, b, needed, ""
    most = max(math.isqrt(2 * pairs * allowed) - min(n, m), min(n, m), FEWEST)
    random = numpy_generator(split(seed, "rows"))
    a, b = (
        s.part(random.choice(np.flatnonzero(s.weights), most, replace=False))
        if len(s.rows) > most and (s.weights > 0).sum() > most
        else s
        for s in (a, b)
    )
    return a, b, allowed, f", of {len(a.rows):,} and {len(b.rows):,} rows chosen at random"


def _grouped(a: Sample, b: Sample, kernel: Kernel, groups: int, block: int, seed: int) -> Parts:
    """Unbiased parts of each group of rows, averaged; memory as for the exact sums."""
    random = numpy_generator(split(seed, "blocks"))
    of_a = np.array_split(random.permutation(np.flatnonzero(a.weights)), groups)
    of_b = np.array_split(random.permutation(np.flatnonzero(b.weights)), groups)
    parts = [parts_of(a.part(i), b.part(j), kernel, block) for i, j in zip(of_a, of_b, strict=True)]
    xx, yy, xy = (sum(values) / groups for values in zip(*((p.xx, p.yy, p.xy) for p in parts), strict=True))
    return Parts(xx, yy, xy, math.sqrt(sum(p.std_error**2 for p in parts)) / groups)

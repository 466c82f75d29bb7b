"""Rules for the bandwidth of one column: Scott, Silverman, Sheather-Jones, improved Sheather-Jones, least squares.

All return the standard deviation of the kernel, in the column's units; all are equivariant: `h(a x + b) = |a| h(x)`.
Counts are repetitions. Pairs of rows are counted on a fine grid by an autocorrelation, so the cost is O(n + grid log
grid) however many rows there are; the grid is a thousandth of the normal-reference bandwidth, and rows more than half a
million cells from the median, which have no near neighbours, are left out of the counting.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from scipy import fft, optimize
from torch import Tensor

from pofx.models.kde.sample import deviation, spread_of

Array = np.ndarray
CELLS = 1 << 20
FINENESS = 1000.0


def scott(x: Tensor, counts: Tensor) -> float:
    """`1.06 A n^(-1/5)`, A the smaller of sd and interquartile range / 1.349 (Scott 1992, eq. 6.17; R's bw.nrd)."""
    return 1.06 * spread_of(x, counts) * math.pow(_size(counts), -0.2)


def silverman(x: Tensor, counts: Tensor) -> float:
    """`0.9 A n^(-1/5)` (Silverman 1986, eq. 3.31; R's bw.nrd0)."""
    return 0.9 * spread_of(x, counts) * math.pow(_size(counts), -0.2)


def sheather_jones(x: Tensor, counts: Tensor) -> float:
    """The plug-in bandwidth that solves its own equation (Sheather and Jones 1991; R's bw.SJ)."""
    n, spread = _size(counts), spread_of(x, counts)
    if spread == 0 or n <= 2:
        return scott(x, counts)
    lags, pairs = pair_counts(x, counts, scott(x, counts) / FINENESS)

    def fourth(g: float) -> float:
        return _functional(lags, pairs, n, g, 5, lambda t2: (t2 - 6) * t2 + 3)

    def sixth(g: float) -> float:
        return -_functional(lags, pairs, n, g, 7, lambda t2: ((t2 - 15) * t2 + 45) * t2 - 15)

    curvature, slope = fourth(1.24 * spread * n ** (-1 / 7)), sixth(1.23 * spread * n ** (-1 / 9))
    if not (curvature > 0 and slope > 0):
        return scott(x, counts)
    ratio = 1.357 * (curvature / slope) ** (1 / 7)

    def gap(h: float) -> float:
        roughness = fourth(ratio * h ** (5 / 7))
        return (1 / (2 * math.sqrt(math.pi) * n * roughness)) ** 0.2 - h if roughness > 0 else spread

    root = _root(gap, 1e-3 * scott(x, counts), 2 * deviation(x, counts))
    return scott(x, counts) if root is None else root


def improved_sheather_jones(x: Tensor, counts: Tensor) -> float:
    """The fixed point of Botev, Grotowski and Kroese (2010), from the cosine transform of a fine histogram.

    Rows are counted as distinct values, so ties do not pull it to zero. Where there is no fixed point (heavy ties, a
    range of thousands of bandwidths) it is Silverman's.
    """
    lowest, highest = float(x.min()), float(x.max())
    reach = highest - lowest
    if reach == 0:
        return 0.0
    low, size = lowest - 0.1 * reach, 1.2 * reach
    cells = 1 << 13
    shares = _linear_histogram((x.numpy() - low) / size * cells - 0.5, counts.numpy(), cells)
    shares = shares / shares.sum()
    power = (fft.dct(shares, type=2)[1:] / 2) ** 2
    squares = np.arange(1, cells, dtype=np.float64) ** 2
    n = min(float(len(torch.unique(x))), _size(counts))

    def gap(t: float) -> float:
        return _botev(t, n, squares, power) - t

    root = _root(gap, (2 / cells) ** 2, 0.1)
    return silverman(x, counts) if root is None else size * math.sqrt(root)


def least_squares_cv(x: Tensor, counts: Tensor) -> float:
    """Minimises an unbiased estimate of the integrated squared error (Rudemo 1982, Bowman 1984).

    Exact ties are no pairs: on rounded data they would drive the bandwidth to zero. Of several minima the widest is
    taken (Hall and Marron 1991).
    """
    n, reference = _size(counts), scott(x, counts)
    if reference == 0 or n <= 2:
        return reference
    lags, pairs = pair_counts(x, counts, reference / FINENESS)
    values, index = torch.unique(x, return_inverse=True)
    tied = float(torch.zeros(len(values), dtype=torch.float64).index_add(0, index, counts).square().sum())
    apart = n * n - tied
    if apart <= 0:
        return reference

    def risk(log_h: float) -> float:
        h = math.exp(log_h)
        near = int(np.searchsorted(lags, 12 * h))
        t2 = (lags[:near] / h) ** 2
        square = float(pairs[:near] @ np.exp(-0.25 * t2)) / (2 * math.sqrt(math.pi) * h * n * n)
        cross = (float(pairs[:near] @ np.exp(-0.5 * t2)) - tied) / (math.sqrt(2 * math.pi) * h * apart)
        return square - 2 * cross

    grid = np.log(reference) + np.linspace(math.log(0.02), math.log(3.0), 60)
    values_at = np.array([risk(g) for g in grid])
    inner = [k for k in range(1, 59) if values_at[k] <= values_at[k - 1] and values_at[k] < values_at[k + 1]]
    at = inner[-1] if inner else int(values_at.argmin())
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, 59)]
    return math.exp(float(optimize.minimize_scalar(risk, bounds=(low, high), method="bounded").x))


RULES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "scott": scott,
    "silverman": silverman,
    "sheather_jones": sheather_jones,
    "improved_sheather_jones": improved_sheather_jones,
    "least_squares_cv": least_squares_cv,
}


def joint_factor(rule: str, n: float, d: int) -> float | None:
    """Scott's and Silverman's factor on a whole covariance of d columns, as in SciPy; None for other rules."""
    if rule == "scott":
        return math.pow(n, -1 / (d + 4))
    return math.pow(4 / ((d + 2) * n), 1 / (d + 4)) if rule == "silverman" else None


def widening(n: float, d: int) -> float:
    """What turns a one-column bandwidth into one of d columns: the optimal rate is n^(-1/(d + 4)), not n^(-1/5)."""
    return math.pow(n, 0.2 - 1 / (d + 4))


def pair_counts(x: Tensor, counts: Tensor, cell: float) -> tuple[Array, Array]:
    """Distances `[L]` and how many ordered pairs of rows, each with itself included, lie so far apart `[L]`."""
    z = (x.numpy() - float(x.median())) / cell
    near = np.abs(z) <= CELLS / 2
    z, kept = z[near], counts.numpy()[near]
    z = z - z.min()
    cells = int(z.max()) + 2
    histogram = _linear_histogram(z, kept, cells)
    length = fft.next_fast_len(2 * cells, real=True)
    power = np.abs(fft.rfft(histogram, length)) ** 2
    pairs = np.maximum(fft.irfft(power, length)[:cells], 0.0)
    pairs[1:] *= 2
    return np.arange(cells) * cell, pairs


def _linear_histogram(z: Array, counts: Array, cells: int) -> Array:
    """Each count shared between the two cells around it."""
    left = np.clip(np.floor(z).astype(np.int64), 0, cells - 2)
    share = np.clip(z - left, 0.0, 1.0)
    histogram = np.bincount(left, counts * (1 - share), minlength=cells)
    return histogram + np.bincount(left + 1, counts * share, minlength=cells)


def _size(counts: Tensor) -> float:
    return float(counts.sum())


def _functional(lags: Array, pairs: Array, n: float, g: float, power: int, hermite: Callable[[Array], Array]) -> float:
    """`sum over pairs of hermite((lag / g)^2) exp(-lag^2 / 2 g^2) / (n (n - 1) g^power sqrt(2 pi))`."""
    near = int(np.searchsorted(lags, 40 * g))
    t2 = (lags[:near] / g) ** 2
    total = float(pairs[:near] @ (hermite(t2) * np.exp(-0.5 * t2)))
    return total / (n * (n - 1) * g**power * math.sqrt(2 * math.pi))


def _botev(t: float, n: float, squares: Array, power: Array) -> float:
    """`xi gamma^[7](t)`: the bandwidth, squared and relative, that t would imply through seven stages."""
    value = _roughness(7, t, squares, power)
    for stage in range(6, 1, -1):
        odd = math.prod(range(1, 2 * stage, 2)) / math.sqrt(2 * math.pi)
        constant = (1 + 0.5 ** (stage + 0.5)) / 3
        time = (2 * constant * odd / (n * value)) ** (2 / (3 + 2 * stage)) if value > 0 else t
        value = (
            2 * math.pi ** (2 * stage) * float(np.sum(squares**stage * power * np.exp(-squares * math.pi**2 * time)))
        )
    return (2 * n * math.sqrt(math.pi) * value) ** -0.4 if value > 0 else 0.0


def _roughness(stage: int, t: float, squares: Array, power: Array) -> float:
    """Squared norm of the derivative of order `stage` of the histogram smoothed with variance t."""
    frequencies = squares * math.pi**2
    return 2 * float(frequencies**stage @ (power * np.exp(-frequencies * t)))


def _root(gap: Callable[[float], float], low: float, high: float) -> float | None:
    """The largest place between the two where `gap` falls through zero; ties make further ones near zero."""
    grid = np.geomspace(high, low, 60)
    above = gap(grid[0])
    for right, left in pairwise(grid):
        below = gap(left)
        if above <= 0 < below:
            return float(optimize.brentq(gap, left, right, rtol=1e-12, xtol=1e-300))
        above = below
    return None

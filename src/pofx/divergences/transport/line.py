"""Wasserstein distances of any order p >= 1, and p = inf, between two samples on a line, weighted or not.

W_p is the L^p distance of the quantile functions: sort both samples, pair the ranks. The standard error is that of the
central limit theorem of del Barrio, Gordaliza & Loubes (2019): the variance of the two dual potentials, each at its own
sample, carried through the p-th root. It speaks of W between the samples' laws plus a bias that is positive and does
not show in it: two samples of one law are a positive distance apart. `null` shows how far: it is the same distance
between two random halves of x (so at half the rows, which if anything overstates it).

Cost: O(n log n + m log m), the two sorts in two threads.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.divergences.transport.masses import Array, Ranks, check_order, column, repetitions, shares, uniform_or
from pofx.divergences.transport.staircase import even_staircase, levels, staircase

THREADED = 20_000  # points from which a second thread pays


@dataclass(frozen=True, eq=False)
class Paired:
    """Two sorted samples with their ranks paired: what moves, from where, to where."""

    x: Array  # [k] the x of each step of the staircase
    y: Array  # [k]
    mass: Array | None  # [k], None where all are equal
    steps: tuple[Ranks, Ranks] | None  # which rank of x [k] and of y [k]; None where k = n = m
    shares: tuple[Array | None, Array | None]  # weights in sorted order


def wasserstein_line(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 1.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    null: bool = True,
    seed: int = 0,
) -> Estimate:
    """W_p between two samples on a line, in the units of the samples.

    Args:
        x, y: `[n]` and `[m]`.
        order: p, from one to `inf`.
        x_weights, y_weights: non-negative, one a point; only the ratios matter.
        null: also compute the distance between two random halves of x.
        seed: of the halves.
    """
    p = check_order(order)
    a, b = column(x, "x"), column(y, "y")
    u, v = shares(x_weights, len(a), "x"), shares(y_weights, len(b), "y")
    paired = pair(a, b, u, v)
    value = paired_distance(paired, p)
    return Estimate(
        value,
        std_error=_std_error(paired, value, p, repetitions(x_weights, len(a)), repetitions(y_weights, len(b))),
        nature=Nature.ASYMPTOTICALLY_UNBIASED,
        method="paired ranks, exact for the samples",
        direction="P, Q",
        draws=len(a) + len(b),
        null=halves_line(a, u, p, seed) if null else None,
        name=order_name(p),
    )


def order_name(p: float) -> str:
    """`W1`, `W2`, `W3.5`, `Winf`."""
    return f"W{p:g}"


def line_distance(x: Array, y: Array, p: float = 1.0, u: Array | None = None, v: Array | None = None) -> float:
    """The number alone, of checked samples `[n]`, `[m]` and shares that sum to one or None."""
    if (u is None and v is None) or p == math.inf:
        return paired_distance(pair(x, y, u, v), p)
    (x, u), (y, v) = _in_two((x, u), (y, v))
    a, b = levels(uniform_or(u, len(x))), levels(uniform_or(v, len(y)))
    scale = 1.0 if p == 1 else max(abs(float(x[0] - y[-1])), abs(float(x[-1] - y[0]))) or 1.0
    with ThreadPoolExecutor(1) as pool:
        cut = len(a) // 2
        high = pool.submit(np.searchsorted, b, a[cut:])
        before = np.concatenate([np.searchsorted(b, a[:cut]), high.result()])  # how many levels of y lie below each x's
        later = pool.submit(_half, x, a, y, b, before, p, scale)
        passed = np.cumsum(np.bincount(before, minlength=len(b) + 1)[:-1])  # and of x, at or below each y's
        total = _half(y, b, x, a, passed, p, scale) + later.result()
    return float(scale * max(total, 0.0) ** (1 / p))


def _half(x: Array, a: Array, y: Array, b: Array, before: Ranks, p: float, scale: float) -> float:
    """The part of the integral over the steps that end at a level of x; no merged list of levels is made."""
    begins = np.concatenate([[0.0], b])[before]
    np.maximum(begins[1:], a[:-1], out=begins[1:])
    moves = x - y[np.minimum(before, len(y) - 1)]
    np.abs(moves, out=moves)
    if p != 1:
        moves /= scale
        moves = moves * moves if p == 2 else moves**p
    return float((a - begins) @ moves)


def pair(x: Array, y: Array, u: Array | None = None, v: Array | None = None) -> Paired:
    """Sort both and pair their ranks."""
    (x, u), (y, v) = _in_two((x, u), (y, v))
    if u is None and v is None and len(x) == len(y):
        return Paired(x, y, None, None, (None, None))
    if u is None and v is None:
        path = even_staircase(len(x), len(y))
    else:
        path = staircase(uniform_or(u, len(x)), uniform_or(v, len(y)))
    return Paired(x[path.left], y[path.right], path.mass, (path.left, path.right), (u, v))


def paired_distance(paired: Paired, p: float) -> float:
    """(sum of mass |x - y|^p)^(1/p), scaled by the greatest move so that no power overflows."""
    moves = paired.x - paired.y
    np.abs(moves, out=moves)
    if paired.mass is not None and p == math.inf:
        return float(moves[paired.mass > 0].max())
    if p == 1:
        return float(moves.mean() if paired.mass is None else paired.mass @ moves)
    most = float(moves.max())
    if p == math.inf or most == 0:
        return most
    moves /= most
    powers = moves * moves if p == 2 else moves**p
    return float(most * float(powers.mean() if paired.mass is None else paired.mass @ powers) ** (1 / p))


def potentials(paired: Paired, p: float) -> tuple[Array, Array]:
    """Kantorovich's potentials at the sorted points, f `[n]`, g `[m]`: f + g = |x - y|^p all along the staircase."""
    if paired.steps is None:
        x, y = paired.x, paired.y
        here, aside = np.abs(x - y) ** p, np.abs(x[1:] - y[:-1]) ** p  # at (i, i) and (i+1, i)
        return _from(0.0, aside - here[:-1]), _from(float(here[0]), here[1:] - aside)
    left, right = paired.steps
    rises = np.diff(np.abs(paired.x - paired.y) ** p)
    moved = np.diff(left) > 0
    first = float(np.abs(paired.x[0] - paired.y[0]) ** p)
    return _from(0.0, rises[moved]), _from(first, rises[np.diff(right) > 0])


def halves_line(x: Array, u: Array | None, p: float, seed: int) -> float | None:
    """The distance between two random halves of one sample; None for less than two points."""
    if len(x) < 2:
        return None
    one, two = halves(len(x), seed)
    if u is None:
        return line_distance(x[one], x[two], p)
    if not (u[one].sum() > 0 and u[two].sum() > 0):
        return None
    return line_distance(x[one], x[two], p, u[one] / u[one].sum(), u[two] / u[two].sum())


def share_variance(potential: Array, weights: Array | None, rows: float | None) -> float:
    """Variance of a potential's mean: var / (rows - 1) where weights are counts, else the sum of w^2 (f - mean)^2."""
    if rows is not None:
        mean = float(potential.mean() if weights is None else weights @ potential)
        square = (potential - mean) ** 2
        return float(square.mean() if weights is None else weights @ square) / max(rows - 1, 1)
    shares_of = uniform_or(weights, len(potential))
    centred = shares_of * (potential - shares_of @ potential)
    return float(centred @ centred)


def root_error(variance: float, value: float, p: float) -> float | None:
    """Standard error of a p-th root from the variance of the p-th power; None where it is degenerate."""
    if not (value > 0 and math.isfinite(variance) and variance > 0 and math.isfinite(value)):
        return None
    return float(math.sqrt(variance) * value ** (1 - p) / p)


def _std_error(paired: Paired, value: float, p: float, n: float | None, m: float | None) -> float | None:
    if p == math.inf or value == 0:
        return None
    scaled = Paired(paired.x / value, paired.y / value, paired.mass, paired.steps, paired.shares)
    with np.errstate(over="ignore", invalid="ignore"):
        f, g = potentials(scaled, p)
        error = root_error(share_variance(f, paired.shares[0], n) + share_variance(g, paired.shares[1], m), 1.0, p)
    return None if error is None or not math.isfinite(error) else error * value


def _from(first: float, rises: Array) -> Array:
    summed = np.empty(len(rises) + 1)
    summed[0] = 0.0
    np.cumsum(rises, out=summed[1:])
    summed += first
    return summed


def _sorted(part: tuple[Array, Array | None]) -> tuple[Array, Array | None]:
    values, weights = part
    if weights is None:
        return np.sort(values), None
    ranks = np.argsort(values)
    return values[ranks], weights[ranks]


def _in_two(a: tuple[Array, Array | None], b: tuple[Array, Array | None]) -> tuple[tuple[Array, Array | None], ...]:
    if len(a[0]) + len(b[0]) < THREADED:
        return _sorted(a), _sorted(b)
    with ThreadPoolExecutor(1) as pool:  # NumPy lets go of the interpreter while it sorts
        later = pool.submit(_sorted, a)
        return (_sorted(b), later.result())[::-1]

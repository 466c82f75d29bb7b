"""Sliced and max-sliced Wasserstein distances: the distances of one-dimensional shadows, averaged or at their greatest.

SW_p^p is the mean of W_p^p over uniform directions (Rabin et al. 2012; Bonneel et al. 2015); max-SW_p is the greatest
(Deshpande et al. 2019). Both are metrics of their own, never above W_p; neither is an estimate of it. The mean is over
the directions really drawn, and its standard error is the Monte Carlo error over them, not over the rows. Max-sliced is
searched by gradient ascent from several starts, so what is found is a lower bound.

Cost: O(L n log n); memory for a block of shadows only, two threads.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.divergences.transport.line import line_distance, root_error
from pofx.divergences.transport.masses import Array, both_points, check_order, shares, uniform_or
from pofx.divergences.transport.staircase import Staircase, even_staircase, staircase
from pofx.errors import PofxError
from pofx.rng import numpy_generator, split

PROJECTIONS = 200
SHADOW_BYTES = 64 << 20  # of the projections of both samples held at once
STARTS = 5
STEPS = 100


def sliced_wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 2.0,
    projections: int = PROJECTIONS,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    null: bool = True,
    seed: int = 0,
) -> Estimate:
    """SW_p between two samples `[n, d]`, `[m, d]`, with its Monte Carlo error over the directions."""
    p = check_order(order, finite=True)
    a, b = both_points(x, y)
    u, v = shares(x_weights, len(a), "x"), shares(y_weights, len(b), "y")
    if projections < 2:
        raise PofxError("a mean over directions needs two", got=f"projections={projections}", expected=">= 2")
    directions = random_directions(projections, a.shape[1], seed)
    distances = _shadows(a, b, u, v, p, directions)
    value, variance = _mean(distances, p)
    error = root_error(variance, 1.0, p)
    return Estimate(
        value,
        std_error=None if error is None else value * error,
        nature=Nature.MONTE_CARLO,
        method=f"sliced, {projections:,} directions",
        direction="P, Q",
        draws=projections,
        null=_halves(a, u, p, directions, seed) if null and len(a) > 1 else None,
        name=f"SW{p:g}",
        note="sliced: a distance of its own, not an estimate of W",
    )


def random_directions(count: int, d: int, seed: int) -> Array:
    """Uniform unit vectors, `[count, d]`."""
    drawn = numpy_generator(split(seed, "directions")).standard_normal((count, d))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def max_sliced_wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 2.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
    starts: int = STARTS,
    steps: int = STEPS,
    seed: int = 0,
) -> tuple[Estimate, Array]:
    """The greatest W_p of any shadow that was found, a lower bound, and its direction `[d]`."""
    p = check_order(order, finite=True)
    a, b = both_points(x, y)
    u, v = shares(x_weights, len(a), "x"), shares(y_weights, len(b), "y")
    best, along = -1.0, np.zeros(a.shape[1])
    for first in _starts(a, b, u, v, starts, seed):
        found = _climbed(a, b, u, v, p, first, steps)
        value = line_distance(a @ found, b @ found, p, u, v)
        if value > best:
            best, along = value, found
    estimate = Estimate(
        best,
        nature=Nature.LOWER_BOUND,
        method=f"max-sliced, gradient ascent from {starts + 1} starts",
        direction="P, Q",
        draws=len(a) + len(b),
        name=f"max-SW{p:g}",
        note="the greatest over the directions that were searched, for these samples",
    )
    return estimate, along


def _shadows(x: Array, y: Array, u: Array | None, v: Array | None, p: float, directions: Array) -> Array:
    """W_p along each direction, `[L]`, in blocks."""
    size = max(1, SHADOW_BYTES // (8 * (len(x) + len(y)) * 2))
    even = u is None and v is None
    path = even_staircase(len(x), len(y)) if even and len(x) != len(y) else None  # one for all directions

    def along(k: int) -> float:
        one, two = shadows_x[k], shadows_y[k]
        if even and path is None:
            one.sort()
            two.sort()
            return _power_mean(one, two, None, p)
        if path is not None:
            one.sort()
            two.sort()
            return _power_mean(one[path.left], two[path.right], path.mass, p)
        return line_distance(one, two, p, u, v)

    result = np.empty(len(directions))
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(directions), size):
            block = directions[start : start + size]
            shadows_x, shadows_y = block @ x.T, block @ y.T  # [size, n], [size, m]
            result[start : start + len(block)] = list(pool.map(along, range(len(block))))
    return result


def _power_mean(one: Array, two: Array, mass: Array | None, p: float) -> float:
    moves = np.abs(one - two)
    most = float(moves.max())
    if most == 0:
        return 0.0
    moves /= most
    powers = moves if p == 1 else moves**p
    return float(most * float(powers.mean() if mass is None else mass @ powers) ** (1 / p))


def _mean(distances: Array, p: float) -> tuple[float, float]:
    """The p-mean, and the variance of the mean of the p-th powers in units of its own p-th power."""
    most = float(distances.max())
    if most == 0:
        return 0.0, 0.0
    powers = (distances / most) ** p
    mean = float(powers.mean())
    return float(most * mean ** (1 / p)), float(powers.var(ddof=1)) / len(powers) / mean**2


def _halves(x: Array, u: Array | None, p: float, directions: Array, seed: int) -> float | None:
    one, two = halves(len(x), seed)
    weights = uniform_or(u, len(x))
    a, b = weights[one], weights[two]
    if not (a.sum() > 0 and b.sum() > 0):
        return None
    first, second = (None, None) if u is None else (a / a.sum(), b / b.sum())
    return _mean(_shadows(x[one], x[two], first, second, p, directions), p)[0]


def _starts(x: Array, y: Array, u: Array | None, v: Array | None, count: int, seed: int) -> list[Array]:
    """Random directions, and that between the two means."""
    found = list(random_directions(count, x.shape[1], split(seed, "starts")))
    shift = uniform_or(u, len(x)) @ x - uniform_or(v, len(y)) @ y
    length = float(np.linalg.norm(shift))
    return [*found, shift / length] if length > 0 else found


def _climbed(x: Array, y: Array, u: Array | None, v: Array | None, p: float, first: Array, steps: int) -> Array:
    a, b = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(y))
    along = torch.from_numpy(first.copy())
    best, best_value, rate, push = along.clone(), -math.inf, 1.0, along
    for _ in range(steps):
        value, slope = _value_and_slope(a, b, u, v, p, along)
        if value > best_value * (1 + 1e-12):
            best, best_value, rate, push = along.clone(), value, rate * 1.3, slope
        else:
            rate /= 3
        if rate < 1e-9:
            break
        push = push - (push @ best) * best
        length = float(push.norm())
        if length <= 1e-12 * abs(best_value):
            break
        along = best + rate * push / length
        along = along / along.norm()
    return best.numpy()


def _value_and_slope(
    x: Tensor, y: Tensor, u: Array | None, v: Array | None, p: float, along: Tensor
) -> tuple[float, Tensor]:
    """W_p^p of the shadow and its gradient with the pairing held, which is the gradient (envelope theorem)."""
    one, two = torch.argsort(x @ along), torch.argsort(y @ along)
    path = _path(one, two, u, v)
    gaps = x[one[torch.from_numpy(path.left)]] - y[two[torch.from_numpy(path.right)]]  # [k, d]
    mass = torch.from_numpy(path.mass)
    moves = gaps @ along
    pull = mass * moves.abs().pow(p - 1) * moves.sign()
    return float(mass @ moves.abs().pow(p)), p * (pull @ gaps)


def _path(one: Tensor, two: Tensor, u: Array | None, v: Array | None) -> Staircase:
    n, m = len(one), len(two)
    if u is None and v is None:
        return even_staircase(n, m)
    return staircase(uniform_or(u, n)[one.numpy()], uniform_or(v, m)[two.numpy()])

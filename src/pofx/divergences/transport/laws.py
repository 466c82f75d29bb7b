"""Wasserstein distances between one-dimensional laws that are known by their quantile functions.

    W_p^p = integral over (0, 1) of |F^-1(u) - G^-1(u)|^p du,   and W_1 = integral |F - G|

by adaptive Gauss-Lobatto quadrature in the logit of u, panels halved where they do not agree with their halves: a gap
between modes or an atom is a jump, and is cornered. Beyond the levels 1e-10 the integrand is continued as the power of
u that it follows there; where that power is not integrable the distance is infinite, and the note says in which tail.
Limit: two opposite jumps closer than 0.01 in the logit of u may go unseen, unless they are a sample's.
Cost: some 25,000 quantiles; many more for laws with many atoms, up to EVALUATIONS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from pofx.core.contract import Model
from pofx.core.cumulative import cumulative
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.transport.line import Paired, order_name, potentials, root_error, share_variance
from pofx.divergences.transport.masses import Array, check_order, column, repetitions, shares, uniform_or
from pofx.errors import PofxError

EDGE = 1e-10  # the level beyond which the tails are continued
TOLERANCE = 1e-10  # relative error of the quadrature that is aimed at
PANELS = 1_000  # to begin with: two jumps of the difference within one may hide from its nodes
EVALUATIONS = 8_000_000  # quantiles at most
NOT_INTEGRABLE = 1 - 1e-3  # exponent of 1/u from which a tail counts as infinite
STEADY = 0.01  # change of the exponent over three decades that still counts as a power law
INSET = 1e-5  # of a panel: how far in its end nodes lie, so that they are on its side of a jump at the edge


def _rule(count: int = 8) -> tuple[Array, Array]:
    """Lobatto's nodes on [-1, 1], the ends a little inset, and the weights that make the rule exact on polynomials.

    Nodes at the ends matter: a jump close to the edge of a panel lies outside all of Gauss's nodes, and of its halves'.
    """
    inner = np.sort(np.polynomial.Legendre.basis(count - 1).deriv().roots().real)
    nodes = np.concatenate([[-1 + INSET], inner, [1 - INSET]])
    moments = np.zeros(count)
    moments[0] = 2.0
    return nodes, np.asarray(np.linalg.solve(np.polynomial.legendre.legvander(nodes, count - 1).T, moments), np.float64)


NODES, WEIGHTS = _rule()


@dataclass(frozen=True, eq=False)
class Law:
    """A distribution on a line by its quantile function, with the levels where that is known to jump."""

    ppf: Callable[[Array], Array]
    levels: Array | None = None
    points: Array | None = None  # of a sample, sorted
    shares: Array | None = None
    rows: float | None = None  # behind a sample


def law(ppf: Callable[[Array], Array]) -> Law:
    """From a NumPy quantile function, e.g. `scipy.stats.norm().ppf`."""
    return Law(lambda u: np.asarray(ppf(u), dtype=np.float64))


def law_of_model(model: Model) -> Law:
    """From a fitted model of one column."""
    quantiles = cumulative(model).ppf
    return Law(lambda u: quantiles(torch.from_numpy(np.ascontiguousarray(u))).detach().cpu().numpy())


def law_of_sample(x: ArrayLike, weights: ArrayLike | None = None) -> Law:
    """From a sample `[n]`, as its own empirical law."""
    values = column(x, "x")
    given = shares(weights, len(values), "x")
    ranks = np.argsort(values, kind="stable")
    values, u = values[ranks], uniform_or(given, len(values))[ranks]
    levels = np.cumsum(u) / u.sum()
    last = len(values) - 1
    return Law(
        lambda at: values[np.minimum(np.searchsorted(levels, at), last)], levels[:-1], values, u,
        repetitions(weights, len(values)),
    )  # fmt: skip


def wasserstein_laws(p: Law, q: Law, *, order: float = 1.0) -> Estimate:
    """W_order between two laws. Of two samples take `wasserstein_line`, which is faster and exact."""
    power = check_order(order, finite=True)

    def gap(u: Array) -> Array:
        return np.abs(p.ppf(u) - q.ppf(u))

    tails = [_tail(p, q, power, low) for low in (True, False)]
    infinite = [name for (mass, _), name in zip(tails, ("lower", "upper"), strict=True) if mass == math.inf]
    if infinite:
        return _said(math.inf, 0.0, power, p, q, f"infinite: the {' and the '.join(infinite)} tail is too heavy")
    scale = float(np.max(gap(np.linspace(0.01, 0.99, 99))))
    scale = scale if scale > 0 else 1.0
    body, error = _integral(lambda u: (gap(u) / scale) ** power, _edges(p, q))
    rest = sum(mass for mass, _ in tails) / scale**power
    doubt = error + sum(unsure for _, unsure in tails) / scale**power
    total = body + rest
    value = scale * total ** (1 / power)
    return _said(value, value * doubt / (power * total) if total > 0 else 0.0, power, p, q, "")


def _said(value: float, error: float, power: float, p: Law, q: Law, note: str) -> Estimate:
    sample = next((s for s in (p, q) if s.points is not None), None)
    other = q if sample is p else p
    known = sample is None or other.points is not None or not 0 < value < math.inf
    standard = None if known or sample is None else _std_error(sample, other, value, power)
    return Estimate(
        value,
        std_error=standard,
        nature=Nature.QUADRATURE if sample is None else Nature.ASYMPTOTICALLY_UNBIASED,
        method=f"quantile functions, quadrature, error {error:.1g}" if value < math.inf else "tails of the quantiles",
        direction="P, Q",
        draws=None if sample is None or sample.points is None else len(sample.points),
        name=order_name(power),
        note=note,
    )


def _std_error(sample: Law, other: Law, value: float, power: float) -> float | None:
    """By the sample's potential against the other law's quantiles at the middles of its levels."""
    assert sample.points is not None
    assert sample.shares is not None
    ends = np.cumsum(sample.shares) / sample.shares.sum()
    middle = np.clip(ends - sample.shares / 2, EDGE, 1 - EDGE)
    paired = Paired(sample.points / value, other.ppf(middle) / value, None, None, (None, None))
    error = root_error(share_variance(potentials(paired, power)[0], sample.shares, sample.rows), 1.0, power)
    return None if error is None or not math.isfinite(error) else value * error


def _edges(p: Law, q: Law) -> Array:
    """First panels in the logit of u, equally wide, and cut where a sample jumps."""
    end = -math.log(EDGE / (1 - EDGE))
    cuts = [levels for levels in (p.levels, q.levels) if levels is not None]
    inside = [c[(c > EDGE) & (c < 1 - EDGE)] for c in cuts]
    return np.unique(np.concatenate([np.linspace(-end, end, PANELS + 1), *(np.log(c / (1 - c)) for c in inside)]))


def _integral(f: Callable[[Array], Array], edges: Array) -> tuple[float, float]:
    """Integral over u of f, and an estimate of its error."""
    left, right = edges[:-1], edges[1:]
    whole = _panels(f, left, right)
    total = error = 0.0
    spent = 8 * len(left)
    while len(left):
        middle = (left + right) / 2
        first, second = _panels(f, left, middle), _panels(f, middle, right)
        halves = first + second
        spent += 16 * len(left)
        off = np.abs(halves - whole)
        about = abs(total) + float(np.abs(halves).sum())
        tiny = (right - left) <= 1e-14 * np.maximum(np.abs(left), 1.0)
        done = (off <= TOLERANCE * np.maximum(halves, about * 1e-4)) | tiny
        if spent > EVALUATIONS:
            done[:] = True
        total, error = total + float(halves[done].sum()), error + float(off[done].sum())
        open_ = ~done
        left, right, whole = (
            np.concatenate([left[open_], middle[open_]]),
            np.concatenate([middle[open_], right[open_]]),
            np.concatenate([first[open_], second[open_]]),
        )
    return total, error


def _panels(f: Callable[[Array], Array], left: Array, right: Array) -> Array:
    half = (right - left) / 2
    z = (left + right)[:, None] / 2 + half[:, None] * NODES
    u = 1 / (1 + np.exp(-z))
    values = f(u.ravel()).reshape(u.shape)
    if not bool(np.isfinite(values).all()):
        raise PofxError("a quantile is not a finite number", where="between the levels 1e-10 and 1 - 1e-10")
    return np.asarray((values * u * (1 - u)) @ WEIGHTS * half)


def _tail(p: Law, q: Law, power: float, low: bool) -> tuple[float, float]:
    """Integral beyond EDGE on one side, and how unsure it is; `inf` where the power law there has none."""
    depths = np.array([1e-6, 1e-7, EDGE * 10, EDGE])
    levels = depths if low else 1 - depths
    one, two = p.ppf(levels), q.ppf(levels)
    gaps = np.abs(one - two)
    sizes = np.abs(one) + np.abs(two)
    if gaps[-1] <= 1e-5 * sizes[-1] or gaps.min() == 0:  # the difference of two large quantiles is rounding
        return float(gaps[-1] ** power * EDGE), float(gaps[-1] ** power * EDGE)
    early = math.log10(gaps[1] / gaps[0]) * power
    late = math.log10(gaps[3] / gaps[2]) * power
    if late >= NOT_INTEGRABLE and late >= early - STEADY:
        return math.inf, 0.0
    mass = float(gaps[-1] ** power * EDGE / (1 - min(late, 0.99)))
    return mass, mass * min(1.0, abs(late - early) + 1e-3)

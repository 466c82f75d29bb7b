"""Entropies and divergences of discrete distributions, from probabilities or from counts.

From probabilities the numbers are closed forms, computed so that no rounding makes a divergence negative or not a
number: each cell's share is written as something that cannot be. Vectors are never renormalised. From counts the
formulas are applied to relative frequencies, with the delta method's standard error; entropy, KL and mutual information
may have the plug-in's bias of order 1/n taken out (Miller, "Note on the bias of information estimates", 1955).
The error is 0 to first order where both sides are equal: then a test says more (a chi-square, or permutations).

Conventions: Hellinger squared = 1 - sum sqrt(p q); chi-square = sum (p - q)^2 / q; Renyi of order a = log(sum p^a
q^(1-a)) / (a - 1); alpha = (sum p^a q^(1-a) - 1) / (a (a - 1)) (Cressie and Read, 1984). 0 log 0 = 0. O(K).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlog1py, xlogy

from pofx.divergences.engine.cells import Array, Cells, aligned, as_cells
from pofx.divergences.estimate import Estimate, Nature
from pofx.errors import PofxError


def entropy(p: Cells | ArrayLike, *, corrected: bool = False) -> Estimate:
    """-sum p log p, nats: of a discrete variable. Of a sample of real numbers it is `nearest.entropy.entropy`."""
    a = as_cells(p)
    value = float(-xlogy(a.share, a.share).sum())
    bias = -(np.count_nonzero(a.share) - 1) / (2 * a.rows) if a.rows else 0.0
    slope = np.where(a.share > 0, -np.log(np.where(a.share > 0, a.share, 1.0)), 0.0)
    return _told("H", "P", abs(value), _variance(a, slope), [a], bias if corrected else None)


def cross_entropy(p: Cells | ArrayLike, q: Cells | ArrayLike) -> Estimate:
    """-sum p log q, nats; infinite where q is 0 and p is not, and then says where."""
    a, b = aligned(p, q)
    missing = _missing(a, b)
    if missing:
        return _told("H", "P, Q", math.inf, None, [a, b], note=missing)
    log_q = np.log(np.where(a.share > 0, b.share, 1.0))
    variance = _variance(a, -log_q) + _variance(b, _over(a.share, b.share))
    return _told("H", "P, Q", float(-(a.share * log_q).sum()), variance, [a, b])


def kl(p: Cells | ArrayLike, q: Cells | ArrayLike, *, corrected: bool = False) -> Estimate:
    """sum p log(p / q), nats, never below 0; infinite where q is 0 and p is not, and then says where."""
    a, b = aligned(p, q)
    missing = _missing(a, b)
    if missing:
        return _told("KL", "P || Q", math.inf, None, [a, b], note=missing)
    ratio = _over(a.share, b.share)
    variance = _variance(a, _log_ratio(a.share, b.share)) + _variance(b, ratio)
    bias = (np.count_nonzero(a.share) - 1) / (2 * a.rows) if a.rows else 0.0
    bias += float((a.share * _over(1 - b.share, b.share)).sum()) / (2 * b.rows) if b.rows else 0.0
    value = float(_relative(a.share, b.share).sum())
    return _told("KL", "P || Q", value, variance, [a, b], bias if corrected else None)


def jensen_shannon(p: Cells | ArrayLike, q: Cells | ArrayLike) -> Estimate:
    """Mean KL of p and q to their mean, nats, in [0, ln 2]."""
    a, b = aligned(p, q)
    total = a.share + b.share
    u = _over(a.share - b.share, total)
    value = float((total / 4 * _both_sides(u)).sum())
    mean = a.share / 2 + b.share / 2
    variance = sum(_variance(s, _log_ratio(s.share, mean) / 2) for s in (a, b))
    return _told("JS", "P, Q", min(value, math.log(2)), variance, [a, b])


def total_variation(p: Cells | ArrayLike, q: Cells | ArrayLike) -> Estimate:
    """Half the sum of |p - q|, in [0, 1]."""
    a, b = aligned(p, q)
    slope = np.sign(a.share - b.share) / 2
    value = min(float(np.abs(a.share - b.share).sum() / 2), 1.0)
    return _told("TV", "P, Q", value, _variance(a, slope) + _variance(b, slope), [a, b], units="")


def hellinger_squared(p: Cells | ArrayLike, q: Cells | ArrayLike) -> Estimate:
    """1 - sum sqrt(p q), in [0, 1]."""
    a, b = aligned(p, q)
    root_p, root_q = np.sqrt(a.share), np.sqrt(b.share)
    value = min(float(((root_p - root_q) ** 2).sum() / 2), 1.0)
    variance = _variance(a, -_over(root_q, root_p) / 2) + _variance(b, -_over(root_p, root_q) / 2)
    return _told("Hellinger squared", "P, Q", value, variance, [a, b], units="")


def chi_square(p: Cells | ArrayLike, q: Cells | ArrayLike) -> Estimate:
    """sum (p - q)^2 / q; infinite where q is 0 and p is not, and then says where."""
    a, b = aligned(p, q)
    missing = _missing(a, b)
    if missing:
        return _told("chi-square", "P || Q", math.inf, None, [a, b], units="", note=missing)
    ratio = _over(a.share, b.share)
    with np.errstate(over="ignore"):
        shares = np.abs(a.share - b.share) * np.abs(_over(a.share - b.share, b.share))
        variance = _variance(a, 2 * ratio) + _variance(b, ratio**2)
    value = float(shares.sum())
    note = "" if math.isfinite(value) else f"beyond floating point at {a.named(int(np.argmax(shares)))}"
    return _told("chi-square", "P || Q", value, variance, [a, b], units="", note=note)


def renyi(p: Cells | ArrayLike, q: Cells | ArrayLike, alpha: float) -> Estimate:
    """log(sum p^a q^(1-a)) / (a - 1), nats, a >= 0; a = 1 is KL(P || Q)."""
    a, b = aligned(p, q)
    if not alpha >= 0 or math.isinf(alpha):
        raise PofxError("Renyi's order is a finite number, not negative", got=f"{alpha:g}")
    name = f"Renyi({alpha:g})"
    if alpha == 1:
        return replace(kl(a, b), name=name)
    missing = _missing(a, b) if alpha > 1 else ""
    if missing:
        return _told(name, "P || Q", math.inf, None, [a, b], note=missing)
    log_power = _log_power(a.share, b.share, alpha)
    if log_power == -math.inf:
        return _told(name, "P || Q", math.inf, None, [a, b], note="p and q share no cell")
    variance = _power_variance(a, b, alpha, log_power) / (alpha - 1) ** 2
    return _told(name, "P || Q", max(log_power / (alpha - 1), 0.0), variance, [a, b])


def alpha_divergence(p: Cells | ArrayLike, q: Cells | ArrayLike, alpha: float) -> Estimate:
    """(sum p^a q^(1-a) - 1) / (a (a - 1)); a = 1 is KL(P || Q) and a = 0 is KL(Q || P)."""
    a, b = aligned(p, q)
    if not math.isfinite(alpha):
        raise PofxError("alpha is a finite number", got=f"{alpha:g}")
    name = f"alpha({alpha:g})"
    if alpha in (0.0, 1.0):
        return replace(kl(a, b) if alpha else kl(b, a), name=name, direction="P || Q")
    missing = _missing(a, b) if alpha > 1 else _missing(b, a) if alpha < 0 else ""
    if missing:
        return _told(name, "P || Q", math.inf, None, [a, b], units="", note=missing)
    log_power = _log_power(a.share, b.share, alpha)
    scale = 1 / (alpha * (alpha - 1))
    try:
        value, slope = math.expm1(log_power) * scale, math.exp(log_power) * scale
    except OverflowError:
        return _told(name, "P || Q", math.inf, None, [a, b], units="", note="beyond floating point")
    variance = _power_variance(a, b, alpha, log_power) * slope**2
    return _told(name, "P || Q", max(value, 0.0), variance, [a, b], units="")


def mutual_information(joint: Cells | ArrayLike, *, corrected: bool = False) -> Estimate:
    """Of a table of joint probabilities or counts `[a, b]`: KL from it to the product of its margins, nats."""
    a = as_cells(joint)
    if a.share.ndim != 2:
        raise PofxError("a joint table has two axes", got=f"shape {a.share.shape}", expected="[a, b]")
    rows, columns = a.share.sum(1), a.share.sum(0)
    product = np.outer(rows, columns)
    value = float(_relative(a.share, product).sum())
    seen = [np.count_nonzero(v) for v in (a.share, rows, columns)]
    bias = (seen[0] - seen[1] - seen[2] + 1) / (2 * a.rows) if a.rows else 0.0
    return _told("I", "X; Y", value, _variance(a, _log_ratio(a.share, product)), [a], bias if corrected else None)


# ------------------------------------------------------------------------------------------------- one cell at a time


def _log_ratio(p: Array, q: Array) -> Array:
    """log(p / q) where both are positive, else 0; the ratio itself may lie beyond floating point."""
    seen = (p > 0) & (q > 0)
    return np.asarray(np.log(np.where(seen, p, 1.0)) - np.log(np.where(seen, q, 1.0)))


def _relative(p: Array, q: Array) -> Array:
    """p log(p / q) - p + q, which is not negative and sums to the KL divergence; q > 0 where p > 0."""
    u = np.clip(_over(p - q, q), -1.0, 1.0)
    close = np.abs(u) < 0.5
    small = np.where(np.abs(u) < 1e-4, u * u / 2 - u**3 / 6, xlog1py(1 + u, u) - u)
    return np.maximum(np.where(close, q * small, p * _log_ratio(p, q) - p + q), 0.0)


def _both_sides(u: Array) -> Array:
    """(1 + u) log(1 + u) + (1 - u) log(1 - u), u in [-1, 1], which is not negative."""
    exactly = xlog1py(1 + u, u) + xlog1py(1 - u, -u)
    return np.asarray(np.where(np.abs(u) < 1e-4, u * u, exactly))


def _log_power(p: Array, q: Array, alpha: float) -> float:
    """log sum p^a q^(1-a), accurate where it is near 0 (p near q, or a near 1 or 0)."""
    if alpha < 0.5:
        return _log_power(q, p, 1 - alpha)
    seen = (p > 0) & (q > 0)
    if not seen.any():
        return -math.inf
    t = (1 - alpha) * -_log_ratio(p, q)[seen]
    if np.abs(t).max() < 1:  # log(1 + sum p (e^t - 1)), less the cells that q leaves out
        total = math.fsum(p[seen] * np.expm1(t)) - math.fsum(p[~seen])
        if total > -0.5:
            return math.log1p(total)
    logs = np.log(p[seen]) + t
    top = float(logs.max())
    return top + math.log(math.fsum(np.exp(logs - top)))


def _over(a: Array, b: Array) -> Array:
    """a / b, 0 where b is 0, infinite where that is beyond floating point."""
    with np.errstate(over="ignore"):
        return np.divide(a, b, out=np.zeros_like(b), where=b > 0)


# ------------------------------------------------------------------------------------------------------- the surround


def _variance(cells: Cells, slope: Array) -> float:
    """Of a function of relative frequencies with these slopes, by the delta method."""
    if cells.rows is None:
        return 0.0
    kept = np.where(cells.share > 0, slope, 0.0)
    centre = float((cells.share * kept).sum())
    return float((cells.share * (kept - centre) ** 2).sum()) / cells.rows


def _power_variance(a: Cells, b: Cells, alpha: float, log_power: float) -> float:
    """Of the log of sum p^a q^(1-a)."""
    seen = (a.share > 0) & (b.share > 0)
    ratio = _log_ratio(a.share, b.share)
    with np.errstate(over="ignore"):
        p = np.where(seen, alpha * np.exp((alpha - 1) * ratio - log_power), 0.0)
        q = np.where(seen, (1 - alpha) * np.exp(alpha * ratio - log_power), 0.0)
        return _variance(a, p) + _variance(b, q)


def _told(
    name: str,
    direction: str,
    value: float,
    variance: float | None,
    sides: list[Cells],
    bias: float | None = None,
    *,
    units: str = "nats",
    note: str = "",
) -> Estimate:
    rows = [s.rows for s in sides if s.rows is not None]
    if not rows:
        return Estimate(value, None, Nature.CLOSED_FORM, "sum over cells", units, direction, name=name, note=note)
    method = "relative frequencies" if bias is None else "relative frequencies, Miller's bias taken out"
    known = variance is not None and math.isfinite(variance) and math.isfinite(value)
    return Estimate(
        value - (bias or 0.0), math.sqrt(variance) if known and variance is not None else None,
        Nature.ASYMPTOTICALLY_UNBIASED, method, units, direction, sum(rows), name=name, note=note,
    )  # fmt: skip


def _missing(a: Cells, b: Cells) -> str:
    """Where b has nothing and a has something; empty if nowhere."""
    bad = np.flatnonzero((a.share > 0) & (b.share == 0))
    if not len(bad):
        return ""
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    named = a if a.labels else b
    return f"infinite: no probability on the other side at {named.named(int(bad[0]))}{more}"

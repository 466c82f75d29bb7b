"""Mutual information between two groups of columns, continuous, discrete or mixed, by counting neighbours.

Kraskov, Stoegbauer and Grassberger, "Estimating mutual information" (2004), estimator 1: the distance to the k-th
neighbour in the joint space (largest difference over columns) is carried to x and y alone, and the rows nearer than
that are counted there; the biases of the three logarithms nearly cancel, and are gone when x and y are independent.
Where that distance is zero, all rows at it are counted (Gao, Kannan, Oh and Viswanath, "Estimating mutual information
for discrete-continuous mixtures", 2017), so atoms inside a continuous column need no flag. Columns flagged discrete
are never a small distance apart: neighbours share their values, and k falls to what a value has (Ross, "Mutual
information between discrete and continuous data sets", 2014). A value combination seen once tells nothing and is left
out, unless all columns are discrete. May be negative. O(n log n) with few columns and few discrete values.
Strong dependence is underestimated: about log(n) nats is the most that n rows can show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma

from pofx.divergences.engine.nearest.entropy import NEIGHBOURS, told
from pofx.divergences.engine.nearest.sample import Array, checked, enough, spread, whitening
from pofx.divergences.engine.nearest.search import Tree
from pofx.divergences.estimate import Estimate
from pofx.divergences.halves import halves
from pofx.errors import PofxError
from pofx.rng import split

Codes = NDArray[np.int64]


def mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    *,
    discrete_x: Sequence[bool] | bool = False,
    discrete_y: Sequence[bool] | bool = False,
    k: int = NEIGHBOURS,
    steps_x: ArrayLike | None = None,
    steps_y: ArrayLike | None = None,
    null: bool = False,
    seed: int = 0,
) -> Estimate:
    """I(X; Y) of rows that belong together, `x` `[n, a]` and `y` `[n, b]`, nats.

    Args:
        x: some columns.
        y: some other columns.
        discrete_x: which columns of x hold labels (one flag for all, or one each).
        discrete_y: which columns of y do.
        k: neighbours counted.
        steps_x: half the width of the cells that each column of x was rounded to `[a]`, 0 for labels.
        steps_y: the same for y `[b]`.
        null: also estimate it with x of one half of the rows beside y of the other half, which are independent.
        seed: of the moves inside the cells, and of the halves.
    """
    a, b = spread(checked(x, "x"), steps_x, split(seed, "x")), spread(checked(y, "y"), steps_y, split(seed, "y"))
    if len(a) != len(b):
        raise PofxError(
            "mutual information needs rows that belong together", got=f"{len(a)} rows of x and {len(b)} of y",
            expected="as many rows in both",
        )  # fmt: skip
    enough(len(a), k, "the sample")
    (u, g), (v, h) = _parted(a, discrete_x, "x"), _parted(b, discrete_y, "y")
    terms, tied = _terms(u, g, v, h, k)
    between = None
    if null:
        one, two = halves(len(a), seed)
        two = two[: len(one)]
        enough(len(one), k, "half of the sample")
        between = float(_terms(u[one], g[one], v[two], h[two], k)[0].mean())
    error = float(terms.std() / np.sqrt(len(terms)))
    return Estimate(float(terms.mean()), error, null=between, **told(k, "I", "X; Y", len(a), tied))  # type: ignore[arg-type]


def _parted(x: Array, flags: Sequence[bool] | bool, name: str) -> tuple[Array, Codes]:
    """Continuous columns with their scale out `[n, c]`, and one code for all discrete ones `[n]`."""
    flag = np.asarray(flags, dtype=bool)
    if flag.shape not in ((), (1,), (x.shape[1],)):
        raise PofxError(f"one flag per column of {name}", got=f"{len(flag)} flags", expected=str(x.shape[1]))
    flag = np.broadcast_to(flag, (x.shape[1],))
    codes = np.unique(x[:, flag], axis=0, return_inverse=True)[1].reshape(-1) if flag.any() else np.zeros(len(x), int)
    rest = np.ascontiguousarray(x[:, ~flag])
    return (whitening(rest)(rest) if rest.shape[1] else rest), codes.astype(np.int64)


def _terms(u: Array, g: Codes, v: Array, h: Codes, k: int) -> tuple[Array, int]:
    """Each row's share of the information (rows that tell nothing left out), and how many rows have ties."""
    n = len(u)
    joint = np.concatenate([u, v], 1)
    both = np.unique(g * (int(h.max()) + 1) + h, return_inverse=True)[1].reshape(-1)
    radius, near = _joint_distance(joint, both, k)
    tied = (radius == 0) & ((near > 0) | (joint.shape[1] == 0))
    near = np.where(tied, _inside(joint, both, radius, tied), near)
    in_x, in_y = _inside(u, g, radius, tied), _inside(v, h, radius, tied)
    terms = digamma(np.maximum(near, 1)) + digamma(n) - digamma(in_x) - digamma(in_y)
    keep = near > 0
    if not keep.any():
        raise PofxError(
            "no combination of discrete values occurs twice, so there are no neighbours to count",
            remedy="flag only columns of labels as discrete, or give more rows",
        )
    repeats = int(tied.sum()) if joint.shape[1] else 0
    return np.asarray(terms[keep]), repeats


def _joint_distance(z: Array, codes: Codes, k: int) -> tuple[Array, Array]:
    """Distance to the k-th row of the same code, and that k, less where a code has fewer `[n]`; 0 and 0 if alone."""
    radius, near = np.zeros(len(z)), np.zeros(len(z))
    if not z.shape[1]:
        return radius, near
    for rows in _groups(codes):
        fit = min(k, len(rows) - 1)
        if fit:
            for part, distances, _ in Tree(np.ascontiguousarray(z[rows]), np.inf).others(fit):
                radius[rows[part]] = distances[:, -1]
            near[rows] = fit
    return radius, near


def _inside(z: Array, codes: Codes, radius: Array, closed: NDArray[np.bool_]) -> Array:
    """Rows of the same code nearer than `radius`, itself among them; at most `radius` away where `closed` `[n]`."""
    counts, reach = np.empty(len(z)), np.where(closed, radius, np.nextafter(radius, -np.inf))
    for rows in _groups(codes):
        if z.shape[1] == 0:
            counts[rows] = len(rows)
        elif z.shape[1] == 1:
            counts[rows] = _on_a_line(z[rows, 0], reach[rows])
        else:
            points = np.ascontiguousarray(z[rows])
            counts[rows] = Tree(points, np.inf).within(points, reach[rows])
    return counts


def _on_a_line(z: Array, reach: Array) -> Array:
    """Points within `reach` of each, by two binary searches: what rounding puts on the rim lies outside."""
    ordered = np.sort(z)
    reach = np.where(reach > 0, reach * (1 - 1e-9) - 4 * np.finfo(float).eps * np.abs(z), 0.0).clip(0.0)
    return np.searchsorted(ordered, z + reach, "right") - np.searchsorted(ordered, z - reach, "left") * 1.0


def _groups(codes: Codes) -> list[Codes]:
    """The rows of each code."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)

"""Distances that need a metric: Wasserstein and its sliced and entropic kin, energy, MMD, and a classifier's verdict.

P and Q are whatever `pofx.divergences.information` takes. One column is measured in its own units. Several columns are
brought to comparable coordinates first (`pofx.divergences.coordinates`): numbers over their pooled scale, labels one
apart; arrays of plain numbers are taken as they are, unless `scale="pooled"`. A model stands by its cumulative
distribution in one dimension, and by draws in more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pofx.divergences.estimate import Estimate
from pofx.divergences.halves import halves
from pofx.divergences.matching import carrier, same_places
from pofx.divergences.points import SAMPLES, Points, ScaleChoice, points_of, table_of, units_of
from pofx.divergences.sides import Side, two
from pofx.divergences.transport.bures import bures_wasserstein
from pofx.divergences.transport.circle import wasserstein_circle
from pofx.divergences.transport.dispatch import wasserstein_points
from pofx.divergences.transport.entropic import entropic_plan, sinkhorn_divergence
from pofx.divergences.transport.exact import exact_plan
from pofx.divergences.transport.laws import Law, law_of_model, law_of_sample, wasserstein_laws
from pofx.divergences.transport.line import wasserstein_line
from pofx.divergences.transport.monotone import monotone_plan
from pofx.divergences.transport.plan import Plan
from pofx.divergences.transport.sliced import max_sliced_wasserstein
from pofx.divergences.transport.sliced import sliced_wasserstein as sliced_points
from pofx.divergences.two_sample import classified, energy, mmd
from pofx.divergences.two_sample.classifier import ClassifierTest
from pofx.errors import PofxError
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.numeric import Circle
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table

SMALL = 2_000  # draws that stand for a model where cost grows with the square


def wasserstein(
    p: Any, q: Any, *, order: float = 1.0, method: str = "auto", scale: ScaleChoice = "auto",
    draws: int | None = None, seed: int = 0, null: bool = True, p_weights: Any = None, q_weights: Any = None,
) -> Estimate:  # fmt: skip
    """Wasserstein distance of any order >= 1, in the units of the column (Kantorovich; Villani 2009).

    One dimension: exact between samples, by the distribution functions where a model is involved. Normal laws of order
    2: the closed form. More dimensions: exact transport within the memory budget, else sliced, and then it says so.

    Args:
        p, q: as for `kl`.
        order: 1 is the area between the distribution functions; `inf` is the farthest that any mass must go.
        method: `auto`, `closed form`, `line`, `exact`, `sinkhorn` or `sliced`.
        scale: of several columns: `pooled` standard deviations, or `none`; `auto` takes arrays as they are.
        draws, seed: where draws stand for a model.
        null: also between two halves of P's sample.
        p_weights, q_weights: of the rows of plain samples.

    >>> wasserstein([0.0, 1.0, 3.0], [5.0, 6.0, 8.0]).value
    5.0
    """
    name = method.lower().replace("-", " ").replace("_", " ")
    if name in ("auto", "line") and _is_line(p) and _is_line(q):  # nothing to infer
        return wasserstein_line(p, q, order=order, x_weights=p_weights, y_weights=q_weights, null=null, seed=seed)
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    if name in ("auto", "closed form") and (found := _normal(a, b, order)) is not None:
        return found
    if name == "closed form":
        raise PofxError("the Wasserstein distance of these has no formula", expected="two normal laws and order=2")
    table = table_of(a, b)
    if len(table.names) == 1 and name in ("auto", "line"):
        return _one_column(a, b, table, order, null, seed)
    points = points_of(a, b, scale=scale, draws=draws or SMALL, seed=seed)
    found = wasserstein_points(
        points.x, points.y, order=order, x_weights=points.x_weights, y_weights=points.y_weights,
        method=name, seed=seed, null=null,
    )  # fmt: skip
    return _told(found, points)


def sliced_wasserstein(
    p: Any, q: Any, *, order: float = 2.0, projections: int = 500, largest: bool = False, scale: ScaleChoice = "auto",
    draws: int | None = None, seed: int = 0, null: bool = True, p_weights: Any = None, q_weights: Any = None,
) -> Estimate:  # fmt: skip
    """The mean over random directions of the one-dimensional distance, or the `largest` (Bonneel et al. 2015).

    It is a distance of its own, no larger than the Wasserstein distance; memory and time are near linear in the rows.
    """
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    at = points_of(a, b, scale=scale, draws=draws or SAMPLES, seed=seed)
    weights: dict[str, Any] = {"x_weights": at.x_weights, "y_weights": at.y_weights, "seed": seed}
    if largest:
        return _told(max_sliced_wasserstein(at.x, at.y, order=order, **weights)[0], at)
    return _told(sliced_points(at.x, at.y, order=order, projections=projections, null=null, **weights), at)


def sinkhorn(
    p: Any, q: Any, *, epsilon: float | None = None, order: float = 2.0, scale: ScaleChoice = "auto",
    draws: int | None = None, seed: int = 0, p_weights: Any = None, q_weights: Any = None,
) -> Estimate:  # fmt: skip
    """Debiased Sinkhorn divergence, a smooth stand-in for the transport cost (Feydy et al. 2019).

    Args:
        epsilon: the entropic regularisation, in units of the cost; a twentieth of the median cost when None.
    """
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    at = points_of(a, b, scale=scale, draws=draws or SMALL, seed=seed)
    found = sinkhorn_divergence(
        at.x, at.y, epsilon=epsilon or _epsilon(at, order, seed), order=order, x_weights=at.x_weights,
        y_weights=at.y_weights,
    )  # fmt: skip
    return _told(found, at)


def transport_plan(
    p: Any, q: Any, *, order: float = 2.0, epsilon: float | None = None, scale: ScaleChoice = "auto",
    draws: int | None = None, seed: int = 0, p_weights: Any = None, q_weights: Any = None,
) -> Plan:  # fmt: skip
    """Who goes where: the optimal coupling of two samples, its potentials, and how well it was solved (Monge 1781).

    `plan.interpolate(t)` walks from P to Q; `plan.arrows(k)` are the heaviest moves. With `epsilon`, the entropic plan.
    """
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    at = points_of(a, b, scale=scale, draws=draws or SMALL, seed=seed)
    weights: dict[str, Any] = {"x_weights": at.x_weights, "y_weights": at.y_weights}
    if epsilon is not None:
        return entropic_plan(at.x, at.y, epsilon=epsilon, order=order, **weights)
    if at.x.shape[1] == 1:
        return monotone_plan(at.x[:, 0], at.y[:, 0], order=order, **weights)
    return exact_plan(at.x, at.y, order=order, **weights)


def energy_distance(
    p: Any, q: Any, *, scale: ScaleChoice = "auto", draws: int | None = None, seed: int = 0, null: bool = True,
    p_weights: Any = None, q_weights: Any = None,
) -> Estimate:  # fmt: skip
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely & Rizzo 2013), in the units of the column; the unbiased estimate."""
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    at = points_of(a, b, scale=scale, draws=draws or SAMPLES, seed=seed)
    found = energy.energy_distance(at.x, at.y, x_weights=at.x_weights, y_weights=at.y_weights, seed=seed)
    if null and at.x_weights is None and len(at.x) >= 8:
        one, other = halves(len(at.x), seed)
        found = replace(found, null=energy.energy_distance(at.x[one], at.x[other], seed=seed).value)
    return _told(found, at)


def mmd_squared(
    p: Any, q: Any, *, kernel: mmd.Kernel | None = None, scale: ScaleChoice = "auto", draws: int | None = None,
    seed: int = 0, null: bool = True, p_weights: Any = None, q_weights: Any = None,
) -> Estimate:  # fmt: skip
    """Squared maximum mean discrepancy (Gretton et al. 2012), unbiased; Gaussian kernel of the median distance."""
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    at = points_of(a, b, scale=scale, draws=draws or SAMPLES, seed=seed)
    chosen = kernel or mmd.Gaussian(mmd.median_distance(at.x, at.y, seed=seed))
    found = mmd.mmd_squared(at.x, at.y, chosen, x_weights=at.x_weights, y_weights=at.y_weights, seed=seed)
    if null and at.x_weights is None and len(at.x) >= 8:
        one, other = halves(len(at.x), seed)
        found = replace(found, null=mmd.mmd_squared(at.x[one], at.x[other], chosen, seed=seed).value)
    return replace(found, direction="P, Q", note="; ".join(n for n in (at.note, found.note) if n))


def classifier_test(p: Any, q: Any, *, draws: int | None = None, seed: int = 0) -> ClassifierTest:
    """Can trees tell rows of P from rows of Q? Accuracy, AUC and p-value on held-out rows (Lopez-Paz & Oquab 2017)."""
    a, b = two(p, q)
    table = table_of(a, b)
    assert b.space is not None
    n = draws or SAMPLES
    rows = carrier(b.space, table)(b.rows(n, split(seed, "Q")))
    return classified.judged(table, a.rows(n, split(seed, "P")), rows, seed)


# Samples as points ---------------------------------------------------------------------------------------------------


def _told(found: Estimate, at: Points) -> Estimate:
    note = "; ".join(part for part in (at.note, found.note) if part)
    return replace(found, units=at.units or found.units, direction="P, Q", note=note)


def _epsilon(at: Points, order: float, seed: int) -> float:
    return 0.05 * float(max(mmd.median_distance(at.x, at.y, seed=seed), 1e-300) ** order)


def _is_line(value: Any) -> bool:
    """Whether this is a vector of numbers, with nothing missing."""
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 1
        and value.dtype.kind in "iuf"
        and len(value) > 0
        and bool(np.isfinite(value).all())
    )


# One column ----------------------------------------------------------------------------------------------------------


def _normal(a: Side, b: Side, order: float) -> Estimate | None:
    p, q = a.named, b.named
    if order != 2 or p is None or q is None or (p.family, q.family) != ("normal", "normal") or p.through or q.through:
        return None
    if p["mean"].shape != q["mean"].shape or (a.space and b.space and not same_places(a.space, b.space)):
        return None
    numbers = (law[key].numpy() for law in (p, q) for key in ("mean", "covariance"))
    return replace(bures_wasserstein(*numbers), direction="P, Q")


def _one_column(a: Side, b: Side, table: Table, order: float, null: bool, seed: int) -> Estimate:
    space = table.spaces[0]
    if isinstance(space, Category):
        raise PofxError(
            "labels have no distances", got=f"column '{table.names[0]}'", remedy="use total_variation, js or kl"
        )
    if isinstance(space, Maybe):
        raise PofxError(
            "a missing value or an atom has no place on the line",
            got=f"column '{table.names[0]}': {space.describe()}",
            remedy="drop the missing rows, or compare with js or total_variation",
        )
    units = units_of(table)
    if isinstance(space, Circle):
        rows = [side.rows(SAMPLES, split(seed, side.label))[:, 0].numpy() for side in (a, b)]
        return replace(wasserstein_circle(rows[0], rows[1], space.period, order=order), direction="P, Q")
    if a.data is not None and b.data is not None:
        x, y = (side.data.values[:, 0].numpy() for side in (a, b) if side.data is not None)
        weights = [None if s.data is None or s.data.weights is None else s.data.weights.numpy() for s in (a, b)]
        found = wasserstein_points(
            x, y, order=order, x_weights=weights[0], y_weights=weights[1], method="line", seed=seed, null=null
        )
        return replace(found, units=units, direction="P, Q")
    return replace(wasserstein_laws(_law(a), _law(b), order=order), units=units, direction="P, Q")


def _law(side: Side) -> Law:
    if side.data is not None:
        weights = None if side.data.weights is None else side.data.weights.numpy()
        return law_of_sample(side.data.values[:, 0].numpy(), weights)
    assert side.model is not None
    if side.model.likelihood is not Likelihood.EXACT:
        return law_of_sample(side.model.draw(SAMPLES, seed=0)[:, 0].numpy())
    return law_of_model(side.model)

"""One family fitted to one column: into the frame, to values of order one, to the maximum, and back.

The scaling makes every fit equivariant: the same rows in feet or in metres have the same shapes, and scales that
differ by the factor exactly, up to rounding errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from pofx.errors import FitError
from pofx.models.parametric.family import Family, Frame, Sample, Theta, inside, placement
from pofx.models.parametric.maximise import log_likelihood, maximise, standard_errors
from pofx.spaces.base import Scalar

SMALLEST = 1e-3  # of the middle half of the rows: no scale may be under it, so that ties do not run off to infinity
NO_SPREAD = 1e-2  # of the value, where all rows are the same


@dataclass(frozen=True)
class Fitted:
    """What maximum likelihood found.

    Args:
        family: which family.
        theta: its parameters, in units of the frame.
        errors: their standard errors, None where there is none.
        n: rows used, by weight.
        log_likelihood: of these rows, nats, in units of the column.
    """

    family: Family
    theta: Theta
    errors: tuple[float | None, ...]
    n: float
    log_likelihood: float


def fit_family(
    family: Family, column: Sample, space: Scalar, *, errors: bool = True, near: Theta | None = None
) -> Fitted:
    """Maximum likelihood of one family.

    Args:
        family: from `families.family_for`.
        column: the rows in the units of the column.
        space: the column's space, from which bounds and periods are taken.
        errors: whether standard errors are wanted.
        near: parameters from a fit to similar rows, from which to climb.

    Raises:
        FitError: no rows, rows where the family has no density, or a likelihood without a finite maximum.
    """
    framed = in_frame(family, column, space)
    shift, scale = units(family, framed)
    sample = framed.moved(shift, scale)
    sample = replace(sample, least=SMALLEST * _width(family, sample) or NO_SPREAD)
    with torch.no_grad():
        start = family.rescaled(near, -shift / scale, 1 / scale) if near and not family.closed else family.start(sample)
    theta = family.clipped(start, sample.floor) if family.closed else maximise(family, sample, start)
    theta = _wound(family, theta)
    found = standard_errors(family, sample, theta) if errors else tuple(None for _ in theta)
    result = family.rescaled(theta, shift, scale)
    total = log_likelihood(family, framed, result)
    if not all(map(math.isfinite, (*(result[k] for k in family.free), total))):
        raise FitError(f"the likelihood of '{family.name}' has no finite maximum on these rows", got=f"{total} nats")
    volume = framed.n * math.log(placement(space, family.frame)[1])
    return Fitted(family, result, family.stretched(found, scale), framed.n, total - volume)


def in_frame(family: Family, column: Sample, space: Scalar) -> Sample:
    """The column in the family's frame; raises where a row lies outside it."""
    if not len(column.x):
        raise FitError(f"there is no row to fit '{family.name}' to", expected="at least one value that is not missing")
    origin, width = placement(space, family.frame)
    framed = column.moved(origin, width)
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    if family.frame is Frame.COUNT:
        low, high = -math.inf if low is None else 0.0, math.inf if high is None else high - origin
        framed = replace(framed, low=low, high=high)
    outside = ~inside(framed.x, family.frame)
    if family.domain is not None and family.regular:
        outside |= ~family.domain(framed.x)
    if bool(outside.any()):
        raise FitError(
            f"the family '{family.name}' gives no probability to a value",
            got=f"{float(column.x[outside][0]):.6g}",
            expected=family.frame.value + (", from 0 up" if family.frame is Frame.COUNT else ""),
            remedy="choose another family; family='best' tries those that can",
        )
    return framed


def units(family: Family, framed: Sample) -> tuple[float, float]:
    """Shift and scale that bring the rows to order one."""
    if family.frame is Frame.LINE:
        centre = framed.quantile(0.5)
        return centre, framed.spread or abs(centre) or 1.0
    if family.frame is Frame.POSITIVE:
        return 0.0, math.exp(framed.mean(torch.log(framed.x)))
    return 0.0, 1.0


def _width(family: Family, sample: Sample) -> float:
    """How wide the bulk of the rows is, on the scale on which the family is narrow or wide."""
    if family.frame is Frame.POSITIVE:
        return replace(sample, x=torch.log(sample.x)).spread
    if family.frame is Frame.COUNT:
        return 0.5 / (SMALLEST * sample.n)  # half a count in all, which is what the floor of a mean is
    if family.frame is Frame.CIRCLE:
        c, d = sample.mean(torch.cos(sample.x)), sample.mean(torch.sin(sample.x))
        around = torch.remainder(sample.x - math.atan2(d, c) + math.pi, 2 * math.pi)
        order = torch.argsort(around)
        return replace(sample, x=around[order], w=sample.w[order]).spread
    return sample.spread


def _wound(family: Family, theta: Theta) -> Theta:
    """A direction as an angle from 0 to 2 pi."""
    if family.frame is not Frame.CIRCLE or not theta:
        return theta
    return (theta[0] % (2 * math.pi), *theta[1:])

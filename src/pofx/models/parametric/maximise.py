"""Maximum likelihood for a handful of parameters: a projected Newton climb with exact derivatives, and standard errors.

The Hessian's eigenvalues enter by their size, so that the step goes uphill from saddles too (Dauphin et al. 2014);
bounds are kept by projection (Bertsekas 1982). Standard errors come from the observed information, the negative Hessian
at the maximum (Efron & Hinkley 1978). Derivatives are automatic and in float64. Cost O(m K^2) a step, for m distinct
values and K <= 4 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.models.parametric.family import Family, Role, Sample, Theta

STEPS = 100
Objective = Callable[[Tensor], Tensor]  # [K] -> a number to make small
_CURVED = (Role.SCALE, Role.SHAPE, Role.SHARE)  # climbed on the log or logit scale
LONGEST = 2.0  # a step, where positive parameters are climbed on the log scale
FLAT = 1e-12  # nats a row that a step may promise and be the last
FIRST_CLIMB = 20_000  # distinct values above which a first climb uses only about so many


def maximise(family: Family, sample: Sample, start: Theta) -> Theta:
    """The parameters of greatest likelihood near `start`.

    Raises:
        FitError: the likelihood is not finite where the climb begins.
    """
    if len(sample.x) > 2 * FIRST_CLIMB:
        start = _climb(family, sample.thinned(FIRST_CLIMB), start)
    return _climb(family, sample, start)


def log_likelihood(family: Family, sample: Sample, theta: Theta) -> float:
    """The sum of log-probabilities over all rows, nats."""
    with torch.no_grad():
        return float((sample.w * family.log_prob(sample.x, *map(_number, theta))).sum())


def standard_errors(family: Family, sample: Sample, theta: Theta) -> tuple[float | None, ...]:
    """One for each parameter; None where the parameter is known, or the likelihood has no proper peak in it."""
    if family.errors is not None:
        return family.errors(theta, sample.n)
    if not family.free:
        return tuple(None for _ in theta)
    point = torch.tensor([theta[k] for k in family.free], dtype=torch.float64)

    def negative(free: Tensor) -> Tensor:
        return -(sample.w * family.log_prob(sample.x, *filled(family, theta, free))).sum()

    found = iter(errors_from(_derivatives(negative, point)[2]))
    return tuple(next(found) if k in family.free else None for k in range(len(theta)))


def errors_from(information: Tensor) -> list[float | None]:
    """Standard errors from the information matrix `[K, K]`; None for all where it is not positive definite."""
    size = information.diagonal().abs().sqrt().clamp_min(1e-300)
    unit = information / size[:, None] / size[None, :]
    if not bool(torch.isfinite(unit).all()) or float(torch.linalg.eigvalsh(unit).min()) < 1e-10:
        return [None] * len(information)
    return [float(v) for v in torch.linalg.inv(unit).diagonal().sqrt() / size]


def _climb(family: Family, sample: Sample, start: Theta) -> Theta:
    floor = sample.floor
    start = family.clipped(start, floor)
    unit = max(sample.spread, floor)
    low, high = _box(family, floor, start, unit)
    total = sample.n

    def negative(t: Tensor) -> Tensor:
        theta = filled(family, start, natural(family, t, start, unit))
        return -(sample.w * family.log_prob(sample.x, *theta)).sum() / total

    t = coordinates(family, start).clamp(low, high)
    value, gradient, hessian = _derivatives(negative, t)
    if not math.isfinite(value):
        raise FitError(f"the likelihood of '{family.name}' is not finite", got=str(start))
    for _ in range(STEPS):
        step = _newton(gradient, hessian, (t <= low) & (gradient > 0) | (t >= high) & (gradient < 0))
        promised = -float((gradient * step).sum())
        found = _backtrack(negative, t, value, gradient, step, low, high)
        t = t if found is None else found
        if found is None or promised < FLAT:
            break
        value, gradient, hessian = _derivatives(negative, t)
    found_at = iter(natural(family, t, start, unit).tolist())
    return family.clipped(tuple(next(found_at) if k in family.free else v for k, v in enumerate(start)), floor)


def _newton(gradient: Tensor, hessian: Tensor, held: Tensor) -> Tensor:
    """A downhill step `[K]`, zero in the coordinates that are held at a bound."""
    move = (~held).to(gradient.dtype)
    values, vectors = torch.linalg.eigh(hessian * move[:, None] * move[None, :])
    size = values.abs().clamp_min(1e-13 * max(float(values.abs().max()), 1e-3))
    step: Tensor = -(vectors @ ((vectors.T @ (gradient * move)) / size)) * move
    return step * min(1.0, LONGEST / max(float(step.norm()), 1e-300))


def _backtrack(
    negative: Objective, t: Tensor, value: float, gradient: Tensor, step: Tensor, low: Tensor, high: Tensor
) -> Tensor | None:
    """The first of the halved steps that lowers the value enough (Armijo), or None."""
    for halvings in range(40):
        trial = (t + step * 0.5**halvings).clamp(low, high)
        with torch.no_grad():
            reached = float(negative(trial))
        if reached <= value + 1e-4 * float((gradient * (trial - t)).sum()) and reached < value:
            return trial
    return None


def _derivatives(function: Objective, at: Tensor) -> tuple[float, Tensor, Tensor]:
    """Value, gradient `[K]` and Hessian `[K, K]`."""
    with torch.enable_grad():
        t = at.detach().clone().requires_grad_(True)
        value = function(t)
        (gradient,) = torch.autograd.grad(value, t, create_graph=True)
        rows = [_second(gradient, k, t) for k in range(len(t))]
    hessian = torch.stack(rows)
    if not bool(torch.isfinite(hessian).all() and torch.isfinite(gradient).all()):
        return math.nan, gradient.detach(), torch.nan_to_num(hessian)
    hessian = hessian.detach()
    return float(value.detach()), gradient.detach(), 0.5 * (hessian + hessian.T)


def _second(gradient: Tensor, k: int, t: Tensor) -> Tensor:
    if not gradient.requires_grad:
        return torch.zeros_like(t)
    row = torch.autograd.grad(gradient[k], t, retain_graph=True, materialize_grads=True, allow_unused=True)
    return row[0]


def natural(family: Family, t: Tensor, start: Theta, unit: float) -> Tensor:
    """From the climbed coordinates to the parameters, `[K] -> [K]`."""
    found = []
    for place, k in enumerate(family.free):
        role = family.parameters[k].role
        if role in (Role.SCALE, Role.SHAPE):
            found.append(torch.exp(t[place]))
        elif role is Role.SHARE:
            found.append(torch.sigmoid(t[place]))
        else:
            found.append(start[k] + (unit if role is Role.LOCATION else 1.0) * t[place])
    return torch.stack(found)


def _coordinate(role: Role, value: float) -> float:
    if role in (Role.SCALE, Role.SHAPE):
        return math.log(value) if value > 0 else -math.inf
    if role is Role.SHARE:
        return math.log(value) - math.log1p(-value)
    return value


def coordinates(family: Family, start: Theta) -> Tensor:
    """Where `start` lies in the climbed coordinates, `[K]`."""
    roles = [(family.parameters[k].role, start[k]) for k in family.free]
    return torch.tensor([_coordinate(role, v) if role in _CURVED else 0.0 for role, v in roles], dtype=torch.float64)


def _box(family: Family, floor: float, start: Theta, unit: float) -> tuple[Tensor, Tensor]:
    """The bounds in the climbed coordinates, `[K]` each."""
    ends: list[tuple[float, float]] = []
    for k in family.free:
        role = family.parameters[k].role
        step = unit if role is Role.LOCATION else 1.0
        low, high = family.parameters[k].within(floor)
        if role in _CURVED:
            ends.append((_coordinate(role, low), _coordinate(role, high) if high < math.inf else math.inf))
        else:
            ends.append(((low - start[k]) / step, (high - start[k]) / step))
    box = torch.tensor(ends, dtype=torch.float64)
    return box[:, 0], box[:, 1]


def filled(family: Family, theta: Theta, free: Tensor) -> list[Tensor]:
    """All parameters as tensors, the free ones from `free` `[K]`."""
    place = {k: position for position, k in enumerate(family.free)}
    return [free[place[k]] if k in place else _number(value) for k, value in enumerate(theta)]


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)

"""Whether samples follow an unnormalised density in any number of dimensions: one Metropolis step must change nothing.

Let x follow p, and let x' be proposed from x so that x' -> x is proposed as often as x -> x'. If a step to x' is taken
with probability a = min(1, p(x') / p(x)), then x follows p afterwards too, and E[a (g(x') - g(x))] = 0 for every g.
Two proposals suffice for tables: a random walk of one numeric column, which tests its law given the others, and the
exchange of one column between two independent samples, which tests how columns hang together, whatever their kind.
Each g gives a z-score; the largest must not exceed what chance allows among all of them.
"""

from __future__ import annotations

import torch
from scipy.stats import norm
from torch import Tensor

from pofx.core.contract import Model
from pofx.laws.partition import wrapped
from pofx.laws.subject import Outcome, score
from pofx.rng import generator
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Date, Maybe
from pofx.spaces.table import Table

ENOUGH = 50  # moves, or a mean of them is not normal


def balance(model: Model, draws: int, alarm: float) -> Outcome:
    """Both proposals on every column, `draws` samples each; `alarm` is the chance of failing by accident."""
    assert isinstance(model.space, Table)
    x = model.draw(draws, seed=303)
    log_p = score(model, x)
    random = generator(404)
    scores = {
        f"{how} '{name}'": z
        for j, name in enumerate(model.space.names)
        for how, z in (
            ("walking along", _walk(model, x, log_p, j, random)),
            ("exchanging", _exchange(model, x, log_p, j)),
        )
        if len(z)
    }
    if not scores:
        return Outcome(True, "no column to move")
    limit = float(norm.isf(alarm / 2 / sum(len(z) for z in scores.values())))
    worst = max(scores, key=lambda how: float(scores[how].max()))
    size = float(scores[worst].max())
    return Outcome(size <= limit, f"detailed balance: worst z = {size:.1f}, {worst}; up to {limit:.1f} is chance")


def _walk(model: Model, x: Tensor, log_p: Tensor, j: int, random: torch.Generator) -> Tensor:
    assert isinstance(model.space, Table)
    space = model.space.spaces[j]
    inner = space.inner if isinstance(space, Maybe) else space
    regular = space.flag(x[:, j]) == 0 if isinstance(space, Maybe) else torch.ones(len(x), dtype=torch.bool)
    if int(regular.sum()) < 100:
        return x.new_zeros(0)
    moved = _step(inner, x[regular, j], random)
    if moved is None:
        return x.new_zeros(0)
    y, log_ratio = x[regular].clone(), moved[1]
    y[:, j] = moved[0]
    accept = torch.exp(torch.clamp(score(model, y) - log_p[regular] + log_ratio, max=0.0))
    return _z(accept, _spread(inner, x[regular, j], y[:, j]))


def _step(space: Scalar, x: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor] | None:
    """A symmetric step and the log of how it stretches volume; None for constants."""
    noise = torch.randn(len(x), generator=random, dtype=torch.float64)
    zero = torch.zeros_like(x)
    if isinstance(space, Real | Date | Interval):
        return x + noise * x.std(), zero
    if isinstance(space, Circle):
        return wrapped(space, x + noise * space.period / 6), zero
    if isinstance(space, Positive):
        factor = noise * torch.log(x).std()
        return x * torch.exp(factor), factor
    if isinstance(space, Category):
        return torch.randint(space.size, (len(x),), generator=random).to(torch.float64), zero
    if isinstance(space, Integer | Grid):
        unit = space.step if isinstance(space, Grid) else 1.0
        return x + unit * torch.round(noise * max(1.0, float(x.std()) / unit)), zero
    return None


def _spread(space: Scalar, x: Tensor, y: Tensor) -> Tensor:
    """How place and spread change from x to y, on a scale where outliers do not rule, `[n, 4]`."""
    if isinstance(space, Circle):
        turn = 2 * torch.pi / space.period
        return torch.stack([f(k * turn * y) - f(k * turn * x) for f in (torch.sin, torch.cos) for k in (1, 2)], 1)
    a, b = (torch.log(x), torch.log(y)) if isinstance(space, Positive) else (x, y)
    centre, scale = a.median(), a.std().clamp_min(1e-300)
    u, v = torch.tanh((a - centre) / scale), torch.tanh((b - centre) / scale)
    far, further = torch.tanh(0.3 * (a - centre) / scale), torch.tanh(0.3 * (b - centre) / scale)
    return torch.stack([v - u, v**2 - u**2, further - far, further**2 - far**2], 1)


def _exchange(model: Model, x: Tensor, log_p: Tensor, j: int) -> Tensor:
    """Exchange column j between the first and the second half of the samples."""
    if x.shape[1] < 2:
        return x.new_zeros(0)
    half = len(x) // 2
    a, b = x[:half], x[half : 2 * half]
    new_a, new_b = a.clone(), b.clone()
    new_a[:, j], new_b[:, j] = b[:, j], a[:, j]
    after_a, after_b = score(model, new_a), score(model, new_b)
    before_a, before_b = log_p[:half], log_p[half : 2 * half]
    accept = torch.exp(torch.clamp(after_a + after_b - before_a - before_b, max=0.0))
    middle = float(log_p.median())
    after, before = (
        _squashed(after_a - middle) + _squashed(after_b - middle),
        _squashed(before_a - middle) + _squashed(before_b - middle),
    )
    codes = torch.stack([_codes(x[:, k]) for k in range(x.shape[1])], 1)
    code_a, code_b = codes[:half], codes[half : 2 * half]
    products = (code_b[:, j] - code_a[:, j])[:, None] * torch.cat([code_a[:, :j], code_a[:, j + 1 :]], 1)
    return _z(accept, torch.cat([(after - before)[:, None], products], 1))


def _squashed(x: Tensor) -> Tensor:
    return torch.tanh(x / 3)


def _codes(x: Tensor) -> Tensor:
    """A column as numbers of ordinary size; missing is -2."""
    known = x[~torch.isnan(x)]
    if not len(known):
        return torch.zeros_like(x)
    code: Tensor = torch.tanh((x - known.median()) / known.std(correction=0).clamp_min(1e-300)).nan_to_num(-2.0)
    return code


def _z(accept: Tensor, changes: Tensor) -> Tensor:
    """|z| of the mean of accept times change, for each change, `[k]`; those that hardly ever change are left out."""
    moves = accept[:, None] * changes
    effective = moves.abs().sum(0) ** 2 / (moves**2).sum(0).clamp_min(1e-300)
    z = moves.mean(0).abs() / (moves.std(0).clamp_min(1e-300) / len(moves) ** 0.5)
    kept: Tensor = z[(effective > ENOUGH) | torch.isnan(z)]
    return kept

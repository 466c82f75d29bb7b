"""Laws 3 and 4, and those of marginals, conditionals and distribution functions: what probabilities add up to."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from pofx.laws.balance import balance
from pofx.laws.partition import Partition
from pofx.laws.subject import (
    MASS_TOLERANCE,
    Law,
    Outcome,
    Subject,
    close,
    columns_between,
    first_failure,
    is_table,
    score,
    user_rows,
)
from pofx.likelihood import Likelihood
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Date
from pofx.spaces.table import Table

DRAWS = 4000
EXPECTED = 8.0  # cells with fewer expected draws are taken together
FALSE_ALARMS = 1e-3  # the chance that any law of a whole run fails although every model is right
TESTS = 1000  # statistical tests in a run, at most
ALARM = FALSE_ALARMS / TESTS
ORDERED = (Real, Positive, Interval, Integer, Grid, Date)


def mass(subject: Subject) -> Outcome:
    """Law 3."""
    masses, error = subject.masses
    total, tolerance = float(masses.sum()), MASS_TOLERANCE[len(subject.table.names)]
    return Outcome(abs(total - 1) <= tolerance, f"total mass is {total:.7f}, integrated to {error:.1g}")


def samples(subject: Subject) -> Outcome:
    """Law 4."""
    if columns_between(1, 2)(subject.model.space):
        return first_failure(_counted(subject), balance(subject.model, DRAWS, ALARM))
    return balance(subject.model, DRAWS // 2, ALARM)


def _counted(subject: Subject) -> Outcome:
    drawn = subject.model.draw(DRAWS, seed=202)
    expected = DRAWS * subject.masses[0] / subject.masses[0].sum()  # whether they sum to one is law 3
    counts = subject.partition.counts(drawn)
    lost = DRAWS - float(counts.sum())
    small = expected < EXPECTED
    observed = torch.cat([counts[~small], counts[small].sum()[None] + lost])
    wanted = torch.cat([expected[~small], (DRAWS - expected[~small].sum()).clamp_min(1e-9)[None]])
    if float(wanted[-1]) < 1.0:  # too little for a chi-square: its own, generous, limit
        if float(observed[-1]) > 30:
            return Outcome(False, f"{observed[-1]:.0f} of {DRAWS} samples lie where {wanted[-1]:.3g} are expected")
        observed, wanted = observed[:-1], wanted[:-1]
    statistic = float(((observed - wanted) ** 2 / wanted).sum())
    p = float(chi2.sf(statistic, max(len(wanted) - 1, 1)))
    return Outcome(p > ALARM, f"{DRAWS} samples in {len(wanted)} cells: chi-square {statistic:.1f}, p = {p:.2g}")


def marginal(subject: Subject) -> Outcome | None:
    """The joint, summed over a column, is the marginal; all columns in another order are the joint."""
    model, names = subject.model, subject.table.names
    if "marginal" not in model.capabilities:  # some models lose it with some kinds of columns
        return None
    x = subject.rows[:20]
    backwards = tuple(reversed(names))
    same = close(
        score(model.marginal(backwards), x.flip(1)), score(model, x), 1e-9, 1e-9, "the marginal of all columns"
    )
    first = model.marginal(names[:1])
    again = close(
        score(model.marginal(names[:-1]).marginal(names[:1]), x[:, :1]),
        score(first, x[:, :1]),
        1e-9,
        1e-9,
        "the marginal of a marginal",
    )
    if len(names) != 2:
        return first_failure(same, again)
    return first_failure(same, again, *(_summed(subject, j) for j in (0, 1)))


def _summed(subject: Subject, j: int) -> Outcome:
    """The joint integrated over the other column against the marginal of column j, at a few values."""
    table = subject.table
    values = torch.unique(torch.nan_to_num(subject.rows[:6, j], nan=float(subject.rows[:, j].nanmedian())))
    kept = subject.model.marginal((table.names[j],))
    cells = Partition(table, torch.cat([subject.own, subject.rows]), {j: values})
    masses, _ = cells.masses(lambda x: score(subject.model, x), 1e-6)
    by_column = _by_value(cells, masses, j)
    return close(
        by_column, torch.exp(score(kept, values[:, None])), 1e-4, 1e-6, f"the joint summed for '{table.names[j]}'"
    )


def _by_value(cells: Partition, masses: Tensor, j: int) -> Tensor:
    """Masses of a partition of two columns, summed over the column that is not j."""
    total: Tensor | float = 0.0
    for part, block in zip(torch.split(masses, cells.sizes), cells.blocks, strict=True):
        total = total + part.reshape([len(piece) for piece in block]).sum(1 - j)
    assert isinstance(total, Tensor)
    return total


def condition(subject: Subject) -> Outcome | None:
    """The chain rule, log p(x, y) = log p(y) + log p(x | y)."""
    model, table = subject.model, subject.table
    if not {"marginal", "condition"} <= model.capabilities:
        return None
    outcomes = []
    for known in {table.names[:1], table.names[1:]}:
        rest = tuple(name for name in table.names if name not in known)
        places, others = [table.index(n) for n in known], [table.index(n) for n in rest]
        x = subject.rows[:5]
        prior = score(model.marginal(known), x[:, places])
        frame = user_rows(table.select(known), x[:, places])
        given = torch.stack(
            [
                score(model.condition({name: frame[name][i] for name in known}), x[i : i + 1, others])[0]
                for i in range(len(x))
            ]
        )
        outcomes.append(close(prior + given, score(model, x), 1e-8, 1e-8, f"the chain rule given {', '.join(known)}"))
    return first_failure(*outcomes)


def _has_order(space: object) -> bool:
    return isinstance(space, Table) and len(space.names) == 1 and isinstance(space.spaces[0], ORDERED)


def cumulative(subject: Subject) -> Outcome | None:
    """cdf is the running sum of the density, and ppf its inverse."""
    model = subject.model
    if model.likelihood is not Likelihood.EXACT:
        return None
    kind = subject.table.spaces[0]
    counted = isinstance(kind, Integer | Grid)
    block = subject.partition.blocks[0][0]
    edges = block.values if counted else block.at(block.edges)[0]  # type: ignore[union-attr]
    running = torch.cumsum(subject.masses[0], 0)
    edges = edges if counted else edges[1:]
    inside = (running > 1e-6) & (running < 1 - 1e-6)
    levels = torch.as_tensor(model.cdf(_values(edges[inside])))
    grows = close(levels, running[inside], 0.0, 2e-5, "cdf against the running sum")
    if not bool((torch.diff(levels) >= 0).all()):
        return Outcome(False, "cdf decreases somewhere")
    return first_failure(grows, _inverse(subject, kind, counted))


def _inverse(subject: Subject, kind: Scalar, counted: bool) -> Outcome:
    model = subject.model
    if counted:
        x = torch.unique(subject.own[:, 0])[:40]
        x = x[torch.as_tensor(model.cdf(_values(x))) < 1 - 1e-9]
        below = torch.as_tensor(model.cdf(_values(x))) - 0.5 * torch.exp(score(model, x[:, None]))
        return close(torch.as_tensor(model.ppf(below.numpy())), x, 1e-9, 1e-9, "ppf inside the step of each value")
    u = np.linspace(0.001, 0.999, 41)
    back = torch.as_tensor(model.cdf(np.asarray(model.ppf(u))))
    return close(back, torch.tensor(u), 0.0, 1e-6, "cdf(ppf(u))")


def _values(x: Tensor) -> np.ndarray:
    return x.numpy()


def gradient(subject: Subject) -> Outcome | None:
    """d log p / dx by autograd against differences, where the model is differentiable."""
    x = subject.rows[:20].clone().requires_grad_()
    scores = subject.model.log_prob(x)
    if not scores.requires_grad:
        return None
    (slope,) = torch.autograd.grad(scores.sum(), x)
    outcomes = []
    for j in range(x.shape[1]):
        step = torch.zeros_like(x)
        step[:, j] = 1e-5 * float(x.detach()[:, j].std())
        with torch.no_grad():
            ahead, behind = subject.model.log_prob(x + step), subject.model.log_prob(x - step)
        approximate = (ahead - behind) / (2 * step[:, j].detach())
        scale = float(approximate.abs().max())
        outcomes.append(
            close(slope[:, j], approximate, 1e-4, 1e-4 * scale, f"the slope along '{subject.table.names[j]}'")
        )
    return first_failure(*outcomes)


def _all_smooth(space: object) -> bool:
    return isinstance(space, Table) and all(isinstance(kind, Real | Positive) for kind in space.spaces)


MASS = (
    Law(3, "mass", "total mass is one", mass, alone=True, space=columns_between(1, 2), smooth=True,
        exact=True),
    Law(4, "samples", "samples follow the density", samples, alone=True, space=is_table, smooth=True,
        exact=True),
    Law(17, "marginal", "the joint summed over a column is the marginal", marginal, alone=True,
        space=columns_between(2, 99), capability="marginal", smooth=True),
    Law(18, "condition", "log p(x, y) = log p(y) + log p(x | y)", condition, alone=True,
        space=columns_between(2, 99), capability="condition"),
    Law(19, "cdf", "cdf sums the density, ppf is its inverse", cumulative, alone=True, space=_has_order, smooth=True,
        exact=True),
    Law(20, "gradient", "gradients are those of the density", gradient, alone=True, space=_all_smooth, smooth=True,
        exact=True),
)  # fmt: skip

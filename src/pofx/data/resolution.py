"""The step that a column's values were rounded to, if there is one."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 20_000  # distinct values looked at
TYPICAL = 0.8  # of the rows: what "most" means below
TOLERANCE = 1e-5  # of a step: how far a value may lie off the grid (0.1 is no binary fraction)


def resolution_of(distinct: Tensor) -> float | None:
    """The largest step s such that every value is a multiple of s from the first, or None.

    Args:
        distinct: sorted different values `[k]`.

    The step is the floating-point greatest common divisor of the gaps. Equivariant: scaling the values scales it.
    """
    if len(distinct) < 2:
        return None
    values = distinct[:: max(1, len(distinct) // MOST)]
    gaps = torch.diff(values)
    size = float(values.abs().max())
    step = _common_divisor(gaps, floor=1e-9 * max(size, float(gaps.max())))
    if step is None:
        return None
    cells = (values - values[0]) / step
    off = (cells - cells.round()).abs().max()
    range_in_steps = float(cells[-1])
    if float(off) > max(TOLERANCE, 1e-9 * range_in_steps) or range_in_steps > 1e7:
        return None
    return _tidy(float((values[-1] - values[0]) / cells[-1].round()))


def typical_step(distinct: Tensor, counts: Tensor) -> float | None:
    """The step that most rows were rounded to, a few finer values notwithstanding; None where ties are rare.

    Args:
        distinct: sorted different values `[k]`.
        counts: how often each occurs `[k]`.
    """
    order = torch.argsort(counts, descending=True, stable=True)
    covered = torch.cumsum(counts[order], 0)
    most = order[: int((covered < TYPICAL * counts.sum()).sum()) + 1]
    if int(counts[most].min()) < 2 or len(most) < 3:
        return None
    return resolution_of(distinct[most].sort().values)


def _common_divisor(gaps: Tensor, floor: float) -> float | None:
    """Euclid's algorithm on all gaps at once: replace them by remainders after the smallest, until none is left."""
    step = float(gaps.min())
    for _ in range(64):
        if step <= floor:
            return None
        rest = torch.remainder(gaps, step)
        rest = torch.minimum(rest, step - rest)  # a remainder of almost one step is a remainder of zero
        rest = rest[rest > 1e-4 * step]
        if not len(rest):
            return step
        step = float(rest.min())
    return None


def _tidy(step: float) -> float:
    """0.1 rather than 0.09999999999999432: the nearest number of ten digits."""
    return float(f"{step:.10g}")

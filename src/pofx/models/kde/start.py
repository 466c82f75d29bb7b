"""Where the choice of bandwidths begins: numbers and rules as given, the covariance of real columns, base kernels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.models.kde.bandwidth import RULES, joint_factor, widening
from pofx.models.kde.sample import Sample, deviation
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Interval
from pofx.spaces.symbolic import Category

LEAK = 0.2  # lambda before it is chosen

Bandwidth = float | str | tuple[float, ...]


def widths_of(bandwidth: Bandwidth, sample: Sample) -> tuple[Tensor, Tensor]:
    """A first width for each column (lambda for categories) `[d]`, and which of them are not to be moved `[d]`."""
    spaces = sample.space.spaces
    widths = torch.full((len(spaces),), LEAK, dtype=torch.float64)
    fixed = torch.zeros(len(spaces), dtype=torch.bool)
    if isinstance(bandwidth, tuple):
        _check_given(bandwidth, sample)
        return torch.tensor(bandwidth, dtype=torch.float64), ~fixed
    smooth = sample.smooth
    if isinstance(bandwidth, str):
        widths[smooth] = torch.tensor([_by_rule(bandwidth, sample, k) for k in smooth], dtype=torch.float64)
        fixed[smooth] = bandwidth != "likelihood_cv"
    else:
        widths[smooth] = bandwidth
        fixed[smooth] = True
    return widths, fixed


def covariance_of(sample: Sample, joint: tuple[int, ...]) -> Tensor:
    """Covariance of the real columns in their spreads `[r, r]`, shrunk as by r + 1 rows where they do not depend."""
    at, n = list(joint), sample.total
    z = (sample.rows[:, at] - sample.centres[at]) / sample.spreads[at]
    shares = sample.counts / n
    z = z - shares @ z
    covariance = (shares[:, None] * z).T @ z * (n / max(n - 1, 1.0))
    diagonal = covariance.diagonal().clamp_min(1e-12).diag()
    prior = (len(at) + 1) / (n + len(at) + 1)
    return (1 - prior) * (covariance - covariance.diagonal().diag()) + diagonal


def root_of(covariance: Tensor) -> Tensor:
    """The symmetric root, which follows any order of the columns, `[r, r]`."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp_min(1e-12).sqrt() @ vectors.T
    return root


def factor_of(bandwidth: Bandwidth, n: float, d: int) -> float:
    """The factor on the standard deviations of d real columns that `covariance="full"` begins with."""
    if isinstance(bandwidth, float | int):
        return float(bandwidth)
    rule = "scott" if bandwidth == "likelihood_cv" else bandwidth
    factor = joint_factor(rule, n, d) if isinstance(rule, str) else None
    if factor is None:
        raise FitError(
            "this bandwidth is for independent columns",
            got=f"bandwidth={bandwidth!r} with covariance='full'",
            expected="a number, 'likelihood_cv', 'scott' or 'silverman'",
            remedy="covariance='columns'",
        )
    return factor


def base_of(sample: Sample) -> Tensor:
    """Centre and width of the kernel that stands in for a value that a row does not have, `[d, 2]`.

    As wide as the column: flat on intervals and circles, mean and standard deviation elsewhere.
    """
    return torch.tensor([_base(space, sample, k) for k, space in enumerate(sample.space.spaces)], dtype=torch.float64)


def _base(space: Scalar, sample: Sample, k: int) -> tuple[float, float]:
    if isinstance(space, Interval):
        return (space.low + space.high) / 2, 2 * (space.high - space.low)
    if isinstance(space, Circle):
        return space.origin, 100 * space.period
    x, counts = sample.column(k)
    if isinstance(space, Category) or not len(x):
        return 0.0, 1.0
    centre = float(sample.centres[k])
    mean = centre + float((x - centre) @ (counts / counts.sum()))
    width = max(deviation(x - centre, counts), float(sample.spreads[k]))
    return float(round(mean)) if isinstance(space, Integer) else mean, width


def _by_rule(rule: str, sample: Sample, k: int) -> float:
    d = len(sample.smooth)
    if rule == "likelihood_cv":
        width = float(sample.spreads[k]) * math.pow(sample.total, -1 / (d + 4))
    else:
        x, counts = sample.column(k)
        spread = float(sample.spreads[k])
        z = (x - (0.0 if isinstance(sample.space.spaces[k], Circle) else sample.centres[k])) / spread
        width = spread * RULES[rule](z, counts) * widening(float(counts.sum()), d) if len(x) else 0.0
    return max(width, float(sample.floors[k]))


def _check_given(bandwidth: tuple[float, ...], sample: Sample) -> None:
    names = sample.space.names
    if len(bandwidth) != len(names):
        raise FitError(
            "one bandwidth a column is needed", got=f"{len(bandwidth)}", expected=f"{len(names)}: {', '.join(names)}"
        )
    for name, space, width in zip(names, sample.space.spaces, bandwidth, strict=True):
        if isinstance(space, Category) and width > 1:
            raise FitError("a category's bandwidth is a probability", got=str(width), expected="0 to 1", where=name)
        if not isinstance(space, Category) and not (math.isfinite(width) and width > 0):
            raise FitError("a bandwidth must be a positive number", got=str(width), where=name)

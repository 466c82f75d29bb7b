"""The flow of a fit: a start from numbers or rules, then leave-one-out likelihood for whatever is left open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.models.kde.columns import smooth_column
from pofx.models.kde.crossvalidation import CENTRES, LeaveOneOut
from pofx.models.kde.neighbours import LocalScale
from pofx.models.kde.sample import Sample
from pofx.models.kde.search import Choice, Search, Shape, climb, covariance, inverse_triangle, least_factor
from pofx.models.kde.start import Bandwidth, base_of, covariance_of, factor_of, root_of, widths_of
from pofx.rng import generator, split
from pofx.spaces.numeric import Real
from pofx.training.plan import Deadline
from pofx.training.recorder import Recorder

SENSITIVITY = 0.3  # before it is chosen
ENOUGH = 4  # distinct rows for each real column before "auto" tries correlated kernels


@dataclass(frozen=True, eq=False)
class Selected:
    """What a model is made of, apart from its rows.

    Args:
        widths, correlation, base: as in `KDEModel`.
        shape: the same as it was searched for.
        view: where the local scale is measured.
    """

    widths: Tensor
    correlation: Tensor | None
    base: Tensor
    shape: Shape
    least: float
    view: View
    scale: LocalScale

    def factors(self, rows: Tensor) -> Tensor:
        """Each row's local factor `[n]`."""
        if self.shape.sensitivity == 0:
            return torch.ones(len(rows), dtype=torch.float64)
        return torch.exp(self.shape.sensitivity * self.scale(self.view(rows))).clamp_min(self.least)


@dataclass(frozen=True, eq=False)
class View:
    """Numeric columns in their spreads, the joint ones whitened: where distances between rows mean something."""

    sample: Sample
    base: Tensor
    joint: tuple[int, ...]

    def __call__(self, rows: Tensor) -> Tensor:
        """`[n, d]` to `[n, c]`; a missing value counts as a typical one."""
        pieces = [torch.zeros(len(rows), 0, dtype=torch.float64)]
        filled = torch.where(torch.isnan(rows), self.base[:, 0], rows)
        for k in self.sample.smooth:
            if k not in self.joint:
                column = smooth_column(self.sample.space.spaces[k], "gaussian")
                centre = column.coordinates(self.sample.centres[k : k + 1])
                pieces.append((column.coordinates(filled[:, k]) - centre) / self.sample.spreads[k])
        if self.joint:
            at = list(self.joint)
            z = (filled[:, at] - self.sample.centres[at]) / self.sample.spreads[at]
            triangle = torch.linalg.cholesky(covariance_of(self.sample, self.joint))
            pieces.append(torch.linalg.solve_triangular(triangle, z.T, upper=False).T)
        return torch.cat(pieces, 1)


def select(
    bandwidth: Bandwidth,
    form: str,
    adaptive: float | None,
    sample: Sample,
    seed: int,
    deadline: Deadline,
    recorder: Recorder,
) -> Selected:
    """Choose whatever `bandwidth`, `form` and `adaptive` leave open; see `KDE`, where `form` is `covariance`."""
    order = torch.randperm(len(sample.rows), generator=generator(split(seed, "kde")))
    flow = _Flow(bandwidth, adaptive, sample, order[:CENTRES], deadline, recorder)
    joint = _joint(form, sample)
    if form == "full":
        return flow.selected(joint, flow.choice(joint))
    apart = flow.choice(())
    worth_it = len(joint) > 1 and len(sample.rows) > ENOUGH * len(joint) and bandwidth == "likelihood_cv"
    if form == "columns" or not worth_it or deadline.passed():
        return flow.selected((), apart)
    together = flow.choice(joint, apart)
    return flow.selected(joint, together) if together.expected > apart.expected else flow.selected((), apart)


@dataclass(frozen=True, eq=False)
class _Flow:
    bandwidth: Bandwidth
    adaptive: float | None
    sample: Sample
    index: Tensor
    deadline: Deadline
    recorder: Recorder

    def choice(self, joint: tuple[int, ...], apart: Choice | None = None) -> Choice:
        """The best shape with these columns joined; `apart` is the best one without, to begin from if it is better."""
        widths, fixed = widths_of(self.bandwidth, self.sample)
        sensitivity = self.adaptive if self.adaptive is not None else SENSITIVITY if self.is_open else 0.0
        root = root_of(covariance_of(self.sample, joint)) if joint else None
        mixing = None if root is None else root * factor_of(self.bandwidth, self.sample.total, len(joint))
        shape = Shape(widths, sensitivity, mixing)
        keep = self.adaptive is not None or not self.is_open
        if len(self.index) < 2 or (keep and bool(fixed.all())):
            return Choice(replace(shape, sensitivity=sensitivity if keep else 0.0), 0.0, 0, 0)
        likelihood = LeaveOneOut(self.sample, self.index, self.base, joint, self._log_scale(joint, sensitivity))
        searches = [Search(likelihood, shape, root, fixed, keep)]
        if apart is not None:
            at = list(joint)
            mixing = torch.diag(apart.shape.widths[at] / self.sample.spreads[at])
            searches.append(Search(likelihood, replace(apart.shape, mixing=mixing), root, fixed, keep))
        return climb(searches, self.deadline, self.recorder)

    def selected(self, joint: tuple[int, ...], choice: Choice) -> Selected:
        """The choice on some rows, rescaled to all of them."""
        shape, at = self._rescaled(choice.shape), list(joint)
        widths, correlation, inverse = shape.widths.clone(), None, None
        floors = self.sample.floors[at] / self.sample.spreads[at] if self.is_open else torch.zeros(len(at)).double()
        if shape.mixing is not None:
            kernel = covariance(shape.mixing, floors)
            scale = kernel.diagonal().sqrt()
            widths[at], correlation = self.sample.spreads[at] * scale, kernel / scale / scale[:, None]
            inverse = inverse_triangle(shape.mixing, floors)
        apart = [k for k in self.sample.smooth if k not in joint]
        least = least_factor(shape.widths[apart], self.sample.floors[apart], inverse, floors)
        view = View(self.sample, self.base, joint)
        scale_at = LocalScale(view(self.sample.rows[self.index]))
        return Selected(widths, correlation, self.base, shape, float(least), view, scale_at)

    @property
    def is_open(self) -> bool:
        """Whether widths are chosen by leave-one-out likelihood."""
        return self.bandwidth == "likelihood_cv"

    @cached_property
    def base(self) -> Tensor:
        return base_of(self.sample)

    def _log_scale(self, joint: tuple[int, ...], sensitivity: float) -> Tensor:
        if sensitivity == 0 or not self.sample.smooth:
            return torch.zeros(len(self.index), dtype=torch.float64)
        centres = View(self.sample, self.base, joint)(self.sample.rows[self.index])
        return LocalScale(centres)(centres)

    def _rescaled(self, shape: Shape) -> Shape:
        """Widths go as n^(-1/(d + 4)): narrower for all rows than for the part they were chosen on."""
        smooth = self.sample.smooth
        if not self.is_open or not smooth:
            return shape
        ratio = (len(self.index) / len(self.sample.rows)) ** (1 / (len(smooth) + 4))
        widths = shape.widths.clone()
        widths[smooth] = torch.maximum(widths[smooth] * ratio, self.sample.floors[smooth])
        return replace(shape, widths=widths, mixing=None if shape.mixing is None else shape.mixing * ratio)


def _joint(form: str, sample: Sample) -> tuple[int, ...]:
    """The real columns, where they may have correlated kernels."""
    real = tuple(k for k, space in enumerate(sample.space.spaces) if isinstance(space, Real))
    complete = not bool(torch.isnan(sample.rows[:, list(real)]).any()) if real else True
    if form == "full" and not (real and complete):
        raise FitError(
            "correlated kernels need real columns without missing values",
            got="a missing value" if real else "no real column",
            remedy="covariance='auto' or 'columns'",
        )
    return real if complete and form != "columns" else ()

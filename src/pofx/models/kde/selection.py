"""The flow of a fit: a start from numbers or rules, then leave-one-out likelihood for whatever is left open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.models.kde.columns import smooth_column
from pofx.models.kde.crossvalidation import LeaveOneOut
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
    """Choose whatever `bandwidth`, `form` and `adaptive` leave open; see `KDE`, where `form` is `covariance`.

    Correlated kernels are tried after independent ones, from the better of two starts. Where there are more rows than
    the first round saw, a second one goes on a few steps among more of them: widths that follow fine structure shrink
    faster than the general rate says.
    """
    order = torch.randperm(len(sample.rows), generator=generator(split(seed, "kde")))
    flow = _Flow(bandwidth, adaptive, sample, order, deadline, recorder)
    joint = _joint(form, sample)
    if form == "full":
        found, choice = joint, flow.climb(joint, [flow.begin(joint)], FIRST)
    else:
        found, choice = (), flow.climb((), [flow.begin(())], FIRST)
        worth_it = len(joint) > 1 and len(order) > ENOUGH * len(joint) and flow.is_open
        if form == "auto" and worth_it and not deadline.passed():
            starts = [flow.begin(joint), flow.joined(joint, choice.shape)]
            together = flow.climb(joint, starts, FIRST)
            found, choice = (joint, together) if together.expected > choice.expected else ((), choice)
    again = flow.is_open and len(order) > FIRST.centres and 5 * choice.parameters < AGAIN.queries
    if again and not deadline.passed():
        rescaled = flow.rescaled(choice.shape, FIRST.centres, min(AGAIN.centres, len(order)))
        return flow.selected(found, flow.climb(found, [rescaled], AGAIN), AGAIN)
    return flow.selected(found, choice, FIRST)


@dataclass(frozen=True)
class Effort:
    """How many rows are scored, against how many, in how many steps."""

    queries: int
    centres: int
    steps: int


FIRST, AGAIN = Effort(1000, 2000, 60), Effort(500, 8000, 10)


@dataclass(frozen=True, eq=False)
class _Flow:
    bandwidth: Bandwidth
    adaptive: float | None
    sample: Sample
    order: Tensor
    deadline: Deadline
    recorder: Recorder

    def begin(self, joint: tuple[int, ...]) -> Shape:
        """The numbers or rules that were given, or the normal reference."""
        sensitivity = self.adaptive if self.adaptive is not None else SENSITIVITY if self.is_open else 0.0
        mixing = None
        if joint:
            factor = factor_of(self.bandwidth, self.sample.total, len(joint))
            mixing = factor * root_of(covariance_of(self.sample, joint))
        return Shape(widths_of(self.bandwidth, self.sample)[0], sensitivity, mixing)

    def joined(self, joint: tuple[int, ...], shape: Shape) -> Shape:
        """The same with a diagonal covariance."""
        at = list(joint)
        return replace(shape, mixing=torch.diag(shape.widths[at] / self.sample.spreads[at]))

    def climb(self, joint: tuple[int, ...], starts: list[Shape], effort: Effort) -> Choice:
        """The best shape with these columns joined; the start itself where nothing is left open."""
        fixed = widths_of(self.bandwidth, self.sample)[1]
        keep = self.adaptive is not None or not self.is_open
        index = self.order[: effort.centres]
        if len(index) < 2 or (keep and bool(fixed.all())):
            return Choice(replace(starts[0], sensitivity=self.adaptive or 0.0), 0.0, 0, 0)
        log_scale = self._log_scale(joint, index) if starts[0].sensitivity > 0 or not keep else torch.zeros(len(index))
        likelihood = LeaveOneOut(self.sample, index, effort.queries, self.base, joint, log_scale.double())
        root = root_of(covariance_of(self.sample, joint)) if joint else None
        searches = [Search(likelihood, start, root, fixed, keep) for start in starts]
        return climb(searches, effort.steps, self.deadline, self.recorder)

    def selected(self, joint: tuple[int, ...], choice: Choice, effort: Effort) -> Selected:
        """The choice on some rows, rescaled to all of them."""
        index = self.order[: effort.centres]
        shape, at = self.rescaled(choice.shape, len(index), len(self.order)), list(joint)
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
        return Selected(widths, correlation, self.base, shape, float(least), view, self._local_scale(joint))

    def rescaled(self, shape: Shape, seen: int, all_: int) -> Shape:
        """Widths go as n^(-1/(d + 4)): narrower for all rows than for the part they were chosen on."""
        smooth = self.sample.smooth
        if not self.is_open or not smooth:
            return shape
        ratio = (seen / all_) ** (1 / (len(smooth) + 4))
        widths = shape.widths.clone()
        widths[smooth] = torch.maximum(widths[smooth] * ratio, self.sample.floors[smooth])
        return replace(shape, widths=widths, mixing=None if shape.mixing is None else shape.mixing * ratio)

    @property
    def is_open(self) -> bool:
        """Whether widths are chosen by leave-one-out likelihood."""
        return self.bandwidth == "likelihood_cv"

    @cached_property
    def base(self) -> Tensor:
        return base_of(self.sample)

    def _log_scale(self, joint: tuple[int, ...], index: Tensor) -> Tensor:
        if not self.sample.smooth:
            return torch.zeros(len(index), dtype=torch.float64)
        return self._local_scale(joint)(View(self.sample, self.base, joint)(self.sample.rows[index]))

    def _local_scale(self, joint: tuple[int, ...]) -> LocalScale:
        return LocalScale(View(self.sample, self.base, joint)(self.sample.rows[self.order[: FIRST.centres]]))


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

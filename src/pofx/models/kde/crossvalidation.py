"""Leave-one-out likelihood: how probable each row is under the other rows, as a function of the kernels' shape.

Habbema, Hermans and van den Broek (1974), Duin (1976). Kernels are Gaussian here whichever the model will use: a
compact one would give `-inf` to every row that stands alone, and bandwidths are standard deviations, so the result
serves all kernels. O(scored rows * centres * columns), one matrix product and one exponential a pair.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.models.kde.columns import Smooth, smooth_column
from pofx.models.kde.features import Features, row_log_sums
from pofx.models.kde.labels import LabelBase, label_base, log_label_kernel
from pofx.models.kde.sample import Sample
from pofx.spaces.symbolic import Category

FEW_LABELS = 48  # categories with more are compared pair by pair


class LeaveOneOut:
    """The leave-one-out log-likelihood of some rows as a function of the shape of the kernels.

    Args:
        sample: distinct rows.
        index: which of them are centres; the first `queries` are scored.
        queries: how many, at most.
        base: centre and width of the kernel of a row without a value `[d, 2]`.
        joint: real columns whose kernels share a covariance; they must have no missing value.
        log_scale: log of the local scale of each centre `[c]`.
    """

    def __init__(
        self, sample: Sample, index: Tensor, queries: int, base: Tensor, joint: tuple[int, ...], log_scale: Tensor
    ) -> None:
        self.sample, self.joint, self.log_scale = sample, joint, log_scale
        self.rows, self.counts, self.left = sample.rows[index], sample.counts[index], sample.left[index]
        self.q = min(queries, len(index))
        self.has_value = ~torch.isnan(self.rows)
        self.filled = torch.where(self.has_value, self.rows, base[:, 0])
        self.base = base
        spaces = sample.space.spaces
        self.columns = [None if isinstance(s, Category) else smooth_column(s, "gaussian") for s in spaces]
        self.bases = {k: self._base_of(k) for k, column in enumerate(self.columns) if column is None}

    def __call__(self, widths: Tensor, sensitivity: Tensor, inverse: Tensor | None, least: Tensor) -> Tensor:
        """Log-likelihood of each scored row under the other rows, `[q]`.

        Args:
            widths: `[d]`.
            sensitivity: a number.
            inverse: of the lower Cholesky factor of the joint covariance in the columns' spreads `[r, r]`, or None.
            least: no local factor goes below this number.
        """
        factors = torch.maximum(torch.exp(sensitivity * self.log_scale), least)
        features = Features(self.q, len(self.rows))
        features.only_row = torch.log(self.counts)
        for k, column in enumerate(self.columns):
            if column is None:
                self._add_labels(features, k, widths[k])
            elif k not in self.joint:
                self._add_numbers(features, k, column, widths[k] * factors)
        if inverse is not None:
            self._add_joint(features, inverse, factors)
        pairs = self._without_self(features.total())
        weight = self.counts.sum() - self.left[: self.q]
        return row_log_sums(pairs) + features.only_query - torch.log(weight)

    def _without_self(self, pairs: Tensor) -> Tensor:
        """What is left of each scored row's own kernel: that of its ties which stay."""
        at = torch.arange(self.q)
        counts = self.counts[: self.q]
        rest = counts - self.left[: self.q]
        own = pairs[at, at] - torch.log(counts) + torch.log(rest.clamp_min(torch.finfo(rest.dtype).tiny))
        pairs[at, at] = torch.where(rest > 0, own, -torch.inf)
        return pairs

    def mean(self, values: Tensor) -> Tensor:
        """Over the scored rows, as often as they count."""
        counts = self.counts[: self.q]
        return (values * counts).sum() / counts.sum()

    def _add_numbers(self, features: Features, k: int, column: Smooth, widths: Tensor) -> None:
        widths = torch.where(self.has_value[:, k], widths, self.base[k, 1])
        rows = self.filled[:, k]
        there = self.has_value[: self.q, k]
        if not column.is_quadratic:
            piece = column.log_kernel(rows[: self.q, None], rows[None], widths[None])
            features.by_pair.append(torch.where(there[:, None], piece, 0.0))
            return
        coordinates = column.coordinates(rows)
        spread = self.sample.spreads[k]
        coordinates = (coordinates - coordinates.median(0).values) / spread
        absent = None if bool(there.all()) else there
        log_peak = column.log_peak(rows, widths)
        features.add_distance(coordinates[: self.q], coordinates, widths / spread, log_peak, absent)

    def _add_joint(self, features: Features, inverse: Tensor, factors: Tensor) -> None:
        at, size = list(self.joint), len(self.joint)
        x = (self.rows[:, at] - self.sample.centres[at]) / self.sample.spreads[at] @ inverse.T
        width = torch.log(self.sample.spreads[at]).sum() - torch.log(inverse.diagonal()).sum()
        log_peak = -width - size * torch.log(factors) - 0.5 * size * math.log(2 * math.pi)
        features.add_distance(x[: self.q], x, factors, log_peak, None)

    def _add_labels(self, features: Features, k: int, leak: Tensor) -> None:
        labels, base = self.rows[:, k], self.bases[k]
        size = int(labels.max()) + 1
        if size > FEW_LABELS:
            features.by_pair.append(log_label_kernel(labels[: self.q, None] == labels, base, leak))
            return
        other = base.log_other(leak)
        features.only_query = features.only_query + other
        features.add_labels(labels[: self.q], labels, size, base.log_same(leak) - other)

    def _base_of(self, k: int) -> LabelBase:
        """What there is to know of each scored row's label without the row."""
        space = self.sample.space.spaces[k]
        assert isinstance(space, Category)
        return label_base(self.rows[: self.q, k], label_counts(self.sample, k, space), self.left[: self.q])


def label_counts(sample: Sample, k: int, space: Category) -> Tensor:
    """How often each label occurs `[size]`."""
    return torch.zeros(space.size, dtype=torch.float64).index_add(0, sample.rows[:, k].long(), sample.counts)

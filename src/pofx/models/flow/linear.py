"""The layer that a flow may begin with: a regression of each column on the context and on the columns before it.

Fitted by ridge regression before training, so that training begins from a normal law with all correlations and with
means that depend on the labels, and need not spend its steps on what is linear; trained with the rest from there.
Triangular, so columns that are missing (zero) are left out exactly. Cost O(n d (d + c)^2) once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pofx.models.flow.layers import Layer, Pair

PRIOR_ROWS = 1.0  # rows' worth of evidence that all slopes are zero
LEAST = 1e-3  # residual standard deviation


class Regression(Layer):
    """`z_j = (y_j - intercept_j - context . slopes_j - sum_{i<j} below_{ji} y_i) exp(-log_scale_j)`."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.below = nn.Parameter(torch.zeros(width, width))
        self.slopes = nn.Parameter(torch.zeros(width, context))
        self.intercept = nn.Parameter(torch.zeros(width))
        self.log_scale = nn.Parameter(torch.zeros(width))

    @torch.no_grad()
    def set(self, y: Tensor, there: Tensor, context: Tensor | None, weights: Tensor) -> None:
        """Fit to rows `[n, d]`, those that exist being `there`, with weights `[n]`."""
        n, width = y.shape
        others = y.new_zeros(n, 0) if context is None else context
        for j in range(width):
            w = weights * there[:, j]
            if not float(w.sum()) > 0:
                continue
            design = torch.cat([y.new_ones(n, 1), others, y[:, :j]], 1)  # [n, 1 + c + j]
            prior = torch.full((design.shape[1],), PRIOR_ROWS, dtype=y.dtype)
            prior[0] = 1e-6
            found = torch.linalg.solve((design.mT * w) @ design + torch.diag(prior), (design.mT * w) @ y[:, j])
            residual = y[:, j] - design @ found
            self.intercept[j] = found[0]
            self.slopes[j] = found[1 : 1 + others.shape[1]]
            self.below[j, :j] = found[1 + others.shape[1] :]
            variance = (w @ residual.square() + PRIOR_ROWS) / (w.sum() + PRIOR_ROWS)
            self.log_scale[j] = 0.5 * torch.log(variance.clamp_min(LEAST**2))

    def _mean(self, context: Tensor | None) -> Tensor:
        return self.intercept if context is None else self.intercept + context @ self.slopes.mT

    def forward(self, x: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        z = (x - self._mean(context) - x @ self.below.tril(-1).mT) * torch.exp(-self.log_scale)
        return z * there, -there @ self.log_scale

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        mean, below = self._mean(context), self.below.tril(-1)
        start = (y * torch.exp(self.log_scale) + mean) * there
        columns: list[Tensor] = []
        for j in range(y.shape[1]):
            known = torch.stack(columns, 1) @ below[j, :j] if columns else y.new_zeros(len(y))
            columns.append((start[:, j] + known) * there[:, j])
        return torch.stack(columns, 1), -there @ self.log_scale

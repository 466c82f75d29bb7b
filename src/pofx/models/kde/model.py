"""A fitted kernel density estimate. It stores its training rows: O(rows) memory, O(rows * columns) time a score.

`log p(x) = log sum_j share_j prod_k K_k(x_k; row_jk, bandwidth_k * factor_j)`, in log space throughout, so that the
tails are exact. A kernel with compact support is `-inf` where no row reaches, which is what that kernel says.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.capabilities import Capability
from pofx.core.contract import Density
from pofx.errors import LikelihoodError
from pofx.models.kde.columns import Smooth, smooth_column
from pofx.models.kde.conditioning import moved_rows, narrowed
from pofx.models.kde.labels import draw_index, draw_labels, label_base
from pofx.models.kde.product import Product
from pofx.models.kde.sums import Bases, bases_at, log_kernel_sums, log_pairs
from pofx.spaces.numeric import Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

CAPABILITIES: frozenset[Capability] = frozenset(
    {"missing", "bounds", "periodic", "discrete", "marginal", "condition", "cdf", "left_out"}
)
_WIDER = "condition on a value nearer to the training rows, or fit with a kernel that reaches everywhere"


class KDEModel(Density):
    """One kernel a training row. The rows themselves are kept, in the model and in its file.

    Args:
        space: a table of real, interval, circle, integer and category columns.
        rows: training rows `[m, d]`; NaN where there is no value.
        weights: how often each row counts, `[m]`, positive.
        factors: each row's widths are the bandwidths times this, `[m]`; all ones unless adaptive.
        bandwidths: standard deviation of each numeric column's kernel in the column's units; a category's lambda. `[d]`
        base: centre and width of the kernel of a row that has no value in a column, `[d, 2]`.
        counts: how often each label of each category was seen, one category after the other.
        kernel: the kernel of real and interval columns, by name.
        correlation: of the Gaussian kernels of all real columns `[r, r]`; None where they are independent.
        conditional: whether these are no longer the training rows but a distribution given some of their columns.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        space: Table,
        rows: Tensor,
        weights: Tensor,
        factors: Tensor,
        bandwidths: Tensor,
        base: Tensor,
        counts: Tensor,
        kernel: str = "gaussian",
        correlation: Tensor | None = None,
        conditional: bool = False,
    ) -> None:
        super().__init__(space)
        self.kernel = kernel
        self.conditional = conditional
        for name, value in {
            "rows": rows,
            "weights": weights,
            "factors": factors,
            "bandwidths": bandwidths,
            "base": base,
            "counts": counts,
            "correlation": correlation,
        }.items():
            self.register_buffer(name, value)
        self._built: Product | None = None
        self.capabilities = CAPABILITIES - self._lost()  # type: ignore[misc]  # some depend on the columns

    rows: Tensor
    weights: Tensor
    factors: Tensor
    bandwidths: Tensor
    base: Tensor
    counts: Tensor
    correlation: Tensor | None

    @property
    def free_parameters(self) -> int:
        """Bandwidths, correlations and the adaptivity; the stored rows are data, not parameters."""
        r = 0 if self.correlation is None else len(self.correlation)
        return len(self.bandwidths) + r * (r - 1) // 2 + int(bool((self.factors != 1).any()))

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return log_kernel_sums(x, self.product) - torch.log(self.weights.sum())

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        chosen = draw_index(self.weights, n, generator)
        x = self.product.centres[chosen]
        for k, column in enumerate(self.product.columns):
            if column is None:
                x[:, k] = draw_labels(x[:, k], self._counts(k), self.bandwidths[k], generator)
            elif k not in self.product.joint:
                x[:, k] = column.draw(x[:, k], self.product.widths[chosen, k], generator)
        return self._move_jointly(x, chosen, generator)

    def _log_prob_left_out(self) -> Tensor:
        rest = self.weights.sum() - self.weights
        index = torch.arange(len(self.rows), device=self.rows.device)
        total = log_kernel_sums(self.rows, self.product, skip=index, given=self._bases_left_out())
        return torch.where(rest > 0, total - torch.log(rest), -torch.inf)

    def _training_rows(self) -> Tensor:
        return self.rows

    def _marginal(self, names: tuple[str, ...]) -> KDEModel:
        return self._at([self._table().index(name) for name in names], self.rows, self.weights, self.conditional)

    def _condition(self, names: tuple[str, ...], values: Tensor) -> KDEModel:
        table = self._table()
        known = [table.index(name) for name, value in zip(names, values, strict=True) if not bool(torch.isnan(value))]
        values = values[~torch.isnan(values)]
        rest = [k for k, name in enumerate(table.names) if name not in names]
        log_weights = self._log_weights_at(known, values)
        weights = torch.exp(log_weights - log_weights.max())
        shape = narrowed(self.product, known, rest)
        return self._at(rest, moved_rows(self.product, known, values), weights, True, shape)

    def _cdf(self, x: Tensor) -> Tensor:
        column, shares = self.product.columns[0], self.weights / self.weights.sum()
        assert column is not None
        rows, widths = self.product.centres[:, 0][None], self.product.widths[:, 0][None]
        pieces = [(column.cdf(block[:, None], rows, widths) * shares).sum(1) for block in x.split(256)]
        return torch.cat(pieces).clamp(0, 1) if pieces else x

    @property
    def product(self) -> Product:
        """The kernels, built anew when the buffers were moved to another device."""
        if self._built is None or self._built.rows is not self.rows:
            self._built = self._product()
        return self._built

    # How ---------------------------------------------------------------------------------------------------------

    def _product(self) -> Product:
        space = self._table()
        real = tuple(k for k, s in enumerate(space.spaces) if isinstance(s, Real))
        columns: list[Smooth | None] = []
        counts: list[Tensor | None] = []
        for k, s in enumerate(space.spaces):
            is_label = isinstance(s, Category)
            columns.append(None if is_label else smooth_column(s, self.kernel))
            counts.append(self._counts(k) if is_label else None)
        return Product(
            tuple(columns),
            self.rows,
            self.bandwidths,
            self.factors,
            self.base,
            torch.log(self.weights),
            tuple(counts),
            real if self.correlation is not None else (),
            self.correlation,
        )

    def _lost(self) -> frozenset[Capability]:
        columns = self.product.columns
        has_cdf = len(columns) == 1 and columns[0] is not None and columns[0].has_cdf
        return frozenset(() if has_cdf else ("cdf",)) | frozenset(("left_out",) if self.conditional else ())

    def _counts(self, k: int) -> Tensor:
        sizes = _label_sizes(self._table())
        return self.counts[sum(sizes[:k]) : sum(sizes[: k + 1])]

    def _bases_left_out(self) -> Bases:
        """What there is to know of each row's labels without the row."""
        return tuple(
            label_base(self.rows[:, k], self._counts(k), self.weights) if column is None else None
            for k, column in enumerate(self.product.columns)
        )

    def _move_jointly(self, x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        if self.product.triangle is not None:
            at = list(self.product.joint)
            noise = torch.randn(len(x), len(at), generator=generator, dtype=torch.float64) @ self.product.triangle.T
            x[:, at] += noise * self.bandwidths[at] * self.factors[chosen, None]
        return x

    def _log_weights_at(self, known: list[int], values: Tensor) -> Tensor:
        """Log of each row's weight times its kernel at the known values, `[m]`."""
        part = self.product.select(known)
        result = log_pairs(values[None], part, slice(None), bases_at(values[None], part))[0]
        if not bool(torch.isfinite(result).any()):
            raise LikelihoodError("the condition has probability zero", got="no kernel reaches it", remedy=_WIDER)
        return result

    def _at(
        self,
        places: list[int],
        rows: Tensor,
        weights: Tensor,
        conditional: bool,
        shape: tuple[Tensor, Tensor | None] | None = None,
    ) -> KDEModel:
        table = self._table()
        bandwidths, correlation = shape or (self.bandwidths[places], self.product.select(places).correlation)
        kept = weights > 0
        return KDEModel(
            table.select([table.names[k] for k in places]),
            rows[kept][:, places],
            weights[kept],
            self.factors[kept],
            bandwidths,
            self.base[places],
            torch.cat([self.counts[:0], *(self._counts(k) for k in places)]),
            self.kernel,
            correlation,
            conditional,
        )


def _label_sizes(table: Table) -> list[int]:
    return [space.size if isinstance(space, Category) else 0 for space in table.spaces]

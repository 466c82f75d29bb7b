"""Log kernel sums at query points: `log sum_j weight_j K_j(x)`. The one place where a faster way is to be plugged in.

Everything else asks `log_kernel_sums`. This way is the plain one: every query against every row, in blocks of fixed
size, by logsumexp, exact in the tails. O(queries * rows * columns) time, a few MB of memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.models.kde.labels import LabelBase, label_base, log_label_kernel
from pofx.models.kde.product import Product

QUERIES, ROWS = 256, 1024  # a block of pairs: 2 MB a matrix, which stays in a processor's cache

FAINT = -700.0  # of terms so far below the largest none counts; exponentials that underflow are ten times as slow

Bases = tuple[LabelBase | None, ...]


def log_kernel_sums(x: Tensor, product: Product, *, skip: Tensor | None = None, given: Bases | None = None) -> Tensor:
    """`log sum_j weight_j K_j(x_i)`, `[q]`.

    Args:
        x: queries `[q, d]`; where one has no value (NaN) that column is left out of every kernel.
        product: the kernels.
        skip: for each query the one row that does not count, `[q]`.
        given: for each category what there is to know of the queries' labels; None counts the product's rows.
    """
    bases = given if given is not None else bases_at(x, product)
    absent = torch.isnan(x.detach())
    if not bool(absent.any()):
        return _complete(x, product, skip, bases)
    result = x.new_zeros(len(x))
    patterns, of_row = torch.unique(absent, dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        index = (of_row == number).nonzero()[:, 0]
        there = (~pattern).nonzero()[:, 0].tolist()
        own = None if skip is None else skip[index]
        kept = tuple(_at(bases[k], index) for k in there)
        result = result.index_put((index,), _complete(x[index][:, there], product.select(there), own, kept))
    return result


def log_pairs(x: Tensor, product: Product, part: slice, bases: Bases) -> Tensor:
    """Log of the weighted kernel of every pair of a query and one of a part of the rows, `[q, m]`."""
    total = (product.log_weights + product.log_peaks)[part].expand(len(x), -1)
    if product.plain or product.joint:
        rows = product.row_coordinates[part]
        distance = torch.cdist(product.coordinates(x), rows, compute_mode="donot_use_mm_for_euclid_dist")
        total = total - 0.5 * (distance / product.factors[part]).square()
    for k in product.other:
        total = total + _one_column(x[:, k : k + 1], product, k, part, bases[k])
    return total


def log_sum_exp(values: Tensor) -> Tensor:
    """Over the last axis; rows of nothing but `-inf` give `-inf`, with gradient zero."""
    top = values.detach().amax(-1)
    none = torch.isneginf(top)
    top = torch.where(none, 0.0, top)
    total = torch.exp((values - top[..., None]).clamp_min(FAINT)).sum(-1)
    return torch.where(none, -torch.inf, torch.log(total) + top)


def _complete(x: Tensor, product: Product, skip: Tensor | None, bases: Bases) -> Tensor:
    pieces = [x.new_zeros(0)]
    for start in range(0, len(x), QUERIES):
        index = slice(start, start + QUERIES)
        own = None if skip is None else skip[index]
        pieces.append(_over_rows(x[index], product, own, tuple(_at(b, index) for b in bases)))
    return torch.cat(pieces)


def _over_rows(x: Tensor, product: Product, skip: Tensor | None, bases: Bases) -> Tensor:
    pieces = []
    for start in range(0, len(product.rows), ROWS):
        pairs = log_pairs(x, product, slice(start, start + ROWS), bases)
        if skip is not None:
            number = torch.arange(start, start + pairs.shape[1], device=x.device)
            pairs = torch.where(number == skip[:, None], -torch.inf, pairs)
        pieces.append(log_sum_exp(pairs))
    return log_sum_exp(torch.stack(pieces, 1))


def _one_column(x: Tensor, product: Product, k: int, part: slice, base: LabelBase | None) -> Tensor:
    column, rows = product.columns[k], product.centres[part, k]
    if column is not None:
        return column.log_kernel(x, rows[None], product.widths[part, k][None])
    assert base is not None
    return log_label_kernel(x == rows, base, product.bandwidths[k])


def bases_at(x: Tensor, product: Product) -> Bases:
    """For each category what there is to know of the queries' labels."""
    return tuple(
        None if counts is None else label_base(torch.nan_to_num(x[:, k].detach()), counts)
        for k, counts in enumerate(product.counts)
    )


def _at(base: LabelBase | None, index: slice | Tensor) -> LabelBase | None:
    return None if base is None else base.at(index)

"""What knowing some real columns says about the others, where the kernels are jointly Gaussian.

Given the known columns, each row's kernel is again Gaussian: its centre moves along the regression, and its width
shrinks, the same share for every row. Exact; O(rows * columns^2).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.models.kde.product import Product


def moved_rows(product: Product, known: list[int], values: Tensor) -> Tensor:
    """Rows with their other real columns moved by what the known ones say, `[m, d]`."""
    inside, rest = _sides(product, known)
    if not inside or not rest:
        return product.rows
    z = (values[[known.index(k) for k in inside]] - product.rows[:, inside]) / product.bandwidths[inside]
    rows = product.rows.clone()
    rows[:, rest] += z @ _regression(product, inside, rest) * product.bandwidths[rest]
    return rows


def narrowed(product: Product, known: list[int], rest: list[int]) -> tuple[Tensor, Tensor | None]:
    """Bandwidths of the remaining columns `[len(rest)]` and the correlation of their kernels, given the known ones."""
    bandwidths = product.bandwidths.clone()
    inside, _ = _sides(product, known)
    left = [k for k in rest if k in product.joint]
    if product.correlation is None or not left:
        return bandwidths[rest], None
    covariance = _block(product, left, left)
    if inside:
        covariance = covariance - _block(product, left, inside) @ _regression(product, inside, left)
    scale = covariance.diagonal().sqrt()
    bandwidths[left] *= scale
    return bandwidths[rest], covariance / scale / scale[:, None]


def _sides(product: Product, known: list[int]) -> tuple[list[int], list[int]]:
    return [k for k in known if k in product.joint], [k for k in product.joint if k not in known]


def _block(product: Product, a: list[int], b: list[int]) -> Tensor:
    assert product.correlation is not None
    return product.correlation[[product.joint.index(k) for k in a]][:, [product.joint.index(k) for k in b]]


def _regression(product: Product, inside: list[int], rest: list[int]) -> Tensor:
    slopes: Tensor = torch.linalg.solve(_block(product, inside, inside), _block(product, inside, rest))
    return slopes  # [inside, rest]

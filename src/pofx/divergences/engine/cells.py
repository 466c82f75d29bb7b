"""A discrete distribution as its cells: exact probabilities, or what was counted. Nothing is ever renormalised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pofx.errors import PofxError

Array = NDArray[np.float64]
TOLERANCE = 1e-9  # of a sum of probabilities


@dataclass(frozen=True)
class Cells:
    """A discrete distribution: made by `exact` or `counted`.

    Args:
        share: probability or relative frequency of each cell `[K]`.
        rows: how many rows were counted; None for exact probabilities.
        labels: the cells' names, for messages.
    """

    share: Array
    rows: int | None = None
    labels: tuple[str, ...] = ()

    def named(self, cell: int) -> str:
        """A cell as the user knows it."""
        return self.labels[cell] if self.labels else f"cell {cell}"


def exact(probabilities: ArrayLike, labels: Sequence[object] = ()) -> Cells:
    """Probabilities that sum to one, of any shape."""
    p = _numbers(probabilities, "the probabilities", labels)
    total = math.fsum(p.ravel())
    if abs(total - 1) > TOLERANCE:
        raise PofxError(
            "the probabilities do not sum to one", got=f"a sum of {total:.12g}", expected="1",
            remedy="divide by the sum if that is what you mean, or use counts(...) for counts",
        )  # fmt: skip
    return Cells(p, None, tuple(map(str, labels)))


def counted(counts: ArrayLike, labels: Sequence[object] = ()) -> Cells:
    """How often each cell was seen."""
    c = _numbers(counts, "the counts", labels)
    if (c != np.floor(c)).any():
        raise PofxError("counts are whole numbers", got=f"{c[c != np.floor(c)][0]:g}", remedy="use exact(...)")
    total = float(c.sum())
    if total <= 0:
        raise PofxError("nothing was counted", got="a sum of 0", remedy="give a sample with rows")
    return Cells(c / total, int(total), tuple(map(str, labels)))


def as_cells(p: Cells | ArrayLike) -> Cells:
    return p if isinstance(p, Cells) else exact(p)


def aligned(p: Cells | ArrayLike, q: Cells | ArrayLike) -> tuple[Cells, Cells]:
    a, b = as_cells(p), as_cells(q)
    if a.share.shape != b.share.shape or (a.labels and b.labels and a.labels != b.labels):
        shapes = f"shapes {a.share.shape} and {b.share.shape}"
        raise PofxError(
            "the two distributions have different cells",
            got=shapes if a.share.shape != b.share.shape else "different labels",
            remedy="give both the same cells in the same order, with 0 where one has none",
        )
    return a, b


def _numbers(values: ArrayLike, what: str, labels: Sequence[object]) -> Array:
    try:
        p = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise PofxError(f"{what} are not numbers") from None
    if p.ndim == 0 or not p.size:
        raise PofxError(f"{what} are empty", remedy="give one number per cell")
    if labels and len(labels) != p.size:
        raise PofxError("one label per cell", got=f"{len(labels)} labels", expected=str(p.size))
    bad = ~np.isfinite(p) | (p < 0)
    if bad.any():
        cell = int(np.flatnonzero(bad)[0])
        where = f"at {labels[cell] if labels else f'cell {cell}'}"
        raise PofxError(f"{what} must be finite and not negative", got=f"{p.ravel()[cell]:g} {where}")
    return p

"""Two random halves of a sample: what every `null` is measured between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pofx.rng import numpy_generator, split

Rows = NDArray[np.int64]


def halves(n: int, seed: int) -> tuple[Rows, Rows]:
    """The rows of two disjoint halves of n, the second one larger where n is odd."""
    order: Rows = numpy_generator(split(seed, "halves")).permutation(n)
    return order[: n // 2], order[n // 2 :]

"""Which rows each step takes: a function of the seed and the step alone, so that a resumed fit takes the same ones.

The rows of all epochs, each in an order of its own, stand in one endless line, and a step takes the next `batch` of
them. With weights an epoch is a systematic sample (Kitagawa 1996): a row of weight w stands in it n w / sum(w) times,
rounded down or up, so equal weights give back each row once. Cost: O(n) an epoch, O(batch) a step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.rng import numpy_generator, split


class Batches:
    """Rows by step.

    Args:
        n: how many rows there are.
        batch: rows of a step; `n` if there are fewer.
        seed: the same seed gives the same rows.
        weights: `[n]`, not negative; a row of weight 0 is never drawn.
    """

    def __init__(self, n: int, batch: int, seed: int, weights: Tensor | None = None) -> None:
        if n == 0:
            raise FitError("there is no row to train on", expected="one row or more")
        self.n, self.batch, self._seed = n, min(batch, n), seed
        self._shares = None if weights is None else _shares(weights, n)
        self._epochs: dict[int, Tensor] = {}

    def rows(self, step: int) -> Tensor:
        """The row numbers of a step, int64 `[batch]`."""
        epoch, start = divmod(step * self.batch, self.n)
        first = self._epoch(epoch)[start : start + self.batch]
        missing = self.batch - len(first)
        return first if missing == 0 else torch.cat([first, self._epoch(epoch + 1)[:missing]])

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            self._epochs = {known: order for known, order in self._epochs.items() if known == epoch - 1}
            self._epochs[epoch] = torch.from_numpy(self._order(epoch))
        return self._epochs[epoch]

    def _order(self, epoch: int) -> np.ndarray:
        random = numpy_generator(split(self._seed, "epoch", epoch))
        if self._shares is None:
            return random.permutation(self.n)
        points = (random.random() + np.arange(self.n)) / self.n  # systematic: one point in each n-th of [0, 1)
        return random.permutation(np.searchsorted(self._shares, points, side="right"))


def _shares(weights: Tensor, n: int) -> np.ndarray:
    """The cumulative shares of the rows; from the last row with any weight on they are exactly one."""
    values = weights.detach().cpu().double().numpy()
    total = values.sum() if values.shape == (n,) else np.nan
    if not (np.isfinite(total) and total > 0 and (values >= 0).all()):
        raise FitError("these row weights cannot be drawn from", expected=f"{n} numbers >= 0, and one above")
    shares = np.cumsum(values) / total
    shares[np.flatnonzero(values)[-1] :] = 1.0
    return shares

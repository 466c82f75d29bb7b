"""n-grams that back off: p(s | context) = what its own counts keep + what they hold back x p(s | shorter context).

Interpolated Kneser-Ney and Witten-Bell (`smoothing.py`), down to equal shares of all symbols. Sequences with ends begin
behind as many start marks as the order; passages of a stream begin with no context, then one symbol of it, and so on.
A row's own past does not count. Exact. Limits: the best order is low, and nothing is learned about which context to
trust. Cost: a sort of the training symbols for each length; 16 bytes are kept for each distinct run.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Density
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.models.ngram.counts import Level, Places, count, find, places, walk
from pofx.models.ngram.rows import alphabet, beginnings, filled_like, on_end, training
from pofx.models.ngram.smoothing import Shares, kneser_ney, witten_bell
from pofx.models.ngram.writing import continued
from pofx.spaces.sequence import filled
from pofx.spaces.symbols import Symbols

HIGHEST = 8  # order tried where none is given
HELD_OUT = 10  # one part in so many
NOTHING = np.zeros(0, dtype=np.int32)


def fit_backoff(data: Data, validation: Data | None, order: int | None, continuation: bool) -> BackoffModel:
    """Count; without an order, the one that predicts held-out symbols best."""
    if order is None:
        order = _chosen(data, validation, continuation)
    return _counted(data.space, *training(data), order, continuation)


def _counted(space: object, flat: np.ndarray, ends: np.ndarray, order: int, continuation: bool) -> BackoffModel:
    assert isinstance(space, Symbols)
    levels = count(_places(space, flat, ends, order), alphabet(space), order)
    joined = [torch.from_numpy(np.concatenate(column)) for column in zip(*levels, strict=True)]
    return BackoffModel(space, tuple(len(level.keys) for level in levels), continuation, *joined)


def _chosen(data: Data, validation: Data | None, continuation: bool) -> int:
    flat, ends = training(data)
    if validation is not None:
        known, held = (flat, ends), training(validation)
    elif len(ends) >= HELD_OUT:
        rows = len(ends) - len(ends) // HELD_OUT
        cut = int(ends[rows - 1])
        known, held = (flat[:cut], ends[:rows]), (flat[cut:], ends[rows:] - cut)
    else:
        cut = len(flat) - len(flat) // HELD_OUT
        known, held = (flat[:cut], np.array([cut])), (flat[cut:], np.array([len(flat) - cut]))
    if not len(held[0]):
        return min(HIGHEST, 1)
    model = _counted(data.space, *known, HIGHEST, continuation)
    return int(np.argmax([score.mean() for score in model.by_order(*held)]))


def _places(space: Symbols, flat: np.ndarray, ends: np.ndarray, order: int) -> Places:
    return places(flat, ends, order if space.ends else 0, space.end)


class BackoffModel(Density):
    """An n-gram model with interpolated back-off.

    Args:
        space: the rows.
        sizes: distinct runs of 1, 2, ... order + 1 symbols.
        continuation: whether shorter contexts count places rather than times: Kneser-Ney, else Witten-Bell.
        keys: the runs, as `counts.Level` says, levels on end.
        met: how often each was met.
        before: how many different symbols stood before each.
    """

    capabilities = frozenset({"parts", "complete", "discrete"})
    reach = 1  # values back that change a law for certain: longer contexts only where they were met
    keys: Tensor
    met: Tensor
    before: Tensor

    def __init__(
        self, space: Symbols, sizes: tuple[int, ...], continuation: bool, keys: Tensor, met: Tensor, before: Tensor
    ) -> None:
        super().__init__(space)
        self.sizes, self.continuation = sizes, continuation
        for name, tensor in {"keys": keys, "met": met, "before": before}.items():
            self.register_buffer(name, tensor)
        cuts = np.cumsum(sizes)[:-1]
        columns = [np.split(column.cpu().numpy(), cuts) for column in (keys, met, before)]
        self._levels = [Level(*parts) for parts in zip(*columns, strict=True)]
        self._top = [self._shares(k, self._levels[k].met) for k in range(len(sizes))]
        self._inner = [self._shares(k, self._levels[k].before) for k in range(len(sizes) - 1)]
        if not continuation:
            self._inner = self._top[:-1]

    def _shares(self, k: int, counts: np.ndarray) -> Shares:
        contexts = self.sizes[k - 1] if k else 1
        smooth = kneser_ney if self.continuation else witten_bell
        return smooth(counts, self._levels[k].keys // alphabet(self.symbols), contexts)

    @property
    def symbols(self) -> Symbols:
        assert isinstance(self.space, Symbols)
        return self.space

    @property
    def order(self) -> int:
        """The longest context."""
        return len(self.sizes) - 1

    @property
    def free_parameters(self) -> int:
        """One count a distinct run."""
        return sum(self.sizes)

    def by_order(self, flat: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Log-probability of each symbol were the order 0, 1, ..., each `[total]`; the last is the model's own."""
        at = _places(self.symbols, flat, ends, self.order)
        steps = walk(at, alphabet(self.symbols), self._levels)
        shorter = np.full(len(at.symbols), 1.0 / alphabet(self.symbols))
        best, found = shorter, []
        for k, (context, run) in enumerate(steps):
            top = _one(self._top[k], context, run, shorter)
            best = np.where(at.known >= k, top, best)  # at the beginning of a passage contexts are shorter
            if k < self.order:
                shorter = _one(self._inner[k], context, run, shorter)
            found.append(np.log(best[at.asked]))
        return found

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        return filled_like(x, self.by_order(*on_end(x))[-1])

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def law(self, contexts: list[int], known: int) -> np.ndarray:
        """Log-probabilities of all symbols after contexts of each length, -1 where never met, `[symbols]`."""
        symbols = alphabet(self.symbols)
        law = np.full(symbols, 1.0 / symbols)
        top = min(self.order, known)
        for k in range(top + 1):
            shares = self._top[k] if k == top else self._inner[k]
            if contexts[k] >= 0:
                keys = self._levels[k].keys
                first, stop = np.searchsorted(keys, [contexts[k] * symbols, (contexts[k] + 1) * symbols])
                law *= shares.held[contexts[k]]
                law[keys[first:stop] - contexts[k] * symbols] += shares.kept[first:stop]
        return np.asarray(np.log(law))

    def after(self, contexts: list[int], symbol: int) -> list[int]:
        """The contexts one symbol on."""
        symbols = alphabet(self.symbols)
        runs = [
            int(find(level.keys, np.array([context]), np.array([symbol]), symbols)[0])
            for level, context in zip(self._levels, contexts, strict=True)
        ]
        return [0, *runs[:-1]]

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._written([NOTHING] * n, self.symbols.length, generator, Warp())

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        return self._written(beginnings(begun, self.symbols), length or self.symbols.length, generator, warp)

    def _written(self, begun: list[np.ndarray], length: int, generator: torch.Generator, warp: Warp) -> Tensor:
        writer = _Writer(self)
        return filled([continued(writer, row, length, self.symbols, generator, warp) for row in begun])


def _one(shares: Shares, context: np.ndarray, run: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    """Probabilities of the symbols met, one level further."""
    return np.asarray(shares.kept[run] + shares.held[context] * shorter)


class _Writer:
    """A row that grows, and the law of what comes next."""

    def __init__(self, model: BackoffModel) -> None:
        self._model, self._contexts, self._known = model, [0], 0

    def begin(self, symbols: np.ndarray) -> None:
        space, order = self._model.symbols, self._model.order
        self._contexts, self._known = [0] + [-1] * order, 0
        for symbol in [space.end] * (order * space.ends) + symbols.tolist():
            self.take(symbol)

    def log_law(self) -> np.ndarray:
        return self._model.law(self._contexts, self._known)

    def take(self, symbol: int) -> None:
        self._contexts, self._known = self._model.after(self._contexts, symbol), self._known + 1

"""All lengths of context at once: their answers mixed by weights that were learned while the training text was read.

The architecture of the strongest statistical compressors (Cleary and Witten 1984, PPM; Willems et al. 1995, context
tree weighting; Mahoney 2005, logistic mixing; Mahoney 2013, Data compression explained), here as a law: the last 0 to
`order` symbols, the word so far with the words before it, and gapped contexts each answer which way down a tree of
symbols it goes. What parts words is found in the data. One pass in reading order: every symbol is predicted before
it is learned, so the weights are those that work on what has not been read yet.

Where it adapts, a row's own past counts while it is scored or written; what was fitted is as before at the next row.
Exact either way. Fitting stops when its time is up, with what was read by then. Limits: memory 4
bytes a training symbol, and as many a slot, of which there are 16 to 32 a training symbol, 268 MB at most (twice
while scoring), beyond which rarer contexts make room. Cost O(contexts log(symbols)) a symbol.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Density
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.models.ngram.kernels import compiled
from pofx.models.ngram.layout import ALL, COUNTS, CURVE, EXTRA, OWN, STATES, Mixer, Work
from pofx.models.ngram.notes import NOTHING, Notes
from pofx.models.ngram.rows import alphabet, beginnings, filled_like, on_end, training
from pofx.models.ngram.separators import separators
from pofx.models.ngram.tree import halved, paths
from pofx.models.ngram.writer import MixingWriter
from pofx.models.ngram.writing import continued
from pofx.spaces.sequence import filled
from pofx.spaces.symbols import Symbols
from pofx.training.plan import Deadline
from pofx.training.recorder import Recorder

ORDER = 6
SLOTS_EACH, FEWEST_SLOTS, MOST_SLOTS = 16, 1 << 12, 1 << 26
CURVES_EACH, FEWEST_CURVES, MOST_CURVES = 1 / 16, 1 << 8, 1 << 16
AT_ONCE = 1 << 18  # symbols of a row between looks at the clock
ROWS_AT_ONCE = 1000  # between reports


def fit_mixing(data: Data, order: int, adapt: bool, deadline: Deadline, recorder: Recorder) -> MixingModel:
    """Read the training rows once. When the time is up, what was read so far is the model."""
    assert isinstance(data.space, Symbols)
    flat, ends = training(data)
    model = _blank(data.space, flat, order, adapt)
    m, w, out = model.mixer(), model.work(), np.zeros(min(len(flat), AT_ONCE))
    recorder.start("symbols", len(flat))
    begin = 0
    for row, stop in enumerate(ends.tolist()):
        compiled()["reset"](w, data.space.ends)
        for start in range(begin, stop, AT_ONCE):
            end = min(start + AT_ONCE, stop)
            compiled()["read"](m, w, flat, begin, start, end, data.space.ends, ALL, out, *NOTHING)
            if deadline.passed():
                break
        begin = stop
        if row % ROWS_AT_ONCE == 0:
            recorder.step(stop)
        if deadline.passed():
            break
    recorder.finish()
    return model


def _power(wanted: float, fewest: int, most: int) -> int:
    """The power of two that is enough."""
    return min(max(1 << max(int(np.ceil(np.log2(max(wanted, 1)))), 0), fewest), most)


def _blank(space: Symbols, flat: np.ndarray, order: int, adapt: bool) -> MixingModel:
    """A model that has read nothing: states answer with their shares, all contexts are mixed alike."""
    symbols, contexts = alphabet(space), order + 1 + EXTRA
    pieces = range(0, len(flat), AT_ONCE)
    counts = sum((np.bincount(flat[k : k + AT_ONCE], minlength=symbols) for k in pieces), np.zeros(symbols))
    lefts, rights = np.divmod(np.arange(STATES), 32)
    share = (rights + 0.4) / (lefts + rights + 0.8)
    chances = np.stack([share, np.log(share / (1 - share))], 1)
    rows = order + 2 + min(max(symbols - 1, 1), OWN) + min(symbols + 1, OWN)
    weights = np.zeros((rows, 2 * contexts + 1))
    weights[:, 0:-1:2] = 0.25
    grid = 1 / (1 + np.exp(8 - np.arange(CURVE) / 2))
    curves = _power(len(flat) * CURVES_EACH, FEWEST_CURVES, MOST_CURVES)
    return MixingModel(
        space,
        order,
        adapt,
        torch.from_numpy(halved(counts + 0.5)),
        torch.from_numpy(separators(flat, symbols)),
        torch.zeros(_power(len(flat) * SLOTS_EACH, FEWEST_SLOTS, MOST_SLOTS), dtype=torch.int32),
        torch.from_numpy(np.tile(chances, (contexts, 1, 1))),
        torch.full((contexts, STATES), 6.0, dtype=torch.float64),
        torch.from_numpy(weights),
        torch.full((order + 2, 3), 1 / 3, dtype=torch.float64),
        torch.from_numpy(np.tile(grid, (curves, 1)).astype(np.float32)),
    )


class MixingModel(Density):
    """A mixture of contexts of all lengths.

    Args:
        space: the rows.
        order: the longest run of symbols that is a context.
        adapt: whether a row's own past counts while it is scored or written.
        branches: the tree of symbols, `[symbols - 1, 2]`.
        separators: what parts words, `[symbols]`.
        slots: what was counted, `[2^b]`; this and the next five as `layout.Mixer` says.
        chances: answers of states, `[C, STATES, 2]`.
        met: how often each state answered, `[C, STATES]`.
        weights: of the mixtures, `[rows, 2C + 1]`.
        last: of the mixture of mixtures, `[order + 2, 3]`.
        curves: corrections, `[2^a, CURVE]`.
    """

    capabilities = frozenset({"parts", "complete", "discrete"})
    reach = 1  # values back that change a law for certain: longer contexts only where they were met
    slots: Tensor
    weights: Tensor

    def __init__(
        self,
        space: Symbols,
        order: int,
        adapt: bool,
        branches: Tensor,
        separators: Tensor,
        slots: Tensor,
        chances: Tensor,
        met: Tensor,
        weights: Tensor,
        last: Tensor,
        curves: Tensor,
    ) -> None:
        super().__init__(space)
        self.order, self.adapt = order, adapt
        tensors = {"branches": branches, "separators": separators, "slots": slots, "chances": chances, "met": met}
        for name, tensor in {**tensors, "weights": weights, "last": last, "curves": curves}.items():
            self.register_buffer(name, tensor)
        self._paths = paths(branches.cpu().numpy())

    @property
    def free_parameters(self) -> int:
        """A probability and two counts of each slot in use, and the weights."""
        return 3 * int((self.slots != 0).sum()) + self.weights.numel()

    @property
    def symbols(self) -> Symbols:
        assert isinstance(self.space, Symbols)
        return self.space

    def mixer(self, slots: np.ndarray | None = None) -> Mixer:
        """The tensors as the kernels take them, with other slots where a row is to be learned and forgotten."""
        arrays = {name: buffer.detach().cpu().numpy() for name, buffer in self.named_buffers()}
        starts, nodes, turns = self._paths
        own = arrays.pop("slots").view(np.uint32) if slots is None else slots
        arrays.pop("slots", None)
        return Mixer(slots=own, starts=starts, nodes=nodes, turns=turns, order=self.order, **arrays)

    def work(self) -> Work:
        """Fresh scratch."""
        contexts, deepest = self.order + 1 + EXTRA, max(int(np.diff(self._paths[0]).max()), 1)
        return Work(
            context=np.zeros(contexts, dtype=np.uint64),
            hashes=np.zeros((deepest, contexts), dtype=np.uint64),
            states=np.zeros((deepest, contexts), dtype=np.int64),
            inputs=np.zeros((deepest, 2 * contexts + 1)),
            rows=np.zeros((deepest, 3), dtype=np.int64),
            scores=np.zeros((deepest, 4)),
            cells=np.zeros(deepest, dtype=np.int64),
            walk=np.zeros(4, dtype=np.uint64),
        )

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        flat, ends = on_end(x)
        longest = int(np.diff(ends, prepend=0).max(initial=0))
        out, w = np.zeros(len(flat)), self.work()
        notes = Notes(self.mixer().slots, longest * w.hashes.size, self.adapt)
        m = self.mixer(notes.slots)
        begin, padded, reset, read = 0, self.symbols.ends, compiled()["reset"], compiled()["read"]
        for end in ends.tolist():
            reset(w, padded)
            notes.taken(read(m, w, flat, begin, begin, end, padded, COUNTS * self.adapt, out[begin:], *notes.room))
            notes.put_back()
            begin = end
        return filled_like(x, out)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        return self._written([np.zeros(0, dtype=np.int32)] * n, self.symbols.length, generator, Warp())

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        return self._written(beginnings(begun, self.symbols), length or self.symbols.length, generator, warp)

    def _written(self, begun: list[np.ndarray], length: int, generator: torch.Generator, warp: Warp) -> Tensor:
        writer = MixingWriter(self.mixer, self.work(), self.symbols, self.adapt)
        if warp.keeps_the_law:
            return filled([torch.from_numpy(writer.go_on(row, length, generator)) for row in begun])
        return filled([continued(writer, row, length, self.symbols, generator, warp) for row in begun])

"""A fitted GPT: the law of symbols given those before, symbol by symbol, and whole sequences from it.

`log p(x) = sum log p(x_i | start mark, x_1 .. x_(i-1))`; where ends are modelled the last factor is that of the end
mark. What is longer than the context is scored in windows (`models.gpt.windows`), and drawn by the same rule. A passage
of a stream is scored as one that is read from any place on: its first symbol is said from the start mark alone.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from pofx.core.contract import Density
from pofx.core.warp import LAW, Warp
from pofx.models.gpt.drawing import Drawing
from pofx.models.gpt.options import Options
from pofx.models.gpt.windows import Windows, parts
from pofx.nets.gpt2 import GPT2
from pofx.nets.transformer import Causal, Modern
from pofx.rng import generator as new_generator
from pofx.spaces.sequence import filled, lengths
from pofx.spaces.symbols import Symbols

LONGEST = 1 << 20  # a drawn sequence of so many symbols is closed


class GPTModel(Density):
    """The network on its space.

    Args:
        space: symbols.
        recipe: the estimator, with every size written in.
        seed: of the weights that training begins with.
    """

    capabilities = frozenset({"parts", "complete", "discrete"})

    def __init__(self, space: Symbols, recipe: Options, seed: int = 0) -> None:
        super().__init__(space)
        self.symbols, self.recipe, self.seed = space, recipe, seed
        self.net = network(space, recipe, new_generator(seed))
        context = self.net.context
        self.windows = Windows(context, recipe.stride or max(context // 4, 1))

    @property
    def reach(self) -> int:
        """How many values back each law sees for certain."""
        return self.windows.context - self.windows.stride

    @property
    def free_parameters(self) -> int:
        return sum(part.numel() for part in self.parameters())

    @property
    def values(self) -> int:
        """How many codes may come next: those of the alphabet, and the end mark where ends are modelled."""
        return self.symbols.size + int(self.symbols.ends)

    def logits(self, tokens: Tensor) -> Tensor:
        """Of the symbol after each of the inputs `[n, t]`, the first of which is mostly the start mark, `[n, t, V]`."""
        found: Tensor = self.net(tokens)[..., : self.values]
        return found

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        return parts(copy.deepcopy(self.net).double(), self.windows, x, self.values)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        nothing = torch.zeros(n, 0, dtype=torch.int64, device=self._device())
        most = LONGEST if self.symbols.ends else self.symbols.length
        return filled([self._closed(row) for row in self._drawing(LAW, generator).go_on(nothing, most)])

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        drawing, long = self._drawing(warp, generator), lengths(begun)
        most = length if length is not None else LONGEST if self._closes(warp) else self.symbols.length
        rows: list[Tensor] = [begun[:0, 0]] * len(begun)
        for size in long.unique().tolist():  # rows that begin equally long grow together
            some = (long == size).nonzero()[:, 0]
            for row, done in zip(some.tolist(), drawing.go_on(begun[some, :size].long(), most), strict=True):
                rows[row] = self._closed(done)
        return filled(rows)

    def _closes(self, warp: Warp) -> bool:
        """Whether sequences end by themselves; those of a bent law may go on for ever."""
        return self.symbols.ends and warp.keeps_the_law

    def _closed(self, row: Tensor) -> Tensor:
        end = self.symbols.end
        if not self.symbols.ends or (len(row) and int(row[-1]) == end):
            return row
        return torch.cat([row, row.new_full((1,), end)])

    def _drawing(self, warp: Warp, random: torch.Generator) -> Drawing:
        end = self.symbols.end if self.symbols.ends else None
        return Drawing(self.net, self.windows, self.values, end, warp, random)


def network(space: Symbols, recipe: Options, random: torch.Generator) -> Causal:
    """The network that a recipe with all sizes asks for."""
    assert recipe.context is not None
    assert recipe.width is not None
    assert recipe.layers is not None
    assert recipe.heads is not None
    sizes = (space.end, recipe.context, recipe.width, recipe.layers, recipe.heads, random)
    dropout = recipe.dropout or 0.0
    if recipe.kind == "gpt2":
        return GPT2(*sizes, dropout=dropout)
    return Modern(
        *sizes,
        orders=recipe.orders or 1,
        rows=recipe.rows or 1,
        dropout=dropout,
        ngram_dropout=recipe.ngram_dropout or 0.0,
    )

"""A causal network over symbols: what the two architectures have in common, and the modern one.

Modern: rotary positions (Su et al. 2021), RMSNorm without gains (Zhang and Sennrich 2019), normalised queries and keys
(Dehghani et al. 2023) with a learned sharpness a head, squared ReLU (So et al. 2021), projections that begin at zero,
hashed n-gram embeddings, and the embedding mixed in again at every layer. Input is a row of symbols that begins with
the start mark, or within a sequence; output i is the law of symbol i + 1. Cost O(t (layers width^2 + t width)) a row.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pofx.nets.attention import attend, headed, joined, seen
from pofx.nets.ngram_embedding import NgramEmbedding
from pofx.nets.rotary import angles, turned

EMBEDDING_GAIN = 8.0  # rows of a table are seldom moved: their steps count for so much more
EXPAND = 4
SMALLEST = 1e-12  # mean square, so that zeros stay zeros


class Causal(nn.Module, ABC):
    """A network that sees `context` symbols, codes 0 .. `start`, the last of which is the start mark."""

    def __init__(self, start: int, context: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.start, self.context, self.width, self.layers, self.heads = start, context, width, layers, heads

    def forward(self, tokens: Tensor, packed: bool = False) -> Tensor:
        """Logits of the next symbol, `[n, t] -> [n, t, start + 1]`.

        Args:
            tokens: of any whole type.
            packed: whether start marks inside a row begin sequences that see nothing of those before.
        """
        return self.head(self.hidden(tokens, packed))

    def hidden(self, tokens: Tensor, packed: bool = False) -> Tensor:
        """What the head sees, `[n, t, width]`."""
        tokens = tokens.long()
        return self.body(self.embedded(tokens, packed), seen(tokens, self.start) if packed else None)

    @abstractmethod
    def embedded(self, tokens: Tensor, packed: bool = False) -> Tensor:
        """The vectors of the symbols, `[n, t, width]`."""

    @abstractmethod
    def body(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """From vectors of symbols to what the head sees; causal."""

    @abstractmethod
    def head(self, hidden: Tensor) -> Tensor:
        """Logits, `[..., width] -> [..., start + 1]`."""

    @abstractmethod
    def hidden_matrices(self) -> list[Tensor]:
        """Those that Muon is for."""


class Block(nn.Module):
    """Attention and a feed-forward net, each added to what comes in."""

    def __init__(self, width: int, heads: int, layers: int, dropout: float, random: torch.Generator) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout

        def matrix(rows: int, columns: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=random) / math.sqrt(columns))

        self.query, self.key, self.value = (matrix(width, width) for _ in range(3))
        self.out = nn.Parameter(torch.zeros(width, width))
        self.wide = matrix(EXPAND * width, width)
        self.narrow = nn.Parameter(torch.zeros(width, EXPAND * width))
        self.sharpness = nn.Parameter(torch.ones(heads))
        self.again = nn.Parameter(torch.tensor([1.0, 0.0]))  # shares of what comes in, and of the embedding

    def forward(self, x: Tensor, first: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor | None) -> Tensor:
        x = self.again[0] * x + self.again[1] * first
        x = x + functional.dropout(self.attention(x, cosine, sine, mask), self.dropout, self.training)
        return x + functional.dropout(self.feed(x), self.dropout, self.training)

    def attention(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor | None) -> Tensor:
        both = functional.linear(normed(x), torch.cat([self.query, self.key, self.value]))
        query, key, value = (headed(part, self.heads) for part in both.chunk(3, -1))
        query = turned(normed(query) * self.sharpness[:, None, None], cosine, sine)
        key = turned(normed(key), cosine, sine)
        return functional.linear(joined(attend(query, key, value, mask)), self.out)

    def feed(self, x: Tensor) -> Tensor:
        wide = functional.relu(functional.linear(normed(x), self.wide)).square()
        return functional.linear(wide, self.narrow)


class Modern(Causal):
    """The modern architecture.

    Args:
        start: the code of the start mark, the last one.
        context: places of a window.
        width, layers, heads: of the blocks; a head has an even number of numbers.
        random: of the first weights.
        orders, rows: of the n-gram embeddings.
        dropout, ngram_dropout: shares of numbers left out in training, of what blocks add and of the n-grams'.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(
        self, start: int, context: int, width: int, layers: int, heads: int, random: torch.Generator,
        *, orders: int = 1, rows: int = 1 << 14, dropout: float = 0.0, ngram_dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(start, context, width, layers, heads)
        self.dropout = ngram_dropout
        self.symbols = nn.utils.skip_init(nn.Embedding, start + 1, width)
        self.ngrams = NgramEmbedding(start, orders, rows, width) if orders > 1 else None
        self.blocks = nn.ModuleList(Block(width, heads, layers, dropout, random) for _ in range(layers))
        self.last = nn.utils.skip_init(nn.Linear, width, start + 1)
        with torch.no_grad():
            self.symbols.weight.copy_(torch.randn(start + 1, width, generator=random) / EMBEDDING_GAIN)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)
        turns = angles(context, width // heads)
        self.register_buffer("cosine", turns.cos(), persistent=False)
        self.register_buffer("sine", turns.sin(), persistent=False)

    def embedded(self, tokens: Tensor, packed: bool = False) -> Tensor:
        x: Tensor = self.symbols(tokens)
        if self.ngrams is not None:
            x = x + functional.dropout(self.ngrams(tokens), self.dropout, self.training)
        return EMBEDDING_GAIN * x

    def body(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = first = normed(x)
        cosine, sine = (table[: x.shape[1]].to(x.dtype) for table in (self.cosine, self.sine))
        for block in self.blocks:
            x = block(x, first, cosine, sine, mask)
        return normed(x)

    def head(self, hidden: Tensor) -> Tensor:
        return cast("Tensor", self.last(hidden))

    def hidden_matrices(self) -> list[Tensor]:
        return [p for p in self.blocks.parameters() if p.ndim >= 2]


def normed(x: Tensor) -> Tensor:
    """Root mean square one over the last dimension."""
    return functional.rms_norm(x, x.shape[-1:], eps=SMALLEST)

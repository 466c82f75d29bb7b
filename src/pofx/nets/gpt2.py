"""The architecture of GPT-2, exactly: learned places, LayerNorm before each part, GELU by a tanh, a tied head.

Radford et al. 2019, Language models are unsupervised multitask learners. Parameters have the shapes of `nn.Linear`; of
published weights, which lie the other way round, `models.gpt.checkpoint` takes care. Cost as `Modern`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pofx.nets.attention import attend, headed, joined, places
from pofx.nets.transformer import EXPAND, Causal

EPSILON = 1e-5
SPREAD = 0.02  # of the first weights


class Part(nn.Module):
    """A block: attention and a feed-forward net, each added to what comes in."""

    def __init__(self, width: int, heads: int, layers: int, dropout: float, random: torch.Generator) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        last = SPREAD / math.sqrt(2 * layers)
        self.before_attention = nn.LayerNorm(width, eps=EPSILON)
        self.both = _linear(width, 3 * width, SPREAD, random)
        self.out = _linear(width, width, last, random)
        self.before_feed = nn.LayerNorm(width, eps=EPSILON)
        self.wide = _linear(width, EXPAND * width, SPREAD, random)
        self.narrow = _linear(EXPAND * width, width, last, random)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (headed(y, self.heads) for y in self.both(self.before_attention(x)).chunk(3, -1))
        found = self.out(joined(attend(query, key, value, mask)))
        x = x + functional.dropout(found, self.dropout, self.training)
        fed = self.narrow(functional.gelu(self.wide(self.before_feed(x)), approximate="tanh"))
        return x + functional.dropout(fed, self.dropout, self.training)


class GPT2(Causal):
    """The network.

    Args:
        start: the code of the start mark, the last one: <|endoftext|>.
        context: places.
        width, layers, heads: of the blocks.
        random: of the first weights.
        dropout: share of numbers that are left out in training.
    """

    def __init__(
        self, start: int, context: int, width: int, layers: int, heads: int, random: torch.Generator,
        *, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(start, context, width, layers, heads)
        self.dropout = dropout
        self.symbols = nn.utils.skip_init(nn.Embedding, start + 1, width)
        self.places = nn.utils.skip_init(nn.Embedding, context, width)
        self.blocks = nn.ModuleList(Part(width, heads, layers, dropout, random) for _ in range(layers))
        self.final = nn.LayerNorm(width, eps=EPSILON)
        with torch.no_grad():
            for table in (self.symbols, self.places):
                table.weight.copy_(SPREAD * torch.randn(table.weight.shape, generator=random))

    def embedded(self, tokens: Tensor, packed: bool = False) -> Tensor:
        if packed:
            where = places(tokens, self.start)
        else:
            where = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.symbols(tokens) + self.places(where)
        return functional.dropout(x, self.dropout, self.training)

    def body(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        found: Tensor = self.final(x)
        return found

    def head(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.symbols.weight)

    def hidden_matrices(self) -> list[Tensor]:
        return [p for p in self.blocks.parameters() if p.ndim >= 2]


def _linear(inputs: int, outputs: int, spread: float, random: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    with torch.no_grad():
        layer.weight.copy_(spread * torch.randn(outputs, inputs, generator=random))
        nn.init.zeros_(layer.bias)
    return layer

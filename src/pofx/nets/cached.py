"""One symbol after another: keys and values of the symbols before are kept, so a step costs O(t) and not O(t^2).

Weights of a step are laid out once for it: queries, keys and values in one matrix, pairs of rotary numbers side by side
so that a turn is one complex product, sharpness of heads and the scale of scores inside the turn. No module is called.
Everything is what `Causal.forward` computes, up to rounding. Memory: layers x 2 x rows x context x width numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from pofx.nets.gpt2 import EPSILON, GPT2, Part
from pofx.nets.ngram_embedding import before
from pofx.nets.rotary import angles
from pofx.nets.transformer import SMALLEST, Block, Causal, Modern


class Cache(ABC):
    """What has been computed of rows that grow together."""

    def __init__(self, net: Causal, rows: int) -> None:
        self.net, self.rows, self.heads, self.width = net, rows, net.heads, net.width
        like = next(net.parameters())
        shape = (rows, net.heads, net.context, net.width // net.heads)
        self.keys = [like.new_empty(shape) for _ in range(net.layers)]
        self.values = [like.new_empty(shape) for _ in range(net.layers)]
        self.tokens = torch.full((rows, net.context), net.start, dtype=torch.int64, device=like.device)
        self.at = 0  # how many symbols the window holds

    def clear(self) -> None:
        """An empty window."""
        self.at = 0

    def keep(self, chosen: Tensor) -> None:
        """Only some of the rows, by number."""
        self.rows = len(chosen)
        self.keys, self.values = [k[chosen] for k in self.keys], [v[chosen] for v in self.values]
        self.tokens = self.tokens[chosen]

    def __call__(self, tokens: Tensor) -> Tensor:
        """Takes in symbols `[rows, t]`, several only into an empty window; the logits after the last, `[rows, V]`."""
        first, last = self.at, self.at + tokens.shape[1]
        self.tokens[:, first:last] = tokens
        x = self._embedded(first, last)
        for layer in range(self.net.layers):
            x = self._block(layer, x, first, last)
        self.at = last
        return self._head(x.view(self.rows, last - first, self.width)[:, -1])

    def _attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, first: int, last: int) -> Tensor:
        """`[rows, t, heads, each]` in, `[rows * t, width]` out."""
        keys, values = self.keys[layer], self.values[layer]
        keys[:, :, first:last], values[:, :, first:last] = key.transpose(1, 2), value.transpose(1, 2)
        seen = functional.scaled_dot_product_attention(
            query.transpose(1, 2), keys[:, :, :last], values[:, :, :last], is_causal=last - first > 1, scale=self.scale
        )
        return seen.transpose(1, 2).reshape(-1, self.width)

    scale: float | None = None

    @abstractmethod
    def _embedded(self, first: int, last: int) -> Tensor:
        """`[rows * (last - first), width]`."""

    @abstractmethod
    def _block(self, layer: int, x: Tensor, first: int, last: int) -> Tensor: ...

    @abstractmethod
    def _head(self, x: Tensor) -> Tensor:
        """Logits of `[rows, width]`."""


class ModernCache(Cache):
    """Of the modern architecture."""

    scale = 1.0

    def __init__(self, net: Modern, rows: int) -> None:
        super().__init__(net, rows)
        self.modern, each, self._root = net, net.width // net.heads, net.width**0.5
        pairs = torch.arange(net.width).view(net.heads, 2, each // 2).mT.reshape(-1)  # k beside k + each / 2
        turns = angles(net.context, each)
        turn = torch.polar(torch.ones_like(turns), turns)[:, None]  # [context, 1, each / 2]
        blocks = [block for block in net.blocks if isinstance(block, Block)]
        like = self.keys[0] if self.keys else net.cosine
        self._weights = []
        for block in blocks:
            ones = block.sharpness.new_ones(net.heads).double()
            gain = torch.cat([block.sharpness.double(), ones * each**0.5])
            turned = turn.to(gain.device) * gain[:, None]
            self._weights.append((
                torch.cat([block.query[pairs], block.key[pairs], block.value]).T * self._root, block.out.T,
                block.wide.T * self._root,
                block.narrow.T, turned.to(torch.complex128 if like.dtype == torch.float64 else torch.complex64),
                *block.again.tolist(),
            ))  # fmt: skip
        self._first = net.symbols.weight[:0]
        self._last = net.last.weight * self._root

    def _embedded(self, first: int, last: int) -> Tensor:
        ngrams, tokens = self.modern.ngrams, self.tokens[:, first:last]
        x = functional.embedding(tokens, self.modern.symbols.weight)
        if ngrams is not None:
            x = x + ngrams.summed(ngrams.hashed(tokens, self._past(first, last, ngrams.orders)))
        begun: Tensor = _unit(x.view(-1, self.width)) * self._root  # the gain of the embedding is lost in the norm
        self._first = begun
        return begun

    def _past(self, first: int, last: int, orders: int) -> list[Tensor]:
        """The symbols before each; a window holds a start mark at its begin only."""
        if last - first > 1:
            return before(self.tokens[:, first:last], orders, self.net.start)
        none = self.net.start
        return [
            self.tokens[:, first - k : last - k] if first >= k else torch.full_like(self.tokens[:, :1], none)
            for k in range(1, orders)
        ]

    def _block(self, layer: int, x: Tensor, first: int, last: int) -> Tensor:
        both, out, wide, narrow, turned, keep, again = self._weights[layer]
        heads, each, t = self.heads, self.width // self.heads, last - first
        x = torch.add(x * keep, self._first, alpha=again)
        mixed = torch.mm(_unit(x), both)
        pair = _unit(mixed[:, : 2 * self.width].view(-1, t, 2 * heads, each))
        spun = torch.view_as_real(torch.view_as_complex(pair.unflatten(-1, (-1, 2))) * turned[first:last]).flatten(-2)
        value = mixed[:, 2 * self.width :].view(-1, t, heads, each)
        seen = self._attend(layer, spun[:, :, :heads], spun[:, :, heads:], value, first, last)
        x = torch.addmm(x, seen, out)
        return torch.addmm(x, torch.mm(_unit(x), wide).relu_().square_(), narrow)

    def _head(self, x: Tensor) -> Tensor:
        return functional.linear(_unit(x), self._last, self.modern.last.bias)


def _unit(x: Tensor) -> Tensor:
    """Of length one; the rest of the root mean square is in the weights that follow."""
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / length.clamp_min_(SMALLEST**0.5)


class GPT2Cache(Cache):
    """Of GPT-2's."""

    def __init__(self, net: GPT2, rows: int) -> None:
        super().__init__(net, rows)
        self.gpt2 = net
        self._weights = [
            tuple(
                tensor
                for layer in (part.before_attention, part.both, part.out, part.before_feed, part.wide, part.narrow)
                for tensor in (layer.weight if layer.weight.ndim == 1 else layer.weight.T, layer.bias)
            )
            for part in net.blocks
            if isinstance(part, Part)
        ]

    def _embedded(self, first: int, last: int) -> Tensor:
        x: Tensor = self.gpt2.symbols.weight[self.tokens[:, first:last]] + self.gpt2.places.weight[first:last]
        return x.view(-1, self.width)

    def _block(self, layer: int, x: Tensor, first: int, last: int) -> Tensor:
        g1, b1, both, both_b, out, out_b, g2, b2, wide, wide_b, narrow, narrow_b = self._weights[layer]
        width = (self.width,)
        mixed = torch.addmm(both_b, functional.layer_norm(x, width, g1, b1, EPSILON), both)
        query, key, value = mixed.view(-1, last - first, 3, self.heads, self.width // self.heads).unbind(2)
        x = torch.addmm(x, self._attend(layer, query, key, value, first, last), out).add_(out_b)
        fed = torch.addmm(wide_b, functional.layer_norm(x, width, g2, b2, EPSILON), wide)
        return torch.addmm(x, functional.gelu(fed, approximate="tanh"), narrow).add_(narrow_b)

    def _head(self, x: Tensor) -> Tensor:
        final, symbols = self.gpt2.final, self.gpt2.symbols
        return functional.linear(
            functional.layer_norm(x, (self.width,), final.weight, final.bias, EPSILON), symbols.weight
        )


def cache(net: Causal, rows: int) -> Cache:
    """An empty one for so many rows."""
    if isinstance(net, GPT2):
        return GPT2Cache(net, rows)
    assert isinstance(net, Modern)
    return ModernCache(net, rows)

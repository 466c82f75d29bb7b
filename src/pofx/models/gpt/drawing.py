"""Drawing symbols one after another, by the windows in which they are scored.

A cache holds the window; where the rule goes on to the next one, the symbols of that window are taken in at once. The
symbol is the largest of logit plus Gumbel noise (Gumbel 1954), which is a draw from the law; noise is made for many
steps at once. Rows that have ended leave the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.warp import Warp
from pofx.models.gpt.windows import Windows
from pofx.nets.cached import Cache, cache
from pofx.nets.transformer import Causal

NOISE = 1 << 20  # numbers of noise at once


class Drawing:
    """Rows that grow.

    Args:
        net: the network.
        windows: the rule.
        values: codes that may be drawn.
        end: the code after which a row is left alone; None where there is none.
        warp: how the law is bent.
        random: of the noise.
    """

    def __init__(
        self, net: Causal, windows: Windows, values: int, end: int | None, warp: Warp, random: torch.Generator
    ) -> None:
        self._net, self._windows, self._values, self._end = net, windows, values, end
        self._warp, self._random = warp, random
        self._noise: list[Tensor] = []

    def go_on(self, begun: Tensor, length: int) -> list[Tensor]:
        """Rows `[n, t]` of whole numbers go on until `length` symbols or their end; one tensor a row."""
        n, done = begun.shape
        self._noise = []  # of another number of rows
        if n == 0 or done >= length:
            return list(begun)
        codes = torch.full((n, done + 1 + self._net.context), self._net.start, device=begun.device)  # int64
        codes[:, 1 : done + 1] = begun
        alive, lasts = torch.arange(n, device=begun.device), [length] * n
        held, window = cache(self._net, n), -1
        for index in range(done, length):
            if self._windows.of(index) != window:
                window = self._windows.of(index)
                logits = self._enter(held, codes[alive], window, index)
            else:
                logits = held(codes[alive, index : index + 1])
            drawn = self._draw(logits)
            if index + 1 == codes.shape[1]:
                codes = torch.cat([codes, torch.zeros_like(codes)], 1)
            codes[alive, index + 1] = drawn
            if self._end is not None and bool((drawn == self._end).any()):
                on = drawn != self._end
                for row in alive[~on].tolist():
                    lasts[row] = index + 1
                alive = alive[on]
                if len(alive) == 0:
                    break
                held.keep(on.nonzero()[:, 0])
                self._noise = []
        return [row[1 : last + 1] for row, last in zip(codes, lasts, strict=True)]

    def _enter(self, held: Cache, codes: Tensor, window: int, index: int) -> Tensor:
        """Takes in the inputs of a window up to the one that says symbol `index`."""
        held.clear()
        return held(codes[:, window * self._windows.stride : index + 1])

    def _draw(self, logits: Tensor) -> Tensor:
        bent = self._warp(logits[:, : self._values].double())
        if self._warp.temperature == 0:
            return bent.argmax(-1)
        if not self._noise:
            steps = max(1, min(256, NOISE // bent.numel()))
            u = torch.empty(steps, *bent.shape, dtype=torch.float64).exponential_(generator=self._random)
            self._noise = list(-u.log_().to(bent.device))
        return (bent + self._noise.pop()).argmax(-1)

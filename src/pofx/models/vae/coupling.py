"""Affine couplings that bend a Gaussian posterior: half of the numbers move the other half, the row's own way.

Dinh et al. (2017), RealNVP, as the posterior flow of Rezende and Mohamed (2015). They begin as the identity. Only the
direction from noise to latent numbers is needed, so none is ever inverted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pofx.nets.dense import Dense

LARGEST = 2.0  # of a log scale


class Couplings(nn.Module):
    """`count` couplings of `width` numbers, conditional on a vector of `context` numbers."""

    def __init__(self, width: int, context: int, count: int) -> None:
        super().__init__()
        self.kept = width // 2
        self.nets = nn.ModuleList()
        for k in range(count):
            kept, moved = (self.kept, width - self.kept) if k % 2 == 0 else (width - self.kept, self.kept)
            last = nn.Linear(max(2 * width, 32), 2 * moved)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.nets.append(nn.Sequential(Dense(kept + context, hidden=last.in_features, depth=1), last))

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Where `[n, width]` is moved to, and log |d new / d old| `[n]`."""
        volume = z.new_zeros(len(z))
        for k, net in enumerate(self.nets):
            first, second = z[:, : self.kept], z[:, self.kept :]
            kept, moved = (first, second) if k % 2 == 0 else (second, first)
            shift, raw = net(torch.cat([kept.to(context.dtype), context], 1)).chunk(2, 1)
            log_scale = LARGEST * torch.tanh(raw / LARGEST)
            moved = moved * torch.exp(log_scale) + shift
            z = torch.cat([kept, moved] if k % 2 == 0 else [moved, kept], 1)
            volume = volume + log_scale.sum(1)
        return z, volume

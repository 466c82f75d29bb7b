"""Encoder, latent levels and decoder of a VAE.

One level: Kingma and Welling (2014), Rezende et al. (2014). More: a ladder (Sonderby et al. 2016), in which the encoder
goes up first, and posteriors are then taken from the top down beside the priors, each as a change of its prior.
Every pass from the top down is one walk; what differs is how the numbers of a level are picked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pofx.models.vae.coupling import Couplings
from pofx.nets.dense import Dense

LARGEST = 6.0  # of the log of a scale, approached and never reached


@dataclass(frozen=True, eq=False)
class Normal:
    """Independent normal numbers: mean and log of the standard deviation, `[n, latent]`."""

    mean: Tensor
    log_scale: Tensor

    def at(self, noise: Tensor) -> Tensor:
        """The numbers that standard normal ones become."""
        return self.mean + torch.exp(self.log_scale) * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats of each number, `[n, latent]`."""
        scaled = (z - self.mean) * torch.exp(-self.log_scale)
        return -0.5 * scaled.square() - self.log_scale - 0.5 * math.log(2 * math.pi)

    def divergence(self, prior: Normal) -> Tensor:
        """KL(self || prior) of each number, `[n, latent]`."""
        ratio = 2 * (self.log_scale - prior.log_scale)
        gap = (self.mean - prior.mean) * torch.exp(-prior.log_scale)
        return 0.5 * (torch.exp(ratio) + gap.square() - 1 - ratio)


@dataclass(frozen=True, eq=False)
class Inferred:
    """A pass through posteriors: numbers for the head, and of each latent number (`[n, levels * latent]`) the posterior
    mean or draw `codes`, `log q - log p` at the draw, and the KL, in closed form where there is one."""

    parameters: Tensor
    codes: Tensor
    excess: Tensor
    divergence: Tensor


Pick = Callable[[int, Normal, Tensor | None], Tensor]


class Network(nn.Module):
    """The map from features and noise to numbers for a head.

    Args:
        encoder: features to a vector of `encoder.width`.
        decoder: makes the decoder for a vector of the width given.
        latent: numbers of a level.
        levels: how many levels.
        flow: couplings of each posterior.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        decoder: Callable[[int], nn.Module],
        latent: int,
        levels: int,
        flow: int,
    ) -> None:
        super().__init__()
        self.latent, self.levels = latent, levels
        below = range(levels - 1)  # all levels but the top one, which is the last
        self.encoder = encoder
        self.rises = nn.ModuleList(Dense(width, hidden=width, depth=1) for _ in below)
        self.posteriors = nn.ModuleList([Dense(2 * width, 2 * latent, hidden=width, depth=1) for _ in below])
        self.posteriors.append(Dense(width, 2 * latent))
        self.priors = nn.ModuleList(Dense(width, 2 * latent) for _ in below)
        self.merges = nn.ModuleList(Dense(width + latent, hidden=width, depth=1) for _ in below)
        self.top = Dense(latent, hidden=width, depth=1) if levels > 1 else nn.Identity()
        self.flows = nn.ModuleList(Couplings(latent, width, flow) for _ in range(levels if flow else 0))
        self.decoder = decoder(width if levels > 1 else latent)

    def infer(self, features: Tensor, noise: Tensor) -> Inferred:
        """Latent numbers from the posteriors by `noise` `[n, levels * latent]`, and what they say of the row."""
        seen = self._seen(features)
        codes: list[Tensor] = []
        excess: list[Tensor] = []
        divergence: list[Tensor] = []

        def pick(level: int, prior: Normal, above: Tensor | None) -> Tensor:
            law = self._posterior(level, prior, seen[level], above)
            z = law.at(self._part(noise, level))
            log_q = law.log_prob(z)
            if len(self.flows):
                z, volume = self.flows[level](z, seen[level])
                log_q = log_q - volume[:, None] / self.latent
            codes.append(z)
            excess.append(log_q - prior.log_prob(z))
            divergence.append(excess[-1] if len(self.flows) else law.divergence(prior))
            return z

        parameters = self.walk(pick, len(features), noise)
        return Inferred(parameters, *(torch.cat(found[::-1], 1) for found in (codes, excess, divergence)))

    def imagine(self, noise: Tensor) -> Tensor:
        """Numbers for the head from the prior."""
        return self.walk(lambda level, prior, above: prior.at(self._part(noise, level)), len(noise), noise)

    def follow(self, codes: Tensor) -> Tensor:
        """Numbers for the head from latent numbers, `[n, levels * latent]`."""
        return self.walk(lambda level, prior, above: self._part(codes, level), len(codes), codes)

    def walk(self, pick: Pick, n: int, like: Tensor) -> Tensor:
        """From the top level down to the numbers for the head, `[n, size]`."""
        zero = like.new_zeros(n, self.latent)
        wide = next(self.decoder.parameters()).dtype
        z = pick(self.levels - 1, Normal(zero, zero), None)
        above: Tensor = self.top(z.to(wide))
        for level in reversed(range(self.levels - 1)):
            z = pick(level, self._normal(self.priors[level](above)), above)
            above = self.merges[level](torch.cat([above, z.to(wide)], 1))
        parameters: Tensor = self.decoder(above)
        return parameters

    def _seen(self, features: Tensor) -> list[Tensor]:
        """What the encoder makes of the row for each level."""
        seen: list[Tensor] = [self.encoder(features)]
        for rise in self.rises:
            seen.append(rise(seen[-1]))
        return seen

    def _posterior(self, level: int, prior: Normal, seen: Tensor, above: Tensor | None) -> Normal:
        """The Gaussian of a level: below the top, a change of its prior."""
        change = self._normal(self.posteriors[level](seen if above is None else torch.cat([seen, above], 1)))
        if above is None:
            return change
        return Normal(prior.mean + change.mean, prior.log_scale + change.log_scale)

    def _normal(self, numbers: Tensor) -> Normal:
        mean, raw = numbers.float().chunk(2, 1)  # after products in half precision
        return Normal(mean, LARGEST * torch.tanh(raw / LARGEST))

    def _part(self, numbers: Tensor, level: int) -> Tensor:
        return numbers[:, level * self.latent : (level + 1) * self.latent]

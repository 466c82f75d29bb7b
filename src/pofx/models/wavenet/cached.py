"""Drawing waves with torch alone: one step a sample, each layer keeping what it saw (Paine et al. 2016, Fast WaveNet).

Where numba is not there. Cost: some ten small operations a layer and sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pofx.models.wavenet.past import LAGS, Seen
from pofx.nets.dilated import Dilated

if TYPE_CHECKING:
    from pofx.models.wavenet.generate import Begun
    from pofx.models.wavenet.network import Network

WINDOW = 3 * LAGS  # samples that `Past` needs for what it sees of one, and of the one before


class Kept:
    """What the layers of `n` rows saw, and their outputs at the next moment."""

    def __init__(self, net: Dilated, n: int, given: Tensor | None) -> None:
        residual = len(net.first)
        self._net, self._time = net, 0
        self._rings = [net.first.new_zeros(gate.dilation, residual, n) for gate in net.gates]
        self._told = [None if gate.told is None or given is None else gate.told @ given.T for gate in net.gates]

    def step(self, shown: Tensor) -> Tensor:
        """`[inputs, n] -> [outputs, n]`."""
        net = self._net
        h = torch.addmm(net.first_bias[:, None], net.first, shown)
        total = shown.new_zeros(())
        for gate, ring, told in zip(net.gates, self._rings, self._told, strict=True):
            place = self._time % gate.dilation
            z = torch.addmm(gate.bias[:, None], gate.look, torch.cat([ring[place], h]))
            ring[place] = h
            a, b = (z if told is None else z + told).split(gate.residual)
            mixed = torch.addmm(gate.mix_bias[:, None], gate.mix, torch.tanh(a) * torch.sigmoid(b))
            total = total + mixed[-len(net.middle) :]
            h = h if gate.last else h + mixed[: gate.residual]
        self._time += 1
        seen = torch.relu(torch.addmm(net.middle_bias[:, None], net.middle, torch.relu(total * net.scale)))
        return torch.addmm(net.start[:, None], net.final, seen)


@torch.no_grad()
def walk(network: Network, begun: Begun, x: Tensor, u: Tensor) -> Tensor:
    """Fills up the waves `[n, T]` behind what is begun, by the uniform numbers `[n, T, 2]`."""
    device = network.past.coefficients.device
    waves, known = x.clone().to(device), begun.known.to(device)
    kept = Kept(network.net, len(x), begun.given)
    steps, u = begun.steps.to(device), u.to(device)
    for t in range(x.shape[1]):
        seen = last(network, waves, t)
        outputs = kept.step(seen.shown[..., 0])
        drawn = network.law.draw(outputs, seen, u[:, t], steps)
        waves[:, t] = torch.where(t < known, waves[:, t], drawn.to(waves.dtype))
    return waves.cpu()


def last(network: Network, waves: Tensor, t: int) -> Seen:
    """What is seen before sample t, `[.., n, 1]`, from the samples that matter."""
    first = max(t - WINDOW, 0)
    window = waves[:, first : t + 1].to(network.past.coefficients.dtype)
    seen = network.past(window, first)
    return Seen(seen.shown[..., -1:], seen.location[:, -1:], seen.loudness[:, -1:], seen.errors[:, -1:])

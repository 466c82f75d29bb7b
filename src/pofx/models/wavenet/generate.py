"""Drawing waves: the uniform numbers are drawn ahead, then numba's fused loop or torch's cached steps use them.

The fused loop draws parts of the rows in threads, each row with the same arithmetic whatever the others are; on a GPU
torch makes the same draws, up to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pofx.models.wavenet.cached import walk
from pofx.models.wavenet.drawing import ready
from pofx.models.wavenet.laws import Codes
from pofx.models.wavenet.network import Network
from pofx.models.wavenet.rounding import whole_numbers
from pofx.spaces.sequence import PAD


class Begun(NamedTuple):
    """Beginnings `[n, T]` with their lengths, the grid of each row, and what is told of its condition."""

    x: Tensor
    known: Tensor
    steps: Tensor
    given: Tensor | None


def generate(network: Network, begun: Begun, length: int, generator: torch.Generator) -> Tensor:
    """Waves int32 `[n, T]`, T the longer of `length` and the longest beginning."""
    width = max(length, begun.x.shape[1])
    x = torch.zeros(len(begun.x), width, dtype=torch.int32)
    x[:, : begun.x.shape[1]] = torch.where(begun.x == PAD, 0, begun.x).cpu()
    u = torch.rand(len(x), width, 2, generator=generator, dtype=torch.float64).clamp(2.0**-53, 1 - 2.0**-53)
    if x.numel() == 0:
        return x
    draw = fused if next(network.parameters()).device.type == "cpu" else walk
    return draw(network, begun, x, u)


def fused(network: Network, begun: Begun, x: Tensor, u: Tensor) -> Tensor:
    """By numba, in as many threads as torch may use."""
    run = ready()["run"]
    threads = max(1, min(torch.get_num_threads(), len(x)))
    parts = np.array_split(np.arange(len(x)), threads)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda rows: by_kernel(run, network, begun, x, u, rows)[0], parts)
        return torch.cat([torch.from_numpy(part) for part in found])


def by_kernel(
    kernel: Callable[..., Any], network: Network, begun: Begun, x: Tensor, u: Tensor, rows: np.ndarray, keep: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Some rows by `drawing.run` or `drawing.slowly`: waves, and the network's last `keep` outputs."""
    some = torch.from_numpy(rows)
    waves = x[some].numpy().astype(np.int64)
    outs = np.zeros((len(rows), keep, network.law.outputs), np.float32)
    given = None if begun.given is None else begun.given.cpu()[some]
    kernel(
        *packed(network, len(rows), given), waves, begun.known.cpu()[some].numpy(), begun.steps[some].numpy(),
        u[some].numpy(), outs,
    )  # fmt: skip
    return waves.astype(np.int32), outs


@torch.no_grad()
def packed(network: Network, rows: int, given: Tensor | None) -> tuple[Any, ...]:
    """What the kernels take of a network: weights `[inputs, outputs]`, biases with the conditions in them."""
    net, past, law = network.net, network.past, network.law
    residual, skip = len(net.first), len(net.middle)
    mixes = [_whole(gate.mix, residual, skip) for gate in net.gates]
    looks, look_scales = _numbers([gate.look for gate in net.gates])
    mixed, mix_scales = _numbers(mixes)
    (first, middle, final), scales = zip(*(whole_numbers(m) for m in (net.first, net.middle, net.final)), strict=True)
    mix_bias = torch.stack([_whole(gate.mix_bias[:, None], residual, skip)[:, 0] for gate in net.gates])
    biases = []
    for gate in net.gates:
        told = 0.0 if gate.told is None or given is None else given @ gate.told.cpu().T
        biases.append((gate.bias.cpu() + told).expand(rows, -1))
    weights = (
        _array(first.T, np.int16), _array(net.first_bias), looks, mixed, _array(middle.T, np.int16), _array(mix_bias),
        _array(net.middle_bias), _array(final.T, np.int16), _array(net.start),
        np.array([gate.dilation for gate in net.gates], dtype=np.int64), np.array(scales, dtype=np.float32),
        np.stack([look_scales, mix_scales], 1),
    )  # fmt: skip
    seen = (
        _array(past.coefficients, np.float64), _array(past.loud.double().exp(), np.float64),
        float(past.floor.double().exp()), float(past.unit), int(past.channels),
    )  # fmt: skip
    table = law.first.cpu().numpy() if isinstance(law, Codes) else np.zeros(0, dtype=np.int64)
    ends = (table, int(network.space.low), int(network.space.high))
    return weights, _array(torch.stack(biases)), np.float32(net.scale), seen, ends


def _numbers(matrices: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Matrices of equal size as whole numbers `[layers, inputs, outputs]`, and their powers of two."""
    found = [whole_numbers(matrix) for matrix in matrices]
    stacked = torch.stack([numbers.T for numbers, _ in found])
    return _array(stacked, np.int16), np.array([by for _, by in found], dtype=np.float32)


def _whole(mix: Tensor, residual: int, skip: int) -> Tensor:
    """With zeros for what goes on, in the last layer."""
    missing = residual + skip - len(mix)
    return torch.cat([mix.new_zeros(missing, mix.shape[1]), mix])


def _array(tensor: Tensor, kind: type = np.float32) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy().astype(kind))

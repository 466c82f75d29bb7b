"""Waves drawn sample by sample in one compiled loop: what is seen, the network over ring buffers, and the draw.

Paine et al. (2016), Fast WaveNet: each layer keeps as many moments as its dilation. The draws are those of `laws`, by
inversion, from two uniform numbers a sample that are drawn ahead. `slowly` computes the same without buffers, all
samples before anew for each, and gives the same bits. Functions are plain Python until `ready` has compiled them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pofx.heads.cells import SMALLEST, WIDEST
from pofx.models.wavenet import kernels
from pofx.models.wavenet.kernels import Array
from pofx.models.wavenet.past import LAGS


def floor_of(value: int, by: int) -> int:
    """Whole division downwards."""
    return int(np.floor(value / by))


def draw_code(out: Array, first: Array, high: int, by: int, u: float, inside: float) -> int:
    """A code by its weight, and a multiple of `by` in its cell."""
    codes = len(first)
    most = -math.inf
    for k in range(codes):
        most = max(most, out[k])
    total, last = 0.0, 0
    for turn in range(2):
        target, total = u * total, 0.0
        for k in range(codes):
            after = first[k + 1] if k + 1 < codes else high + 1
            before = floor_of(first[k] - 1, by)
            count = floor_of(after - 1, by) - before
            if count > 0:
                total += math.exp(out[k] - most)
                last = (before + 1 + min(int(inside * count), count - 1)) * by
                if turn == 1 and total > target:
                    return last
    return last


def draw_logistics(
    out: Array, t: int, error: Array, location: float, loudness: float, unit: float, low: int, high: int, by: int,
    u: float, inside: float,
) -> int:  # fmt: skip
    """A component by its share, and a multiple of `by` by inversion."""
    components = (len(out) - LAGS) // 3
    most, total, chosen = -math.inf, 0.0, components - 1
    for k in range(components):
        most = max(most, out[LAGS + k])
    for k in range(components):
        total += math.exp(out[LAGS + k] - most)
    target, total = u * total, 0.0
    for k in range(components):
        total += math.exp(out[LAGS + k] - most)
        if total > target:
            chosen = k
            break
    for k in range(LAGS):
        if t - LAGS + k >= 0:
            location += out[k] * error[t - LAGS + k]
    place = (location + out[LAGS + components + chosen] * loudness) * unit / by
    log_scale = min(out[LAGS + 2 * components + chosen] + math.log(loudness), WIDEST)
    spread = SMALLEST + unit / by * math.exp(log_scale)
    value = math.floor(place + spread * (math.log(inside) - math.log1p(-inside)) + 0.5)
    least, largest = -floor_of(-low, by), floor_of(high, by)
    return int(min(max(value, least), largest)) * by


def draw(out: Array, t: int, error: Array, location: float, loudness: float, unit: float, first: Array, low: int,
         high: int, by: int, u: Array) -> int:  # fmt: skip
    """The next sample; the law is one of codes where there is a table of their first numbers."""
    if len(first):
        return draw_code(out, first, high, by, u[0], u[1])
    return draw_logistics(out, t, error, location, loudness, unit, low, high, by, u[0], u[1])


def run(
    net: tuple[Any, ...], bias: Array, scale: float, past: tuple[Any, ...], law: tuple[Any, ...], x: Array,
    begun: Array, steps: Array, u: Array, outs: Array,
) -> None:  # fmt: skip
    """Fills up the waves `[n, T]` in place behind what is begun; `outs` `[n, keep, outputs]` takes the last outputs."""
    coefficients, weights, floor, unit, channels = past
    table, low, high = law
    n, length, keep = len(x), x.shape[1], outs.shape[1]
    first, start, dilations = net[0], net[8], net[9]
    rings, work = np.zeros((dilations.sum(), n, first.shape[1]), np.float32), kernels.room(n, net)
    shown, out = np.zeros((n, first.shape[0]), np.float32), np.zeros((n, len(start)), np.float32)
    y, error, loud, location = np.zeros((n, length)), np.zeros((n, length)), np.zeros((n, length)), np.zeros(n)
    for t in range(length):
        for row in range(n):
            location[row] = kernels.see(
                t, y[row], error[row], loud[row], coefficients, weights, floor, unit, channels, shown[row]
            )
        kernels.step(net, bias, scale, t, shown, rings, work, out)
        for row in range(n):
            if t >= begun[row]:
                x[row, t] = draw(
                    out[row], t, error[row], location[row], loud[row, t], unit, table, low, high, steps[row], u[row, t]
                )
            y[row, t] = x[row, t] / unit
            error[row, t] = y[row, t] - location[row]
            if t >= length - keep:
                outs[row, t - length + keep] = out[row]


def slowly(
    net: tuple[Any, ...], bias: Array, scale: float, past: tuple[Any, ...], law: tuple[Any, ...], x: Array,
    begun: Array, steps: Array, u: Array, outs: Array,
) -> None:  # fmt: skip
    """What `run` does, each sample from all those before it anew."""
    coefficients, weights, floor, unit, channels = past
    table, low, high = law
    n, length, keep = len(x), x.shape[1], outs.shape[1]
    first, start = net[0], net[8]
    for row in range(n):
        for t in range(length):
            shown, out = np.zeros((t + 1, first.shape[0]), np.float32), np.zeros((t + 1, len(start)), np.float32)
            y, error, loud, location = np.zeros(length), np.zeros(length), np.zeros(length), 0.0
            for s in range(t + 1):
                location = kernels.see(s, y, error, loud, coefficients, weights, floor, unit, channels, shown[s])
                if s < t:
                    y[s] = x[row, s] / unit
                    error[s] = y[s] - location
            kernels.whole(net, bias[:, row : row + 1], scale, shown, out)
            if t >= begun[row]:
                x[row, t] = draw(out[t], t, error, location, loud[t], unit, table, low, high, steps[row], u[row, t])
            if t >= length - keep:
                outs[row, t - length + keep] = out[t]


@functools.cache
def ready() -> dict[str, Callable[..., Any]]:
    """`run` and `slowly`, compiled by numba at the first call; the machine code is kept on disk where that is possible.

    What is kept goes by this file's date: who changes `kernels` touches this file too.
    """
    for module, names in (
        (vars(kernels), ("affine", "tanh", "gate", "see", "lay", "layer", "final", "room", "step", "whole")),
        (globals(), ("floor_of", "draw_code", "draw_logistics", "draw", "run", "slowly")),
    ):
        for name in names:
            module[name] = _compiled(module[name])
    return {name: globals()[name] for name in ("run", "slowly")}


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})(function)  # type: ignore[no-any-return]
    except RuntimeError:  # no place to keep it
        return numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function)  # type: ignore[no-any-return]

"""The arithmetic of a drawn sample, for numba: products in float32, the linear prediction in float64.

Every operation stands in one order, so that each function gives the same bits wherever it is called from and however
many rows there are: `step` (ring buffers, one moment) and `whole` (no buffers, all moments layer by layer) are equal
bit for bit. tanh is a rational function, within 4e-7 of the true one. Weights are whole numbers (see `rounding`), laid
out `[inputs, outputs]`. Functions are plain Python until `drawing.ready` compiles them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pofx.models.wavenet.past import LAGS, SHOWN

Array = np.ndarray
END = np.float32(8.0)  # beyond, tanh is one in float32
HALF, ONE, NOTHING = np.float32(0.5), np.float32(1.0), np.float32(0.0)
P1, P2, P3, P4 = (np.float32(p) for p in (0.134445056, 0.00357160624, 2.18947953e-05, 1.52306008e-08))
Q1, Q2, Q3, Q4 = (np.float32(q) for q in (0.467778325, 0.026164474, 0.000341130537, 8.52252185e-07))


def affine(weight: Array, scale: float, x: Array, y: Array) -> None:
    """`y += scale weight.T x` for each row of `x` `[n, inputs]`: eight inputs at a time, two rows at once."""
    inputs, outputs = weight.shape
    rows, k = len(x), 0
    while k + 8 <= inputs:
        row = 0
        while row + 2 <= rows:
            p, q = x[row], x[row + 1]
            a, b, c, d = p[k] * scale, p[k + 1] * scale, p[k + 2] * scale, p[k + 3] * scale
            e, f, g, h = p[k + 4] * scale, p[k + 5] * scale, p[k + 6] * scale, p[k + 7] * scale
            a2, b2, c2, d2 = q[k] * scale, q[k + 1] * scale, q[k + 2] * scale, q[k + 3] * scale
            e2, f2, g2, h2 = q[k + 4] * scale, q[k + 5] * scale, q[k + 6] * scale, q[k + 7] * scale
            for i in range(outputs):
                r, s = np.float32(weight[k, i]), np.float32(weight[k + 1, i])
                t, u = np.float32(weight[k + 2, i]), np.float32(weight[k + 3, i])
                v, w = np.float32(weight[k + 4, i]), np.float32(weight[k + 5, i])
                m, n = np.float32(weight[k + 6, i]), np.float32(weight[k + 7, i])
                y[row, i] += r * a + s * b + t * c + u * d + v * e + w * f + m * g + n * h
                y[row + 1, i] += r * a2 + s * b2 + t * c2 + u * d2 + v * e2 + w * f2 + m * g2 + n * h2
            row += 2
        if row < rows:
            p = x[row]
            a, b, c, d = p[k] * scale, p[k + 1] * scale, p[k + 2] * scale, p[k + 3] * scale
            e, f, g, h = p[k + 4] * scale, p[k + 5] * scale, p[k + 6] * scale, p[k + 7] * scale
            for i in range(outputs):
                r, s = np.float32(weight[k, i]), np.float32(weight[k + 1, i])
                t, u = np.float32(weight[k + 2, i]), np.float32(weight[k + 3, i])
                v, w = np.float32(weight[k + 4, i]), np.float32(weight[k + 5, i])
                m, n = np.float32(weight[k + 6, i]), np.float32(weight[k + 7, i])
                y[row, i] += r * a + s * b + t * c + u * d + v * e + w * f + m * g + n * h
        k += 8
    while k < inputs:
        for row in range(rows):
            a = x[row, k] * scale
            for i in range(outputs):
                y[row, i] += np.float32(weight[k, i]) * a
        k += 1


def tanh(x: Any) -> Any:
    """Within 4e-7, float32."""
    z: Any = min(max(x, -END), END)
    u = z * z
    over = ONE + u * (P1 + u * (P2 + u * (P3 + u * P4)))
    under = ONE + u * (Q1 + u * (Q2 + u * (Q3 + u * Q4)))
    return z * over / under


def gate(z: Array, g: Array) -> None:
    """`tanh(first half) * sigmoid(second half)` of each row."""
    rows, half = g.shape
    for row in range(rows):
        for i in range(half):
            g[row, i] = tanh(z[row, i]) * (HALF + HALF * tanh(HALF * z[row, half + i]))


def see(
    t: int, y: Array, error: Array, loud: Array, coefficients: Array, weights: Array, floor: float, unit: float,
    channels: int, shown: Array,
) -> float:  # fmt: skip
    """What `Past` sees before sample t: to `shown` and `loud[t]`; the location is returned. All in units."""
    location, loudness, level = 0.0, floor, 0.0
    for k in range(LAGS):
        if t - 1 - k >= 0:
            location += coefficients[k] * y[t - 1 - k]
            loudness += weights[k] * abs(error[t - 1 - k])
            level += abs(y[t - 1 - k])
    level = level / LAGS + 1.0 / unit
    for k in range(SHOWN):
        past = t - SHOWN + k
        shown[k] = y[past] / level if past >= 0 else 0.0
        shown[SHOWN + k] = error[past] / loudness if past >= 0 else 0.0
    before = loud[t - 1] if t > 0 else floor
    last = error[t - 1] if t > 0 else 0.0
    shown[2 * SHOWN] = np.log(level) / 4
    shown[2 * SHOWN + 1] = np.log(loudness) / 4
    shown[2 * SHOWN + 2] = np.arcsinh(last / before)
    shown[2 * SHOWN + 3] = np.log(loudness / before)
    shown[2 * SHOWN + 4] = location / level
    if channels > 1:
        for c in range(channels):
            shown[2 * SHOWN + 5 + c] = 1.0 if t % channels == c else 0.0
    loud[t] = loudness
    return location


def lay(values: Array, rows: Array) -> None:
    """The same numbers in each row; loops, as numba takes long to compile such assignments."""
    for row in range(len(rows)):
        for i in range(len(values)):
            rows[row, i] = values[i]


def layer(
    look: Array, look_scale: float, bias: Array, mix: Array, mix_scale: float, mix_bias: Array, pair: Array, z: Array,
    g: Array, out: Array,
) -> None:  # fmt: skip
    """One gated layer: of both moments in `pair` `[n, 2 residual]`, what goes on and, behind it, out, to `out`."""
    for row in range(len(z)):
        for i in range(z.shape[1]):
            z[row, i] = bias[row % len(bias), i]
    affine(look, look_scale, pair, z)
    gate(z, g)
    lay(mix_bias, out)
    affine(mix, mix_scale, g, out)


def final(
    total: Array, scale: float, middle: Array, middle_scale: float, middle_bias: Array, last: Array, last_scale: float,
    start: Array, seen: Array, out: Array,
) -> None:  # fmt: skip
    """From the sum of the skip paths `[n, skip]` to the outputs `[n, outputs]`."""
    rows, skip = total.shape
    for row in range(rows):
        for i in range(skip):
            total[row, i] = max(total[row, i] * scale, NOTHING)
    lay(middle_bias, seen)
    affine(middle, middle_scale, total, seen)
    for row in range(rows):
        for i in range(skip):
            seen[row, i] = max(seen[row, i], NOTHING)
    lay(start, out)
    affine(last, last_scale, seen, out)


def room(n: int, net: tuple[Any, ...]) -> tuple[Array, ...]:
    """Rows to work in: both moments, gates before and after, what a layer gives, the sum, the layer after it."""
    residual, skip = net[0].shape[1], net[4].shape[0]
    return (
        np.zeros((n, 2 * residual), np.float32), np.zeros((n, 2 * residual), np.float32),
        np.zeros((n, residual), np.float32), np.zeros((n, residual + skip), np.float32),
        np.zeros((n, skip), np.float32), np.zeros((n, skip), np.float32),
    )  # fmt: skip


def step(
    net: tuple[Any, ...], bias: Array, scale: float, t: int, shown: Array, rings: Array, work: tuple[Array, ...],
    out: Array,
) -> None:  # fmt: skip
    """The outputs at t of all rows; `rings` `[places, n, residual]` holds what layers saw before."""
    first, first_bias, looks, mixes, middle, mix_bias, middle_bias, last, start, dilations, scales, two = net
    pair, z, g, mixed, total, seen = work
    rows, residual, skip = len(shown), first.shape[1], middle.shape[0]
    h = np.zeros((rows, residual), np.float32)
    lay(first_bias, h)
    affine(first, scales[0], shown, h)
    for row in range(rows):
        for i in range(skip):
            total[row, i] = NOTHING
    place = 0
    for k in range(len(dilations)):
        at = place + t % dilations[k]
        for row in range(rows):
            for i in range(residual):
                pair[row, i] = rings[at, row, i]
                pair[row, residual + i] = rings[at, row, i] = h[row, i]
        layer(looks[k], two[k, 0], bias[k], mixes[k], two[k, 1], mix_bias[k], pair, z, g, mixed)
        for row in range(rows):
            for i in range(residual):
                h[row, i] += mixed[row, i]
            for i in range(skip):
                total[row, i] += mixed[row, residual + i]
        place += dilations[k]
    final(total, scale, middle, scales[1], middle_bias, last, scales[2], start, seen, out)


def whole(net: tuple[Any, ...], bias: Array, scale: float, shown: Array, out: Array) -> None:
    """The outputs `[T, outputs]` of one row `[T, inputs]` at all times, layer by layer, without buffers."""
    first, first_bias, looks, mixes, middle, mix_bias, middle_bias, last, start, dilations, scales, two = net
    residual, skip, length = first.shape[1], middle.shape[0], len(shown)
    pair, z, g, mixed, total, seen = room(length, net)
    h = np.zeros((length, residual), np.float32)
    lay(first_bias, h)
    affine(first, scales[0], shown, h)
    for k in range(len(dilations)):
        for t in range(length):
            for i in range(residual):
                pair[t, i] = h[t - dilations[k], i] if t >= dilations[k] else NOTHING
                pair[t, residual + i] = h[t, i]
        layer(looks[k], two[k, 0], bias[k], mixes[k], two[k, 1], mix_bias[k], pair, z, g, mixed)
        for t in range(length):
            for i in range(residual):
                h[t, i] += mixed[t, i]
            for i in range(skip):
                total[t, i] += mixed[t, residual + i]
    final(total, scale, middle, scales[1], middle_bias, last, scales[2], start, seen, out)

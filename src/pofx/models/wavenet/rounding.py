"""Weights of 16 bits: whole numbers times a power of two, one for each matrix, exact in float32 and float64.

Drawing a sample reads every weight once, so its time is that of memory, and half the bytes take half the time. The
network is rounded once after training; scores and draws then use the same numbers. An error is at most 2^-16 of the
largest weight, which costs no score.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.nets.dilated import Dilated

LARGEST = 32_767


def power(matrix: Tensor) -> float:
    """The power of two in which the matrix is counted."""
    largest = float(matrix.detach().abs().max()) if matrix.numel() else 0.0
    return float(2.0 ** np.ceil(np.log2(max(largest, 2.0**-60) / LARGEST)))


def whole_numbers(matrix: Tensor) -> tuple[Tensor, float]:
    """The matrix as int16, and the power of two to be multiplied by."""
    by = power(matrix)
    return (matrix.detach().cpu().double() / by).round().clamp(-LARGEST, LARGEST).to(torch.int16), by


@torch.no_grad()
def round_weights(net: Dilated) -> None:
    """Makes the matrices that draws go through what 16 bits can say, in place."""
    for matrix in (net.first, net.middle, net.final, *(m for gate in net.gates for m in (gate.look, gate.mix))):
        numbers, by = whole_numbers(matrix)
        matrix.copy_(numbers.to(matrix.dtype) * by)

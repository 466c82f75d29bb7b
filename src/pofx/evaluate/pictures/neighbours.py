"""Are samples copies? The nearest training picture of each sample, and how near held-out pictures lie by comparison.

The share of pairs in which a sample lies nearer to training than a held-out picture does is one half if the model
copies nothing, and near one if it copies (a three-sample test; Meehan, Chaudhuri and Dasgupta 2020). Samples that are
unlike any picture lie far from training, and bring the share under one half. Cost O(samples * training * values).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pofx.runs.pictures import Memory
from pofx.spaces.image import Image

MOST_TRAINING = 20_000  # training pictures looked through
NUMBERS = 1 << 23  # of training pictures that are float32 at once


def nearest(queries: Tensor, training: Tensor, space: Image) -> tuple[Tensor, Tensor]:
    """Place of, and squared distance to, the nearest training picture, `[m]` each; levels are scaled to [0, 1].

    Args:
        queries: `[m, C, H, W]`.
        training: `[n, C, H, W]`, n >= 1, in any type.
        space: what they are.
    """
    flat = _flat(queries, space)
    best = torch.full((len(flat),), math.inf)
    place = torch.zeros(len(flat), dtype=torch.long)
    size = max(1, NUMBERS // space.dims)
    for start in range(0, len(training), size):
        block = _flat(training[start : start + size], space)
        squared = flat.square().sum(1)[:, None] - 2 * flat @ block.T + block.square().sum(1)  # [m, block]
        least, where = squared.min(1)
        nearer = least < best
        best[nearer], place[nearer] = least[nearer], where[nearer] + start
    return place, best.clamp(min=0)


def memory(samples: Tensor, held: Tensor, space: Image) -> tuple[float, float]:
    """Share of pairs in which the sample is nearer, and its standard error if nothing were copied.

    Args:
        samples: squared distances of samples `[m]`.
        held: squared distances of held-out pictures `[k]`.
        space: what they are: distances nearer than rounding are ties.
    """
    grain = 1e-6 * space.dims
    ours, theirs = np.round(samples.numpy() / grain), np.sort(np.round(held.numpy() / grain))
    over = len(theirs) - np.searchsorted(theirs, ours, side="right")
    ties = np.searchsorted(theirs, ours, side="right") - np.searchsorted(theirs, ours, side="left")
    m, k = len(ours), len(theirs)
    share = float((over + 0.5 * ties).sum() / (m * k))
    return share, math.sqrt((m + k + 1) / (12 * m * k))  # Mann and Whitney (1947)


def memory_of(samples: Tensor, held: Tensor, training: Tensor, space: Image) -> Memory:
    """The check for one model's samples; of many training pictures the first are looked through."""
    some = training[:MOST_TRAINING]
    share, error = memory(nearest(samples, some, space)[1], nearest(held, some, space)[1], space)
    return Memory(share, error, len(samples), len(some))


def _flat(pictures: Tensor, space: Image) -> Tensor:
    return pictures.to(torch.float32).flatten(1) / (space.levels - 1)

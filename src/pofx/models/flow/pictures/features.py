"""What networks are told of a picture: its pixels as several numbers each, where they stand, and counts to begin at."""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.models.flow.pictures.margin import Margin

EACH = 5  # numbers a pixel
PLACES = 4  # numbers a place
LARGEST = 4_000_000  # numbers in a table of counts of every pixel
BELIEF = 2.0  # pictures that the law of all pixels counts for beside those of one pixel
BLOCK = 256  # pictures counted at once


def features(margin: Margin, group: Tensor, dtype: torch.dtype) -> Tensor:
    """Of groups of levels `[n, C, H, W]`, channel by channel `[n, C EACH, H, W]`: nothing that the noise moves."""
    value = (2.0 * group + 1) / margin.groups - 1
    middle = margin.of(margin.ends, group) + margin.of(margin.mass, group) / 2
    ends = [(group == 0).to(value.dtype), (group == margin.groups - 1).to(value.dtype)]
    parts = [value, 2 * middle.to(value.dtype) - 1, *ends, torch.ones_like(value)]
    return torch.stack(parts, 2).flatten(1, 2).to(dtype)


def places(height: int, width: int) -> Tensor:
    """Where the pixels stand, `[1, PLACES, H, W]`."""
    rows = torch.linspace(-1, 1, height)[:, None].expand(height, width) if height > 1 else torch.zeros(1, width)
    columns = torch.linspace(-1, 1, width).expand(height, width) if width > 1 else torch.zeros(height, 1)
    return torch.stack([rows, columns, rows.square(), columns.square()])[None]


def table_size(channels: int, bins: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of a table of counts: the picture's, or one for all places where that is too large."""
    return (height, width) if channels * bins * height * width <= LARGEST else (1, 1)


def log_counts(margin: Margin, x: Tensor, weights: Tensor | None, size: tuple[int, int]) -> Tensor:
    """Log shares of the bins at each place, `[C, K, *size]`, of pictures of whole numbers; smoothed."""
    channels, (height, width) = x.shape[1], size
    counts = torch.zeros(channels, height * width * margin.bins, dtype=torch.float64)
    at = torch.arange(height * width).reshape(size) * margin.bins
    for i in range(0, len(x), BLOCK):
        index = margin.of(margin.bin_of, margin.group_of_level(x[i : i + BLOCK])) + at
        one = weights[i : i + BLOCK] if weights is not None else torch.ones(len(index), dtype=torch.float64)
        for c in range(channels):
            each = one[:, None].expand(-1, index[0, 0].numel()).flatten()
            counts[c] += torch.bincount(index[:, c].flatten(), each, minlength=counts.shape[1])
    counts = counts.reshape(channels, height, width, margin.bins)
    counts += BELIEF * torch.diff(margin.edges, dim=1)[:, None, None]
    return torch.log(counts / counts.sum(-1, keepdim=True)).permute(0, 3, 1, 2)

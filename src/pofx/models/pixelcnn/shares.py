"""Levels as categories: a share for each, or for each of many runs of levels that are about equally frequent.

van den Oord et al. (2016a) give each of 256 levels a logit. Here runs have one (`models.flow.pictures.margin`): a
frequent level is a run by itself, rare ones share one and keep their counted proportions inside it. Where there are
no more levels than runs, each has its own. Logits begin at the counts of each place, and a millionth of the counted law
is mixed in, so that no level is impossible. Cost O(bins) a value.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.models.flow.pictures.features import log_counts, table_size
from pofx.models.flow.pictures.histogram import COUNTED
from pofx.models.pixelcnn.law import Law, chosen
from pofx.spaces.image import Image


class Shares(Law):
    """A histogram for each value.

    Args:
        space: the pictures.
        bins: runs of levels.
    """

    start: Tensor

    def __init__(self, space: Image, bins: int) -> None:
        super().__init__(space, bins)
        table = table_size(space.channels, self.margin.bins, space.height, space.width)
        start = torch.zeros(space.channels, *table, self.margin.bins, dtype=torch.float64)
        self.register_buffer("start", start)  # [C, H, W, K], or [C, 1, 1, K] for large pictures

    def per(self, channel: int) -> int:
        return self.margin.bins

    def _settle(self, x: Tensor, weights: Tensor | None) -> None:
        size = (self.start.shape[1], self.start.shape[2])
        self.start.copy_(log_counts(self.margin, x, weights, size).permute(0, 2, 3, 1))

    def score(self, said: dict[int, Tensor], x: Tensor) -> Tensor:
        group = self.margin.group_of_level(x)
        run = self.margin.of(self.margin.bin_of, group)
        logits = [
            one.permute(0, 2, 3, 1) + start.to(one.dtype) for one, start in zip(said.values(), self.start, strict=True)
        ]
        each = [torch.log_softmax(one, -1).gather(-1, run[:, c, ..., None])[..., 0] for c, one in enumerate(logits)]
        counted = self.margin.of(self._counted, run).log()
        share = torch.logaddexp(torch.stack(each, 1).double() + math.log1p(-COUNTED), counted + math.log(COUNTED))
        return share + self.margin.of(self.margin.share, group) - math.log(self._within)

    def table(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor) -> Tensor:
        group = torch.arange(self.levels, device=said.device) // self._within
        inside = self.margin.share[channel, group] - math.log(self._within)
        weights: Tensor = self._weights(channel, said, place)[:, self.margin.bin_of[channel, group]]
        return weights.log() + inside

    def _draw(self, channel: int, said: Tensor, place: tuple[int, int], before: Tensor, u: Tensor) -> Tensor:
        margin, run = self.margin, chosen(self._weights(channel, said, place).log(), u[:, 0])
        ends, edges = margin.ends[channel], margin.edges[channel]
        y = edges[run] + u[:, 1] * (edges[run + 1] - edges[run])
        groups = torch.arange(margin.groups, device=said.device)
        first = torch.searchsorted(margin.bin_of[channel], run)
        last = torch.searchsorted(margin.bin_of[channel], run, right=True) - 1
        group = torch.minimum(torch.maximum(torch.searchsorted(ends, y, right=True) - 1, first), last)
        part = ((y - ends[group]) / margin.mass[channel, group]).clamp(0, 1)
        level = (part * self._within).floor().clamp(max=self._within - 1)
        return groups[group].double() * self._within + level

    def _weights(self, channel: int, said: Tensor, place: tuple[int, int]) -> Tensor:
        """Of the runs, `[n, K]`."""
        _, height, width, _ = self.start.shape
        start = self.start[channel, min(place[0], height - 1), min(place[1], width - 1)]
        share = torch.softmax(said.double() + start, 1)
        return (1 - COUNTED) * share + COUNTED * self._counted[channel]

    @property
    def _counted(self) -> Tensor:
        """The probability of each run by the counted law, `[C, K]`."""
        return torch.diff(self.margin.edges, dim=1)

    @property
    def _within(self) -> int:
        """Levels that share a group."""
        return self.levels // self.margin.groups

"""Waves as rows to train on: windows of about one length in each row, so that little is filled up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.models.sound.grid import coarsest, step_of

LONGEST = 8  # times what is seen before a sample: longer waves are cut
NONE = -1


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of waves: where each begins and ends in `samples`, from where its samples count, its wave and its step.

    A window that does not begin its wave has samples in front that are only seen.
    """

    samples: Tensor
    spans: Tensor  # int64 [windows, 5]
    given: Tensor | None

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Samples `[n, T]`, which of them count, steps `[n]` and conditions of the windows in `rows`."""
        device, chosen = rows.device, rows[rows != NONE].cpu()
        spans = self.spans[chosen]
        width = int((spans[:, 1] - spans[:, 0]).max())
        place = spans[:, :1] + torch.arange(width)
        there = place < spans[:, 1:2]
        x = torch.where(there, self.samples[place.clamp(max=len(self.samples) - 1)], 0).float()
        given = None if self.given is None else self.given[spans[:, 3]].to(device)
        return x.to(device), (there & (place >= spans[:, 2:3])).to(device), spans[:, 4].to(device), given


def windows(data: Data, given: Tensor | None, steps: tuple[int, ...], field: int) -> Windows:
    """All windows of the waves, the shortest first; silent waves lie on all grids and count for the finest."""
    assert data.ends is not None
    spans: list[tuple[int, int, int, int, int]] = []
    longest, start = max(LONGEST * field, 1024), 0
    for wave, end in enumerate(data.ends.tolist()):
        step = coarsest(step_of(data.values[start:end]) or 1, steps)
        for first in range(start, end, longest):
            spans.append((max(first - field, start), min(first + longest, end), first, wave, step))
        start = end
    table = torch.tensor(spans, dtype=torch.int64).reshape(-1, 5)
    order = torch.argsort(table[:, 1] - table[:, 0], stable=True)
    return Windows(data.values, table[order], given)


def together(spans: Tensor, samples: int) -> Tensor:
    """Rows of windows of nearly one length, about `samples` in each, filled up with -1: int64 `[rows, most]`."""
    rows: list[list[int]] = [[]]
    for window, long in enumerate((spans[:, 1] - spans[:, 0]).tolist()):
        if rows[-1] and (len(rows[-1]) + 1) * long > samples:
            rows.append([])
        rows[-1].append(window)
    most = max(len(row) for row in rows)
    return torch.tensor([row + [NONE] * (most - len(row)) for row in rows])

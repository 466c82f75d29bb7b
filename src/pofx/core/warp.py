"""Sampling from another law than the model's: likelier values made likelier still. Scores know nothing of it.

Temperature: every conditional law is raised to the power 1 / t and scaled to one. Top-k: only the k likeliest values
(Fan, Lewis and Dauphin 2018); top-p: the fewest values that hold p of the probability (Holtzman et al. 2020). What is
drawn so does not follow `log_prob`; `LAW` changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.errors import SpaceError


@dataclass(frozen=True, kw_only=True)
class Warp:
    """How the conditional laws are bent before a value is drawn."""

    temperature: float = 1.0
    """Above 1 more even, below 1 more peaked; 0 always takes the likeliest value."""
    top_k: int | None = None
    """Only so many of the likeliest values."""
    top_p: float | None = None
    """Only the likeliest values that together hold this share."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise SpaceError("a temperature is a number from 0", got=str(self.temperature))
        if self.top_k is not None and self.top_k < 1:
            raise SpaceError("at least one value must be left", got=f"top_k={self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise SpaceError("top_p is a share", got=str(self.top_p), expected="0 < top_p <= 1")

    @property
    def keeps_the_law(self) -> bool:
        """Whether samples follow the model."""
        return self.temperature == 1 and self.top_k is None and self.top_p in (None, 1)

    def __call__(self, logits: Tensor) -> Tensor:
        """Bent log weights of `[..., values]`, not scaled to one."""
        if self.keeps_the_law:
            return logits
        if self.temperature == 0:
            best = logits.argmax(-1, keepdim=True)
            return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
        bent = logits / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            bent = bent.masked_fill(bent < bent.topk(self.top_k, -1).values[..., -1:], -torch.inf)
        if self.top_p is not None and self.top_p < 1:
            ordered, order = bent.sort(-1, descending=True)
            share = torch.softmax(ordered, -1)
            beyond = share.cumsum(-1) - share >= self.top_p  # the value that reaches the share is kept
            bent = bent.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -torch.inf)
        return bent


LAW = Warp()

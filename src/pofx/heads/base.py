"""What a likelihood head is: `p(x | parameters)` of columns that are independent of each other given the parameters.

A network gives `size` numbers a row, laid out `[per, columns]`: the first number of every column, then the second, ...
NaN in x means "there is no value here" and scores 0, without touching a gradient. All answers are in the dtype of the
parameters, so a score is as exact as the numbers handed over: training may use float32, scores use float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Head(nn.Module, ABC):
    """A distribution of `columns` columns that takes `per` numbers for each; `complete` ones have no missing value."""

    def __init__(self, columns: int, per: int, *, complete: bool = False) -> None:
        super().__init__()
        self.columns, self.per, self.complete = columns, per, complete

    @property
    def size(self) -> int:
        """How many numbers the network must give a row."""
        return self.per * self.columns

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Nats of each value, `[n, size]` and `[n, columns]` to `[n, columns]`; 0 where there is no value."""
        if self.complete:
            return self._log_prob(self.split(parameters), x.to(parameters.dtype))
        there = ~torch.isnan(x)
        known = torch.where(there, x, self.stand_in(x)).to(parameters.dtype)
        return torch.where(there, self._log_prob(self.split(parameters), known), 0.0)

    def split(self, parameters: Tensor) -> Tensor:
        """`[n, size]` as `[per, n, columns]`."""
        return parameters.reshape(len(parameters), self.per, self.columns).movedim(1, 0)

    def stand_in(self, x: Tensor) -> Tensor:
        """A possible value of each column, for places where there is none; broadcasts to x."""
        return torch.zeros_like(x)

    @abstractmethod
    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """`[per, n, columns]` and `[n, columns]`, no NaN among them, to `[n, columns]`."""

    @abstractmethod
    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """One value of each column, `[n, size] -> [n, columns]`."""

    @abstractmethod
    def middle(self, parameters: Tensor) -> Tensor:
        """The one value that stands for the law, an outcome too: the mean of numbers, the most likely label."""

    @abstractmethod
    def initial(self, x: Tensor) -> Tensor:
        """Parameters `[size]` that fit the columns by themselves, roughly: what a network should begin with."""


def uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers inside (0, 1) in the shape, dtype and place of `like`."""
    u = torch.rand(like.shape, generator=generator, device=generator.device, dtype=torch.float64)
    return u.clamp(2.0**-53, 1 - 2.0**-53).to(like.device, torch.float64)


def mean_and_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of each column, `[n, columns]` to `[columns]` twice, over the values that there are; 0 and 1 where none is."""
    there = ~torch.isnan(x)
    count = there.sum(0).clamp(min=1)
    mean = torch.nan_to_num(x).sum(0) / count
    spread = torch.where(there, x - mean, 0.0).square().sum(0) / count
    return mean, torch.where(there.any(0), spread.sqrt(), 1.0)

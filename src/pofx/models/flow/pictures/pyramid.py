"""A multiscale flow of conditional histograms: from one pixel to the whole picture in steps of twice the size.

Every second row and column make a picture of half the size; the three other quarters of the pixels are coupled to it
one after the other, each a piecewise-linear map given all that is known, and are noise from there on: couplings with
factored-out halves (Dinh et al. 2017), in the order of Reed et al. (2017), Parallel multiscale autoregressive density
estimation. Within a quarter pixels are independent given what is known. Any height and width.

Drawing takes three passes a doubling. Limits: a quarter's pixels hang together through coarser ones only, which costs
bits against `raster`. Cost O(H W (hidden EACH window + depth hidden^2)) a picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from pofx.models.flow.pictures.features import EACH, PLACES, features, log_counts, places, table_size
from pofx.models.flow.pictures.head import Head
from pofx.models.flow.pictures.histogram import log_density, normal, of_uniform, to_uniform, uniform
from pofx.models.flow.pictures.margin import Margin
from pofx.nets.seeded import Body

ORDER = ((0, 0), (1, 1), (0, 1), (1, 0))  # rows and columns of the quarters; the first is the picture of half the size
KERNEL = 5  # of the first convolution, which sees the picture of half the size


class Quarter(nn.Module):
    """Conditional histograms of one quarter of the pixels of one scale.

    Args:
        net: margin, size and hidden, as in `Pyramid`.
        step: pixels from one of the quarter to the next; 0 for the one pixel that is first.
        turn: which of the quarters.
    """

    def __init__(
        self, margin: Margin, size: tuple[int, int, int], hidden: int, depth: int, step: int, turn: int,
        random: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        channels, height, width = size
        self.step, self.turn, self.margin = step, turn, margin
        inputs = PLACES + turn * channels * EACH
        self.body = Body(inputs, hidden, KERNEL if step else 1, depth if step else 0, random)
        self.heads = nn.ModuleList(Head(hidden, c, margin.bins, random) for c in range(channels))
        coarse = (height + step - 1) // step if step else 1, (width + step - 1) // step if step else 1
        self.register_buffer("where", places(*coarse), persistent=False)

    where: Tensor

    def part(self, x: Tensor, turn: int | None = None) -> Tensor:
        """A quarter of a picture or of a table of its places, this one by default."""
        if not self.step:
            return x[..., :1, :1]
        row, column = (offset * self.step // 2 for offset in ORDER[self.turn if turn is None else turn])
        return x[..., row :: self.step, column :: self.step]

    def context(self, known: Tensor, size: tuple[int, int]) -> Tensor:
        """What the quarters before say of this one, from the features of a picture; `size` is this one's."""
        height, width = self.where.shape[2:]
        seen = [self.part(known, turn) for turn in range(self.turn)]
        whole = [pad(x, (0, width - x.shape[3], 0, height - x.shape[2])) for x in seen]
        x = torch.cat([self.where.expand(len(known), -1, -1, -1), *whole], 1)
        h: Tensor = self.body(x)[..., : size[0], : size[1]]
        return h

    def weigh(self, h: Tensor, own: Tensor, start: Tensor) -> Tensor:
        """Weights of the bins `[n, C, K, h, w]`, from the context, the quarter's own features, and its counts."""
        return torch.stack([head(h, own) for head in self.heads], 1) + start


class Pyramid(nn.Module):
    """The flow.

    Args:
        margin: the law of single pixels.
        size: channels, height and width.
        hidden: channels of the networks.
        depth: residual blocks of each.
        random: of the first weights.
    """

    start: Tensor

    def __init__(
        self, margin: Margin, size: tuple[int, int, int], hidden: int, depth: int, random: torch.Generator
    ) -> None:
        super().__init__()
        self.margin = margin
        self.quarters = nn.ModuleList([Quarter(margin, size, hidden, depth, 0, 0, random)])
        step = 1
        while step < max(size[1:]):
            step *= 2
        while step > 1:
            for turn in (1, 2, 3):
                if all(offset * step // 2 < length for offset, length in zip(ORDER[turn], size[1:], strict=True)):
                    self.quarters.append(Quarter(margin, size, hidden, depth, step, turn, random))
            step //= 2
        table = table_size(size[0], margin.bins, size[1], size[2])
        self.register_buffer("start", torch.zeros(size[0], margin.bins, *table))

    def settle(self, x: Tensor, weights: Tensor | None) -> None:
        """Begin at what was counted at each pixel."""
        self.start.copy_(log_counts(self.margin, x, weights, (self.start.shape[2], self.start.shape[3])))

    @property
    def _quarters(self) -> list[Quarter]:
        return [quarter for quarter in self.quarters if isinstance(quarter, Quarter)]

    def log_prob(self, z: Tensor) -> Tensor:
        """Of pictures in the unit cube, float64 `[n]`."""
        group, score = self.margin.group(z), z.new_zeros(len(z), dtype=torch.float64)
        known = features(self.margin, group, self.start.dtype)
        for quarter in self._quarters:
            logits = self._logits(quarter, known)
            score = score + log_density(logits, self.margin, quarter.part(group)).flatten(1).sum(1)
        return score

    def to_noise(self, z: Tensor) -> Tensor:
        """The standard normal numbers behind pictures."""
        known, u = features(self.margin, self.margin.group(z), self.start.dtype), torch.empty_like(z)
        for quarter in self._quarters:
            quarter.part(u).copy_(to_uniform(self._logits(quarter, known), self.margin, quarter.part(z)))
        return normal(u)

    def from_noise(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures that normal numbers make, and their log density."""
        u, z, score = uniform(noise), torch.zeros_like(noise), noise.new_zeros(len(noise))
        known = self.start.new_zeros(len(z), EACH * z.shape[1], *z.shape[2:])
        for quarter in self._quarters:
            here = quarter.part(u)
            h, start = quarter.context(known, (here.shape[2], here.shape[3])), self._start(quarter)
            for _ in range(z.shape[1]):  # with each turn one more channel is right
                logits = quarter.weigh(h, quarter.part(known), start)
                quarter.part(z).copy_(of_uniform(logits, self.margin, here))
                group = self.margin.group(quarter.part(z))
                quarter.part(known).copy_(features(self.margin, group, known.dtype))
            score = score + log_density(logits, self.margin, group).flatten(1).sum(1)
        return z, score

    def _start(self, quarter: Quarter) -> Tensor:
        return self.start if self.start.shape[2:] == (1, 1) else quarter.part(self.start)

    def _logits(self, quarter: Quarter, known: Tensor) -> Tensor:
        own = quarter.part(known)
        return quarter.weigh(quarter.context(known, (own.shape[2], own.shape[3])), own, self._start(quarter))

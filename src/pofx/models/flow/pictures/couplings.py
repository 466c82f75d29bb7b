"""Layers of a multiscale flow of pictures: normalisation, 1 x 1 convolutions, couplings, halves that are factored out.

Dinh et al. (2017, RealNVP: couplings on channels and checkerboards, squeezes, factored-out halves); Kingma & Dhariwal
(2018, Glow: normalisation set by the first pictures, invertible 1 x 1 convolutions); Durkan et al. (2019: couplings by
rational-quadratic splines); Ho et al. (2019, Flow++: couplings that are more than affine). Each layer gives values and
the log of its volume `[n]`; `inverse` gives values. Cost of a coupling: its network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pofx.models.flow.pictures.features import PLACES, places
from pofx.nets.seeded import Body, Conv
from pofx.nets.spline import AffineSpline

LARGEST = 3.0  # of |log scale| of a factored half
LEAST = 1e-2  # of a standard deviation


class Layer(nn.Module):
    """An invertible map of `[n, C, H, W]`."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """y, and log |det dy/dx| `[n]`."""
        raise NotImplementedError

    def inverse(self, y: Tensor) -> Tensor:
        """x of y."""
        raise NotImplementedError


class Normalise(Layer):
    """A shift and a scale of each channel, which `settle` makes mean 0 and standard deviation 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(channels, 1, 1))

    def settle(self, x: Tensor) -> None:
        """Take mean and spread from pictures."""
        with torch.no_grad():
            spread = x.std((0, 2, 3), correction=0).clamp_min(LEAST)[:, None, None]
            self.log_scale.copy_(-torch.log(spread))
            self.shift.copy_(-x.mean((0, 2, 3))[:, None, None] / spread)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        volume = self.log_scale.sum() * (x.shape[2] * x.shape[3])
        return x * torch.exp(self.log_scale) + self.shift, volume.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        return (y - self.shift) * torch.exp(-self.log_scale)


class Mix(Layer):
    """A 1 x 1 convolution, a rotation at first."""

    def __init__(self, channels: int, random: torch.Generator) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels, generator=random, dtype=torch.float64))[0]
        self.matrix = nn.Parameter(rotation.float())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        volume = torch.linalg.slogdet(self.matrix)[1] * (x.shape[2] * x.shape[3])
        return torch.einsum("ij,njhw->nihw", self.matrix, x), volume.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        flat: Tensor = torch.linalg.solve(self.matrix, y.transpose(0, 1).flatten(1))
        return flat.reshape(y.shape[1], len(y), *y.shape[2:]).transpose(0, 1)


class Coupling(Layer):
    """Moves the numbers under a mask by affine splines that a network of the others says; at first not at all.

    Args:
        mask: `[C, H, W]`, true where a number is moved.
        hidden, depth: of the network.
        bins: pieces of each spline.
        random: of the first weights.
    """

    where: Tensor
    mask: Tensor

    def __init__(self, mask: Tensor, hidden: int, depth: int, bins: int, random: torch.Generator) -> None:
        super().__init__()
        channels, height, width = mask.shape
        self.moved = mask.flatten(1).any(1).nonzero()[:, 0].tolist()  # channels in which any number is
        self.numbers = 3 * bins + 1
        self.body = Body(channels + PLACES, hidden, 3, depth, random)
        self.say = Conv(hidden, len(self.moved) * self.numbers, 3, random, 0.0)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("where", places(height, width), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mask = self.mask[self.moved]
        y, stretch = self._spline(x).call_and_ladj(x[:, self.moved])
        stretch = torch.where(mask, stretch, torch.zeros_like(stretch))
        return self._into(x, torch.where(mask, y, x[:, self.moved])), stretch.flatten(1).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        x = self._spline(y).inv(y[:, self.moved])
        return self._into(y, torch.where(self.mask[self.moved], x, y[:, self.moved]))

    def _spline(self, x: Tensor) -> AffineSpline:
        kept = torch.where(self.mask, torch.zeros_like(x), x)
        said = self.say(self.body(torch.cat([kept, self.where.expand(len(x), -1, -1, -1)], 1)))
        said = said.reshape(len(x), len(self.moved), self.numbers, *x.shape[2:]).movedim(2, -1)
        bins = (self.numbers - 1) // 3
        boxes = said[..., 2 : 2 + 2 * bins].unflatten(-1, (2, bins))
        return AffineSpline(said[..., 0], said[..., 1], boxes, said[..., 2 + 2 * bins :])

    def _into(self, x: Tensor, moved: Tensor) -> Tensor:
        return x.index_copy(1, torch.tensor(self.moved, device=x.device), moved)


class Factor(nn.Module):
    """The half of the channels that leaves: normal with means and scales that a network of the other half says.

    Args:
        kept, left: channels that stay and that leave; with none that stay the law goes by the place alone.
        size: height and width.
        hidden: of the network.
        random: of the first weights.
    """

    where: Tensor

    def __init__(self, kept: int, left: int, size: tuple[int, int], hidden: int, random: torch.Generator) -> None:
        super().__init__()
        self.body = Body(kept + PLACES, hidden, 3, 0, random)
        self.say = Conv(hidden, 2 * left, 3, random, 0.0)
        self.register_buffer("where", places(*size), persistent=False)

    def forward(self, kept: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Standard normal numbers behind the half that leaves, and log of the volume."""
        mean, log_scale = self._law(kept)
        return (x - mean) * torch.exp(-log_scale), -log_scale.flatten(1).sum(1)

    def inverse(self, kept: Tensor, noise: Tensor) -> Tensor:
        """The half that left, from its noise."""
        mean, log_scale = self._law(kept)
        return mean + noise * torch.exp(log_scale)

    def _law(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        said = self.say(self.body(torch.cat([kept, self.where.expand(len(kept), -1, -1, -1)], 1)))
        mean, raw = said.chunk(2, 1)
        return mean, LARGEST * torch.tanh(raw / LARGEST)


def log_normal(noise: Tensor) -> Tensor:
    """Log density of standard normal numbers, float64 `[n]`."""
    each: Tensor = -0.5 * (noise.double().square() + math.log(2 * math.pi))
    return each.flatten(1).sum(1)

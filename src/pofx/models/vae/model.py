"""A fitted VAE: a lower bound of log p(x), samples, codes, and both terms of the bound apart.

`log p(x) >= E_q[log p(x | z) + log p(z) - log q(z | x)]`; the mean of k importance weights is tighter (Burda et al.
2016), and exact in the limit. p(x | z) is a product of true likelihoods, one a column or pixel, in which a value that
is missing has no factor: that is exact for p(x), and so the bound stays one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pofx.core.contract import BoundedDensity
from pofx.heads.choose import head_of
from pofx.models.autoencoder.bodies import decoder, encoder, weights_from
from pofx.models.autoencoder.features import Features
from pofx.models.vae.network import Inferred, Network
from pofx.models.vae.options import Options
from pofx.rng import generator as new_generator
from pofx.spaces.image import Image
from pofx.spaces.table import Table

NUMBERS = 1 << 23  # for the head at once: 64 MB in float64
USED = 0.01  # nats of KL above which a latent number is in use (Burda et al. 2016 look at the variance of its mean)


class VAEModel(BoundedDensity):
    """Encoder, prior, decoder and head.

    Args:
        space: a table of Real, Integer, Circle and Category columns, or pictures.
        recipe: the estimator, with every size written in.
        centre, scale, gaps: of the features.
        seed: of the weights that training begins with.
        met: levels of pixels that have a share each; none where their law is smooth.
    """

    capabilities = frozenset({"missing", "discrete", "periodic"})

    def __init__(
        self,
        space: Table | Image,
        recipe: Options,
        centre: Tensor,
        scale: Tensor,
        gaps: tuple[int, ...],
        seed: int = 0,
        met: tuple[int, ...] = (),
    ) -> None:
        super().__init__(space)
        assert recipe.latent is not None
        assert recipe.hidden is not None
        sizes = (recipe.hidden, recipe.depth, recipe.channels, recipe.net)
        self.recipe, self.gaps, self.seed, self.met = recipe, tuple(gaps), seed, tuple(met)
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)
        self.features = Features(space, centre, scale, self.gaps)
        self.head = head_of(space, centre, scale, recipe.components, recipe.floor, self.met)
        size = self.head.size
        with weights_from(seed):
            body = encoder(space, self.features.width, *sizes)
            self.net = Network(
                body, body.width, lambda width: decoder(space, width, size, *sizes),
                recipe.latent, recipe.levels, recipe.flow,
            )  # fmt: skip
        self.offset = nn.Parameter(torch.zeros(size))
        fixed = self.head.spreads() if recipe.variance == "column" else torch.zeros(size, dtype=torch.bool)
        self.register_buffer("free", ~fixed, persistent=False)  # numbers that the decoder may say for each row
        self.free: Tensor
        # Of training, for a fit that goes on from a checkpoint: steps taken, and the part of it that is over.
        self.register_buffer("course", torch.zeros(2, dtype=torch.float64), persistent=False)
        self.course: Tensor

    @property
    def free_parameters(self) -> int:
        return sum(part.numel() for part in self.parameters())

    @property
    def width(self) -> int:
        """How many latent numbers a row has, all levels together."""
        return self.net.latent * self.net.levels

    # The bound ------------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Inferred]:
        """log p(x | z) of each row `[n]` and what was inferred, in the precision of the noise; for training."""
        found = self.net.infer(self.features(x), noise)
        score = self.head.log_prob(self._numbers(found.parameters).to(noise.dtype), x.flatten(1))
        return score.sum(1), found

    def _log_weight(self, x: Tensor, given: Tensor | None, generator: torch.Generator) -> Tensor:
        parts = [score - found.excess.sum(1) for score, found in self._inferred(x, generator)]
        return torch.cat(parts) if parts else x.new_zeros(0)

    @torch.no_grad()
    def terms(self, x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Reconstruction `log p(x | z)` and prior term `KL(q(z | x) || p(z))` of each row, nats, `[n]` each.

        Their difference is the bound with one draw, but that the KL is in closed form where there is one.
        """
        found = [(s, part.divergence.sum(1)) for s, part in self._inferred(x, new_generator(seed))]
        return torch.cat([score for score, _ in found]), torch.cat([kl for _, kl in found])

    @torch.no_grad()
    def units_used(self, x: Tensor, seed: int = 0) -> Tensor:
        """The mean KL of each latent number over rows, nats, `[levels * latent]`; under 0.01 it carries nothing."""
        total = sum(part.divergence.sum(0) for _, part in self._inferred(x, new_generator(seed)))
        assert isinstance(total, Tensor)
        return total / len(x)

    def _inferred(self, x: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Inferred]]:
        """`forward` block by block, in float64; noise is drawn for all rows at once, so blocks change nothing."""
        noise = torch.randn(len(x), self.width, generator=generator, device=generator.device, dtype=torch.float64)
        for rows, part in zip(x.split(self._rows), noise.to(x.device).split(self._rows), strict=True):
            if len(rows):
                yield self(rows, part)

    # Codes and samples ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """The posterior means of rows in the model's own tensor form, float64 `[n, levels * latent]`."""
        blocks = [
            self.net.infer(self.features(b), b.new_zeros(len(b), self.width).double()).codes for b in self._split(x)
        ]
        return torch.cat(blocks) if blocks else torch.zeros(0, self.width, dtype=torch.float64)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """The middle of p(x | z), float64 `[n, *event]`."""
        blocks = [self.head.middle(self._numbers(self.net.follow(block))) for block in self._split(codes)]
        return torch.cat(blocks).reshape(len(codes), *self.space.event_shape)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Each row as it comes back from its code."""
        return self.decode(self.encode(x))

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        noise = torch.randn(n, self.width, generator=generator, dtype=torch.float64).to(self.offset.device)
        blocks = [
            self.head.sample(self._numbers(self.net.imagine(block)).double(), generator) for block in self._split(noise)
        ]
        drawn = torch.cat(blocks) if blocks else noise.new_zeros(0, *self.space.event_shape)
        return drawn.reshape(n, *self.space.event_shape)

    def _numbers(self, parameters: Tensor) -> Tensor:
        """What the decoder says, with what is the same for all rows."""
        return parameters * self.free + self.offset

    @property
    def _rows(self) -> int:
        return max(16, NUMBERS // self.head.size)

    def _split(self, x: Tensor) -> list[Tensor]:
        return [block for block in x.split(self._rows) if len(block)]

"""A fitted autoencoder: a row to a short code and back, and no probability; samples where a density sits on the codes.

Hinton and Salakhutdinov (2006); density on the codes: Ghosh et al. (2020), From variational to deterministic
autoencoders. What the decoder makes of codes of that density is a sampler: its law has no density of its own, since
rows of n numbers that come from m < n numbers fill no volume.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.contract import Model, Sampler
from pofx.errors import LikelihoodError
from pofx.models.autoencoder.bodies import decoder, encoder, weights_from
from pofx.models.autoencoder.features import Features
from pofx.models.autoencoder.options import Options
from pofx.nets.dense import Dense
from pofx.spaces.image import Image
from pofx.spaces.table import Table

ROWS = 4096  # mapped at once


class AutoencoderModel(Sampler):
    """Encoder and decoder, and what may sit on the codes.

    Args:
        space: a table of Real, Integer, Circle and Category columns, or pictures.
        recipe: the estimator, with every size written in.
        centre, scale, gaps: of the features.
        density: a model of the codes; None for an autoencoder that is nothing more.
        seed: of the weights that training begins with.
    """

    capabilities = frozenset({"missing", "discrete", "periodic"})

    def __init__(
        self,
        space: Table | Image,
        recipe: Options,
        centre: Tensor,
        scale: Tensor,
        gaps: tuple[int, ...],
        density: Model | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(space)
        assert recipe.codes is not None
        assert recipe.hidden is not None
        self.recipe, self.gaps, self.seed = recipe, tuple(gaps), seed
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)
        self.density = density
        self.features = Features(space, centre, scale, self.gaps)
        sizes = (recipe.hidden, recipe.depth, recipe.channels, recipe.net)
        with weights_from(seed):
            body = encoder(space, self.features.width, *sizes)
            self.encoder = torch.nn.Sequential(body, Dense(body.width, recipe.codes))
            self.decoder = decoder(space, recipe.codes, self.features.targets, *sizes)
        self.offset = torch.nn.Parameter(torch.zeros(self.features.targets))

    @property
    def free_parameters(self) -> int:
        own = sum(part.numel() for net in (self.encoder, self.decoder) for part in net.parameters())
        return own + self.offset.numel() + (0 if self.density is None else self.density.free_parameters)

    def forward(self, features: Tensor) -> Tensor:
        """Features `[n, width]` or pictures, and back, `[n, targets]`."""
        y: Tensor = self.decoder(self.encoder(features)) + self.offset
        return y

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Rows in the model's own tensor form to codes, float64 `[n, codes]`."""
        blocks = [self.encoder(self.features(block)).double() for block in x.split(ROWS)]
        return torch.cat(blocks) if blocks else x.new_zeros(0, self.recipe.codes or 0)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes to rows, float64 `[n, *event]`."""
        blocks = [self.decoder(block.float()) + self.offset for block in codes.to(self.offset.device).split(ROWS)]
        return self.features.inverse(torch.cat(blocks))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Each row as it comes back from its code."""
        return self.decode(self.encode(x))

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        if self.density is None:
            raise LikelihoodError(
                "a plain autoencoder has no distribution to sample from",
                got="latent=None",
                remedy="fit it with latent='mixture', which puts a density on the codes",
            )
        return self.decode(self.density._sample(n, generator, None))

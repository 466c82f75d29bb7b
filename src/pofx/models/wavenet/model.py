"""A fitted WaveNet: the probability of waves sample by sample, exactly, and waves drawn at the cost of a step each.

Scores run in float64, draws in float32. A wave's length is given, not modelled; before it there is silence.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from pofx.codecs.columns import Columns
from pofx.core.contract import Density
from pofx.core.warp import Warp
from pofx.models.autoencoder.features import Features
from pofx.models.sound.grid import after, mixed
from pofx.models.sound.rows import check_begun, checked_length
from pofx.models.wavenet.generate import Begun, generate
from pofx.models.wavenet.network import Network
from pofx.models.wavenet.options import Options
from pofx.spaces.sequence import PAD, lengths
from pofx.spaces.waveform import Waveform

ROWS = 256  # scored at once


class WaveNetModel(Density):
    """Waves, sample by sample.

    Args:
        space: the waves.
        recipe: the estimator, whose architecture this is.
        unit: what samples are counted in.
        steps, shares: grids that waves lie on, 1 first, and how often each does.
        conditions: the map from the given columns to those the network is told of; None without conditions.
        centre, scale: of the conditions, as `Features` wants them.
        seed: of the weights that training begins with.
    """

    capabilities = frozenset({"parts", "complete", "given", "discrete"})

    def __init__(
        self,
        space: Waveform,
        recipe: Options,
        unit: float,
        steps: tuple[int, ...],
        shares: tuple[float, ...],
        conditions: Columns | None,
        centre: Tensor,
        scale: Tensor,
        seed: int,
    ) -> None:
        super().__init__(space, None if conditions is None else conditions.table)
        self.recipe, self.unit, self.seed = recipe, unit, seed
        self.steps, self.shares = tuple(steps), tuple(shares)
        self.conditions = conditions
        self.register_buffer("centre", centre)
        self.register_buffer("scale", scale)
        self._features = None if conditions is None else Features(conditions.target, centre, scale, ())
        width = 0 if self._features is None else self._features.width
        self.network = Network(space, recipe, unit, width, seed)

    @property
    def free_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters()) + len(self.shares) - 1

    def told(self, given: Tensor | None) -> Tensor | None:
        """What the network is told of conditions, float32 `[n, width]`."""
        if given is None or self.conditions is None or self._features is None:
            return None
        with torch.no_grad():
            told: Tensor = self._features(self.conditions.encode(given)[0])
            return told.float()

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    @torch.no_grad()
    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        blocks = range(0, len(x), ROWS)
        parts = [mixed(self._scores(x[k : k + ROWS], _some(given, k)), self._shares(x)) for k in blocks]
        return torch.cat(parts) if parts else x.new_zeros(x.shape, dtype=torch.float64)

    def _scores(self, x: Tensor, given: Tensor | None) -> Tensor:
        """On each grid, float64 `[steps, n, T]`."""
        told = self.told(given)
        return self._exact().scores(x, None if told is None else told.double(), self.steps)

    def _exact(self) -> Network:
        return copy.deepcopy(self.network).double()

    def _shares(self, x: Tensor) -> Tensor:
        return torch.tensor(self.shares, dtype=torch.float64, device=x.device)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        begun = torch.zeros(n, 0, dtype=torch.int32)
        return self._drawn(begun, checked_length(self.space, None), generator, given)

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        check_begun(self.space, begun, warp)
        return self._drawn(begun, checked_length(self.space, length), generator, given)

    def _drawn(self, begun: Tensor, length: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        """Waves that begin so, each as long as asked, or as its beginning where that is longer."""
        shares = after(self._scores(begun, given), self._shares(begun)).exp()  # [steps, n]
        u = torch.rand(len(begun), generator=generator, dtype=torch.float64)
        chosen = (u.to(shares.device) >= shares.cumsum(0)[:-1]).sum(0)
        steps = torch.tensor(self.steps)[chosen.cpu()]
        known = lengths(begun)
        drawn = generate(self.network, Begun(begun, known, steps, self.told(given)), length, generator)
        keep = torch.arange(drawn.shape[1], device=drawn.device) < known.clamp(min=length).to(drawn.device)[:, None]
        return torch.where(keep, drawn, PAD)


def _some(given: Tensor | None, start: int) -> Tensor | None:
    return None if given is None else given[start : start + ROWS]

"""WaveNet: waves sample by sample, by dilated causal convolutions (van den Oord et al. 2016).

Gated units, residual and skip paths; the law of a sample is a mixture of discretised logistic laws (as in Parallel
WaveNet, van den Oord et al. 2018) round a linear prediction that the network corrects, or 256 codes of mu-law, uniform
inside a code's cell. Exact in bits of the samples as recorded; recordings on a coarse grid, such as 8 bits written as
16, are found and modelled as such (see `grid`). Conditions are told to every gate. Draws run through ring buffers in
one loop (numba).

Limits: the length of a wave is not modelled; conditions hold for the whole wave; channels stand in turn, as samples of
one line. Cost O(samples layers (residual^2 + residual skip)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from pofx.core.contract import Model
from pofx.core.registry import register
from pofx.data.dataset import Data, on_end
from pofx.errors import FitError
from pofx.models.autoencoder.features import Features
from pofx.models.conditions import conditions_of, known
from pofx.models.sound.grid import count_steps
from pofx.models.wavenet.fitting import fit, steps_in
from pofx.models.wavenet.model import WaveNetModel
from pofx.models.wavenet.options import Options
from pofx.models.wavenet.past import solve
from pofx.models.wavenet.rounding import round_weights
from pofx.rng import generator, split
from pofx.spaces.base import Space
from pofx.spaces.waveform import Waveform
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

LEAST = {"residual": 1, "skip": 1, "doublings": 1, "cycles": 1, "components": 1, "batch": 1}
FEWEST = 20  # waves under which none are held out
PART = 20  # one wave in so many is held out


@register
@dataclass(frozen=True, kw_only=True)
class WaveNet(Options):
    """A WaveNet.

    >>> import numpy as np
    >>> waves = [np.arange(-8, 8), np.arange(8)]
    >>> model = WaveNet(steps=2, residual=4, skip=4, doublings=2, cycles=1).fit(
    ...     Waveform(8000, bits=5).read(waves), space=Waveform(8000, bits=5))
    >>> model.log_prob_parts(waves).shape
    (2, 16)
    """

    name: ClassVar[str] = "wavenet"
    accepts: ClassVar[tuple[type[Space], ...]] = (Waveform,)
    capabilities = WaveNetModel.capabilities

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise FitError(f"{name} is too small", got=f"{name}={getattr(self, name)}", expected=f">= {least}")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        deadline, data = plan.deadline(), on_end(data)
        if not len(data.values):
            raise FitError("there is no sample in these waves", expected="one wave that is not empty")
        model = self.untrained(data, seed)
        held = None if validation is None else on_end(known(validation, model.conditions))
        if held is None and self.steps is None and len(data) >= FEWEST:
            order = torch.randperm(len(data), generator=generator(split(seed, "held out")))
            count = len(data) // PART
            data, held = data.rows(order[count:].sort().values), data.rows(order[:count].sort().values)
        fit(model, data, held, deadline, seed, recorder)
        round_weights(model.network.net)
        return model.eval()

    def untrained(self, data: Data, seed: int) -> WaveNetModel:
        """A model of waves that stand one after the other, with its first weights."""
        assert isinstance(data.space, Waveform)
        assert data.ends is not None
        unit = max(solve(data.values, data.ends)[1], 0.1)
        steps, shares = count_steps(steps_in(data))
        conditions = conditions_of(data)
        centre, scale = torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)
        if conditions is not None and data.given is not None:
            told = conditions.encode(data.given)[0]
            centre, scale, _ = Features.measure(conditions.target, told)
        seed = split(seed, "weights") % (1 << 31)
        return WaveNetModel(data.space, self, unit, steps, shares, conditions, centre, scale, seed)

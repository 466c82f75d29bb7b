"""A normal mixture whose numbers are known, such as one of the fifteen of Marron and Wand, as a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pofx.core.registry import adapter
from pofx.data.marron_wand import NormalMixture
from pofx.models.mixture.model import MixtureModel
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table


def from_normal_mixture(known: NormalMixture) -> MixtureModel:
    """The model of a column `x` with these weights, means and standard deviations."""
    weights, means, sds = (
        torch.tensor(np.array(part), dtype=torch.float64) for part in (known.weights, known.means, known.sds)
    )
    none = torch.zeros(0, 1, dtype=torch.float64)
    return MixtureModel(
        Table(("x",), (Real(),), "vector"),
        "full",
        torch.log(weights),
        means[:, None],
        sds.square()[:, None, None],
        none,
        none[:, :, None],
        torch.zeros(len(weights), 0, dtype=torch.float64),
        (),
    )


@adapter
def _taken(value: Any) -> MixtureModel | None:
    return from_normal_mixture(value) if isinstance(value, NormalMixture) else None

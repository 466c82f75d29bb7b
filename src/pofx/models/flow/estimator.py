"""Normalising flows: real columns as an invertible map of standard normal numbers, given the other columns.

`log p(x) = log N(f(x); 0, 1) + log |det df/dx|`, f a chain of layers with closed inverses (Papamakarios et al. 2021, a
review); which layers, `kind` says. Labels, flags, counts and angles have a model of their own, kernels or a
mixture of products (`others`), and the flow is conditional on them. Missing values are left out of the flow, exactly
(see `layers`).

Rounded columns are trained with uniform noise as wide as their rounding step, so that the flow learns the density of
the cell and cannot grow a spike on ties; where rows are few the noise is wider and smooths, as a kernel does (Rothfuss
et al. 2019). Training begins at a normal law with all correlations, whose means depend on the labels (`linear`), in
robust units with log-normal tails (`margins`). What it would make of few rows is further held back by early stopping on
held-out rows, small networks and weight decay.

Limits: no marginals, no conditionals; continuous flows invert to the error of their integrator. Gaussianisation takes
no missing real values. Cost O(n * layers * (width * hidden + hidden^2)) an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.flow.fitting import Settings, fit
from pofx.models.flow.layers import Kind, zuko
from pofx.models.flow.model import FlowModel, places
from pofx.models.flow.others import fit_others, gates_of
from pofx.models.mixture.rows import ready
from pofx.rng import split
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

FEW, MANY = 500, 5_000  # rows at which networks and training grow
SIZES = ((2, 32), (3, 64), (3, 128))  # layers and hidden units for few, more, and many rows
DEEP = {"coupling": 2, "coupling_spline": 2}  # a coupling moves half of the columns: twice the layers
MOST_NOISE, NOISE, NOISE_FALLS = 0.5, 8.0, 0.4  # NOISE n^-NOISE_FALLS robust standard deviations


@register
@dataclass(frozen=True, kw_only=True)
class Flow(Estimator):
    """A normalising flow of the real columns, conditional on labels, counts and angles (needs pofx[flows]).

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = Flow(steps=5).fit(x)
    >>> model.log_prob(x[:3]).shape
    (3,)
    """

    name: ClassVar[str] = "flow"
    accepts: ClassVar[tuple[type[Scalar], ...]] = (Real, Category, Integer, Circle)
    capabilities = FlowModel.capabilities | {"weights"}

    kind: Kind = "spline"
    """The layers: autoregressive with splines (spline) or affine maps (maf), couplings with splines or affine maps
    (coupling_spline, coupling), rotations and splines (gaussianisation), a differential equation (continuous)."""
    layers: int | None = None
    """How many layers; None goes by the number of rows."""
    hidden: int | None = None
    """Units of each hidden layer of the networks; None goes by the number of rows and columns."""
    depth: int = 2
    """Hidden layers of the networks."""
    bins: int = 8
    """Pieces of each spline."""
    linear: bool = True
    """Whether the first layer is a regression of each column on the others, fitted before training."""
    steps: int | None = None
    """Training steps, all of which are taken. None: as long as held-out rows gain, up to a number that goes by rows."""
    batch: int = 256
    """Rows a step."""
    learning_rate: float = 3e-3
    """The largest step of the optimiser, after warm-up."""
    weight_decay: float = 1e-3
    """By how much weights are drawn to zero a step, as a multiple of the learning rate."""
    noise: float | None = None
    """The width of the uniform noise that training adds to each column, in its robust standard deviations; the rounding
    step if that is more. None goes by the number of rows, from a half up to 1,000 to a twelfth for 100,000."""

    def __post_init__(self) -> None:
        for name, least in (("layers", 1), ("hidden", 1), ("depth", 1), ("bins", 2), ("steps", 0), ("batch", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise FitError(f"{name} is a whole number", got=str(value), expected=f">= {least}")
        if not self.learning_rate > 0 or not self.weight_decay >= 0 or not (self.noise or 0.0) >= 0:
            raise FitError("learning_rate must be positive, weight_decay and noise not negative")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        zuko()
        assert isinstance(data.space, Table)
        deadline = plan.deadline()
        self._check_columns(data)
        gates = gates_of(data)
        others = fit_others(data, places(data.space)[1], plan, seed)
        rows = ready(data)
        chosen = self._sized(len(rows), len(places(data.space)[0]))
        assert chosen.layers is not None
        assert chosen.hidden is not None
        model = FlowModel(
            data.space, others, gates, self.kind, chosen.layers, chosen.hidden, self.depth, self.bins,
            self.linear, split(seed, "weights") % (1 << 31),
        )  # fmt: skip
        noise = min(MOST_NOISE, NOISE * len(rows) ** -NOISE_FALLS) if self.noise is None else self.noise
        settings = Settings(self.steps, self.batch, self.learning_rate, self.weight_decay, noise)
        steps = fit(model, rows, None if validation is None else ready(validation), settings, deadline, seed, recorder)
        model.recipe = replace(chosen, steps=steps)
        return model

    def settled(self, model: Model) -> Estimator:
        """With the size and the number of steps that were chosen: a second fit takes all rows and looks at none."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _sized(self, n: int, width: int) -> Flow:
        """With numbers of layers and units for so many rows and real columns."""
        count, hidden = SIZES[int(n >= FEW) + int(n >= MANY)]
        count = 1 if width == 1 and self.kind != "continuous" else count * DEEP.get(self.kind, 1)
        return replace(self, layers=self.layers or count, hidden=self.hidden or max(hidden, 2 * width))

    def _check_columns(self, data: Data) -> None:
        assert isinstance(data.space, Table)
        real = places(data.space)[0]
        if not real:
            raise FitError(
                "a flow needs a column of real numbers",
                got=", ".join(data.space.names[:8]),
                remedy="use the model 'mixture' for labels, counts and angles",
            )
        if self.kind == "gaussianisation" and len(real) > 1 and bool(torch.isnan(data.values[:, real]).any()):
            raise FitError(
                "rotations mix columns, and so take no missing values or spikes",
                got="kind='gaussianisation'",
                remedy="kind='spline'",
            )

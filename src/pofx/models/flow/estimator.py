"""Normalising flows: real columns as an invertible map of standard normal numbers, given the other columns.

`log p(x) = log N(f(x); 0, 1) + log |det df/dx|`, f a chain of layers with closed inverses (Papamakarios et al. 2021, a
review); which layers, `kind` says. Labels, flags, counts and angles have a model of their own, kernels or a
mixture of products (`others`), and the flow is conditional on them. Missing values are left out of the flow, exactly
(see `layers`).

Rounded columns are trained with uniform noise as wide as their rounding step, so that the flow learns the density of
the cell and cannot grow a spike on ties; where rows are few the noise is wider and smooths, as a kernel does (Rothfuss
et al. 2019). Training begins at a normal law with all correlations, whose means depend on the labels (`linear`), in
robust units with log-normal tails (`margins`). What it would make of few rows is further held back by early stopping on
held-out rows, small networks and weight decay, and by averaging the probabilities of a few flows, each with an order of
columns and held-out rows of its own. Conditions, `p(x | given)`, are features like the other columns (`conditions`);
under them only real columns are modelled.

Pictures have flows of their own, on uniformly dequantised pixels (`pictures`): a lower bound, where tables are exact.
Of the options only `hidden`, `layers` (residual blocks, or pairs of couplings), `steps` and `weight_decay`
concern them, and those that begin with `picture`.

Limits: no marginals, no conditionals; continuous flows invert to the error of their integrator. Gaussianisation takes
no missing real values. Cost O(n * layers * (width * hidden + hidden^2)) an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from pofx.core.coded import coded
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.conditions import beside, conditions_of, known
from pofx.models.flow.fitting import fit
from pofx.models.flow.layers import Kind, zuko
from pofx.models.flow.model import FlowModel, places
from pofx.models.flow.others import fit_others, gates_of
from pofx.models.flow.pictures.fitting import PictureSettings, fit_pictures
from pofx.models.flow.pictures.network import PictureKind
from pofx.models.members import Settings
from pofx.models.mixture.rows import ready
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

PICTURE_HIDDEN, PICTURE_LAYERS = 64, 4  # channels and residual blocks of the networks of pictures
FEW, MANY = 500, 5_000  # rows at which networks and training grow
SIZES = ((2, 32), (3, 64), (3, 128))  # layers and hidden units for few, more, and many rows
LEAST = {
    "layers": 1, "hidden": 1, "depth": 1, "bins": 2, "members": 1, "steps": 0, "batch": 1, "picture_bins": 2,
    "picture_batch": 1,
}  # fmt: skip
MEMBERS, MEMBERS_OF_MANY = 4, 2  # flows that are averaged
SINGLE = ("spline", "maf")  # kinds that are trained in single precision
DEEP = {"coupling": 2, "coupling_spline": 2}  # a coupling moves half of the columns: twice the layers
MOST_NOISE, NOISY = 0.5, 1_000  # robust standard deviations of noise up to so many rows; beyond, as one over rows


@register
@dataclass(frozen=True, kw_only=True)
class Flow(Estimator):
    """A normalising flow of the real columns, conditional on labels, counts and angles (needs pofx[flows]).

    Or of pictures, whose score is a lower bound (needs nothing more).

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = Flow(steps=5).fit(x)
    >>> model.log_prob(x[:3]).shape
    (3,)
    """

    name: ClassVar[str] = "flow"
    accepts: ClassVar[tuple[type[Space], ...]] = (Real, Category, Integer, Circle, Image)
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
    members: int | None = None
    """How many flows are trained from different weights, and averaged; None is four, two from 5,000 rows on, and one
    for kind="continuous"."""
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
    step if that is more. None goes by the number of rows, from a half up to 1,000 to a twentieth for 10,000."""

    pictures: PictureKind = "raster"
    """The flow of pictures: pixel after pixel in reading order (raster, the best score), quarters of the pixels from
    coarse to fine (pyramid, drawn in a few passes), or couplings, squeezes and 1 x 1 convolutions (multiscale)."""
    picture_bins: int = 48
    """Bins of the histograms that pictures are made of."""
    picture_batch: int = 16
    """Pictures a step."""
    picture_rate: float = 5e-3
    """The largest step of the optimiser with pictures, after warm-up."""

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise FitError(f"{name} is a whole number", got=str(value), expected=f">= {least}")
        rates = min(self.learning_rate, self.picture_rate)
        if not rates > 0 or not self.weight_decay >= 0 or not (self.noise or 0.0) >= 0:
            raise FitError("learning rates must be positive, weight_decay and noise not negative")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        if isinstance(data.space, Image):
            return self._fit_pictures(data, validation, plan.deadline(), seed, recorder)
        zuko()
        assert isinstance(data.space, Table)
        deadline = plan.deadline()
        self._check_columns(data)
        gates = gates_of(data)
        others = fit_others(data, places(data.space)[1], plan, seed)
        conditions = conditions_of(data)
        rows = ready(beside(data, conditions))
        chosen = self._sized(len(rows), len(places(data.space)[0]))
        assert chosen.layers is not None
        assert chosen.hidden is not None
        assert chosen.members is not None
        model = FlowModel(
            data.space, others, gates, self.kind, chosen.layers, chosen.hidden, self.depth, self.bins,
            self.linear, chosen.members, split(seed, "weights") % (1 << 31), conditions=conditions,
        )  # fmt: skip
        noise = MOST_NOISE * min(1.0, NOISY / len(rows)) if self.noise is None else self.noise
        single = self.kind in SINGLE
        settings = Settings(self.steps, self.batch, self.learning_rate, self.weight_decay, noise)
        held = None if validation is None else ready(beside(known(validation, conditions), conditions))
        steps = fit(model, rows, held, settings, deadline, seed, recorder, single=single)
        model.recipe = replace(chosen, steps=steps)
        return model

    def _fit_pictures(
        self, data: Data, validation: Data | None, deadline: Deadline, seed: int, recorder: Recorder
    ) -> Model:
        if data.given is not None:
            raise FitError("a flow of pictures takes no conditions", remedy="fit p(x), or the pictures of one class")
        chosen = replace(self, hidden=self.hidden or PICTURE_HIDDEN, layers=self.layers or PICTURE_LAYERS)
        assert chosen.hidden is not None
        assert chosen.layers is not None
        settings = PictureSettings(
            self.pictures, chosen.hidden, chosen.layers, self.picture_bins, self.steps, self.picture_batch,
            self.picture_rate, self.weight_decay,
        )  # fmt: skip
        codec, model, steps = fit_pictures(data, validation, settings, deadline, seed, recorder)
        model.recipe = replace(chosen, steps=steps)
        return coded(codec, model)

    def settled(self, model: Model) -> Estimator:
        """With the size and the number of steps that were chosen: a second fit takes all rows and looks at none."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _sized(self, n: int, width: int) -> Flow:
        """With numbers of layers and units for so many rows and real columns."""
        count, hidden = SIZES[int(n >= FEW) + int(n >= MANY)]
        count = 1 if width == 1 and self.kind != "continuous" else count * DEEP.get(self.kind, 1)
        members = 1 if self.kind == "continuous" else MEMBERS if n < MANY else MEMBERS_OF_MANY
        return replace(
            self,
            layers=self.layers or count,
            hidden=self.hidden or max(hidden, 2 * width),
            members=self.members or members,
        )

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

"""Masked autoregressive networks over mixed columns: an exact neural density of a table.

`log p(x) = sum over columns of log p(x_i | those before it)`, all terms in one pass of a masked network (Germain et al.
2015, MADE; residual: Durkan and Nash 2019). Each kind of column has its head: mixtures of Gaussians (real), of
discretised logistics (counts), shares of labels, von Mises (angles); a value that may be missing has a label before it
that says so. No order of columns is the right one: a few networks, each in an order of its own, are averaged in
probability. Training begins at the columns by themselves, and stops when held-out rows gain no more.

Limits: no exact marginals or conditionals; drawing takes one pass a column. Cost O(n orders blocks hidden^2) an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.models.flow.others import gates_of
from pofx.models.made.canonical import Canonical
from pofx.models.made.fitting import fit, margins_of, orders_of
from pofx.models.made.model import MADEModel
from pofx.models.members import Settings
from pofx.models.mixture.rows import Rows, ready
from pofx.rng import split
from pofx.spaces.base import Space
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

FEW, MANY = 500, 5_000  # rows at which networks and training grow
SIZES = (32, 64, 128)  # hidden units for few, more, and many rows
ORDERS, ORDERS_OF_MANY = 4, 2
MOST_NOISE, NOISY = 0.5, 1_000  # robust standard deviations of noise up to so many rows; beyond, as one over rows
LEAST = {"orders": 1, "hidden": 1, "blocks": 0, "components": 1, "steps": 0, "batch": 1, "dropout": 0}


@register
@dataclass(frozen=True, kw_only=True)
class MADE(Estimator):
    """A masked autoregressive network of real columns, counts, labels and angles.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> MADE(steps=3).fit(x).log_prob(x[:2]).shape
    (2,)
    """

    name: ClassVar[str] = "made"
    accepts: ClassVar[tuple[type[Space], ...]] = (Real, Category, Integer, Circle)
    capabilities = MADEModel.capabilities | {"weights", "parts"}  # parts of one order only

    orders: int | None = None
    """Networks that are averaged, each with an order of columns of its own; None is four, two from 5,000 rows on."""
    hidden: int | None = None
    """Units of each hidden layer; None goes by the number of rows and columns."""
    blocks: int = 2
    """Residual blocks, of two hidden layers each."""
    components: int = 10
    """Of the mixtures for real columns and counts."""
    steps: int | None = None
    """Training steps, all of which are taken. None: as long as held-out rows gain, up to a number that goes by rows."""
    batch: int = 256
    """Rows a step."""
    learning_rate: float = 3e-3
    """The largest step of the optimiser, after warm-up."""
    weight_decay: float = 1e-2
    """By how much weights are drawn to zero a step, as a multiple of the learning rate."""
    dropout: float = 0.1
    """The share of units that are dropped in training."""
    noise: float | None = None
    """The width of the uniform noise that training adds to each real column, in its robust standard deviations; the
    rounding step if that is more. None goes by rows, from a half up to 1,000 to a twentieth for 10,000."""

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise FitError(f"{name} is too small", got=str(value), expected=f">= {least}")
        if not self.learning_rate > 0 or not self.weight_decay >= 0 or not (self.noise or 0.0) >= 0:
            raise FitError("learning_rate must be positive, weight_decay and noise not negative")
        if not self.dropout < 1:
            raise FitError("with all units dropped nothing is learnt", got=f"dropout={self.dropout}", expected="< 1")

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        assert isinstance(data.space, Table)
        deadline, form = plan.deadline(), Canonical(data.space)
        rows = _canonical(data, form)
        held = None if validation is None else _canonical(validation, form)
        gates = gates_of(Data(form.table, rows.values))
        chosen = self._sized(len(rows), len(form.table.names))
        assert chosen.orders is not None
        assert chosen.hidden is not None
        margins = margins_of(rows, self.components)
        orders = orders_of(form.table, gates, chosen.orders, seed)
        model = MADEModel(
            data.space, gates, orders, margins.share, margins.centre, margins.scale, margins.floor,
            chosen.hidden, self.blocks, self.dropout, split(seed, "weights") % (1 << 31),
        )  # fmt: skip
        noise = MOST_NOISE * min(1.0, NOISY / len(rows)) if self.noise is None else self.noise
        settings = Settings(self.steps, self.batch, self.learning_rate, self.weight_decay, noise)
        steps = fit(model, rows, held, settings, deadline, seed, recorder)
        model.recipe = replace(chosen, steps=steps)
        return model

    def settled(self, model: Model) -> Estimator:
        """With the sizes and the number of steps that were chosen: a second fit takes all rows and looks at none."""
        return getattr(getattr(model, "inner", model), "recipe", None) or self

    def _sized(self, n: int, width: int) -> MADE:
        """With orders and units for so many rows and columns."""
        orders = 1 if width == 1 else ORDERS if n < MANY else ORDERS_OF_MANY
        hidden = max(SIZES[int(n >= FEW) + int(n >= MANY)], 2 * width)
        return replace(self, orders=self.orders or orders, hidden=self.hidden or hidden)


def _canonical(data: Data, form: Canonical) -> Rows:
    """The rows in one order and one form however they came."""
    return ready(replace(data, space=form.table, values=form.encode(data.values)))

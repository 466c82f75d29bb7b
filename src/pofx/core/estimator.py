"""An estimator: a frozen dataclass of hyper-parameters that knows how to fit, and holds no fitted state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import torch

from pofx.codecs.base import Codec
from pofx.codecs.choose import choose
from pofx.codecs.columns import Columns
from pofx.codecs.tokens.base import TokenCodec
from pofx.codecs.tokens.learn import learn
from pofx.codecs.whole import Whole
from pofx.core.capabilities import Capability
from pofx.core.coded import coded
from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.data.infer import alike, as_data, conditional
from pofx.errors import FitError, SpaceError
from pofx.likelihood import Likelihood
from pofx.spaces.base import Space
from pofx.spaces.symbols import Symbols
from pofx.spaces.table import Table
from pofx.spaces.text import Text
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Recorder


@dataclass(frozen=True, kw_only=True)
class Estimator(ABC):
    """How to fit one kind of model. Subclasses add fields (with docstrings: they become flags, JSON and docs)."""

    name: ClassVar[str]
    """What the command line and the leaderboard call it."""
    accepts: ClassVar[tuple[type[Space], ...]]
    """Spaces that `_fit` takes as they are; other columns are brought to these by a codec."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    """What its models can do; the same set as the model class declares, plus `weights` and `missing` where true."""
    likelihood: ClassVar[Likelihood] = Likelihood.EXACT
    """What its models have: an exact probability, a lower bound, or none."""
    standardise: ClassVar[bool] = True
    """Whether real columns reach `_fit` with mean 0 and standard deviation 1."""
    columns: ClassVar[int | None] = None
    """The number of columns it takes; None is any number >= 1."""

    @final
    def fit(
        self,
        values: Any,
        *,
        weights: Any = None,
        space: Space | None = None,
        validation: Any = None,
        given: Any = None,
        plan: Plan = Plan(),
        seed: int = 0,
        start: Model | None = None,
        recorder: Recorder = SILENT,
    ) -> Model:
        """Fit to rows and return the model, which answers in the rows' own units.

        Args:
            values: `Data`, a frame, an array `[n, d]` or `[n]`, a tensor.
            weights: one non-negative number a row.
            space: what the rows are; inferred when None.
            validation: rows of the same kind for choices inside the fit (bandwidth, number of components); when None a
                part of `values` is used where one is needed.
            given: one condition a row, for p(x | given): a frame, an array, or True for those that came with `values`.
                None fits p(x), whatever came with them. Validation rows are then `Data` with conditions of their own.
            plan: time budget.
            seed: the same seed and data give the same model.
            start: a fitted model of the same kind to begin from, where the estimator can.
            recorder: told of progress.

        Raises:
            FitError, SpaceError: in one line, with the cure.
        """
        data = conditional(as_data(values, space=space, weights=weights), given)
        if data.given is not None and "given" not in self.capabilities:
            raise FitError(f"{self.name} takes no conditions", remedy="pofx models --can given lists those that do")
        codec = self.codec(data)
        train = encode(codec, data)
        held = None if validation is None else encode(codec, alike(as_data(validation, space=data.space), data))
        model = self._fit(train, validation=held, plan=plan, seed=seed, start=start, recorder=recorder)
        as_it_is = isinstance(codec, Whole) or (isinstance(codec, Columns) and codec.is_identity)
        return model if as_it_is and model.space == data.space else coded(codec, model)

    @final
    def codec(self, data: Data) -> Codec:
        """The map from the data's space to what `_fit` takes; raises where there is none, or the rows do not do."""
        if not isinstance(data.space, Table):
            return self._whole(data)
        self._check(data)
        codec = choose(
            data.space, data.values, self.accepts, self.name, standardise=self.standardise, weights=data.weights
        )
        width = len(codec.target.names)
        if width == 0:
            raise FitError("every column is constant: there is nothing to model", remedy="give a column that varies")
        if self.columns is not None and width != self.columns:
            raise FitError(f"{self.name} takes {self.columns} column", got=f"{width}", remedy="select one column")
        return codec

    def _whole(self, data: Data) -> Codec:
        """Outcomes that are no rows of columns: as they are, or texts as the symbols that the estimator asks for."""
        if isinstance(data.space, Text) and Symbols in self.accepts:
            self._check(data)
            return learn(getattr(self, "tokens", "bytes"), data)
        if type(data.space) not in self.accepts:
            raise SpaceError(f"{self.name} does not model this", got=data.space.describe(), expected="rows and columns")
        self._check(data)
        return Whole(data.space)

    def settled(self, model: Model) -> Estimator:
        """This recipe with what `fit` chose for `model` written in, so that a second fit need not choose again.

        The one hook with a default: an estimator whose choices are cheap, or not worth freezing, keeps itself.
        """
        return self

    def _check(self, data: Data) -> None:
        if len(data) == 0:
            raise FitError(f"{self.name} cannot be fitted to no rows", expected="at least one row")
        if data.weights is not None and "weights" not in self.capabilities:
            raise FitError(f"{self.name} takes no weights", remedy="pofx models --can weights lists those that do")
        data.space.check(data.values)
        outside = ~data.inside()
        if bool(outside.any()):
            raise SpaceError(
                "a row is not an outcome of its space",
                got=_first(data.rows(outside.nonzero()[:1, 0])),
                expected=data.space.describe(),
                where=f"row {int(outside.nonzero()[0, 0]) + 1}",
            )

    @abstractmethod
    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        """Fit to coded rows: a `Table` of accepted spaces, values float64 `[n, d]`; return a model on that space."""


def _first(row: Data) -> str:
    shown = str(row.values.flatten().tolist())
    return shown if len(shown) <= 80 else shown[:77] + "..."


def encode(codec: Codec, data: Data) -> Data:
    """The data in the codec's target space; rows outside the source space are dropped (they have probability zero)."""
    inside = data.inside()
    kept = data if bool(inside.all()) else data.rows(inside.nonzero()[:, 0])
    if isinstance(codec, Whole):
        return kept  # images stay in their compact form
    if isinstance(codec, TokenCodec):
        return codec.data(kept)
    with torch.no_grad():
        return replace(kept, space=codec.target, values=codec.encode(kept.values)[0])

"""One question, "how far is P from Q": the measure, the two sides, and how to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from pofx.core.contract import Model
from pofx.core.named import Named
from pofx.divergences.engine.parted import (
    FromCells,
    FromPoints,
)
from pofx.divergences.engine.pointwise import Functional
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.matching import refuse_other_labels
from pofx.divergences.sides import Side
from pofx.likelihood import Likelihood
from pofx.spaces.table import Table


@dataclass(frozen=True)
class Measure:
    """A divergence with everything that can compute it.

    Args:
        functional: what it integrates.
        closed: the formula for two named laws, or None where there is none.
        cells: from relative frequencies.
        points: from two samples of points.
        classified: a classifier's lower bound from two samples, where there is one.
        bounded: whether a lower bound on a log-probability makes a bound of the divergence (KL alone).
        bounds: (lower, upper) for two normal mixtures.
    """

    functional: Functional
    closed: Callable[[Named, Named], float | None]
    cells: FromCells
    points: FromPoints
    classified: Callable[[Table, Tensor, Tensor, int], Estimate] | None = None
    bounded: bool = False
    bounds: tuple[Callable[[Named, Named], float], Callable[[Named, Named], float]] | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """Two sides, and how to look: draws, seed, whether to add the null."""

    measure: Measure
    p: Side
    q: Side
    draws: int | None = None
    seed: int = 0
    null: bool = True

    @property
    def direction(self) -> str:
        return f"{self.p.label}, {self.q.label}" if self.functional.symmetric else f"{self.p.label} || {self.q.label}"

    @property
    def functional(self) -> Functional:
        return self.measure.functional

    def told(self, value: float, nature: Nature, method: str, **more: object) -> Estimate:
        """An estimate with this question's name, units and direction."""
        final = Estimate(
            value, nature=nature, method=method, units=self.functional.units, direction=self.direction,
            name=self.functional.name,
        )  # fmt: skip
        return replace(final, **more)  # type: ignore[arg-type]

    def table(self) -> Table:
        """The table of the rows in hand: P's own, or Q's where P is a sample of it."""
        space = self.p.space or self.q.space
        assert space is not None
        return space

    def exact(self) -> tuple[Model, Model] | None:
        """Both models, where both have an exact density."""
        models = (self.p.model, self.q.model)
        if any(model is None or model.likelihood is not Likelihood.EXACT for model in models):
            return None
        assert models[0] is not None
        assert models[1] is not None
        if self.p.space is not None and self.q.space is not None:
            refuse_other_labels(self.p.space, self.q.space)
        return models[0], models[1]


Way = Callable[[Question], Estimate | None]  # None: not mine

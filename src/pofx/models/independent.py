"""Every column by itself, each by the one-dimensional model that predicts held-out rows best: the baseline to beat.

Labels get smoothed shares; a column of numbers gets the best of all suitable families, a kernel density estimate and
a histogram, by the log-probability of rows held out (cross-validation, or the validation rows). A candidate that
fails on a column is left out, with its reason kept in `tried`; a column on which all fail gets a plain law, so that
this model always exists. Missing values and spikes: the flag and the value are two factors, exactly. Cost: the sum
over columns of folds times candidates, on at most 10,000 rows; then one fit of the chosen one on all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pofx.core.capabilities import Capability
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import estimators, register
from pofx.data.dataset import Data
from pofx.errors import FitError
from pofx.likelihood import Likelihood
from pofx.models.ngram.unigram import fit_unigram
from pofx.models.parametric.categorical import fit_categorical
from pofx.models.parametric.estimator import Parametric
from pofx.models.parametric.families import candidates as families
from pofx.models.parametric.family import FRAMES, Frame
from pofx.models.parametric.mixed import columns_of
from pofx.models.parametric.model import ParametricModel
from pofx.models.parametric.selection import FAILURES, Fold, against, begin, folds, screened
from pofx.models.pixels import fit_pixels
from pofx.models.product import IndependentModel, Tried
from pofx.models.sound.samples import fit_samples
from pofx.rng import split
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.symbols import Symbols
from pofx.spaces.table import Table
from pofx.spaces.waveform import Waveform
from pofx.training.plan import Deadline, Plan
from pofx.training.recorder import Recorder

MOST_KERNELS = 5_000  # rows up to which a kernel estimate of one column is tried: it keeps, and visits, every row


@register
@dataclass(frozen=True, kw_only=True)
class Independent(Estimator):
    """The product of the best one-dimensional models; of pictures every pixel, of texts every byte by itself."""

    name: ClassVar[str] = "independent"
    accepts: ClassVar[tuple[type, ...]] = (
        Real,
        Positive,
        Interval,
        Circle,
        Integer,
        Category,
        Image,
        Symbols,
        Waveform,
    )
    capabilities: ClassVar[frozenset[Capability]] = IndependentModel.capabilities | {"cdf", "parts", "complete"}
    standardise: ClassVar[bool] = False

    candidates: tuple[str, ...] = ("parametric", "kde", "histogram")
    """Models tried on each column of numbers, by name; `parametric` stands for each of its families."""
    folds: int = 5
    """Parts for cross-validation when there are no validation rows."""

    def __post_init__(self) -> None:
        if not self.candidates or self.folds < 2:
            raise FitError(
                "this chooses among candidates by cross-validation",
                got=f"candidates={self.candidates}, folds={self.folds}",
                expected="at least one candidate, folds >= 2",
            )

    def _fit(
        self, data: Data, *, validation: Data | None, plan: Plan, seed: int, start: Model | None, recorder: Recorder
    ) -> Model:
        if isinstance(data.space, Image):
            return fit_pixels(data)
        if isinstance(data.space, Symbols):
            return fit_unigram(data)
        if isinstance(data.space, Waveform):
            return fit_samples(data)
        assert isinstance(data.space, Table)
        deadline = plan.deadline()
        factors: list[Model] = []
        tried: dict[str, Tried] = {}
        recorder.start("columns", len(data.space.names))
        for done, name in enumerate(data.space.names):
            held = None if validation is None else columns_of(validation, (name,))
            factor, tried[name] = self._column(columns_of(data, (name,)), held, deadline, split(seed, name))
            factors.append(factor)
            recorder.step(done + 1, name)
        recorder.finish()
        return IndependentModel(data.space, factors, tried)

    def _column(self, data: Data, held: Data | None, deadline: Deadline, seed: int) -> tuple[Model, Tried]:
        assert isinstance(data.space, Table)
        space = data.space.spaces[0]
        if isinstance(space, Category):
            return fit_categorical(data), (("categorical", None, "the only one for labels"),)
        pairs = _pairs(data, held, self.folds, seed)
        options, near, failed = self._options(data.space, pairs, deadline)
        scored: list[tuple[float, str]] = []
        for label, option in options.items():
            score, reason = _held_out(option, pairs, data.space, seed, deadline, near.get(label))
            if score is None:
                failed.append((label, None, reason))
            else:
                scored.append((score, label))
        ranked = _rank(scored, tie=0.5 / max(sum(len(pair[2]) for pair in pairs), 1))
        tried = (*((label, score, "") for score, label in ranked), *failed)
        present = data.rows((~torch.isnan(data.values[:, 0])).nonzero()[:, 0])
        for place, entry in enumerate(ranked):
            try:
                return options[entry[1]].fit(present, seed=seed), tried
            except FAILURES as error:
                tried = (*tried[:place], (entry[1], None, f"failed on all rows: {error}"), *tried[place + 1 :])
        return _plain(data.space), tried

    def _options(
        self, table: Table, pairs: list[Fold], deadline: Deadline
    ) -> tuple[dict[str, Estimator], dict[str, Model], list[tuple[str, float | None, str]]]:
        """What to try on a column, the plainest first; models to begin from; and what is not to be had."""
        if not pairs:
            return {}, {}, [("all", None, "no row has a value")]
        known = estimators()
        options: dict[str, Estimator] = {}
        near: dict[str, Model] = {}
        absent: list[tuple[str, float | None, str]] = []
        for name in self.candidates:
            if name == Parametric.name:
                suited, dropped = screened(families(table.spaces[0]), pairs, table.spaces[0], deadline)
                options |= {family.name: Parametric(family=family.name) for family, _ in suited}
                near |= {family.name: begin(family, theta, table) for family, theta in suited if theta is not None}
                absent += dropped
            elif name == "kde" and max(len(x) for x, *_ in pairs) > MOST_KERNELS:
                absent.append((name, None, f"more than {MOST_KERNELS} rows, where families and bins have caught up"))
            elif name in known and name != self.name:
                options[name] = known[name]()
            else:
                absent.append((name, None, "there is no such model here"))
        return options, near, absent


def _pairs(data: Data, held: Data | None, k: int, seed: int) -> list[Fold]:
    """Rows to fit to and rows to score, missing values left out; none where no row has a value."""
    x = data.values[:, 0]
    present = ~torch.isnan(x) if data.weights is None else ~torch.isnan(x) & (data.weights > 0)
    if not bool(present.any()):
        return []
    if held is not None and bool((~torch.isnan(held.values)).any()):
        return [against(x, data.weights, (held.values[:, 0], held.weights), seed)]
    return folds(x, data.weights, k, seed)


def _held_out(
    option: Estimator, pairs: list[Fold], table: Table, seed: int, deadline: Deadline, near: Model | None
) -> tuple[float | None, str]:
    """Mean log-probability of held-out rows over all folds, or None and the reason."""
    total = size = 0.0
    if deadline.passed() and not isinstance(option, Parametric):
        return None, "not tried: the time was up"
    try:
        for x, w, held, held_w in pairs:
            model = option.fit(Data(table, x[:, None], w), seed=seed, start=near)
            if model.likelihood is not Likelihood.EXACT:
                return None, "it has no exact probability"
            scores: Tensor = model.log_prob(held[:, None])
            share = torch.ones_like(scores) if held_w is None else held_w
            total += float((share * scores).sum())
            size += float(share.sum())
    except FAILURES as error:
        return None, str(error)
    if total == -torch.inf:
        return None, "a held-out row has probability zero"
    return total / size, ""


def _rank(scored: list[tuple[float, str]], tie: float) -> list[tuple[float, str]]:
    """Best first; of those within `tie` nats a row of the best, the plainest (the one tried first) leads."""
    ordered = sorted(scored, key=lambda entry: -entry[0])
    if not ordered:
        return []
    leader = next(entry for entry in scored if entry[0] >= ordered[0][0] - tie)
    return [leader, *(entry for entry in ordered if entry is not leader)]


_PLAIN: dict[Frame, tuple[str, dict[str, float]]] = {
    Frame.LINE: ("normal", {"mean": 0.0, "sd": 1.0}),
    Frame.POSITIVE: ("lognormal", {"log_mean": 0.0, "log_sd": 1.0}),
    Frame.UNIT: ("uniform", {}),
    Frame.CIRCLE: ("uniform", {}),
    Frame.COUNT: ("rounded_laplace", {"location": 0.0, "scale": 1.0}),
}


def _plain(table: Table) -> ParametricModel:
    """A law for a column of which nothing is known."""
    space = table.spaces[0]
    family, estimates = _PLAIN[FRAMES[type(space)][0]]
    if isinstance(space, Integer):
        low = -torch.inf if space.low is None else 0.0
        high = torch.inf if space.high is None else float(space.high - (space.low or 0))
        estimates = {**estimates, "low": low, "high": high}
    return ParametricModel(table, family, estimates, dict.fromkeys(estimates), 0.0, 0.0)

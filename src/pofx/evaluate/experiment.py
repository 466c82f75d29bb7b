"""A whole run in memory: models compete on what was prepared, and one is chosen. Under `pofx fit` and `pofx.fit`."""

from __future__ import annotations

from dataclasses import dataclass

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.evaluate.contest import Contender, contest
from pofx.evaluate.entries import entries
from pofx.evaluate.prepared import Prepared
from pofx.evaluate.settings import Settings
from pofx.evaluate.shelf import Shelf
from pofx.likelihood import Likelihood
from pofx.runs.records import Failure
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT, Recorder


@dataclass(frozen=True, eq=False)
class Experiment:
    """A finished run in memory."""

    prepared: Prepared
    contenders: list[Contender]
    failed: list[Failure]
    chosen: Contender

    @property
    def model(self) -> Model:
        """The chosen model."""
        return self.chosen.model

    @property
    def test(self) -> Data:
        """The test rows."""
        return self.prepared.data.rows(self.prepared.split.test)


def run_experiment(
    prepared: Prepared, settings: Settings, *, shelf: Shelf | None = None, recorder: Recorder = SILENT
) -> Experiment:
    """Fit and choose. Test rows are not looked at here."""
    chosen, left_out = entries(settings.models, prepared.data)
    plan = Plan(seconds=settings.seconds)
    done, failed = contest(chosen, prepared, plan=plan, seed=settings.seed, shelf=shelf, recorder=recorder)
    return Experiment(prepared, done, failed + left_out, winner(done))


def winner(contenders: list[Contender]) -> Contender:
    """The best validation mean among the exact models, where there are any; else among bounds; else the first.

    On pictures a bound may well be ahead of every exact model: then the best bound is chosen, since truth can only be
    better.
    """
    kind = max(contender.model.likelihood for contender in contenders)
    rivals = [each for each in contenders if each.model.likelihood is kind]
    best = max(rivals, key=_score)
    bounds = [each for each in contenders if each.model.likelihood is Likelihood.LOWER_BOUND]
    ahead = max(bounds, key=_score, default=best)
    return ahead if _score(ahead) > _score(best) else best


def _score(contender: Contender) -> float:
    return max(contender.validation_mean, -1e300)

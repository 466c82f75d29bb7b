"""How far a fit is, and the learning rate there.

The progress of a fit is the larger of two parts: of its steps, and of its time. The learning rate is a function of
progress, so it reaches its floor when the steps are done or when the time is up, whichever comes first, however fast
or slow the steps turn out to be; nothing is estimated. Without a budget, progress depends on the step alone.

Straight line to the floor: Defazio et al. 2023, "When, why and how much?". Cosine: Loshchilov & Hutter 2017, SGDR.
"""

from __future__ import annotations

import math
import time
from itertools import pairwise

from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe

FLOOR = 0.01  # of the highest learning rate: a step at zero would be a step wasted
WARM_PART = 0.1  # of the fit, at most, so that a short one is not all warm-up
MARGIN = 1.2  # times the longest validation is kept for the last one


def learning_rate(recipe: Recipe, done: int, progress: float) -> float:
    """The learning rate of the next step, when `done` steps are finished and `progress` in [0, 1] of the fit is."""
    warm = min(1.0, max((done + 1) / recipe.warmup, progress / WARM_PART)) if recipe.warmup else 1.0
    part = min(max(progress, 0.0), 1.0)
    if recipe.cooldown == "cosine":
        cool = 0.5 * (1 + math.cos(math.pi * part))
    elif recipe.cooldown == "linear":
        cool = 1 - part
    else:
        cool = 1.0
    return recipe.learning_rate * warm * max(cool, FLOOR)


class Pace:
    """Progress of a fit of `steps` steps, which began at progress `begun` (more than 0 if resumed) at time `since`.

    `check_seconds`, the longest validation so far, is to be kept up to date: time for a last one is set aside.
    """

    def __init__(self, steps: int, deadline: Deadline, begun: float, since: float) -> None:
        self._steps, self._at, self._begun, self._since = steps, deadline.at, begun, since
        self._ends: list[float] = []  # of the last three steps
        self.check_seconds = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a time budget at all."""
        return self._at is not None

    def left(self) -> float:
        """Seconds for further steps; infinite without a budget."""
        return math.inf if self._at is None else self._at - MARGIN * self.check_seconds - time.monotonic()

    def stepped(self) -> None:
        """A step is finished now."""
        self._ends = [*self._ends[-2:], time.monotonic()]

    def over(self) -> bool:
        """Whether there is no time for another step; the first is always made, and the second if any time is left."""
        return bool(self._ends) and self.left() < min(self._spans(), default=0.0)

    def last_check_fits(self) -> bool:
        """Whether a validation now would end within a step's time of the deadline."""
        late = max(self._spans(), default=0.0) + (MARGIN - 1) * self.check_seconds
        return self.left() + late >= 0

    def _spans(self) -> list[float]:
        return [b - a for a, b in pairwise(self._ends)]

    def progress(self, done: int) -> float:
        """Part of the fit that is over once `done` steps are, in [0, 1]."""
        by_steps = done / max(self._steps, 1)
        if self._at is None:
            return by_steps
        left, passed = max(self.left(), 0.0), time.monotonic() - self._since
        by_time = passed / (passed + left) if passed > 0 else 0.0
        return min(max(by_steps, self._begun + (1 - self._begun) * by_time), 1.0)

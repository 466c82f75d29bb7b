"""Progress and the learning rate: warm-up, cool-down, and a floor that is reached when the time is up."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from pofx.errors import FitError
from pofx.training import schedule
from pofx.training.plan import Deadline
from pofx.training.recipe import Recipe
from pofx.training.schedule import FLOOR, Pace, learning_rate


class Clock:
    """A monotonic clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(schedule.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_warm_up_is_a_line_and_a_tenth_of_the_fit_at_most() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=100, cooldown="none")
    assert learning_rate(recipe, 0, 0.0) == pytest.approx(0.01)
    assert learning_rate(recipe, 49, 0.02) == pytest.approx(0.5)
    assert learning_rate(recipe, 99, 0.05) == 1.0
    assert learning_rate(recipe, 5, 0.05) == pytest.approx(0.5)  # a fit that is short: half of a tenth is over
    assert learning_rate(recipe, 5, 0.1) == 1.0
    assert learning_rate(Recipe(learning_rate=1.0, warmup=0, cooldown="none"), 0, 0.0) == 1.0


@pytest.mark.parametrize(("cooldown", "half"), [("cosine", 0.5), ("linear", 0.5), ("none", 1.0)])
def test_cool_down_ends_at_the_floor(cooldown: str, half: float) -> None:
    recipe = Recipe(learning_rate=2.0, warmup=1, cooldown=cooldown)  # type: ignore[arg-type]
    rates = [learning_rate(recipe, 500, k / 100) for k in range(101)]
    assert rates[50] == pytest.approx(2.0 * half)
    assert rates[-1] == pytest.approx(2.0 if cooldown == "none" else 2.0 * FLOOR)
    assert all(a >= b for a, b in pairwise(rates))
    quarter = learning_rate(recipe, 500, 0.25)
    assert quarter == pytest.approx({"cosine": 2 * 0.8535533906, "linear": 1.5, "none": 2.0}[cooldown])


def test_without_a_budget_progress_is_the_part_of_the_steps() -> None:
    pace = Pace(1000, Deadline(None), 0.0, time.monotonic())
    assert pace.progress(250) == 0.25 and pace.left() == float("inf") and not pace.limited
    pace.stepped()
    assert not pace.over()


def test_progress_is_complete_when_time_is_up_or_steps_are_done_whichever_is_first(clock: Clock) -> None:
    pace = Pace(1000, Deadline(110.0), 0.0, 100.0)
    clock.now = 105.0
    assert pace.progress(10) == pytest.approx(0.5)  # slow steps: cut
    assert pace.progress(900) == pytest.approx(0.9)  # fast steps: the steps decide
    clock.now = 110.0
    assert pace.progress(20) == 1.0


def test_time_for_a_last_validation_is_set_aside(clock: Clock) -> None:
    pace = Pace(1000, Deadline(110.0), 0.0, 100.0)
    pace.check_seconds = 2.0
    assert pace.left() == pytest.approx(10 - 2 * schedule.MARGIN)


def test_a_resumed_fit_goes_on_from_its_progress(clock: Clock) -> None:
    pace = Pace(1000, Deadline(110.0), 0.6, 100.0)
    assert pace.progress(0) == pytest.approx(0.6)
    clock.now = 105.0
    assert pace.progress(0) == pytest.approx(0.8)


def test_no_step_is_begun_that_would_not_end_in_time(clock: Clock) -> None:
    pace = Pace(1000, Deadline(110.0), 0.0, 100.0)
    clock.now = 200.0
    assert not pace.over()  # the first step is always made
    clock.now = 101.0
    for _ in range(3):
        pace.stepped()
        clock.now += 2.0
    clock.now = 107.5
    assert not pace.over()
    clock.now = 108.5
    assert pace.over()


def test_the_last_validation_may_end_as_late_as_a_step(clock: Clock) -> None:
    pace = Pace(1000, Deadline(110.0), 0.0, 100.0)
    pace.check_seconds = 3.0
    for clock.now in (103.0, 104.0, 105.0):
        pace.stepped()
    for clock.now, fits in ((106.0, True), (107.9, True), (108.1, False)):  # 107.9 + 3 is a step after 110
        assert pace.last_check_fits() is fits


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": -1},
        {"batch": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"average": 1.0},
        {"clip": -1.0},
        {"check_every": 0},
        {"optimiser": "sgd"},
        {"cooldown": "steps"},
        {"precision": "f16"},
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FitError, match=next(iter(wrong)).replace("_", "[_ ]")):
        Recipe(**wrong)  # type: ignore[arg-type]

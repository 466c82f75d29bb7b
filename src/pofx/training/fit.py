"""The course of a fit: steps, checks now and then, checkpoints, and the end."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping

import torch

from pofx.errors import StoreError
from pofx.training.divergence import diverged, divergence
from pofx.training.history import Check, History, HistoryFile
from pofx.training.interrupts import Interrupts
from pofx.training.processes import Alone
from pofx.training.recipe import Recipe
from pofx.training.report import Report
from pofx.training.saver import Saver
from pofx.training.schedule import Pace
from pofx.training.state import State
from pofx.training.step import Step

Validation = Callable[[], float | Mapping[str, float]]
CHECK_PART = 0.2  # of the time at most goes to validations, under a budget


class Fit:
    """One call of `minimise`."""

    def __init__(
        self,
        state: State,
        step: Step,
        pace: Pace,
        saver: Saver,
        *,
        recipe: Recipe,
        validation: Validation | None,
        report: Report,
        file: HistoryFile,
        processes: Alone,
        interrupts: Interrupts,
    ) -> None:
        self._state, self._step, self._pace, self._saver = state, step, pace, saver
        self._recipe, self._validation, self._report, self._file = recipe, validation, report, file
        self._processes, self._interrupts = processes, interrupts

    def run(self) -> History:
        """Trains to the end."""
        state = self._state
        self._report.start(None if self._pace.limited else self._recipe.steps)
        state.module.train()
        try:
            self._report.say(state.done, self._step.prepare())
            while not state.stopped:
                self._advance()
            self._finish()
        except KeyboardInterrupt as interrupt:
            self._save_at(interrupt)
            raise
        finally:
            self._report.finish()
        best = state.best_step if state.best is not None else None
        return History(tuple(state.losses), tuple(state.checks), state.seconds, state.stopped, best)

    def _advance(self) -> None:
        """The next thing to do: a check, the end, or a step. Where time decides, the first process decides for all."""
        state, pace = self._state, self._pace
        if self._due():
            self._check()
        elif state.done >= self._recipe.steps:
            state.stopped = "all steps done"
        elif pace.limited and self._processes.first(float(pace.over())):
            state.stopped = "time is up"
        else:
            progress = pace.progress(state.done)
            self._step(self._processes.first(progress) if pace.limited else progress)
            pace.stepped()
            self._report.step(state.done, state.losses, pace.progress(state.done))
            self._saver.now_and_then()

    # A check --------------------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Whether this step ends in a check that has not been made, and that there is time for."""
        done, checks = self._state.done, self._state.checks
        if done == (checks[-1].step if checks else -1) or (done == 0 and self._validation is None):
            return False
        if done % self._recipe.check_every and done != self._recipe.steps:
            return False
        if not self._pace.limited or not checks:
            return True
        passed = self._saver.seconds() - checks[-1].seconds
        cheap = self._pace.check_seconds <= min(CHECK_PART * passed, self._pace.left())
        return bool(self._processes.first(float(cheap)))

    def _check(self) -> None:
        state, started = self._state, time.monotonic()
        with self._shown():
            value, parts = self._validate()
            with self._interrupts.held():
                state.checks.append(Check(state.done, self._saver.seconds(), state.recent(), value, state.rate, parts))
                if value is not None:
                    state.compare(value)
        self._pace.check_seconds = max(self._pace.check_seconds, time.monotonic() - started)
        self._file.add(state.checks[-1])
        if diverged(state.checks, state.start()):
            state.stopped = "diverged"
        elif self._recipe.patience and state.idle >= self._recipe.patience:
            state.stopped = f"no gain in {state.idle} validations"

    @contextlib.contextmanager
    def _shown(self) -> Iterator[None]:
        """Inside, the module is as it would be if the fit ended now."""
        module, average = self._state.module, self._state.average
        module.eval()
        try:
            with torch.no_grad(), contextlib.nullcontext() if average is None else average.swapped():
                yield
        finally:
            module.train()

    def _validate(self) -> tuple[float | None, dict[str, float]]:
        """The loss on held-out rows, and its terms where it has any."""
        if self._validation is None:
            return None, {}
        found = self._processes.validate(self._validation)
        parts = {name: float(part) for name, part in found.items()} if isinstance(found, Mapping) else {}
        value = sum(parts.values()) if isinstance(found, Mapping) else float(found)
        finite = math.isfinite(value)
        return self._processes.first(value if finite else math.inf), parts if finite else {}

    # The end --------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """A last check if there is time, the last checkpoint, and the weights to be used."""
        state = self._state
        in_time = self._processes.first(float(self._pace.last_check_fits()))
        if state.done > 0 and state.checked() != state.done and (in_time or self._validation is None):
            stopped, state.stopped = state.stopped, ""
            self._check()
            state.stopped = state.stopped or stopped
        self._save_at(None)
        state.settle()
        if state.best_step == 0 and diverged(state.checks, state.start(), 1):
            raise divergence(state.checks[-1], state.start(), self._recipe.learning_rate)
        self._report.last(state.done, state.losses)

    def _save_at(self, interrupt: KeyboardInterrupt | None) -> None:
        """The checkpoint at Ctrl-C or the end, where a full disk must not take the place of what is to be said."""
        if not self._interrupts.whole or (interrupt is not None and self._processes.parted):
            return
        self._state.buffers.restore()  # a loss that was interrupted may have moved some
        try:
            self._saver.save()
        except StoreError as error:
            self._report.say(self._state.done, str(error))
            if interrupt is not None:
                interrupt.add_note(str(error))

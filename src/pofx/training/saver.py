"""When checkpoints are written, and how a fit goes on from one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pofx.errors import StoreError
from pofx.training import checkpoint as checkpoints
from pofx.training.processes import Alone
from pofx.training.state import State, network


class Saver:
    """Writes the state to a checkpoint every so many seconds, in the first process; without a path, nowhere."""

    def __init__(self, state: State, path: Path | None, asked: dict[str, Any], every: float, processes: Alone) -> None:
        self._state, self._path, self._asked, self._every = state, path, asked, every
        self._processes, self._writes = processes, processes.rank == 0
        self._last = self._began = time.monotonic()
        if path is None:
            return
        if (found := checkpoints.read(path, asked, network(state.module))) is not None:
            state.load(found)
            self._began -= state.seconds
        if processes.first(state.done) != state.done:
            raise StoreError("not all processes see the same checkpoint", where=str(path))

    def seconds(self) -> float:
        """Since the fit began, over all interrupted runs."""
        return time.monotonic() - self._began

    def save(self) -> None:
        """Writes the checkpoint now; where the network is parted, in all processes at once."""
        self._state.seconds = self.seconds()
        if self._path is not None and (self._writes or self._processes.parted):
            tensors = {name: tensor.cpu() for name, tensor in self._state.tensors() if self._writes}
            if self._writes:
                checkpoints.write(self._path, tensors, self._state.numbers(), self._asked)
        self._last = time.monotonic()

    def now_and_then(self) -> None:
        """Writes it if the last one is old."""
        due = time.monotonic() - self._last >= self._every
        if self._path is not None and self._processes.parted:
            due = bool(self._processes.first(float(due)))
        if due:
            self.save()

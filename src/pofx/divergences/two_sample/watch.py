"""A drift monitor for rows of any table: rows come as they come, and the alarm keeps its promise at every moment.

    watch = Watch(reference, alpha=0.05)
    for batch in stream:
        if watch.update(batch).alarm: ...

The probability that it ever raises an alarm while nothing has changed is at most alpha, however often one looks
(`pofx.divergences.two_sample.monitor`, an e-process by betting: Shekhar & Ramdas 2023; Podkopaev & Ramdas 2023).
"""

from __future__ import annotations

from typing import Any

from pofx.data.frames import as_rows
from pofx.divergences.coordinates import Coordinates
from pofx.divergences.sides import one
from pofx.divergences.two_sample.monitor import DriftMonitor, State
from pofx.errors import PofxError

DRAWS = 10_000  # of a model, as its reference


class Watch:
    """Watches rows of a table for any difference from a reference.

    Args:
        reference: rows (a frame, an array, a file), a model or a run folder; 40 rows at least.
        alpha: the probability of any false alarm, ever.
        seed: the same seed and rows give the same answers.
    """

    def __init__(self, reference: Any, *, alpha: float = 0.05, seed: int = 0) -> None:
        side = one(reference, "reference")
        if side.space is None:
            raise PofxError("a law that only has a name has no rows to compare with")
        rows = side.rows(DRAWS, seed)
        self.table = side.space
        self._place = Coordinates.of(self.table, rows, rows)
        self._monitor = DriftMonitor(self._place(rows), alpha=alpha, seed=seed)

    @property
    def state(self) -> State:
        """What may be said now: `alarm`, `e_value`, `p_value` (valid at any time), `rows`, `alarm_row`."""
        return self._monitor.state

    def update(self, rows: Any) -> State:
        """Take some more rows, one or many, in the order in which they came."""
        return self._monitor.update(self._place(self.table.read(as_rows(rows))))

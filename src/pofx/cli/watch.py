"""`pofx watch REFERENCE FILE`: reads rows in their order and says at which one a drift is certain enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console

CHUNK = 100


@dataclass(frozen=True)
class Options:
    """Watch rows in the order in which they came; the probability of ever a false alarm is at most alpha."""

    reference: Annotated[Path, tyro.conf.Positional]
    """What is normal: a data file or a run folder."""
    file: Annotated[Path, tyro.conf.Positional]
    """The rows that came since, oldest first."""
    alpha: float = 0.05
    """The probability of any false alarm, ever."""
    seed: int = 0
    """The same seed gives the same answer."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """alarm, alarm_row, rows, e_value, p_value, alpha."""
    from pofx.cli.loading import naming, refuse_pictures
    from pofx.data.tables import read
    from pofx.divergences.two_sample.watch import Watch

    for path in (options.reference, options.file):
        refuse_pictures(path)
    frame = read(options.file).frame
    watch = Watch(options.reference, alpha=options.alpha, seed=options.seed)
    console.start("watching", frame.height)
    with naming(options.file):
        for start in range(0, frame.height, CHUNK):
            state = watch.update(frame[start : start + CHUNK])
            console.step(min(start + CHUNK, frame.height), f"e = {state.e_value:.3g}")
    console.finish()
    state = watch.state
    if state.alarm:
        console.say(f"drift: certain enough at row {state.alarm_row} (alpha {options.alpha:g})")
    else:
        console.say(f"no drift in {state.rows} rows (p = {state.p_value:.3g}, valid whenever one looks)")
    return {
        "alarm": state.alarm,
        "alarm_row": state.alarm_row,
        "rows": state.rows,
        "e_value": state.e_value,
        "p_value": state.p_value,
        "alpha": options.alpha,
    }

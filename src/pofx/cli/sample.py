"""`pofx sample RUN -n 1000`: new rows from a run's model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Draw new rows from a run's model; to stdout as CSV, or to a file."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 10
    """How many rows."""
    seed: int = 0
    """Same seed, same rows."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Write them to this file: CSV, Parquet, Arrow, JSON lines, NumPy."""
    model: str | None = None
    """Another model of the run than the chosen one."""
    json: bool = False
    """One JSON document on stdout, with the rows in it where there is no --out."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """n, seed, model, columns, out, and rows (a list of records) without --out."""
    from pofx.cli.loading import load_run
    from pofx.data.frames import to_frame
    from pofx.data.tables import write_table

    _, model, name = load_run(options.run, options.model)
    console.start("sampling", None)
    frame = to_frame(model.sample(options.n, seed=options.seed))
    console.finish()
    if options.out is not None:
        write_table(frame, options.out)
        console.say(f"{options.n} rows from {name} written to {options.out}")
    else:
        console.say(frame.write_csv().rstrip("\n"))
    return {
        "n": options.n,
        "seed": options.seed,
        "model": name,
        "columns": frame.columns,
        "out": None if options.out is None else str(options.out),
        "rows": _rows(frame) if options.out is None and options.json else None,
    }


def _rows(frame: Any) -> list[dict[str, Any]]:
    import json

    records: list[dict[str, Any]] = json.loads(frame.write_json())
    return records

"""`pofx sample RUN -n 1000`: new rows from a run's model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Draw new rows or pictures from a run's model; rows to stdout as CSV, or to a file."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 10
    """How many."""
    seed: int = 0
    """Same seed, same sample."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Rows: CSV, Parquet, Arrow, JSON lines, NumPy. Pictures: one .png sheet, an .npz, or a new folder of PNG."""
    model: str | None = None
    """Another model of the run than the chosen one."""
    json: bool = False
    """One JSON document on stdout, with the rows in it where there is no --out."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """n, seed, model, columns, out, and rows (a list of records) without --out."""
    from pofx.cli.loading import load_run
    from pofx.data.frames import to_frame
    from pofx.data.tables import write_table
    from pofx.spaces.image import Image

    _, model, name = load_run(options.run, options.model)
    console.start("sampling", None)
    drawn = model.sample(options.n, seed=options.seed)
    console.finish()
    if isinstance(model.space, Image):
        return _pictures(drawn, model.space, name, options, console)
    frame = to_frame(drawn)
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


def _pictures(drawn: Any, space: Any, name: str, options: Options, console: Console) -> dict[str, Any]:
    """The record of pictures, which go to files only."""
    from pofx.data.write_images import write_images
    from pofx.errors import PofxError

    if options.out is None:
        raise PofxError(
            "pictures do not go to the terminal", expected="--out", remedy="-o samples.png, samples.npz or a new folder"
        )
    write_images(drawn, space, options.out)
    console.say(f"{options.n} pictures from {name} written to {options.out}")
    return {"n": options.n, "seed": options.seed, "model": name, "columns": [], "out": str(options.out), "rows": None}


def _rows(frame: Any) -> list[dict[str, Any]]:
    import json

    records: list[dict[str, Any]] = json.loads(frame.write_json())
    return records

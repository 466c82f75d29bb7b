"""`pofx fit FILE`: fit, choose, write the run folder and its report, print the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console
from pofx.errors import PofxError
from pofx.runs.plain import to_json
from pofx.runs.records import ModelRow, Run


@dataclass(frozen=True)
class Options:
    """Fit models to a data file, choose on held-out rows, write runs/NAME with a report.

    CSV, TSV, Parquet, Arrow/Feather, JSON lines, NumPy; plain or compressed.
    """

    file: Annotated[Path, tyro.conf.Positional]
    """The data file."""
    models: str = "auto"
    """Comma-separated names (pofx models lists them); auto picks those that suit the columns."""
    seed: int = 0
    """Same seed, same data, same result."""
    time: float | None = None
    """Seconds that fitting may take, about; at least one setting of each model is always tried."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The run folder; runs/NAME when not given."""
    column: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=SPACE: real, positive, interval(0,1), circle(360), integer, grid(0.5), category, date, skip."""
    split: str = "auto"
    """random, time[:COLUMN] or group:COLUMN; auto is in time order when there is a date."""
    weights: str | None = None
    """The column that holds row weights."""
    encoding: str = "utf-8"
    """Of a text file."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """The fit's record, see `pofx.runs.records.Run`."""
    from pofx.cli.loading import naming
    from pofx.data.tables import read
    from pofx.evaluate.experiment import Settings
    from pofx.evaluate.folder import fit_to_folder
    from pofx.report.document import write_report
    from pofx.runs.layout import RunFolder

    settings = Settings(
        models=tuple(name.strip() for name in options.models.split(",") if name.strip()),
        seed=options.seed,
        seconds=options.time,
        split=options.split,
        columns=dict(_override(text) for text in options.column),
        weights=options.weights,
    )
    table = read(options.file, encoding=options.encoding)
    out = options.out or Path("runs") / _stem(options.file)
    with naming(options.file):
        record = fit_to_folder(options.file, table.frame, table.notes, out, settings, console)
    report = write_report(RunFolder(out))
    show_leaderboard(record, console)
    console.say(f"\nreport  {report}")
    console.say(f"score   pofx score {out} NEW.csv -o scored.csv")
    console.say(f"sample  pofx sample {out} -n 1000 -o more.csv")
    return to_json(record)


def _override(text: str) -> tuple[str, str]:
    name, equals, space = text.rpartition("=")
    if not equals or not name or not space:
        raise PofxError("a column option has no space", got=repr(text), expected="NAME=SPACE, e.g. price=positive")
    return name, space.strip()


def _stem(file: Path) -> str:
    return file.name.split(".")[0] or "run"


def show_leaderboard(record: Run, console: Console) -> None:
    """The leaderboard and what the columns were taken for, for people."""
    rows = record.rows
    console.say(f"{record.source.path}: {rows.train} rows to train, {rows.validation} to choose, {rows.test} to test\n")
    left_out = [c for c in record.columns if c.space == "left out"]
    console.table(["column", "taken for", "because"], [[c.name, c.space, c.reason] for c in record.columns])
    console.say()
    heads = ["model", f"log p, {record.units}", "+-", "to the best", "+-", "seconds", "parameters"]
    console.table(heads, [_cells(row, record.chosen) for row in record.models], right={1, 2, 3, 4, 5, 6})
    for failure in record.failed:
        console.say(f"not fitted: {failure.name}: {failure.reason}")
    for note in (*record.source.notes, *(f"column '{c.name}' {c.reason}" for c in left_out)):
        console.note(f"note: {note}")
    console.say(f"\n* chosen on the validation rows: {record.chosen}")


def _cells(row: ModelRow, chosen: str) -> list[str]:
    mark = " *" if row.name == chosen else ""
    sign = {"exact": "", "bound": ">= ", "none": ""}[row.likelihood]
    score = f"{sign}{row.log_prob:.4f}" if row.log_prob is not None else "-"
    if row.impossible:
        score = f"-inf ({row.impossible} rows)"
    return [
        row.name + mark,
        score,
        _number(row.std_error),
        _number(row.delta),
        _number(row.delta_std_error),
        f"{row.seconds:.1f}",
        str(row.parameters),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

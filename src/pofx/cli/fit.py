"""`pofx fit FILE`: fit, choose, write the run folder and its report, print the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from pofx.cli.console import Console
from pofx.cli.pictures import FormOptions
from pofx.cli.sounds import SoundOptions
from pofx.cli.texts import TextOptions
from pofx.errors import PofxError
from pofx.runs.plain import to_json
from pofx.runs.records import ModelRow, Run

NEXT = {
    "picture": ("NEW/ -o scored.csv", "-n 64 -o samples.png"),
    "passage": ('--text "any sentence"', '-n 3 --prompt "Once"'),
    "document": ('--text "any sentence"', "-n 3"),
    "recording": ("NEW/ -o scored.csv", "-n 4 -o samples/"),
}
"""What to do with a run, by what its outcomes are called."""


@dataclass(frozen=True)
class Options:
    """Fit models to a table, pictures, texts or sounds, choose on held-out outcomes, write runs/NAME with a report.

    CSV, TSV, Parquet, Arrow/Feather, JSON lines, NumPy; plain or compressed. Pictures: a folder or zip of picture
    files, IDX, .npz or .npy of [n, H, W], Parquet of encoded pictures. Texts: .txt and its like, a folder of them, a
    column of a table. Sounds: a folder, zip or tar of WAV, FLAC, OGG.
    """

    file: Annotated[Path, tyro.conf.Positional]
    """The data file, or a folder of pictures, texts or sounds."""
    models: str = "auto"
    """Comma-separated names (pofx models lists them); auto picks those that suit."""
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
    """Of a text file; `bytes` takes a text as it is."""
    pictures: tyro.conf.OmitArgPrefixes[FormOptions] = field(default_factory=FormOptions)
    """How pictures are read."""
    binarise: Literal["no", "dynamic", "threshold"] = "no"
    """Pictures to black and white: by chance, anew for each training step (dynamic), or at half of the range."""
    texts: tyro.conf.OmitArgPrefixes[TextOptions] = field(default_factory=TextOptions)
    """How texts are read."""
    sounds: tyro.conf.OmitArgPrefixes[SoundOptions] = field(default_factory=SoundOptions)
    """How sounds are read."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """The fit's record, see `pofx.runs.records.Run`."""
    from pofx.cli.loading import naming
    from pofx.cli.reading import prepared as prepare
    from pofx.evaluate.folder import check_writable, fit_to_folder
    from pofx.evaluate.settings import Settings
    from pofx.report.document import write_report
    from pofx.runs.layout import RunFolder

    settings = Settings(
        models=tuple(name.strip() for name in options.models.split(",") if name.strip()),
        seed=options.seed,
        seconds=options.time,
        split=options.split,
        columns=dict(_override(text) for text in options.column),
        weights=options.weights,
        form=options.pictures.form(),
        binarise=options.binarise,
        text=options.texts.form(),
        sound=options.sounds.form(),
        encoding=options.encoding,
    )
    out = options.out or Path("runs") / _stem(options.file)
    check_writable(out)
    with naming(options.file):
        prepared, notes = prepare(options.file, settings, console)
        record = fit_to_folder(options.file, prepared, notes, out, settings, console)
    report = write_report(RunFolder(out))
    show_leaderboard(record, console)
    console.say(f"\nreport  {report}")
    score, sample = NEXT.get(record.outcome, ("NEW.csv -o scored.csv", "-n 1000 -o more.csv"))
    console.say(f"score   pofx score {out} {score}")
    console.say(f"sample  pofx sample {out} {sample}")
    return to_json(record)


def _override(text: str) -> tuple[str, str]:
    name, equals, space = text.rpartition("=")
    if not equals or not name or not space:
        raise PofxError("a column option has no space", got=repr(text), expected="NAME=SPACE, e.g. price=positive")
    return name, space.strip()


def _stem(file: Path) -> str:
    return file.resolve().name.split(".")[0] or "run"


def show_leaderboard(record: Run, console: Console) -> None:
    """The leaderboard and what the columns were taken for, for people."""
    rows, what = record.rows, f"{record.outcome}s"
    console.say(f"{record.source.path}: {rows.train} {what} to train, {rows.validation} to choose, {rows.test} to test")
    console.say()
    left_out = [c for c in record.columns if c.space == "left out"]
    if record.columns:
        console.table(["column", "taken for", "because"], [[c.name, c.space, c.reason] for c in record.columns])
        console.say()
    bits = record.dims is not None
    heads = ["model", *([bits_word(record)] if bits else []), f"log p, {record.units}", "+-", "to the best", "+-"]
    lines = [_cells(row, record.chosen, bits) for row in record.models]
    console.table([*heads, "seconds", "parameters"], lines, right=set(range(1, len(heads) + 2)))
    for failure in record.failed:
        console.say(f"not fitted: {failure.name}: {failure.reason}")
    for note in (*record.source.notes, *(f"column '{c.name}' {c.reason}" for c in left_out)):
        console.note(f"note: {note}")
    console.say(f"\n* chosen on the validation {what}: {record.chosen}")


def bits_word(record: Run) -> str:
    """`bits/dim`, `bits/byte`, `bits/sample`."""
    return f"bits/{'dim' if record.dim == 'dimension' else record.dim}"


def _cells(row: ModelRow, chosen: str, bits: bool) -> list[str]:
    mark = " *" if row.name == chosen else ""
    bound = row.likelihood == "bound"
    score = f"{'>= ' if bound else ''}{row.log_prob:.4f}" if row.log_prob is not None else "-"
    if row.impossible:
        score = f"-inf ({row.impossible} rows)"
    per_dim = "-" if row.bits_per_dim is None else f"{'<= ' if bound else ''}{row.bits_per_dim:.4f}"
    return [
        row.name + mark,
        *([per_dim] if bits else []),
        score,
        _number(row.std_error),
        _number(row.delta),
        _number(row.delta_std_error),
        f"{row.seconds:.1f}",
        str(row.parameters),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

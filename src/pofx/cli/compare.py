"""`pofx compare A B`: how far apart two files, or a run's model and a file, are; overall and per column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Compare two data files, a run's model with a file, or two runs: drift with p-values, and a report."""

    a: Annotated[Path, tyro.conf.Positional]
    """The reference: a data file or a run folder."""
    b: Annotated[Path, tyro.conf.Positional]
    """What is compared with it: a data file or a run folder."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The folder for comparison.json and report.html; runs/A-vs-B when not given."""
    alpha: float = 0.05
    """The false-alarm rate: the probability of a wrong "differs" when nothing changed."""
    permutations: int = 999
    """Of whole rows; the smallest possible p-value is 1 / (permutations + 1)."""
    seed: int = 0
    """The same seed gives the same answer."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """The record of the comparison, and where its report is."""
    from pofx.cli.loading import refuse_pictures
    from pofx.evaluate.comparison import compare
    from pofx.report.comparison import write_comparison
    from pofx.runs.layout import ComparisonFolder
    from pofx.runs.plain import to_json

    for path in (options.a, options.b):
        refuse_pictures(path)
    folder = ComparisonFolder(options.out or Path("runs") / f"{_stem(options.a)}-vs-{_stem(options.b)}")
    folder.make()
    command = f"pofx compare {options.a} {options.b} --alpha {options.alpha:g} --permutations {options.permutations}"
    record = compare(
        options.a, options.b, alpha=options.alpha, permutations=options.permutations, seed=options.seed,
        command=f"{command} --seed {options.seed}", recorder=console,
    )  # fmt: skip
    console.finish()
    folder.write(record)
    report = write_comparison(folder)
    _tell(record, console)
    console.say(f"report  {report}")
    return {**to_json(record), "report": str(report)}


def _stem(path: Path) -> str:
    return path.name.partition(".")[0] or "data"


def _tell(record: Any, console: Console) -> None:
    console.say(record.verdict.text)
    for part, names in (("A", record.only_in_a), ("B", record.only_in_b)):
        if names:
            console.say(f"only in {part}: {', '.join(names)}")
    console.say()
    rows = [[f"{m.name} ({m.direction})", _value(m), _number(m.null), _p(m.p_value)] for m in record.measures]
    console.table(["whole rows", "value", "halves of A", "p"], rows, right={2, 3})
    console.say()
    rows = [
        ["*" if c.drifted else "", c.name, f"{c.measure} {_value(c)}", _number(c.null), _p(c.p_value)]
        for c in record.columns
    ]
    console.table(["", "column", "value", "halves of A", "p, corrected"], rows, right={3, 4})
    for note in record.notes:
        console.say(note)


def _value(measure: Any) -> str:
    sign = {"lower bound": ">= ", "upper bound": "<= "}.get(measure.nature, "")
    if measure.value is None:
        return "inf"
    error = "" if measure.std_error is None else f" +- {measure.std_error:.2g}"
    return f"{sign}{measure.value:.4g}{error} {measure.units}".rstrip()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
